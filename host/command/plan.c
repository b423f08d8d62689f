#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "host/command/report.h"
#include "host/io/snapshot.h"
#include "host/progress.h"
#include "host/simulate.h"

enum { SAMPLE_SYNAPSES = 10000000, SAMPLE_STEPS = 20, SAMPLE_TRIALS = 16 };

/* Tables and scratch are held only while building. */
static status_t memory_needed(const network_plan_t *plan, const backend_t *backend,
                              uint64_t *needed, uint64_t *connectivity) {
    uint64_t state;
    TRY(backend->footprint(&plan->net, connectivity, &state));
    *needed = *connectivity + state;
    return STATUS_OK;
}

/* `auto` is what steps fastest; where that does not fit, the smallest memory. */
static status_t storage_settle(network_plan_t *plan, const backend_t *backend,
                               uint64_t host_bytes) {
    uint64_t needed, connectivity, available;
    TRY(memory_needed(plan, backend, &needed, &connectivity));
    TRY(backend->memory_free(&available));
    needed += backend == &backend_cpu ? host_bytes : 0;
    if (plan->net.storage == STORAGE_AUTO && needed > available)
        plan->net.storage = STORAGE_BITMAP;
    return STATUS_OK;
}

status_t command_memory_check(network_plan_t *plan, const backend_t *backend, uint64_t host_bytes) {
    uint64_t needed, connectivity, available;
    char trials[64] = "";
    TRY(storage_settle(plan, backend, host_bytes));
    TRY(memory_needed(plan, backend, &needed, &connectivity));
    TRY(backend->memory_free(&available));
    if (plan->net.trials > 1)
        snprintf(trials, sizeof trials, "fewer simulation.trials (%u now), ", plan->net.trials);
    needed += backend == &backend_cpu ? host_bytes : 0;
    if (needed > available)
        FAIL(STATUS_FAILED,
             "the network needs %.4g GB on the %s backend, %.4g GB are free; take %ssmaller "
             "lattices or ranges, network.weight_bits=8, or a larger machine",
             (double)needed * 1e-9, backend->name, (double)available * 1e-9, trials);
    TRY(backend_cpu.memory_free(&available));
    if (host_bytes > available)
        FAIL(STATUS_FAILED,
             "frames and checkpoints on their way to disk need %.4g GB of host memory, %.4g GB are "
             "free; take %ssmaller lattices, or a larger machine",
             (double)host_bytes * 1e-9, (double)available * 1e-9, trials);
    return STATUS_OK;
}

/* The same rules on lattices `shrink` times smaller along each axis, in whole unit cells, so that
 * the lattices meet as they do in the large network, with ranges as many times longer as the torus
 * allows: as many inputs a neuron and windows as wide in sites, for fewer neurons. Returns whether
 * it could be smaller still. */
static bool shrink_config(const network_plan_t *plan, double shrink, config_t *config) {
    uint32_t cells[2] = {0, 0}, most = 1;
    for (uint32_t a = 0; a < config->populations; a++)
        for (int axis = 0; axis < 2; axis++)
            cells[axis] = common_divisor(cells[axis], config->population[a].lattice[axis]);
    for (int axis = 0; axis < plan->dimensions; axis++) {
        uint32_t fewer = (uint32_t)fmax(1.0, ceil(cells[axis] / shrink));
        for (uint32_t a = 0; a < config->populations; a++)
            config->population[a].lattice[axis] =
                config->population[a].lattice[axis] / cells[axis] * fewer;
        most = fewer > most ? fewer : most;
    }
    for (uint32_t k = 0; k < plan->net.pathways; k++) {
        const pathway_t *w = &plan->net.pathway[k];
        connection_config_t *c = &config->connection[w->target][w->source];
        c->size_kind = SIZE_DENSITY;
        c->size = plan->facts[k].density;
        c->range = fmin(0.5, c->range * shrink);
    }
    return most > 1;
}

static status_t sample_create(const config_t *config, const network_plan_t *plan,
                              network_plan_t *sample) {
    double excess = fmax(1.0, plan->synapses_expected / SAMPLE_SYNAPSES);
    for (double shrink = pow(excess, 1.0 / plan->dimensions);; shrink *= 1.5) {
        config_t small = *config;
        bool more = shrink_config(plan, shrink, &small);
        status_t status = network_plan_create(&small, sample);
        if (status == STATUS_OK && (!more || sample->synapses_expected <= 3.0 * SAMPLE_SYNAPSES))
            return STATUS_OK;
        if (status == STATUS_OK)
            network_plan_destroy(sample);
        else if (!more)
            return status;
    }
}

/* Seconds to build and of a step, by doing both with the sample and scaling by the pairs drawn, the
 * synapses summed, and the trials. */
