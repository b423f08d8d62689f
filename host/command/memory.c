/* The memory that a run takes. */
#include <stdio.h>
#include <unistd.h>

#include "host/command/memory.h"
#include "host/detect/detect.h"
#include "host/detect/order.h"
#include "host/io/snapshot.h"
#include "host/theory/theory.h"

/* What this process has resident by now: the program and its libraries, the plan's tables; and what
 * a run touches later of both, and of threads' stacks (measured: 10 to 13 MB). */
static uint64_t resident(void) {
    enum { TYPICAL = 17000000, LATER = 11000000 };
    unsigned long long all, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    bool read = file && fscanf(file, "%llu %llu", &all, &pages) == 2;
    if (file)
        fclose(file);
    return LATER + (read ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : TYPICAL);
}

static uint64_t larger(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

/* Frames that order parameters are computed from. */
static size_t frames_observed(const config_t *config) {
    double before = config->simulation.onset_ms / config->output.every_ms;
    return (size_t)(config_frames(config) - (uint64_t)ceil(before - 1e-9));
}

/* Network and state on the device, of which `others` take memory too. `auto` is what steps fastest;
 * where that does not fit, the smallest memory. */
static status_t device_plan(network_plan_t *plan, const backend_t *backend, uint64_t others,
                            memory_plan_t *m) {
    TRY(backend->memory_free(&m->device_free));
    for (;;) {
        TRY(backend->footprint(&plan->net, &m->network, &m->state));
        m->device = m->network + m->state;
        if (plan->net.storage != STORAGE_AUTO || m->device + others <= m->device_free)
            return STATUS_OK;
        plan->net.storage = STORAGE_BITMAP;
    }
}

status_t memory_plan(const config_t *config, network_plan_t *plan, const backend_t *backend,
                     memory_plan_t *m) {
    const population_t *p = &plan->net.population[0]; /* whose order parameters they are */
    const grid_t grid = grid_torus(p->ny, p->nx);
    *m = (memory_plan_t){.trials = plan->net.trials, .program = resident()};
    TRY(backend_cpu.memory_free(&m->free));
    m->on_host = backend == &backend_cpu;
    m->prediction = theory_memory(plan);
    m->frames = snapshot_memory(config, false);
    m->order = order_memory(frames_observed(config), p->ny, p->nx);
    uint64_t patterns = config->output.detections == DETECTIONS_ALL
                            ? detect_memory(frames_observed(config), &grid)
                            : 0;
    if (patterns <= m->free) /* else the run leaves them out */
        m->order = larger(m->order, patterns);
    TRY(device_plan(plan, backend, m->on_host ? m->frames : 0, m));
    uint64_t stepping = (m->on_host ? m->device : 0) + m->frames;
    uint64_t after = snapshot_memory(config, true) + m->order;
    m->process = m->program + larger(m->prediction, larger(stepping, after));
    return STATUS_OK;
}

status_t memory_plan_check(const memory_plan_t *m, const backend_t *backend) {
    char trials[64] = "";
    if (m->trials > 1)
        snprintf(trials, sizeof trials, "fewer simulation.trials (%u now), ", m->trials);
    if (m->device > m->device_free)
        FAIL(STATUS_FAILED,
             "the network needs %.4g GB on the %s backend, %.4g GB are free; take %ssmaller "
             "lattices or ranges, network.weight_bits=8, or a larger machine",
             (double)m->device * 1e-9, backend->name, (double)m->device_free * 1e-9, trials);
    if (m->process > m->program + m->free)
        FAIL(STATUS_FAILED,
             "the run needs %.4g GB of the host's memory beside the program's: the network %.4g, "
             "frames and checkpoints on their way to the file %.4g; then order parameters and "
             "patterns %.4g (before all these the prediction, %.4g); %.4g GB are free; take "
             "%ssmaller lattices or ranges, "
             "network.weight_bits=8, fewer frames (output.every), or a larger machine",
             (double)(m->process - m->program) * 1e-9, m->on_host ? (double)m->device * 1e-9 : 0.0,
             (double)m->frames * 1e-9, (double)m->order * 1e-9, (double)m->prediction * 1e-9,
             (double)m->free * 1e-9, trials);
    return STATUS_OK;
}

status_t command_run_memory_check(const config_t *config, network_plan_t *plan,
                                  const backend_t *backend) {
    memory_plan_t memory;
    TRY(memory_plan(config, plan, backend, &memory));
    return memory_plan_check(&memory, backend);
}

status_t command_memory_check(network_plan_t *plan, const backend_t *backend) {
    memory_plan_t m = {.trials = plan->net.trials};
    TRY(device_plan(plan, backend, 0, &m));
    return memory_plan_check(&m, backend);
}
