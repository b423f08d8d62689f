#include "host/simulate.h"

#include <signal.h>
#include <stdlib.h>

#include "host/progress.h"

static volatile sig_atomic_t stop_asked;

static void ask_to_stop(int signal_number) {
    (void)signal_number;
    stop_asked = 1;
}

static status_t put_frame(const config_t *config, const network_t *net, const backend_t *backend,
                          backend_state_t *state, snapshot_writer_t *writer, size_t index,
                          float *frame) {
    for (uint32_t a = 0; a < net->populations; a++) {
        if (config->output.fields & FIELD_RATE) {
            TRY(backend->get_rate(state, a, frame));
            TRY(snapshot_put(writer, index, a, FIELD_RATE, frame));
        }
        if (config->output.fields & FIELD_POTENTIAL) {
            TRY(backend->get_state(state, a, frame));
            TRY(snapshot_put(writer, index, a, FIELD_POTENTIAL, frame));
        }
    }
    return STATUS_OK;
}

static status_t steps(const config_t *config, const network_t *net, const backend_t *backend,
                      backend_state_t *state, snapshot_writer_t *writer, bool quiet, float *frame,
                      simulation_t *result) {
    uint64_t total = config_steps(config), per_frame = config_steps_per_frame(config);
    progress_t progress = progress_start("simulate", quiet);
    status_t status = put_frame(config, net, backend, state, writer, 0, frame);
    while (status == STATUS_OK && result->steps < total && !stop_asked) {
        uint64_t left = total - result->steps;
        uint32_t count = (uint32_t)(left < per_frame ? left : per_frame);
        status = backend->step(state, result->steps, count);
        result->steps += count;
        if (status == STATUS_OK && result->steps % per_frame == 0)
            status =
                put_frame(config, net, backend, state, writer, result->steps / per_frame, frame);
        progress_show(&progress, (double)result->steps * config->simulation.dt_ms,
                      config->simulation.duration_ms, "ms");
    }
    progress_end(&progress);
    result->seconds = clock_s() - progress.started_s;
    result->stopped = stop_asked && result->steps < total;
    return status;
}

status_t simulate(const config_t *config, const network_t *net, const backend_t *backend,
                  backend_state_t *state, snapshot_writer_t *writer, bool quiet,
                  simulation_t *result) {
    *result = (simulation_t){0};
    uint64_t neurons = 0, largest = 0, saturated = 0;
    for (uint32_t a = 0; a < net->populations; a++) {
        uint64_t n = population_size(&net->population[a]);
        neurons += n;
        largest = n > largest ? n : largest;
    }
    float *frame = malloc(largest * sizeof *frame);
    if (!frame)
        FAIL(STATUS_FAILED, "no memory for a frame of %llu neurons", (unsigned long long)largest);
    struct sigaction action = {.sa_handler = ask_to_stop}, old_int, old_term;
    stop_asked = 0;
    sigaction(SIGINT, &action, &old_int);
    sigaction(SIGTERM, &action, &old_term);
    status_t status = steps(config, net, backend, state, writer, quiet, frame, result);
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGTERM, &old_term, NULL);
    free(frame);
    TRY(status);
    TRY(backend->saturated(state, &saturated));
    result->saturated =
        result->steps ? (double)saturated / ((double)neurons * (double)result->steps) : 0.0;
    return STATUS_OK;
}
