#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/command/report.h"

status_t command_network(const options_t *options, config_t *config, network_plan_t *plan) {
    TRY(config_load(options->input, options->set, options->n_set, config));
    status_t status = network_plan_create(config, plan);
    if (status != STATUS_OK)
        config_destroy(config);
    return status;
}

backend_options_t command_backend_options(const options_t *options) {
    return (backend_options_t){.threads = options->threads, .simd = options->simd};
}

status_t command_default_output(const options_t *options, const char *suffix,
                                char path[OUTPUT_SIZE]) {
    const char *name = strrchr(options->input, '/');
    name = name ? name + 1 : options->input;
    const char *dot = strrchr(name, '.');
    int stem = dot && dot != name ? (int)(dot - name) : (int)strlen(name);
    int length = options->output ? snprintf(path, OUTPUT_SIZE, "%s", options->output)
                                 : snprintf(path, OUTPUT_SIZE, "%.*s%s.h5", stem, name, suffix);
    if (length >= OUTPUT_SIZE)
        FAIL(STATUS_USAGE, "-o: the name of the output is longer than %d characters",
             OUTPUT_SIZE - 1);
    return STATUS_OK;
}

bool command_same_file(const char *one, const char *other) {
    struct stat a, b;
    return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

status_t command_not_input(const char *output, const char *input) {
    if (command_same_file(output, input))
        FAIL(STATUS_USAGE,
             "%s: is read by this command, so it cannot be its output too; give "
             "another name with -o",
             output);
    return STATUS_OK;
}

status_t command_output_check(const options_t *options) {
    const char *path = options->output, *slash = strrchr(path, '/');
    char folder[4096] = ".";
    struct stat existing;
    if (path[0] == '\0')
        FAIL(STATUS_USAGE, "-o: found \"\", expected a file's name");
    if (stat(path, &existing) == 0 && !S_ISREG(existing.st_mode))
        FAIL(STATUS_USAGE, "%s is not a regular file; give a file's name with -o", path);
    TRY(command_not_input(path, options->input));
    if (!options->force && access(path, F_OK) == 0)
        FAIL(STATUS_USAGE, "%s is there already; --force replaces it", path);
    if (slash)
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - path) + 1, path);
    if (access(folder, W_OK) != 0)
        FAIL(STATUS_USAGE, "%s cannot be written: %s: %s; give another place with -o", path, folder,
             strerror(errno));
    return STATUS_OK;
}

status_t command_print_json(json_t *object) {
    if (!object)
        FAIL(STATUS_FAILED, "no memory for the JSON answer");
    int failed = json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(10));
    json_decref(object);
    putchar('\n');
    if (failed)
        FAIL(STATUS_FAILED, "cannot write to standard output");
    return STATUS_OK;
}

status_t command_predict(const options_t *options) {
    config_t config;
    network_plan_t plan;
    theory_t theory;
    TRY(command_network(options, &config, &plan));
    status_t status = theory_predict(&config, &plan, &theory);
    if (status == STATUS_OK) {
        if (options->json)
            status = command_print_json(report_prediction_json(&config, &theory));
        else
            report_prediction(&config, &theory, 12);
        theory_destroy(&theory);
    }
    network_plan_destroy(&plan);
    config_destroy(&config);
    return status;
}
