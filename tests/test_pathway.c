/* The network's plan: probability tables, degrees, weight and rate scales. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "host/pathway.h"
#include "kernels/draw.h"
#include "tests/golden.h"
#include "tests/networks.h"

static double D[2][2] = {{0.05, 0.07}, {0.05, 0.07}}; /* the published wave network */
static double G[2][2] = {{9.0, -9.0}, {15.48, -9.0}};

static size_t table_cells(const pathway_t *w) {
    return (size_t)w->classes_x * w->classes_y * w->window_x * w->window_y;
}

/* Pair probability of two sites by the tables; 0 outside the window. */
static double pair(const network_t *net, const pathway_t *w, uint32_t tx, uint32_t ty, uint32_t sx,
                   uint32_t sy) {
    const population_t *source = &net->population[w->source];
    const uint32_t *threshold = pathway_threshold(w, tx, ty);
    uint32_t wx =
        (sx + 2 * source->nx - pathway_base_x(w, tx) - (uint32_t)w->offset_x) % source->nx;
    uint32_t wy =
        (sy + 2 * source->ny - pathway_base_y(w, ty) - (uint32_t)w->offset_y) % source->ny;
    if (wx >= w->window_x || wy >= w->window_y)
        return 0.0;
    uint32_t code = threshold[wy * w->window_x + wx];
    return code == UINT32_MAX ? 1.0 : code / 4294967296.0;
}

static double gaussian_wrapped(double x, double d) {
    double sum = 0.0;
    for (int m = -20; m <= 20; m++)
        sum += exp(-(x + m) * (x + m) / (2.0 * d * d));
    return sum / (sqrt(2.0 * acos(-1.0)) * d);
}

/* The same bits on every machine: written by gcc 12 on x86-64; any other value is another machine
 * or compiler that rounds otherwise, or a changed table. */
static void tables_have_the_same_bits(void **state) {
    (void)state;
    config_t c = network_ei(200, G, D, 0.1, 0.95);
    network_plan_t plan;
    uint64_t hash = HASH_START;
    assert_int_equal(network_plan_create(&c, &plan), STATUS_OK);
    for (uint32_t i = 0; i < plan.net.pathways; i++)
        hash =
            hash_bytes(hash, plan.net.pathway[i].threshold, 4 * table_cells(&plan.net.pathway[i]));
    assert_golden("probability tables", hash, 0x726bd5f11004f45dull);
    network_plan_destroy(&plan);
}

/* Widths in sites give the same tables as those in torus sides; twice the lattice, the same table
 * around a neuron, and as many inputs. */
static void ranges_in_sites(void **state) {
    (void)state;
    static const char *const text =
        "populations: {E: {lattice: [200, 200]}, I: {lattice: [100, 100]}}\n"
        "connections:\n"
        "  E: {E: {mean: 9, range_sites: 10, density: .95},\n"
        "      I: {mean: -9, range_sites: 7, density: .95}}\n"
        "  I: {E: {mean: 15.48, range_sites: 10, density: .95},\n"
        "      I: {mean: -9, range_sites: 7, density: .95}}\n";
    static const char *const twice[] = {"populations.E.lattice=[400, 400]",
                                        "populations.I.lattice=[200, 200]"};
    uint64_t hash = HASH_START;
    config_t c, large;
    network_plan_t plan, grown;
    assert_int_equal(config_parse(text, "test", NULL, 0, &c), STATUS_OK);
    assert_int_equal(config_parse(text, "test", twice, 2, &large), STATUS_OK);
    assert_int_equal(network_plan_create(&c, &plan), STATUS_OK);
    assert_int_equal(network_plan_create(&large, &grown), STATUS_OK);
    for (uint32_t i = 0; i < plan.net.pathways; i++) {
        const pathway_t *w = &plan.net.pathway[i], *v = &grown.net.pathway[i];
        hash = hash_bytes(hash, w->threshold, 4 * table_cells(w));
        assert_int_equal(w->window_x, v->window_x);
        assert_int_equal(w->window_y, v->window_y);
        for (size_t k = 0; k < table_cells(w); k++) /* exp's argument, rounded */
            assert_true(fabs((double)w->threshold[k] - v->threshold[k]) <= 16.0);
        assert_true(fabs(plan.facts[i].in_degree / grown.facts[i].in_degree - 1.0) < 1e-12);
    }
    assert_golden("probability tables, ranges in sites", hash, 0x726bd5f11004f45dull);
    network_plan_destroy(&plan);
    network_plan_destroy(&grown);
    config_destroy(&c);
    config_destroy(&large);
}

