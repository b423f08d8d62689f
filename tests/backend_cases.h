/* Small networks of every kind, and the comparison of two backends on them, bit for bit. Read by C
 * and C++ tests. */
#ifndef BRISC_BACKEND_CASES_H
#define BRISC_BACKEND_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif
#include <cmocka.h>
#include "host/pathway.h"
#ifdef __cplusplus
}
#endif
#include "kernels/backend.h"

typedef struct {
    const char *name;
    uint32_t lattice[2][2]; /* of E, I: nx, ny */
    int gain[2];
    int profile, rule, weights, weight_bits;
    double range[2], density[2]; /* of a connection from E, I */
    double mean, std;            /* from E; from I: -mean, std */
    double noise, rate_max;      /* rate_max not 0: some saturate */
    uint32_t most_steps;         /* 0: as many as the test asks for; else I receives nothing */
} backend_case_t;

/* clang-format off */
static const backend_case_t BACKEND_CASES[] = {
    {"Gaussian, normal, lattices 2:1", {{20, 16}, {10, 8}}, {GAIN_TANH, GAIN_TANH},
     PROFILE_GAUSSIAN, RULE_BERNOULLI, WEIGHTS_NORMAL, 16,
     {.12, .15}, {.9, .8}, 9, 1, .02, 0, 0},
    {"exponential, 8 bits, lattices that share few divisors", {{18, 12}, {15, 8}},
     {GAIN_SIGMOID, GAIN_TANH}, PROFILE_EXPONENTIAL, RULE_BERNOULLI, WEIGHTS_NORMAL, 8,
     {.06, .1}, {.9, .7}, 4, 2, .1, 0, 0},
    {"disc, lognormal, 24 bits", {{16, 16}, {16, 16}},
     {GAIN_CLIPPED_LINEAR, GAIN_THRESHOLD_LINEAR}, PROFILE_DISC, RULE_BERNOULLI,
     WEIGHTS_LOGNORMAL, 24, {.2, .3}, {.5, .6}, 1.5, .8, 0, 0, 0},
    {"all to all, constant weights, no noise", {{9, 7}, {5, 3}}, {GAIN_LINEAR, GAIN_LINEAR},
     PROFILE_UNIFORM, RULE_BERNOULLI, WEIGHTS_CONSTANT, 16,
     {0, 0}, {1, 1}, .5, 0, 0, 0, 0},
    {"fixed in-degree, normal", {{14, 12}, {7, 6}}, {GAIN_THRESHOLD_POWER, GAIN_THRESHOLD_POWER},
     PROFILE_GAUSSIAN, RULE_FIXED_INDEGREE, WEIGHTS_NORMAL, 16,
     {.1, .12}, {.7, .8}, .6, .4, .01, 0, 0},
    {"fixed in-degree, lognormal, 24 bits", {{12, 9}, {8, 9}}, {GAIN_TANH, GAIN_THRESHOLD_LINEAR},
     PROFILE_EXPONENTIAL, RULE_FIXED_INDEGREE, WEIGHTS_LOGNORMAL, 24,
     {.1, .1}, {.5, .4}, 2, .5, .2, 0, 0},
    {"fixed in-degree, all sources, 8 bits", {{8, 6}, {4, 4}}, {GAIN_TANH, GAIN_TANH},
     PROFILE_UNIFORM, RULE_FIXED_INDEGREE, WEIGHTS_NORMAL, 8,
     {0, 0}, {1, 1}, 3, 3, .1, 0, 0},
    {"ring, rates that saturate", {{160, 1}, {120, 1}}, {GAIN_LINEAR, GAIN_THRESHOLD_LINEAR},
     PROFILE_GAUSSIAN, RULE_BERNOULLI, WEIGHTS_NORMAL, 16,
     {.1, .2}, {.8, .6}, 12, 1, .1, 4, 0},
    {"ring, fixed in-degree", {{96, 1}, {72, 1}}, {GAIN_SIGMOID, GAIN_TANH},
     PROFILE_DISC, RULE_FIXED_INDEGREE, WEIGHTS_CONSTANT, 8,
     {.2, .2}, {.5, .4}, 5, 0, .1, 0, 0},
    {"zero weights, fixed in-degree", {{14, 12}, {7, 6}}, {GAIN_TANH, GAIN_LINEAR},
     PROFILE_GAUSSIAN, RULE_FIXED_INDEGREE, WEIGHTS_NORMAL, 16,
     {.1, .12}, {.7, .8}, 0, 0, .1, 0, 0},
    {"window of several bands", {{4, 4}, {190, 188}}, {GAIN_TANH, GAIN_TANH},
     PROFILE_DISC, RULE_BERNOULLI, WEIGHTS_NORMAL, 16,
     {.4, .5}, {.5, .05}, 5, 1, 0, 0, 2},
    {"window of several bands, fixed in-degree", {{3, 2}, {190, 188}}, {GAIN_TANH, GAIN_TANH},
     PROFILE_UNIFORM, RULE_FIXED_INDEGREE, WEIGHTS_NORMAL, 24,
     {0, 0}, {1, .02}, 5, 1, 0, 0, 1},
};
/* clang-format on */
enum { BACKEND_CASES_N = sizeof BACKEND_CASES / sizeof *BACKEND_CASES };

