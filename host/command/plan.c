#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "host/command/memory.h"
#include "host/progress.h"
#include "host/simulate.h"

enum { SAMPLE_SYNAPSES = 10000000, SAMPLE_STEPS = 20, SAMPLE_TRIALS = 16 };

/* The fewest unit cells along an axis that hold every window whole. */
static uint32_t cells_of_windows(const network_plan_t *plan, int axis, uint32_t cells) {
    uint32_t fewest = 1;
    for (uint32_t k = 0; k < plan->net.pathways; k++) {
        const pathway_t *w = &plan->net.pathway[k];
        const population_t *from = &plan->net.population[w->source];
        uint32_t in_cell = (axis == 0 ? from->nx : from->ny) / cells;
        uint32_t window = axis == 0 ? w->window_x : w->window_y;
        uint32_t needed = (window + in_cell - 1) / in_cell;
        fewest = needed > fewest ? needed : fewest;
    }
    return fewest;
}

/* The same rules on lattices `shrink` times smaller along each axis, in whole unit cells, so that
 * the lattices meet as they do in the large network, with ranges as many times longer as the torus
 * allows: as many inputs a neuron and windows as wide in sites, for fewer neurons. `whole`: no
 * smaller than the windows, so that the work of a neuron stays the same. Returns whether it could
 * be smaller still. */
static bool shrink_config(const network_plan_t *plan, double shrink, bool whole, config_t *config) {
    uint32_t cells[2] = {0, 0}, most = 1;
    for (uint32_t a = 0; a < config->populations; a++)
        for (int axis = 0; axis < 2; axis++)
            cells[axis] = common_divisor(cells[axis], config->population[a].lattice[axis]);
    for (int axis = 0; axis < plan->dimensions; axis++) {
        uint32_t fewer = (uint32_t)fmax(1.0, ceil(cells[axis] / shrink));
        uint32_t windows = whole ? cells_of_windows(plan, axis, cells[axis]) : 1;
        fewer = fewer > windows ? fewer : windows;
        for (uint32_t a = 0; a < config->populations; a++)
            config->population[a].lattice[axis] =
                config->population[a].lattice[axis] / cells[axis] * fewer;
        most = fewer > windows && fewer > most ? fewer : most;
    }
    for (uint32_t k = 0; k < plan->net.pathways; k++) {
        const pathway_t *w = &plan->net.pathway[k];
        connection_config_t *c = &config->connection[w->target][w->source];
        double sites = c->range * plan->net.population[w->source].nx;
        c->size_kind = SIZE_DENSITY;
        c->size = plan->facts[k].density;
        c->range = fmin(0.5, sites / config->population[w->source].lattice[0]);
    }
    return most > 1;
}

static status_t sample_smaller(const config_t *config, const network_plan_t *plan, bool whole,
                               network_plan_t *sample) {
    double excess = fmax(1.0, plan->synapses_expected / SAMPLE_SYNAPSES);
    for (double shrink = pow(excess, 1.0 / plan->dimensions);; shrink *= 1.5) {
        config_t small = *config;
        bool more = shrink_config(plan, shrink, whole, &small);
        status_t status = network_plan_create(&small, sample);
        bool fits = status == STATUS_OK && sample->synapses_expected <= 3.0 * SAMPLE_SYNAPSES;
        if (fits || (status == STATUS_OK && !more && !whole))
            return STATUS_OK;
        if (status == STATUS_OK)
            network_plan_destroy(sample);
        if (!more)
            return status != STATUS_OK ? status : STATUS_FAILED;
    }
}