static status_t time_needed(const options_t *options, const config_t *config,
                            const network_plan_t *plan, const backend_t *backend, double *build_s,
                            double *step_s) {
    network_plan_t sample;
    status_quiet(1);
    status_t status = sample_create(config, plan, &sample);
    status_quiet(options->quiet);
    TRY(status);
    backend_options_t choice = command_backend_options(options);
    backend_state_t *state;
    connectivity_t built;
    uint64_t synapses = 1;
    sample.net.trials = plan->net.trials < SAMPLE_TRIALS ? plan->net.trials : SAMPLE_TRIALS;
    sample.net.storage = plan->net.storage;
    double trials = (double)plan->net.trials / sample.net.trials;
    double start = clock_s();
    status = backend->create(&sample.net, &choice, &state, &built);
    *build_s = (clock_s() - start) * plan->candidates / sample.candidates;
    if (status == STATUS_OK) {
        for (uint32_t k = 0; k < sample.net.pathways; k++)
            synapses += built.synapses[k];
        status = backend->step(state, 0, 2);
        start = clock_s();
        if (status == STATUS_OK)
            status = backend->step(state, 2, SAMPLE_STEPS);
        *step_s = (clock_s() - start) / SAMPLE_STEPS * trials * plan->synapses_expected /
                  (double)synapses;
        backend->destroy(state);
    }
    network_plan_destroy(&sample);
    return status;
}

/* Frames, the XDMF file that lists them, two checkpoints. */
static uint64_t disk_needed(const config_t *config) {
    enum { XDMF_BYTES = 800, XDMF_TRIALS = 16, CHECKPOINT_BYTES = 65536, ORDER_BYTES = 256 };
    uint64_t neurons = 0, fields = 0;
    for (uint32_t a = 0; a < config->populations; a++)
        neurons += (uint64_t)config->population[a].lattice[0] * config->population[a].lattice[1];
    for (unsigned bits = config->output.fields; bits; bits >>= 1)
        fields += bits & 1u;
    uint64_t trials = config->simulation.trials, kept = config_checkpoints(config) ? 2 : 0;
    uint64_t described = trials < XDMF_TRIALS ? trials : XDMF_TRIALS;
    uint64_t frame =
        fields * (trials * neurons * sizeof(float) + described * config->populations * XDMF_BYTES);
    return config_frames(config) * frame +
           kept * (trials * neurons * sizeof(float) + CHECKPOINT_BYTES) + trials * ORDER_BYTES +
           CHECKPOINT_BYTES;
}

static status_t disk_free(const char *output, uint64_t *bytes) {
    char folder[4096] = ".";
    const char *slash = output ? strrchr(output, '/') : NULL;
    if (slash && (size_t)(slash - output) < sizeof folder - 1)
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - output) + 1, output);
    struct statvfs disk;
    if (statvfs(folder, &disk) != 0)
        FAIL(STATUS_USAGE, "%s cannot be written: %s: %s; give another place with -o",
             output ? output : folder, folder, strerror(errno));
    *bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    return STATUS_OK;
}

static status_t report(const options_t *options, const config_t *config, network_plan_t *plan,
                       const backend_t *backend) {
    char device[256];
    uint64_t needed, connectivity, available, neurons = 0, disk = disk_needed(config), room = 0;
    uint64_t host = snapshot_memory(config);
    double build_s = 0.0, step_s = 0.0;
    TRY(backend->available(device, sizeof device));
    TRY(initial_check(config, &plan->net));
    TRY(disk_free(options->output, &room));
    TRY(storage_settle(plan, backend, host));
    TRY(memory_needed(plan, backend, &needed, &connectivity));
    TRY(backend->memory_free(&available));
    TRY(time_needed(options, config, plan, backend, &build_s, &step_s));
    for (uint32_t a = 0; a < plan->net.populations; a++)
        neurons += population_size(&plan->net.population[a]);
    double steps = (double)config_steps(config), run_s = steps * step_s;
    if (options->json)
        TRY(command_print_json(json_pack(
            "{s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:s, s:s}", "neurons",
            (json_int_t)neurons, "trials", (json_int_t)plan->net.trials, "synapses",
            plan->synapses_expected, "memory_bytes", (json_int_t)needed, "memory_free_bytes",
            (json_int_t)available, "host_bytes", (json_int_t)host, "disk_bytes", (json_int_t)disk,
            "disk_free_bytes", (json_int_t)room, "build_s", build_s, "simulate_s", run_s, "backend",
            backend->name, "device", device)));
    else
        printf("network   %llu neurons, %.4g synapses expected, %u trial%s\n"
               "memory    %.1f MB on the device (%.2f bytes a synapse), %.1f MB free\n"
               "          %.1f MB for frames and checkpoints on their way to disk\n"
               "disk      %.1f MB (%llu frames), %.1f MB free\n"
               "time      about %.1f s to build, %.0f s to simulate %.0f steps (%.2f ms each)\n"
               "device    %s: %s\n",
               (unsigned long long)neurons, plan->synapses_expected, plan->net.trials,
               plan->net.trials == 1 ? "" : "s", (double)needed * 1e-6,
               plan->synapses_expected > 0.0 ? (double)connectivity / plan->synapses_expected : 0.0,
               (double)available * 1e-6, (double)host * 1e-6, (double)disk * 1e-6,
               (unsigned long long)config_frames(config), (double)room * 1e-6, build_s, run_s,
               steps, 1e3 * step_s, backend->name, device);
    TRY(command_memory_check(plan, backend, host));
    if (disk > room)
        FAIL(STATUS_FAILED,
             "the output needs %.4g GB, %.4g GB are free on that disk; raise output.every, %sor "
             "write elsewhere with -o",
             (double)disk * 1e-9, (double)room * 1e-9,
             plan->net.trials > 1 ? "take fewer simulation.trials, " : "");
    return STATUS_OK;
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
