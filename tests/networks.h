/* Configs that tests fill in by hand: the published E/I network and its parameter sets. */
#ifndef BRISC_TEST_NETWORKS_H
#define BRISC_TEST_NETWORKS_H

#include "host/config.h"

/* Adds a population of nx x ny sites with a tanh gain; tau 20 ms, as published. */
static inline void network_population(config_t *c, const char *name, uint32_t nx, uint32_t ny,
                                      double max) {
    population_config_t *p = &c->population[c->populations++];
    snprintf(p->name, sizeof p->name, "%s", name);
    p->lattice[0] = nx;
    p->lattice[1] = ny;
    p->gain = (gain_config_t){.kind = GAIN_TANH, .max = max, .slope = 1.0, .exponent = 1.0};
    p->tau_ms = 20.0;
    p->initial = (initial_config_t){.kind = INITIAL_UNIFORM, .value = {-3.5, 6.5}};
}

static inline connection_config_t network_connection(double mean, double std, double range,
                                                     size_kind_t size_kind, double size) {
    return (connection_config_t){.present = true,
                                 .mean = mean,
                                 .std = std,
                                 .range = range,
                                 .size_kind = size_kind,
                                 .size = size};
}

static inline config_t network_empty(void) {
    config_t c = {0};
    c.network.weight_bits = 16;
    c.simulation.dt_ms = 0.2;
    c.simulation.seed = 1;
    c.simulation.trials = 1;
    return c;
}

/* Published E/I network: g, d [target][source], one sigma, density 0.95 in every pathway. */
static inline config_t network_ei(uint32_t side_e, double g[2][2], double d[2][2], double sigma,
                                  double density) {
    config_t c = network_empty();
    network_population(&c, "E", side_e, side_e, 1.0);
    network_population(&c, "I", side_e / 2, side_e / 2, 5.0);
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 2; b++)
            c.connection[a][b] = network_connection(g[a][b], sigma, d[a][b], SIZE_DENSITY, density);
    return c;
}

#endif