/* Lattices with nothing in common: a class for every target, which is too many tables; found out in
 * time that grows with the sites, not with their product. */
static void lattices_with_nothing_in_common(void **state) {
    (void)state;
    config_t c = network_empty();
    network_plan_t plan;
    network_population(&c, "A", 1000000, 1, 1.0);
    network_population(&c, "B", 999999, 1, 1.0);
    c.connection[0][1] = network_connection(1.0, 0.1, 3e-6, SIZE_DENSITY, 0.5);
    assert_int_equal(network_plan_create(&c, &plan), STATUS_USAGE);
    assert_non_null(strstr(status_message(), "more than 1 GiB"));
}

static void wave_network_facts(void **state) {
    (void)state;
    config_t c = network_ei(200, G, D, 0.1, 0.95);
    network_plan_t plan;
    assert_int_equal(network_plan_create(&c, &plan), STATUS_OK);
    assert_int_equal(plan.dimensions, 2);
    assert_int_equal(plan.net.pathways, 4);
    double synapses = 0.0;
    for (uint32_t i = 0; i < 4; i++) {
        const pathway_t *w = &plan.net.pathway[i];
        const pathway_facts_t *facts = &plan.facts[i];
        double n_target = population_size(&plan.net.population[w->target]);
        double n_source = population_size(&plan.net.population[w->source]);
        double d = D[w->target][w->source], k = 0.95 * 2.0 * acos(-1.0) * d * d * n_target;
        assert_int_equal(w->target, i / 2);
        assert_int_equal(w->source, i % 2);
        assert_true(fabs(facts->out_degree / k - 1.0) < 1e-14);
        assert_true(fabs(facts->density - 0.95) < 1e-14);
        /* Each cell loses under 2^-32 to truncation, those outside the window under 2^-32 too. */
        assert_true(facts->sum_probability <= k * n_source / n_target);
        assert_true(facts->sum_probability > k * n_source / n_target - n_source / 4294967296.0);
        /* 0.95 at distance 0 plus images of at most exp(-1/(2 0.07^2)): nothing above 1. */
        assert_true(facts->clipped_share == 0.0);
        assert_true(fabs(w->mean * k / G[w->target][w->source] - 1.0) < 1e-6); /* float */
        assert_true(fabs(w->std * sqrt(k) / 0.1 - 1.0) < 1e-6);
        assert_true(fabs(w->scale * 32767.0 / (fabsf(w->mean) + 6.25f * w->std) - 1.0) < 1e-6);
        synapses += n_target * facts->sum_probability;
    }
    assert_true(fabs(plan.synapses_expected / synapses - 1.0) < 1e-12);
    assert_int_equal(plan.net.population[0].rate_shift, 31); /* rates to 1 */
    assert_int_equal(plan.net.population[1].rate_shift, 28); /* rates to 5 < 8 */
    assert_true(plan.net.population[0].delta == 0.01f);
    network_plan_destroy(&plan);
}

/* Tables against libm at every pair of a few targets, on lattices that share 4:1, 3:2 and 1:1
 * cells: tolerance 2^-32 for the truncation. */
static void tables_follow_the_formula(void **state) {
    (void)state;
    const uint32_t sides[3] = {24, 12, 18};
    config_t c = network_empty();
    for (int a = 0; a < 3; a++)
        network_population(&c, a == 0 ? "A" : a == 1 ? "B" : "C", sides[a], 12, 1.0);
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            c.connection[a][b] = network_connection(1.0, 0.1, 0.04 + 0.03 * b, SIZE_OUT_DEGREE, 9);
    network_plan_t plan;
    status_quiet(1);
    assert_int_equal(network_plan_create(&c, &plan), STATUS_OK);
    status_quiet(0);
    for (uint32_t i = 0; i < plan.net.pathways; i++) {
        const pathway_t *w = &plan.net.pathway[i];
        const population_t *target = &plan.net.population[w->target];
        const population_t *source = &plan.net.population[w->source];
        for (uint32_t tx = 0; tx < target->nx; tx++)
            for (uint32_t sy = 0; sy < source->ny; sy++)
                for (uint32_t sx = 0; sx < source->nx; sx++) {
                    double d = plan.facts[i].range, ty = 7;
                    double dx = (sx + 0.5) / source->nx - (tx + 0.5) / target->nx;
                    double dy = (sy + 0.5) / source->ny - (ty + 0.5) / target->ny;
                    double p = fmin(1.0, plan.facts[i].out_degree / population_size(target) *
                                             gaussian_wrapped(dx, d) * gaussian_wrapped(dy, d));
                    double stored = pair(&plan.net, w, tx, 7, sx, sy);
                    assert_true(stored < p + 1e-14 && stored > p - 1.01 / 4294967296.0);
                    /* Mirror image, to the last bit. */
                    assert_true(stored == pair(&plan.net, w, target->nx - 1 - tx, 4,
                                               source->nx - 1 - sx, source->ny - 1 - sy));
                }
    }
    network_plan_destroy(&plan);
}

