/* brisc analyze --lyapunov K: the network of a run or a config is built and stepped. */
#include "host/command/lyapunov.h"

#include <stdlib.h>

#include "host/command/stored.h"
#include "host/detect/lyapunov.h"
#include "host/io/checkpoint.h"
#include "host/progress.h"
#include "host/simulate.h"

typedef struct {
    config_t config;
    network_plan_t plan;
    const backend_t *backend;
    backend_state_t *state;
    connectivity_t built;
    uint64_t step; /* steps that lie behind the state */
} stepped_t;

/* The first trial of the run's last checkpoint; *step stays 0 where there is no sound one of this
 * network. */
static status_t from_checkpoint(const options_t *options, stepped_t *s) {
    checkpoint_t checkpoint = {0};
    const network_t *net = &s->plan.net;
    status_t status = STATUS_OK;
    if (!checkpoint_is_there(options->input) ||
        checkpoint_load(options->input, CHECKPOINT_LAST, &checkpoint) != STATUS_OK)
        return STATUS_OK;
    bool same = checkpoint.connectivity_hash == s->built.hash &&
                checkpoint.position.neurons >= neurons_before(net, net->populations);
    for (uint32_t a = 0; same && status == STATUS_OK && a < net->populations; a++)
        status =
            s->backend->put_state(s->state, 0, a, checkpoint.position.h + neurons_before(net, a));
    s->step = same ? checkpoint.position.step : 0;
    checkpoint_destroy(&checkpoint);
    return status;
}

static status_t go_to_onset(const options_t *options, stepped_t *s) {
    enum { AT_ONCE = 16 };
    double dt_ms = s->config.simulation.dt_ms;
    uint64_t onset = (uint64_t)(s->config.simulation.onset_ms / dt_ms + 0.5);
    progress_t progress = progress_start("to the onset", options->quiet, (double)s->step * dt_ms);
    while (s->step < onset) {
        uint32_t count = onset - s->step < AT_ONCE ? (uint32_t)(onset - s->step) : AT_ONCE;
        TRY(s->backend->step(s->state, s->step, count));
        s->step += count;
        progress_show(&progress, (double)s->step * dt_ms, (double)onset * dt_ms, "ms");
    }
    progress_end(&progress);
    return STATUS_OK;
}

/* The tangent vectors lie on the host. */
static status_t memory_check(const options_t *options, const network_t *net) {
    uint64_t available;
    double needed = lyapunov_memory(net, (uint32_t)options->lyapunov);
    TRY(backend_cpu.memory_free(&available));
    if (needed > (double)available)
        FAIL(STATUS_FAILED,
             "--lyapunov %d: the tangent vectors need %.3g GB, %.3g GB are free; ask for fewer",
             options->lyapunov, 1e-9 * needed, 1e-9 * (double)available);
    return STATUS_OK;
}

static status_t measure(const options_t *options, h5_file_t *file, stepped_t *s,
                        lyapunov_t *lyapunov) {
    char device[256];
    backend_options_t choice = command_backend_options(options);
    lyapunov_options_t wanted = {.exponents = (uint32_t)options->lyapunov,
                                 .time_ms = options->time_ms,
                                 .quiet = options->quiet};
    s->plan.net.trials = 1;
    TRY(lyapunov_check(&s->config, &s->plan.net, &wanted));
    TRY(memory_check(options, &s->plan.net));
    TRY(backend_find(options->backend, &s->backend));
    TRY(s->backend->available(device, sizeof device));
    TRY(command_memory_check(&s->plan, s->backend));
    TRY(s->backend->create(&s->plan.net, &choice, &s->state, &s->built));
    if (file) {
        TRY(stored_same_network(file, s->built.hash));
        TRY(from_checkpoint(options, s));
    }
    if (s->step == 0)
        TRY(initial_state(&s->config, &s->plan.net, s->backend, s->state));
    TRY(go_to_onset(options, s));
    wanted.first_step = s->step;
    return lyapunov_measure(&s->config, &s->plan.net, s->backend, s->state, &wanted, lyapunov);
}

status_t lyapunov_of_input(const options_t *options, h5_file_t *file, dataset_t *found) {
    stepped_t s = {0};
    lyapunov_t lyapunov = {0};
    if (options->trial > 0)
        FAIL(STATUS_USAGE, "--trial %d: Lyapunov exponents are those of trial 0", options->trial);
    TRY(file ? stored_network(options, file, &s.config, &s.plan)
             : command_network(options, &s.config, &s.plan));
    status_t status = measure(options, file, &s, &lyapunov);
    if (status == STATUS_OK)
        status = lyapunov_found(&lyapunov, found);
    lyapunov_destroy(&lyapunov);
    if (s.state)
        s.backend->destroy(s.state);
    network_plan_destroy(&s.plan);
    config_destroy(&s.config);
    return status;
}
