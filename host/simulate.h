/* A run: initial state, steps, frames. */
#ifndef BRISC_SIMULATE_H
#define BRISC_SIMULATE_H

#include "host/config.h"
#include "host/io/snapshot.h"
#include "host/pathway.h"
#include "kernels/backend.h"

typedef struct {
    uint64_t steps;
    double seconds;
    bool stopped;     /* by SIGINT or SIGTERM */
    double saturated; /* share of neuron-steps whose rate saturated */
} simulation_t;

/* Draws or reads h(0) of every population and gives it to the backend. A draw is a function of
 * (seed, population, neuron). STATUS_USAGE where a file lacks the state or its shape differs. */
status_t initial_check(const config_t *config,
                       const network_t *net); /* files only, before a build */
status_t initial_state(const config_t *config, const network_t *net, const backend_t *backend,
                       backend_state_t *state);

/* Runs from the state at hand to the end, or until a signal; frame 0 is the initial state. */
status_t simulate(const config_t *config, const network_t *net, const backend_t *backend,
                  backend_state_t *state, snapshot_writer_t *writer, bool quiet,
                  simulation_t *result);

#endif