/* One population on a fine lattice: the lattice sum approaches K, as fast as the profile is
 * smooth: the cusp of the exponential and the edge of the disc leave lattice errors. */
static void profiles_sum_to_the_degree(void **state) {
    (void)state;
    const struct {
        int profile;
        double tolerance;
    } cases[] = {
        {PROFILE_GAUSSIAN, 1e-6},    /* truncation: 1e4 cells 2^-32 of 200 */
        {PROFILE_EXPONENTIAL, 0.01}, /* spacing/d = 0.1: (0.1)^2 */
        {PROFILE_DISC, 0.051},       /* 1-D, 10 spacings: 21 sites where the length is 20 */
        {PROFILE_UNIFORM, 1e-6},
    };
    for (int i = 0; i < 4; i++)
        for (int dimensions = 1; dimensions <= 2; dimensions++) {
            config_t c = network_empty();
            network_plan_t plan;
            network_population(&c, "E", 100, dimensions == 1 ? 1 : 100, 1.0);
            c.connection[0][0] =
                network_connection(1.0, 0.0, 0.1, SIZE_OUT_DEGREE, dimensions == 1 ? 10.0 : 200.0);
            c.connection[0][0].profile = cases[i].profile;
            assert_int_equal(network_plan_create(&c, &plan), STATUS_OK);
            assert_int_equal(plan.dimensions, dimensions);
            double share = plan.facts[0].sum_probability / plan.facts[0].in_degree;
            assert_true(fabs(share - 1.0) < cases[i].tolerance);
            network_plan_destroy(&plan);
        }
}

static void clipping_is_measured(void **state) {
    (void)state;
    config_t c = network_empty();
    network_plan_t plan;
    network_population(&c, "E", 60, 60, 1.0);
    c.connection[0][0] = network_connection(1.0, 0.0, 0.05, SIZE_DENSITY, 2.0);
    status_quiet(1);
    assert_int_equal(network_plan_create(&c, &plan), STATUS_OK);
    status_quiet(0);
    /* Continuum: Sum min(1, a exp(-q)) over q: 1 + log a of a; lost share 1 - (1 + log 2)/2. The
     * lattice of spacing d/3 blurs the rim. */
    assert_true(fabs(plan.facts[0].clipped_share - (1.0 - (1.0 + log(2.0)) / 2.0)) < 0.01);
    assert_true(fabs(plan.facts[0].sum_probability -
                     plan.facts[0].in_degree * (1.0 - plan.facts[0].clipped_share)) < 1e-5);
    network_plan_destroy(&plan);
}

