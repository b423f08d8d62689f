#include "host/io/root.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PATH_SIZE = 64, TEXT_SIZE = 128 };

status_t root_attributes(h5_file_t *file, const config_t *config, const run_facts_t *facts,
                         const char *title) {
    char source[TEXT_SIZE], hash[TEXT_SIZE], created[TEXT_SIZE];
    char populations[POPULATIONS_MAX * (NAME_SIZE + 1)] = "";
    snprintf(source, sizeof source, "brisc %s", facts->version);
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)facts->connectivity_hash);
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    time_t now = epoch != NULL ? (time_t)strtoll(epoch, NULL, 10) : time(NULL);
    struct tm utc;
    strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    for (uint32_t a = 0; a < config->populations; a++) {
        strcat(populations, a > 0 ? " " : "");
        strcat(populations, config->population[a].name);
    }
    const struct {
        const char *name, *text;
    } texts[] = {
        {"Conventions", "CF-1.8"},
        {"title", title},
        {"source", source},
        {"git_commit", facts->commit},
        {"command_line", facts->command_line},
        {"config", facts->resolved_config},
        {"backend", facts->backend},
        {"device", facts->device},
        {"connectivity_hash", hash},
        {"created", created},
        {"populations", populations},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        TRY(h5_attribute_text(file, "/", texts[i].name, texts[i].text));
    TRY(h5_attribute_uint(file, "/", "seed", config->simulation.seed));
    return h5_attribute_uint(file, "/", "synapses", facts->synapses);
}

static status_t put_axis(h5_file_t *file, const char *axis, const char *population, size_t n) {
    char path[PATH_SIZE], long_name[TEXT_SIZE];
    double *values = malloc(n * sizeof *values);
    if (values == NULL)
        FAIL(STATUS_FAILED, "%s: no memory", h5_path(file));
    for (size_t i = 0; i < n; i++)
        values[i] = ((double)i + 0.5) / (double)n;
    snprintf(path, sizeof path, "%s_%s", axis, population);
    snprintf(long_name, sizeof long_name, "%s position of population %s, in torus sides", axis,
             population);
    status_t status = h5_coordinate(file, path, n, values, "1", long_name);
    free(values);
    return status;
}

status_t root_axes(h5_file_t *file, const config_t *config) {
    for (uint32_t a = 0; a < config->populations; a++) {
        const population_config_t *population = &config->population[a];
        TRY(put_axis(file, "y", population->name, population->lattice[1]));
        TRY(put_axis(file, "x", population->name, population->lattice[0]));
    }
    return STATUS_OK;
}