static void check_status(status_t status) {
    if (status != STATUS_OK)
        fail_msg("%s (%s)", status_message(), status_origin());
}

static void case_plan(const backend_case_t *k, network_plan_t *plan) {
    config_t config;
    memset(&config, 0, sizeof config);
    config.populations = 2;
    config.network.weight_bits = k->weight_bits;
    config.simulation.dt_ms = 0.5;
    config.simulation.duration_ms = 100.0;
    config.simulation.trials = 1;
    config.simulation.seed = 198; /* the last case has a tie at the cut of a target's keys */
    for (int a = 0; a < 2; a++) {
        population_config_t *p = &config.population[a];
        snprintf(p->name, sizeof p->name, "%s", a ? "I" : "E");
        memcpy(p->lattice, k->lattice[a], sizeof p->lattice);
        p->gain.kind = k->gain[a];
        p->gain.max = 2.0 + a;
        p->gain.min = -0.5;
        p->gain.slope = 1.2;
        p->gain.threshold = 0.1;
        p->gain.exponent = a ? 2.0 : 1.5;
        p->tau_ms = 20.0 - 8.0 * a;
        p->noise = k->noise;
        p->input = 0.3;
        p->rate_max = k->rate_max;
        for (int b = 0; b < 2; b++) {
            connection_config_t *c = &config.connection[a][b];
            c->present = a == 0 || k->most_steps == 0;
            c->mean = b ? -k->mean : k->mean;
            c->std = k->std;
            c->range = k->range[b];
            c->profile = k->profile;
            c->rule = k->rule;
            c->weights = k->weights;
            c->size_kind = SIZE_DENSITY;
            c->size = k->density[b];
        }
    }
    check_status(network_plan_create(&config, plan));
}

/* The rows of one pathway from each backend: all at once, and some from the middle. */
static void edges_compare(const backend_t *const backend[2], backend_state_t *const state[2],
                          const network_t *net, uint32_t pathway, uint64_t synapses) {
    uint32_t targets = population_size(&net->population[net->pathway[pathway].target]);
    uint32_t first[2] = {0, targets / 3}, count[2] = {targets, targets - targets / 3};
    for (int part = 0; part < 2; part++) {
        uint64_t *indptr[2];
        uint32_t *sources[2];
        int32_t *codes[2];
        for (int b = 0; b < 2; b++) {
            indptr[b] = (uint64_t *)calloc(count[part] + 1, sizeof(uint64_t));
            sources[b] = (uint32_t *)calloc(synapses + 1, sizeof(uint32_t));
            codes[b] = (int32_t *)calloc(synapses + 1, sizeof(int32_t));
            check_status(backend[b]->edges(state[b], pathway, first[part], count[part], indptr[b],
                                           NULL, NULL));
            assert_true(indptr[b][count[part]] <= synapses);
            check_status(backend[b]->edges(state[b], pathway, first[part], count[part], indptr[b],
                                           sources[b], codes[b]));
        }
        assert_true(part == 1 || indptr[0][targets] == synapses);
        assert_memory_equal(indptr[0], indptr[1], (count[part] + 1) * sizeof(uint64_t));
        assert_memory_equal(sources[0], sources[1], synapses * sizeof(uint32_t));
        assert_memory_equal(codes[0], codes[1], synapses * sizeof(int32_t));
        for (int b = 0; b < 2; b++) {
            free(indptr[b]);
            free(sources[b]);
            free(codes[b]);
        }
    }
}