static status_t sample_create(const config_t *config, const network_plan_t *plan,
                              network_plan_t *sample) {
    return sample_smaller(config, plan, true, sample) == STATUS_OK
               ? STATUS_OK
               : sample_smaller(config, plan, false, sample);
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

status_t command_disk_check(const options_t *options, const config_t *config) {
    uint64_t disk = disk_needed(config), room = 0;
    TRY(disk_free(options->output, &room));
    if (disk > room)
        FAIL(STATUS_FAILED,
             "%s%sthe output needs %.4g GB of disk, %.4g GB are free there; raise output.every, "
             "%sor write elsewhere with -o",
             options->output ? options->output : "", options->output ? ": " : "",
             (double)disk * 1e-9, (double)room * 1e-9,
             config->simulation.trials > 1 ? "take fewer simulation.trials, " : "");
    return STATUS_OK;
}

static json_t *memory_json(const memory_plan_t *m) {
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "program_bytes", (json_int_t)m->program,
                     "prediction_bytes", (json_int_t)m->prediction, "network_bytes",
                     (json_int_t)m->network, "state_bytes", (json_int_t)m->state, "frames_bytes",
                     (json_int_t)m->frames, "order_bytes", (json_int_t)m->order);
}

/* What the device holds, and the process where that is more than 5 % apart. */
static void memory_print(const memory_plan_t *m, double synapses) {
    double bytes = synapses > 0.0 ? (double)m->network / synapses : 0.0;
    double process = (double)m->process, device = (double)m->device;
    if (m->on_host)
        printf(
            "memory    %.1f MB, %.1f MB free; network and state %.1f MB (%.2f bytes a synapse)\n",
            process * 1e-6, (double)m->free * 1e-6, device * 1e-6, bytes);
    else
        printf("memory    %.1f MB on the device (%.2f bytes a synapse), %.1f MB free\n"
               "          %.1f MB on the host, %.1f MB free\n",
               device * 1e-6, bytes, (double)m->device_free * 1e-6, process * 1e-6,
               (double)m->free * 1e-6);
    if (process > 1.05 * device || !m->on_host)
        printf(
            "          program %.1f MB, frames on their way to the file %.1f MB; after the network "
            "order parameters and patterns %.1f MB; before it the prediction %.1f MB\n",
            (double)m->program * 1e-6, (double)m->frames * 1e-6, (double)m->order * 1e-6,
            (double)m->prediction * 1e-6);
}

static status_t report(const options_t *options, const config_t *config, network_plan_t *plan,
                       const backend_t *backend) {
    char device[256];
    memory_plan_t memory;
    uint64_t neurons = 0, disk = disk_needed(config), room = 0;
    double build_s = 0.0, step_s = 0.0;
    TRY(backend->available(device, sizeof device));
    TRY(memory_plan(config, plan, backend, &memory));
    TRY(initial_check(config, &plan->net));
    TRY(disk_free(options->output, &room));
    TRY(time_needed(options, config, plan, backend, &build_s, &step_s));
    for (uint32_t a = 0; a < plan->net.populations; a++)
        neurons += population_size(&plan->net.population[a]);
    double steps = (double)config_steps(config), run_s = steps * step_s;
    if (options->json)
        TRY(command_print_json(json_pack(
            "{s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:f, s:f, s:s, s:s}", "neurons",
            (json_int_t)neurons, "trials", (json_int_t)plan->net.trials, "synapses",
            plan->synapses_expected, "memory_bytes", (json_int_t)memory.process,
            "memory_free_bytes", (json_int_t)memory.free, "device_bytes", (json_int_t)memory.device,
            "device_free_bytes", (json_int_t)memory.device_free, "memory", memory_json(&memory),
            "disk_bytes", (json_int_t)disk, "disk_free_bytes", (json_int_t)room, "build_s", build_s,
            "simulate_s", run_s, "backend", backend->name, "device", device)));
    else {
        printf("network   %llu neurons, %.4g synapses expected, %u trial%s\n",
               (unsigned long long)neurons, plan->synapses_expected, plan->net.trials,
               plan->net.trials == 1 ? "" : "s");
        memory_print(&memory, plan->synapses_expected);
        printf("disk      %.1f MB (%llu frames), %.1f MB free\n"
               "time      about %.1f s to build, %.0f s to simulate %.0f steps (%.2f ms each)\n"
               "device    %s: %s\n",
               (double)disk * 1e-6, (unsigned long long)config_frames(config), (double)room * 1e-6,
               build_s, run_s, steps, 1e3 * step_s, backend->name, device);
    }
    if (memory.device <= memory.device_free)
        TRY(command_disk_check(options, config));
    return memory_plan_check(&memory, backend);
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
