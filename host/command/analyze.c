#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/command/detect_report.h"
#include "host/command/detections.h"
#include "host/command/lyapunov.h"
#include "host/command/report.h"
#include "host/io/snapshot.h"

static bool is_variable(const char *variable, const char *field, const char *population) {
    char name[NAME_SIZE + 16];
    snprintf(name, sizeof name, "%s_%s", field, population);
    return strcmp(variable + (variable[0] == '/'), name) == 0;
}

/* A run's file says what its network is; of measured data only the field is known: false. */
static bool context_of(h5_file_t *file, const char *variable, verdict_context_t *context) {
    char *yaml = NULL;
    config_t config;
    bool known = false;
    if (h5_read_attribute_text(file, "/", "config", &yaml) == STATUS_OK &&
        config_parse(yaml, h5_path(file), NULL, 0, &config) == STATUS_OK) {
        for (uint32_t a = 0; a < config.populations; a++) {
            const char *name = config.population[a].name;
            bool rate = variable ? is_variable(variable, "rate", name) : a == 0;
            bool potential = variable && is_variable(variable, "potential", name);
            if (rate || potential)
                *context = (rate ? verdict_context : verdict_context_potential)(&config, a);
            known = known || rate || potential;
        }
        config_destroy(&config);
    }
    free(yaml);
    return known;
}

static status_t answer(const options_t *options, const observed_t *observed,
                       const dataset_t *found) {
    if (options->json) {
        json_t *all = report_observed_json(observed);
        json_object_update_new(all, report_detections_json(found));
        return command_print_json(all);
    }
    if (observed->trials > 1)
        printf("  mean +- standard deviation of %zu trials\n\n", observed->trials);
    for (size_t k = 0; order_each(k); k++) {
        char value[64];
        report_value(observed, order_each(k), value);
        printf("  %-20s %-*s %s\n", order_each(k)->name, observed->trials > 1 ? 22 : 12, value,
               order_each(k)->long_name);
    }
    printf("\n  regime: %s: %s\n", regime_name(observed->all.regime), observed->all.reason);
    report_detections(found);
    return STATUS_OK;
}

/* Where -o says: into the input itself, or a file of its own. */
static status_t store(const options_t *options, const dataset_t *found) {
    if (!options->output)
        return STATUS_OK;
    return command_same_file(options->output, options->input)
               ? detections_add(options->input, found)
               : detections_create(options, found);
}

static status_t analyze(const options_t *options, h5_file_t *file, const field_t *field) {
    verdict_context_t context;
    bool one = options->trial >= 0;
    size_t first = one ? (size_t)options->trial : 0;
    if (first >= field->trials)
        FAIL(STATUS_USAGE, "--trial %d: %s has %zu trial%s, 0 to %zu", options->trial,
             h5_path(file), field->trials, field->trials == 1 ? "" : "s", field->trials - 1);
    bool known = context_of(file, options->variable, &context);
    observed_t observed;
    dataset_t found = {0};
    TRY(observed_create(one ? 1 : field->trials, &observed));
    status_t status = options->lyapunov > 0 ? lyapunov_of_input(options, file, &found) : STATUS_OK;
    if (status == STATUS_OK)
        status = observed_measure(field, first, known ? &context : NULL, &observed, &found);
    if (field->choose)
        field->choose(field->context, first);
    if (status == STATUS_OK && field->trials > 1)
        status =
            dataset_number(&found, "trial", (double)first, "1", "trial whose patterns these are");
    if (status == STATUS_OK)
        status = detections_measure(options, file, field, &found);
    if (status == STATUS_OK)
        status = store(options, &found);
    if (status == STATUS_OK)
        status = answer(options, &observed, &found);
    dataset_destroy(&found);
    observed_destroy(&observed);
    return status;
}

/* Of a config there are no data: only what its network tells by itself. */
static status_t analyze_config(const options_t *options) {
    dataset_t found = {0};
    status_t status = lyapunov_of_input(options, NULL, &found);
    if (status == STATUS_OK)
        status = store(options, &found);
    if (status == STATUS_OK && options->json)
        status = command_print_json(report_detections_json(&found));
    else if (status == STATUS_OK)
        report_detections(&found);
    dataset_destroy(&found);
    return status;
}

status_t command_analyze(const options_t *options) {
    h5_file_t *file;
    field_t field;
    bool config = options->lyapunov > 0 && !h5_is(options->input);
    if (options->output && (config || !command_same_file(options->output, options->input)))
        TRY(command_output_check(options));
    if (config)
        return analyze_config(options);
    if (options->n_set > 0 && options->lyapunov == 0)
        FAIL(STATUS_USAGE, "--set %s: `brisc analyze` reads no config but for --lyapunov K",
             options->set[0]);
    TRY(h5_open(options->input, 0, &file));
    status_t status =
        snapshot_field(file, options->variable, options->onset_ms, options->open, &field);
    if (status == STATUS_OK) {
        status = analyze(options, file, &field);
        snapshot_field_destroy(&field);
    }
    status_t closed = h5_close(file);
    return status != STATUS_OK ? status : closed;
}