/* Potentials that reach every part of a gain. */
static void state_put(const backend_t *const backend[2], backend_state_t *const state[2],
                      const network_t *net) {
    uint32_t x = 12345;
    for (uint32_t trial = 0; trial < net->trials; trial++)
        for (uint32_t a = 0; a < net->populations; a++) {
            uint32_t n = population_size(&net->population[a]);
            float *h = (float *)malloc(n * sizeof *h);
            for (uint32_t i = 0; i < n; i++) {
                x = x * 1664525u + 1013904223u;
                h[i] = -3.5f + 10.0f * (float)(x >> 8) * 0x1p-24f;
            }
            for (int b = 0; b < 2; b++)
                check_status(backend[b]->put_state(state[b], trial, a, h));
            free(h);
        }
}

static void state_compare(const backend_t *const backend[2], backend_state_t *const state[2],
                          const network_t *net) {
    uint64_t saturated[2];
    for (int b = 0; b < 2; b++)
        check_status(backend[b]->saturated(state[b], &saturated[b]));
    assert_true(saturated[0] == saturated[1]);
    for (uint32_t trial = 0; trial < net->trials; trial++)
        for (uint32_t a = 0; a < net->populations; a++) {
            uint32_t n = population_size(&net->population[a]);
            float *values[4];
            for (int b = 0; b < 2; b++) {
                values[b] = (float *)calloc(n, sizeof(float));
                values[2 + b] = (float *)calloc(n, sizeof(float));
                check_status(backend[b]->get_state(state[b], trial, a, values[b]));
                check_status(backend[b]->get_rate(state[b], trial, a, values[2 + b]));
            }
            assert_memory_equal(values[0], values[1], n * sizeof(float));
            assert_memory_equal(values[2], values[3], n * sizeof(float));
            for (int v = 0; v < 4; v++)
                free(values[v]);
        }
}

/* x[vectors][neurons]: of order 1; over 400 powers of two; the largest and the smallest doubles,
 * and zeros. */
enum { VECTORS = 3 };
static double *vectors_create(const network_t *net, uint32_t *neurons) {
    uint32_t seed = 4321, n = 0;
    for (uint32_t a = 0; a < net->populations; a++)
        n += population_size(&net->population[a]);
    double *x = (double *)malloc(VECTORS * n * sizeof *x);
    for (uint32_t i = 0; i < VECTORS * n; i++) {
        seed = seed * 1664525u + 1013904223u;
        double u = (double)(int32_t)seed * 0x1p-31 + (double)(seed * 2654435769u) * 0x1p-63;
        uint32_t kind = i / n == 2 ? 3 + seed / 4099 % 4 : i / n;
        x[i] = kind == 0   ? u
               : kind == 1 ? ldexp(u, (int)(seed / 65537 % 400) - 200)
               : kind == 3 ? u * 1e300
               : kind == 4 ? u * 0x1p-1060
                           : 0.0;
    }
    *neurons = n;
    return x;
}

/* J X of both: the same bits. */
static void products_compare(const backend_t *const backend[2], backend_state_t *const state[2],
                             const network_t *net) {
    uint32_t n;
    double *x = vectors_create(net, &n), *y[2];
    for (int b = 0; b < 2; b++) {
        y[b] = (double *)malloc(VECTORS * n * sizeof *y[b]);
        check_status(backend[b]->apply(state[b], VECTORS, x, y[b]));
    }
    assert_memory_equal(y[0], y[1], VECTORS * n * sizeof *x);
    free(x);
    free(y[0]);
    free(y[1]);
}

