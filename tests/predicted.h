/* A network with its plan and predicted spectrum. Include after cmocka.h. */
#ifndef BRISC_TEST_PREDICTED_H
#define BRISC_TEST_PREDICTED_H

#include "tests/dense.h"
#include "tests/networks.h"

/* A config, its plan and the spectrum predicted for J itself. */
typedef struct {
    config_t config;
    network_plan_t plan;
    theory_t theory;
    size_t n;
} case_t;

static inline void case_create(config_t config, case_t *c) {
    double one[POPULATIONS_MAX];
    for (int a = 0; a < POPULATIONS_MAX; a++)
        one[a] = 1.0;
    c->config = config;
    assert_int_equal(network_plan_create(&c->config, &c->plan), STATUS_OK);
    assert_int_equal(theory_linearize(&c->config, &c->plan, one, one, &c->theory), STATUS_OK);
    c->n = layout(&c->plan.net).n;
}

static inline void case_destroy(case_t *c) {
    theory_destroy(&c->theory);
    network_plan_destroy(&c->plan);
}

/* One population; real modes at (0,0), (0,1) and (1,1), 1, 4 and 4 of them. */
static inline config_t real_modes(uint32_t side) {
    config_t c = network_empty();
    network_population(&c, "E", side, side, 1.0);
    c.connection[0][0] = network_connection(3.0, 0.2, 0.15, SIZE_DENSITY, 0.9);
    return c;
}

#endif
