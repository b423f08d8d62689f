#include "host/simulate.h"

#include <signal.h>
#include <stdlib.h>

#include "host/progress.h"

static volatile sig_atomic_t stop_asked;

static void ask_to_stop(int signal_number) {
    (void)signal_number;
    stop_asked = 1;
}

/* What the stepping needs. */
typedef struct {
    const config_t *config;
    const network_t *net;
    const backend_t *backend;
    backend_state_t *state;
    snapshot_writer_t *writer;
    float *frame;
    simulation_t *result;
} stepping_t;

static status_t put_trial(const stepping_t *s, size_t index, uint32_t trial) {
    for (uint32_t a = 0; a < s->net->populations; a++) {
        if (s->config->output.fields & FIELD_RATE) {
            TRY(s->backend->get_rate(s->state, trial, a, s->frame));
            TRY(snapshot_put(s->writer, index, trial, a, FIELD_RATE, s->frame));
        }
        if (s->config->output.fields & FIELD_POTENTIAL) {
            TRY(s->backend->get_state(s->state, trial, a, s->frame));
            TRY(snapshot_put(s->writer, index, trial, a, FIELD_POTENTIAL, s->frame));
        }
    }
    return STATUS_OK;
}

static status_t put_frame(const stepping_t *s, size_t index) {
    for (uint32_t trial = 0; trial < s->net->trials; trial++)
        TRY(put_trial(s, index, trial));
    return STATUS_OK;
}

/* Where a position's potentials of one trial and population begin. */
static float *potentials(const network_t *net, const position_t *position, uint32_t trial,
                         uint32_t population) {
    return position->h + trial * neurons_before(net, net->populations) +
           neurons_before(net, population);
}

static size_t neurons_in_all(const network_t *net) {
    return net->trials * neurons_before(net, net->populations);
}

status_t simulate_position(const network_t *net, const backend_t *backend, backend_state_t *state,
                           const simulation_t *result, position_t *position) {
    *position = (position_t){.step = result->steps, .neurons = neurons_in_all(net)};
    position->h = malloc(position->neurons * sizeof *position->h);
    if (!position->h)
        FAIL(STATUS_FAILED, "no memory for a checkpoint");
    status_t status = backend_state_hash(backend, state, net, &position->state_hash);
    for (uint32_t trial = 0; trial < net->trials; trial++)
        for (uint32_t a = 0; status == STATUS_OK && a < net->populations; a++)
            status = backend->get_state(state, trial, a, potentials(net, position, trial, a));
    if (status == STATUS_OK)
        status = backend->saturated(state, &position->saturated);
    position->saturated += result->before;
    if (status != STATUS_OK) {
        free(position->h);
        position->h = NULL;
    }
    return status;
}

status_t simulate_go_to(const network_t *net, const backend_t *backend, backend_state_t *state,
                        const position_t *position, simulation_t *result) {
    uint64_t hash;
    if (position->neurons != neurons_in_all(net))
        FAIL(STATUS_FAILED,
             "the checkpoint holds %llu potentials, the network has %zu (of %u trials in all)",
             (unsigned long long)position->neurons, neurons_in_all(net), net->trials);
    for (uint32_t trial = 0; trial < net->trials; trial++)
        for (uint32_t a = 0; a < net->populations; a++)
            TRY(backend->put_state(state, trial, a, potentials(net, position, trial, a)));
    TRY(backend_state_hash(backend, state, net, &hash));
    if (hash != position->state_hash)
        FAIL(STATUS_FAILED,
             "the checkpoint's state hash is %016llx, that of its potentials %016llx",
             (unsigned long long)position->state_hash, (unsigned long long)hash);
    *result = (simulation_t){
        .first_step = position->step, .steps = position->step, .before = position->saturated};
    return STATUS_OK;
}

static status_t checkpoint(const stepping_t *s) {
    position_t position;
    TRY(simulate_position(s->net, s->backend, s->state, s->result, &position));
    return snapshot_checkpoint(s->writer, &position);
}