/* Connectivity, products, state at rest, and states after 1 and `steps` steps. */
static void backend_compare_stored(const backend_t *const backend[2],
                                   const backend_options_t options[2], const backend_case_t *k,
                                   int32_t storage, uint32_t trials, uint32_t steps) {
    backend_state_t *state[2] = {NULL, NULL};
    connectivity_t c[2];
    network_plan_t plan;
    case_plan(k, &plan);
    plan.net.storage = storage;
    plan.net.trials = trials;
    for (int b = 0; b < 2; b++)
        check_status(backend[b]->create(&plan.net, &options[b], &state[b], &c[b]));
    assert_true(c[0].hash == c[1].hash);
    for (uint32_t w = 0; w < plan.net.pathways; w++) {
        assert_true(c[0].synapses[w] == c[1].synapses[w]);
        edges_compare(backend, state, &plan.net, w, c[0].synapses[w]);
    }
    steps = k->most_steps && steps > k->most_steps ? k->most_steps : steps;
    state_compare(backend, state, &plan.net);
    state_put(backend, state, &plan.net);
    for (int part = 0; part < 2; part++) {
        for (int b = 0; b < 2; b++)
            check_status(backend[b]->step(state[b], part ? 8 : 7, part ? steps - 1 : 1));
        products_compare(backend, state, &plan.net);
        state_compare(backend, state, &plan.net);
    }
    uint64_t saturated;
    check_status(backend[0]->saturated(state[0], &saturated));
    assert_true(saturated > 0 || k->rate_max == 0);
    for (int b = 0; b < 2; b++)
        backend[b]->destroy(state[b]);
    network_plan_destroy(&plan);
}

static inline void backend_compare_with(const backend_t *const backend[2],
                                        const backend_options_t options[2], const backend_case_t *k,
                                        uint32_t steps) {
    backend_compare_stored(backend, options, k, STORAGE_AUTO, 1, steps);
}

static inline void backend_compare(const backend_t *reference, const backend_t *other,
                                   const backend_case_t *k, int32_t storage, uint32_t trials,
                                   uint32_t steps) {
    const backend_t *const backend[2] = {reference, other};
    backend_options_t options[2];
    memset(options, 0, sizeof options);
    options[0].threads = options[1].threads = 1; /* small networks */
    backend_compare_stored(backend, options, k, storage, trials, steps);
}

/* Two states at once, of unequal networks with the same weight bits. Their potentials are replaced
 * after an odd number of steps, more than a graph has. */
static const int TWO_CASES[2] = {0, 3};
static inline void backend_compare_two(const backend_t *reference, const backend_t *other) {
    const backend_t *const backend[2] = {reference, other};
    backend_options_t options;
    backend_state_t *state[2][2];
    connectivity_t c;
    network_plan_t plan[2];
    memset(&options, 0, sizeof options);
    options.threads = 1;
    for (int n = 0; n < 2; n++) {
        case_plan(&BACKEND_CASES[TWO_CASES[n]], &plan[n]);
        for (int b = 0; b < 2; b++)
            check_status(backend[b]->create(&plan[n].net, &options, &state[n][b], &c));
        products_compare(backend, state[n], &plan[n].net);
    }
    for (int n = 0; n < 2; n++) {
        for (uint32_t count = 17; count <= 18; count++) {
            state_put(backend, state[n], &plan[n].net);
            for (int b = 0; b < 2; b++)
                check_status(backend[b]->step(state[n][b], 0, count));
            state_compare(backend, state[n], &plan[n].net);
            products_compare(backend, state[n], &plan[n].net);
        }
        for (int b = 0; b < 2; b++)
            backend[b]->destroy(state[n][b]);
        network_plan_destroy(&plan[n]);
    }
}

#endif
