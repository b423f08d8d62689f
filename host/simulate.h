/* A run: initial state, steps, frames, checkpoints. */
#ifndef BRISC_SIMULATE_H
#define BRISC_SIMULATE_H

#include "host/config.h"
#include "host/io/snapshot.h"
#include "host/pathway.h"
#include "kernels/backend.h"

typedef struct {
    uint64_t first_step, steps; /* this process began after the one, and came to the other */
    double seconds;
    bool stopped;     /* by SIGINT, SIGTERM or SIGUSR1 */
    uint64_t before;  /* neuron-steps that saturated before first_step */
    double saturated; /* share of all neuron-steps whose rate saturated */
} simulation_t;

/* Draws or reads h(0) of every population in every trial and gives it to the backend. A draw is a
 * function of (seed, trial, population, neuron); a file gives each trial its same-numbered one, or
 * all of them the one that it has. STATUS_USAGE where a file lacks the state or its shape differs.
 */
status_t initial_check(const config_t *config,
                       const network_t *net); /* files only, before a build */
status_t initial_state(const config_t *config, const network_t *net, const backend_t *backend,
                       backend_state_t *state);

/* Where the run stands after result->steps; the caller frees position->h, or gives it away. */
status_t simulate_position(const network_t *net, const backend_t *backend, backend_state_t *state,
                           const simulation_t *result, position_t *position);
/* Gives the backend a position's state. STATUS_FAILED where it is not that network's. */
status_t simulate_go_to(const network_t *net, const backend_t *backend, backend_state_t *state,
                        const position_t *position, simulation_t *result);

/* Runs from the state at hand and result->first_step to the end, or until a signal; then waits
 * until all frames and a last checkpoint are written (snapshot_finish). From step 0, frame 0 is the
 * initial state. */
status_t simulate(const config_t *config, const network_t *net, const backend_t *backend,
                  backend_state_t *state, snapshot_writer_t *writer, bool quiet,
                  simulation_t *result);

#endif