static void scales(void **state) {
    (void)state;
    config_t c = network_empty();
    network_plan_t plan;
    for (int a = 0; a < 4; a++)
        network_population(&c, "P", 10, 10, 1.0);
    c.population[0].gain = (gain_config_t){.kind = GAIN_LINEAR, .slope = 1.0};
    c.population[1].gain =
        (gain_config_t){.kind = GAIN_CLIPPED_LINEAR, .slope = 1.0, .min = -3.0, .max = 1.0};
    c.population[2].rate_max = 0.5;
    c.population[3].noise = 0.5;
    c.network.weight_bits = 24;
    c.connection[0][0] = network_connection(0.0, 0.0, 0.1, SIZE_IN_DEGREE, 5.0);
    c.connection[1][0] = network_connection(-2.0, 3.0, 0.1, SIZE_OUT_DEGREE, 4.0);
    c.connection[1][0].weights = WEIGHTS_LOGNORMAL;
    c.connection[2][0] = network_connection(-2.0, 3.0, 0.1, SIZE_OUT_DEGREE, 4.0);
    c.connection[2][0].weights = WEIGHTS_CONSTANT;
    assert_int_equal(network_plan_create(&c, &plan), STATUS_OK);
    const network_t *net = &plan.net;
    assert_int_equal(net->rate_bits, 26);
    assert_int_equal(net->population[0].rate_shift, 26 - 7); /* 128 */
    assert_int_equal(net->population[1].rate_shift, 26 - 2); /* 3 < 4 */
    assert_int_equal(net->population[2].rate_shift, 26 + 1); /* 1/2 */
    assert_true(fabs(net->population[3].noise - 0.5 * sqrt(0.02)) < 1e-8);
    assert_true(net->pathway[0].scale == 0.0f); /* no weight but 0 */
    /* exp(log_mean + log_std^2/2) = 0.5, its variance 9/4. */
    double m = net->pathway[1].log_mean, s = net->pathway[1].log_std;
    assert_true(fabs(exp(m + s * s / 2.0) - 0.5) < 1e-6);
    assert_true(fabs((exp(s * s) - 1.0) * exp(2.0 * m + s * s) - 2.25) < 1e-5);
    assert_true(fabs(net->pathway[1].scale * 8388607.0 / exp(m + 6.25 * s) - 1.0) < 1e-5);
    assert_true(net->pathway[2].std == 0.0f && net->pathway[2].mean == -0.5f);
    network_plan_destroy(&plan);
}

/* Mean and mean square of what is stored of lognormal weights, over all 2^32 draws but for
 * neighbours: of each octave of the tail 4096, evenly. */
static void stored_moments(const pathway_t *w, uint32_t weight_bits, double *mean, double *square) {
    *mean = *square = 0.0;
    for (int octave = 0; octave < NORMAL_OCTAVES; octave++) {
        uint32_t size = 1u << (30 - octave), step = size > 4096 ? size / 4096 : 1;
        for (uint32_t i = 0; i < 2 * (size / step); i++) {
            uint32_t bits = (size + i / 2 * step + step / 2) | (i % 2) << 31;
            float weight = lognormal_weight(w, normal_from_bits(normal_table(), bits));
            double stored =
                (double)w->scale * weight_code(weight, w->scale, weight_code_max(weight_bits));
            *mean += 0x1p-32 * step * stored;
            *square += 0x1p-32 * step * stored * stored;
        }
    }
}

/* What is stored of lognormal weights has the mean and mean square asked for, to 1 %, or is
 * refused with what it would be and the bits that would do. g = 1 and 100 inputs: std 0.1 of the
 * pathway is a coefficient of variation of 1. */
static void lognormal_weights_hold(void **state) {
    (void)state;
    static const struct {
        int weight_bits;
        double std;
        const char *remedy; /* NULL: it holds */
    } cases[] = {
        {8, 0.0, NULL},
        {8, 0.03, NULL},
        {8, 0.1, NULL}, /* the tail is cut */
        {8, 0.15, "network.weight_bits: 16, or"},
        {8, 0.5, "network.weight_bits: 24, or"},
        {16, 0.1, NULL},
        {16, 0.3, NULL},
        {16, 0.5, "network.weight_bits: 24, or"},
        {16, 1.0, "long; choose a smaller std"},
        {24, 0.5, NULL},
        {24, 1.0, "long; choose a smaller std"}, /* the normal table ends before the tail */
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        double g = i % 2 ? -1.0 : 1.0, std = cases[i / 2].std, mean, square;
        config_t c = network_empty();
        network_plan_t plan;
        network_population(&c, "E", 60, 60, 1.0);
        c.network.weight_bits = cases[i / 2].weight_bits;
        c.connection[0][0] = network_connection(g, std, 0.0, SIZE_IN_DEGREE, 100.0);
        c.connection[0][0].profile = PROFILE_UNIFORM;
        c.connection[0][0].weights = WEIGHTS_LOGNORMAL;
        status_t status = network_plan_create(&c, &plan);
        assert_int_equal(status, cases[i / 2].remedy ? STATUS_USAGE : STATUS_OK);
        if (status != STATUS_OK) {
            assert_non_null(strstr(status_message(), "connections.E.E"));
            assert_non_null(strstr(status_message(), cases[i / 2].remedy));
            continue;
        }
        stored_moments(&plan.net.pathway[0], plan.net.weight_bits, &mean, &square);
        /* Planned to 1 % by coarser sums, which differ from these by under 0.1 %. */
        assert_true(fabs(mean / (0.01 * g) - 1.0) < 0.011);
        assert_true(fabs(square / (1e-4 + 0.01 * std * std) - 1.0) < 0.011);
        network_plan_destroy(&plan);
    }
}