/* Steps until the next thing is due: a frame, a checkpoint, a look at clock and signals. */
static uint32_t steps_ahead(const config_t *config, uint64_t done, uint64_t look_every) {
    uint64_t total = config_steps(config), per_frame = config_steps_per_frame(config);
    uint64_t left = per_frame - done % per_frame, by_steps = config->output.checkpoint_steps;
    if (by_steps && by_steps - done % by_steps < left)
        left = by_steps - done % by_steps;
    left = left < total - done ? left : total - done;
    return (uint32_t)(left < look_every ? left : look_every);
}

static status_t steps(const stepping_t *s, bool quiet) {
    enum { LOOK_MOST = 1 << 20 };
    const double look_s = 0.2, every_s = s->config->output.checkpoint_every_s;
    simulation_t *result = s->result;
    uint64_t total = config_steps(s->config), by_steps = s->config->output.checkpoint_steps;
    uint64_t look_every = 1;
    progress_t progress =
        progress_start("simulate", quiet, (double)result->steps * s->config->simulation.dt_ms);
    double kept_s = progress.started_s, now = kept_s;
    status_t status = result->steps == 0 ? put_frame(s, 0) : STATUS_OK;
    while (status == STATUS_OK && result->steps < total && !stop_asked) {
        uint32_t count = steps_ahead(s->config, result->steps, look_every);
        status = s->backend->step(s->state, result->steps, count);
        result->steps += count;
        size_t frame = snapshot_frame_due(s->writer, result->steps);
        if (status == STATUS_OK && frame != SIZE_MAX)
            status = put_frame(s, frame);
        double before = now;
        now = clock_s();
        if (count == look_every && now - before < 0.5 * look_s && look_every < LOOK_MOST)
            look_every *= 2;
        bool due = (every_s > 0.0 && now - kept_s >= every_s) ||
                   (by_steps && result->steps % by_steps == 0);
        if (status == STATUS_OK && due && result->steps < total) {
            status = checkpoint(s);
            kept_s = now;
        }
        progress_show(&progress, (double)result->steps * s->config->simulation.dt_ms,
                      s->config->simulation.duration_ms, "ms");
    }
    if (status == STATUS_OK)
        status = checkpoint(s);
    progress_end(&progress);
    result->seconds = clock_s() - progress.started_s;
    result->stopped = stop_asked && result->steps < total;
    return status;
}

status_t simulate(const config_t *config, const network_t *net, const backend_t *backend,
                  backend_state_t *state, snapshot_writer_t *writer, bool quiet,
                  simulation_t *result) {
    static const int signals[] = {SIGINT, SIGTERM, SIGUSR1}; /* SIGUSR1: Slurm's warning */
    enum { SIGNALS = sizeof signals / sizeof signals[0] };
    uint64_t largest = 0, saturated = 0;
    for (uint32_t a = 0; a < net->populations; a++) {
        uint64_t n = population_size(&net->population[a]);
        largest = n > largest ? n : largest;
    }
    stepping_t stepping = {config, net, backend, state, writer, malloc(largest * sizeof(float)),
                           result};
    if (!stepping.frame)
        FAIL(STATUS_FAILED, "no memory for a frame of %llu neurons", (unsigned long long)largest);
    struct sigaction action = {.sa_handler = ask_to_stop}, old[SIGNALS];
    stop_asked = 0;
    for (int k = 0; k < SIGNALS; k++)
        sigaction(signals[k], &action, &old[k]);
    status_t status = steps(&stepping, quiet);
    free(stepping.frame);
    /* A second signal (Slurm may send several) must not end it before the checkpoint is on disk,
     * nor before it has said so. */
    status_t finished = snapshot_finish(writer);
    for (int k = 0; k < SIGNALS && !result->stopped; k++)
        sigaction(signals[k], &old[k], NULL);
    TRY(status);
    TRY(finished);
    TRY(backend->saturated(state, &saturated));
    double all = (double)neurons_in_all(net) * (double)result->steps;
    result->saturated = all > 0.0 ? (double)(saturated + result->before) / all : 0.0;
    return STATUS_OK;
}
