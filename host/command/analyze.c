#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/command/report.h"
#include "host/detect/verdict.h"
#include "host/io/snapshot.h"

/* A run's file says what its network is; of potentials and of measured data only the field is
 * known. */
static verdict_context_t context_of(h5_file_t *file, const char *variable, const field_t *field,
                                    const order_t *order) {
    char *yaml = NULL;
    config_t config;
    verdict_context_t context = verdict_context_unknown(field, order);
    if (h5_read_attribute_text(file, "/", "config", &yaml) == STATUS_OK &&
        config_parse(yaml, h5_path(file), NULL, 0, &config) == STATUS_OK) {
        for (uint32_t a = 0; a < config.populations; a++) {
            char rate[NAME_SIZE + 8];
            snprintf(rate, sizeof rate, "/rate_%s", config.population[a].name);
            if (variable ? strcmp(variable, rate) == 0 || strcmp(variable, rate + 1) == 0 : a == 0)
                context = verdict_context(&config, a);
        }
        config_destroy(&config);
    }
    free(yaml);
    return context;
}

static status_t answer(const options_t *options, const order_t *order, regime_t regime,
                       const char *reason) {
    if (options->json)
        return command_print_json(json_pack("{s:o, s:s, s:s}", "order", report_order_json(order),
                                            "regime", regime_name(regime), "reason", reason));
    for (size_t k = 0; order_each(k); k++) {
        const order_parameter_t *p = order_each(k);
        printf("  %-20s %-12.5g %s\n", p->name, order_value(order, p), p->long_name);
    }
    printf("\n  regime: %s: %s\n", regime_name(regime), reason);
    return STATUS_OK;
}

status_t command_analyze(const options_t *options) {
    h5_file_t *file;
    field_t field;
    order_t order;
    regime_t regime;
    char reason[200];
    TRY(h5_open(options->input, 0, &file));
    status_t status = snapshot_field(file, options->variable, options->onset_ms, &field);
    if (status == STATUS_OK) {
        status = order_compute(&field, &order);
        if (status == STATUS_OK) {
            verdict_context_t context = context_of(file, options->variable, &field, &order);
            verdict(&order, &context, &regime, reason);
            status = answer(options, &order, regime, reason);
        }
        snapshot_field_destroy(&field);
    }
    status_t closed = h5_close(file);
    return status != STATUS_OK ? status : closed;
}