/* Rates keep their bits where the inputs leave room, however many cells the window has: 1e4 inputs
 * of 4e4 cells are at most 1e4 + 80/3 + sqrt((80/3)^2 + 2 80 7500) = 11123 (e^-80 a target). */
static void rate_bits_follow_the_inputs(void **state) {
    (void)state;
    const struct {
        int weight_bits;
        double in_degree;
        uint32_t inputs_most, rate_bits;
    } cases[] = {{8, 39999.0, 40000, 31},
                 {16, 39999.0, 40000, 31},
                 {24, 10000.0, 11123, 26},
                 {24, 15000.0, 16252, 26},
                 {24, 15200.0, 16455, 25}};
    for (int i = 0; i < 5; i++) {
        config_t c = network_empty();
        network_plan_t plan;
        network_population(&c, "E", 200, 200, 1.0);
        c.network.weight_bits = cases[i].weight_bits;
        c.connection[0][0] = network_connection(1.0, 0.1, 0.0, SIZE_IN_DEGREE, cases[i].in_degree);
        c.connection[0][0].profile = PROFILE_UNIFORM;
        assert_int_equal(network_plan_create(&c, &plan), STATUS_OK);
        assert_int_equal(plan.net.pathway[0].inputs_most, cases[i].inputs_most);
        assert_int_equal(plan.net.rate_bits, cases[i].rate_bits);
        assert_int_equal(plan.net.population[0].rate_shift, cases[i].rate_bits); /* rates to 1 */
        network_plan_destroy(&plan);
    }
}

/* What cannot work is refused with the key in the message. */
static void refusals(void **state) {
    (void)state;
    for (int i = 0; i < 9; i++) {
        config_t c = network_empty();
        network_plan_t plan;
        network_population(&c, "E", i == 0 ? 1999 : 20, i == 0 ? 1999 : 20, 1.0);
        network_population(&c, "I", i == 0 ? 1000 : 20, i == 0 ? 1000 : 20, 1.0);
        connection_config_t *w = &c.connection[0][1];
        *w = network_connection(1.0, 0.1, 0.1, SIZE_OUT_DEGREE, 10.0);
        if (i == 1)
            w->range = 1.5;
        if (i == 2)
            w->weights = WEIGHTS_LOGNORMAL, w->mean = 0.0;
        if (i == 3)
            w->rule = RULE_FIXED_INDEGREE, w->profile = PROFILE_DISC, w->size = 20.0; /* 13 sites */
        if (i == 4)
            w->rule = RULE_FIXED_INDEGREE, w->size = 0.3;
        if (i == 5) /* its square is 0 */
            w->range = 1e-162;
        if (i == 6) /* weights beyond a float, and below it */
            w->profile = PROFILE_UNIFORM, w->size_kind = SIZE_DENSITY, w->size = 1e-45;
        if (i == 7)
            w->mean = 1e-300, w->std = 0.0;
        if (i == 8) /* log(1 + std^2/mean^2) */
            w->weights = WEIGHTS_LOGNORMAL, w->mean = 1e-160, w->std = 1e6;
        status_quiet(1);
        assert_int_equal(network_plan_create(&c, &plan), STATUS_USAGE);
        status_quiet(0);
        assert_non_null(strstr(status_message(), "connections.E.I"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_have_the_same_bits),
        cmocka_unit_test(ranges_in_sites),
        cmocka_unit_test(lattices_with_nothing_in_common),
        cmocka_unit_test(wave_network_facts),
        cmocka_unit_test(tables_follow_the_formula),
        cmocka_unit_test(profiles_sum_to_the_degree),
        cmocka_unit_test(clipping_is_measured),
        cmocka_unit_test(scales),
        cmocka_unit_test(lognormal_weights_hold),
        cmocka_unit_test(rate_bits_follow_the_inputs),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
