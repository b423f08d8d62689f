#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "host/command/report.h"
#include "host/progress.h"

enum { SAMPLE_SYNAPSES = 10000000, SAMPLE_STEPS = 20 };

/* Tables and scratch are held only while building. */
static status_t memory_needed(const network_plan_t *plan, const backend_t *backend,
                              uint64_t *needed, uint64_t *connectivity) {
    uint64_t state;
    TRY(backend->footprint(&plan->net, connectivity, &state));
    *needed = *connectivity + state;
    return STATUS_OK;
}

status_t command_memory_check(const network_plan_t *plan, const backend_t *backend) {
    uint64_t needed, connectivity, available;
    TRY(memory_needed(plan, backend, &needed, &connectivity));
    TRY(backend->memory_free(&available));
    if (needed > available)
        FAIL(STATUS_FAILED,
             "the network needs %.2f GB on the %s backend, %.2f GB are free; take smaller lattices "
             "or ranges, network.weight_bits=8, or a larger machine",
             (double)needed * 1e-9, backend->name, (double)available * 1e-9);
    return STATUS_OK;
}

/* The same rules on lattices `shrink` times smaller along each axis, with ranges as many times
 * longer: as many inputs a neuron, and windows as wide in sites, for fewer neurons. */
static status_t sample_create(const config_t *config, const network_plan_t *plan, bool quiet,
                              network_plan_t *sample) {
    config_t small = *config;
    double shrink =
        fmax(1.0, pow(plan->synapses_expected / SAMPLE_SYNAPSES, 1.0 / plan->dimensions));
    for (uint32_t a = 0; a < config->populations; a++)
        for (uint32_t b = 0; b < config->populations; b++)
            if (config->connection[a][b].range > 0.0)
                shrink = fmin(shrink, fmax(1.0, 0.5 / config->connection[a][b].range));
    uint32_t common[2] = {0, 0}; /* sites of the lattice that all share: what shrinks */
    for (uint32_t a = 0; a < config->populations; a++)
        for (int axis = 0; axis < 2; axis++)
            common[axis] = common_divisor(common[axis], config->population[a].lattice[axis]);
    for (uint32_t a = 0; a < config->populations; a++) {
        for (int axis = 0; axis < plan->dimensions; axis++) {
            uint32_t *n = &small.population[a].lattice[axis];
            *n = *n / common[axis] * (uint32_t)fmax(1.0, ceil(common[axis] / shrink));
        }
        for (uint32_t b = 0; b < config->populations; b++)
            small.connection[a][b].range *= shrink;
    }
    status_quiet(1);
    status_t status = network_plan_create(&small, sample);
    status_quiet(quiet);
    return status;
}

/* Seconds to build and of a step, by doing both with the sample and scaling by the pairs drawn and
 * the synapses summed. */
static status_t time_needed(const options_t *options, const network_plan_t *plan,
                            const network_plan_t *sample, const backend_t *backend, double *build_s,
                            double *step_s) {
    backend_options_t choice = command_backend_options(options);
    backend_state_t *state;
    connectivity_t built;
    uint64_t synapses = 1;
    double start = clock_s();
    TRY(backend->create(&sample->net, &choice, &state, &built));
    *build_s = (clock_s() - start) * plan->candidates / sample->candidates;
    for (uint32_t k = 0; k < sample->net.pathways; k++)
        synapses += built.synapses[k];
    status_t status = backend->step(state, 0, 2);
    start = clock_s();
    if (status == STATUS_OK)
        status = backend->step(state, 2, SAMPLE_STEPS);
    *step_s = (clock_s() - start) / SAMPLE_STEPS * plan->synapses_expected / (double)synapses;
    backend->destroy(state);
    return status;
}

static uint64_t disk_needed(const config_t *config) {
    uint64_t neurons = 0, fields = 0;
    for (uint32_t a = 0; a < config->populations; a++)
        neurons += (uint64_t)config->population[a].lattice[0] * config->population[a].lattice[1];
    for (unsigned bits = config->output.fields; bits; bits >>= 1)
        fields += bits & 1u;
    return neurons * fields * config_frames(config) * sizeof(float) + 65536;
}

static uint64_t disk_free(const char *output) {
    char folder[4096] = ".";
    const char *slash = output ? strrchr(output, '/') : NULL;
    if (slash && (size_t)(slash - output) < sizeof folder - 1)
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - output) + 1, output);
    struct statvfs disk;
    return statvfs(folder, &disk) == 0 ? (uint64_t)disk.f_bavail * disk.f_frsize : 0;
}

static status_t report(const options_t *options, const config_t *config, const network_plan_t *plan,
                       const backend_t *backend) {
    char device[256];
    uint64_t needed, connectivity, available, neurons = 0, disk = disk_needed(config);
    double build_s = 0.0, step_s = 0.0;
    network_plan_t sample;
    TRY(backend->available(device, sizeof device));
    TRY(memory_needed(plan, backend, &needed, &connectivity));
    TRY(backend->memory_free(&available));
    TRY(sample_create(config, plan, options->quiet, &sample));
    status_t timed = time_needed(options, plan, &sample, backend, &build_s, &step_s);
    network_plan_destroy(&sample);
    TRY(timed);
    for (uint32_t a = 0; a < plan->net.populations; a++)
        neurons += population_size(&plan->net.population[a]);
    double steps = (double)config_steps(config), run_s = steps * step_s;
    if (options->json)
        TRY(command_print_json(json_pack(
            "{s:I, s:f, s:I, s:I, s:I, s:I, s:f, s:f, s:s, s:s}", "neurons", (json_int_t)neurons,
            "synapses", plan->synapses_expected, "memory_bytes", (json_int_t)needed,
            "memory_free_bytes", (json_int_t)available, "disk_bytes", (json_int_t)disk,
            "disk_free_bytes", (json_int_t)disk_free(options->output), "build_s", build_s,
            "simulate_s", run_s, "backend", backend->name, "device", device)));
    else
        printf("network   %llu neurons, %.4g synapses expected\n"
               "memory    %.1f MB on the device (%.2f bytes a synapse), %.1f MB free\n"
               "disk      %.1f MB (%llu frames), %.1f MB free\n"
               "time      about %.1f s to build, %.0f s to simulate %.0f steps (%.2f ms each)\n"
               "device    %s: %s\n",
               (unsigned long long)neurons, plan->synapses_expected, (double)needed * 1e-6,
               plan->synapses_expected > 0.0 ? (double)connectivity / plan->synapses_expected : 0.0,
               (double)available * 1e-6, (double)disk * 1e-6,
               (unsigned long long)config_frames(config), (double)disk_free(options->output) * 1e-6,
               build_s, run_s, steps, 1e3 * step_s, backend->name, device);
    if (disk > disk_free(options->output))
        FAIL(
            STATUS_FAILED,
            "the output needs %.2f GB, %.2f GB are free on that disk; raise output.every, or write "
            "elsewhere with -o",
            (double)disk * 1e-9, (double)disk_free(options->output) * 1e-9);
    return command_memory_check(plan, backend);
}

status_t command_plan(const options_t *options) {
    config_t config;
    network_plan_t plan;
    const backend_t *backend;
    TRY(backend_find(options->backend, &backend));
    TRY(command_network(options, &config, &plan));
    status_t status = report(options, &config, &plan, backend);
    network_plan_destroy(&plan);
    config_destroy(&config);
    return status;
}
