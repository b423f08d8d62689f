#include "host/io/export.h"

#include <stdio.h>
#include <string.h>

#include "host/command/command.h"

static status_t write_network(const options_t *options, const config_t *config,
                              network_plan_t *plan, const backend_t *backend, bool sonata) {
    backend_options_t choice = command_backend_options(options);
    backend_state_t *state;
    connectivity_t built;
    TRY(command_memory_check(plan, backend));
    TRY(backend->create(&plan->net, &choice, &state, &built));
    status_t status = (sonata ? export_sonata : export_csr)(options->output, options->force, config,
                                                            &plan->net, backend, state, &built);
    backend->destroy(state);
    TRY(status);
    uint64_t synapses = 0;
    for (uint32_t k = 0; k < plan->net.pathways; k++)
        synapses += built.synapses[k];
    if (options->json) {
        char hash[20];
        snprintf(hash, sizeof hash, "%016llx", (unsigned long long)built.hash);
        return command_print_json(json_pack("{s:s, s:s, s:I, s:{s:s}}", "file", options->output,
                                            "format", sonata ? "sonata" : "csr", "synapses",
                                            (json_int_t)synapses, "hash", "connectivity", hash));
    }
    printf("%s: %llu synapses as %s\n", options->output, (unsigned long long)synapses,
           sonata ? "SONATA edges" : "CSR");
    return STATUS_OK;
}

status_t command_export(const options_t *options) {
    bool sonata = options->format && strcmp(options->format, "sonata") == 0;
    if (options->format && !sonata && strcmp(options->format, "csr") != 0)
        FAIL(STATUS_USAGE, "--format: found \"%s\", expected csr or sonata", options->format);
    TRY(command_output_check(options));
    config_t config;
    network_plan_t plan;
    const backend_t *backend;
    TRY(backend_find(options->backend, &backend));
    TRY(command_network(options, &config, &plan));
    plan.net.trials = 1; /* nothing is stepped */
    status_t status = write_network(options, &config, &plan, backend, sonata);
    network_plan_destroy(&plan);
    config_destroy(&config);
    return status;
}
