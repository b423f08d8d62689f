/* Lyapunov exponents of networks whose exponents are known. */
#include <lapacke.h>
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/detect/lyapunov.h"
#include "host/detect/tangent.h"
#include "host/pathway.h"
#include "host/simulate.h"

static void check(status_t status) {
    if (status != STATUS_OK)
        fail_msg("%s", status_message());
}

typedef struct {
    config_t config;
    network_plan_t plan;
    backend_state_t *state;
    size_t n;
} built_t;

static void build(const char *yaml, int threads, built_t *b) {
    backend_options_t options = {.threads = threads};
    connectivity_t connectivity;
    check(config_parse(yaml, "test", NULL, 0, &b->config));
    check(network_plan_create(&b->config, &b->plan));
    check(backend_cpu.create(&b->plan.net, &options, &b->state, &connectivity));
    check(initial_state(&b->config, &b->plan.net, &backend_cpu, b->state));
    b->n = neurons_before(&b->plan.net, b->plan.net.populations);
}

static void build_destroy(built_t *b) {
    backend_cpu.destroy(b->state);
    network_plan_destroy(&b->plan);
    config_destroy(&b->config);
}

static void measure(built_t *b, uint32_t k, double time_ms, lyapunov_t *lyapunov) {
    lyapunov_options_t options = {.exponents = k, .time_ms = time_ms, .quiet = true};
    check(lyapunov_check(&b->config, &b->plan.net, &options));
    check(lyapunov_measure(&b->config, &b->plan.net, &backend_cpu, b->state, &options, lyapunov));
}

/* nx x 20 neurons with weights of mean 0 and standard deviation g / sqrt(N), all to all. */
static void build_random(unsigned nx, double g, double dt_ms, double noise, unsigned seed,
                         built_t *b) {
    char yaml[600];
    snprintf(yaml, sizeof yaml,
             "populations: {E: {lattice: [%u, 20], gain: {kind: tanh, max: 1}}}\n"
             "connections: {E: {E: {mean: 0, std: %g, profile: uniform, density: 1}}}\n"
             "dynamics: {tau: 20, noise: %g, initial: {normal: [0, 1]}}\n"
             "simulation: {dt: %g, duration: 100, onset: 0, seed: %u}\n"
             "output: {every: %g}\n",
             nx, g, noise, dt_ms, seed, dt_ms);
    build(yaml, 1, b);
}

/* ---- the derivative of a step ---- */

static const char *const gains[] = {
    "{kind: tanh, max: 2, slope: 1.5, threshold: 0.2}",
    "{kind: linear, slope: 0.7}",
    "{kind: clipped_linear, min: -0.5, max: 1}",
    "{kind: threshold_linear, slope: 2}",
    "{kind: threshold_power, exponent: 2}",
    "{kind: sigmoid, max: 3, slope: 2}",
};

/* (F(h + e v) - F(h - e v)) / 2e with e = 2^-7: off by e^2/6 of third derivatives (6e-5 of a slope
 * of 6 and less for these gains) and by the roundings of h to float, 2^-22 / e = 3e-5. Sites within
 * e of a kink, or of saturation, are moved away. */
static void test_derivative(void **state) {
    (void)state;
    const float e = 0x1p-7f;
    /* And where the rate reaches 2, rate_max: linear ones at 1, h^2, the sigmoid at log(2)/2. */
    const float kinks[] = {-0.5f, 0.0f, 1.0f, sqrtf(2.0f), 0.5f * logf(2.0f)};
    for (size_t g = 0; g < sizeof gains / sizeof gains[0]; g++) {
        built_t b;
        tangent_t tangent;
        char yaml[800];
        snprintf(yaml, sizeof yaml,
                 "populations: {E: {lattice: [12, 12], gain: %s, rate_max: 2, tau: 20}, "
                 "I: {lattice: [6, 6], gain: %s, tau: 10}}\n"
                 "connections: {E: {E: {mean: 1, std: 1, range: 0.2, density: 0.9}, "
                 "I: {mean: -1, std: 1, range: 0.2, density: 0.9}}, "
                 "I: {E: {mean: 2, std: 1, range: 0.2, density: 0.9}}}\n"
                 "dynamics: {noise: 0.1, input: 0.3}\n"
                 "simulation: {dt: 2, duration: 100, onset: 0}\noutput: {every: 2}\n",
                 gains[g], gains[g]);
        build(yaml, 1, &b);
        const network_t *net = &b.plan.net;
        check(tangent_create(net, &backend_cpu, b.state, 1, &tangent));
        float *h = malloc(b.n * sizeof *h), *out[2];
        double *v = malloc(b.n * sizeof *v);
        for (size_t i = 0; i < b.n; i++) {
            h[i] = 4.0f * (float)((double)((i * 2654435769u) & 0xffffff) * 0x1p-24 - 0.5);
            for (size_t k = 0; k < sizeof kinks / sizeof kinks[0]; k++)
                if (fabsf(h[i] - kinks[k]) < 2 * e)
                    h[i] = kinks[k] + 3 * e;
            v[i] = sin((double)i * 1.7);
            tangent.vector[i] = v[i];
        }
        for (int side = 0; side < 2; side++) {
            float *moved = out[side] = malloc(b.n * sizeof *moved);
            for (size_t i = 0; i < b.n; i++)
                moved[i] = h[i] + (side ? e : -e) * (float)v[i];
            for (uint32_t a = 0; a < net->populations; a++)
                check(backend_cpu.put_state(b.state, 0, a, moved + neurons_before(net, a)));
            check(backend_cpu.step(b.state, 7, 1));
            for (uint32_t a = 0; a < net->populations; a++)
                check(backend_cpu.get_state(b.state, 0, a, moved + neurons_before(net, a)));
        }
        check(tangent_step(&tangent, h));
        for (size_t i = 0; i < b.n; i++) {
            double slope = ((double)out[1][i] - (double)out[0][i]) / (2.0 * (double)e);
            if (!(fabs(tangent.vector[i] - slope) < 2e-4))
                fail_msg("gain %zu, neuron %zu: %.6f, by differences %.6f", g, i, tangent.vector[i],
                         slope);
        }
        free(h);
        free(v);
        free(out[0]);
        free(out[1]);
        tangent_destroy(&tangent);
        build_destroy(&b);
    }
}

/* ---- networks at rest: the exponents follow from the eigenvalues ---- */

/* log |eigenvalue| of the step 1 + diag(delta)(J diag(phi'(0)) - 1), descending. */
static double *log_moduli(const built_t *b) {
    const network_t *net = &b->plan.net;
    size_t n = b->n;
    double *matrix = calloc(n * n, sizeof *matrix), *log_modulus = malloc(n * sizeof *log_modulus);
    double *re = malloc(n * sizeof *re), *im = malloc(n * sizeof *im), none[1];
    for (uint32_t k = 0; k < net->pathways; k++) {
        const pathway_t *w = &net->pathway[k];
        uint32_t targets = population_size(&net->population[w->target]);
        double delta = (double)net->population[w->target].delta;
        double unit = delta * (double)w->scale * gain_slope64(net->population[w->source].gain, 0.0);
        uint64_t *start = calloc(targets + 1, sizeof *start);
        check(backend_cpu.edges(b->state, k, 0, targets, start, NULL, NULL));
        uint32_t *source = malloc(start[targets] * sizeof *source);
        int32_t *code = malloc(start[targets] * sizeof *code);
        check(backend_cpu.edges(b->state, k, 0, targets, start, source, code));
        for (uint32_t t = 0; t < targets; t++)
            for (uint64_t s = start[t]; s < start[t + 1]; s++)
                matrix[(neurons_before(net, w->source) + source[s]) * n +
                       neurons_before(net, w->target) + t] = unit * code[s];
        free(start);
        free(source);
        free(code);
    }
    for (uint32_t a = 0; a < net->populations; a++)
        for (size_t i = neurons_before(net, a); i < neurons_before(net, a + 1); i++)
            matrix[i * n + i] += 1.0 - (double)net->population[a].delta;
    lapack_int order = (lapack_int)n;
    assert_int_equal(
        LAPACKE_dgeev(LAPACK_COL_MAJOR, 'N', 'N', order, matrix, order, re, im, none, 1, none, 1),
        0);
    for (size_t i = 0; i < n; i++) {
        double value = log(hypot(re[i], im[i]));
        size_t j = i;
        for (; j > 0 && log_modulus[j - 1] < value; j--)
            log_modulus[j] = log_modulus[j - 1];
        log_modulus[j] = value;
    }
    free(matrix);
    free(re);
    free(im);
    return log_modulus;
}

/* Where two moduli are apart, the volume before the gap grows at the known rate, to within 1e-6: at
 * a gap of 0.1, 160 tau of transient leave e^-16 of other directions, over 800 tau; rounding to
 * 2^-31 at every step of tau/10 adds 1e-8. Between the two of a complex pair, which turn, growth
 * is shared out evenly but for a few turns' rest over 800 tau. */
static void compare_at_rest(built_t *b) {
    enum { K = 8 };
    lyapunov_t l;
    double delta = (double)b->plan.net.population[0].delta, known = 0.0, seen = 0.0;
    double *log_modulus = log_moduli(b);
    int compared = 0;
    measure(b, K, 16000.0, &l);
    for (size_t j = 0; j < K; j++) {
        known += log_modulus[j] / delta;
        seen += l.exponent[j].mean;
        assert_float_equal(l.exponent[j].mean, log_modulus[j] / delta, 0.02);
        if ((log_modulus[j] - log_modulus[j + 1]) / delta > 0.1) {
            assert_float_equal(seen, known, 1e-6);
            compared++;
        }
    }
    assert_true(compared >= 2);
    assert_float_equal(l.twin.mean, l.exponent[0].mean, 0.005);
    free(log_modulus);
    lyapunov_destroy(&l);
}

/* Linear gains: noise moves the network, and changes nothing. Unequal tau. */
static void test_linear(void **state) {
    (void)state;
    built_t b;
    build("populations: {E: {lattice: [6, 6], gain: {kind: linear}, tau: 20},"
          " I: {lattice: [3, 3], gain: {kind: linear, slope: 0.5}, tau: 12}}\n"
          "connections: {E: {E: {mean: 0.5, std: 0.5, range: 0.2, density: 0.9},"
          " I: {mean: -1, std: 0.5, range: 0.2, density: 0.9}},"
          " I: {E: {mean: 1, std: 0.5, range: 0.2, density: 0.9}}}\n"
          "dynamics: {noise: 0.1}\n"
          "simulation: {dt: 2, duration: 100, onset: 0}\noutput: {every: 2}\n",
          1, &b);
    compare_at_rest(&b);
    build_destroy(&b);
}

/* tanh below the transition: h decays to 0, where the slope is 1. */
static void test_decay(void **state) {
    (void)state;
    built_t b;
    build_random(2, 0.7, 2.0, 0.0, 3, &b);
    check(backend_cpu.step(b.state, 0, 4000));
    compare_at_rest(&b);
    build_destroy(&b);
}

/* ---- random networks ---- */

/* What was measured went on as the simulation goes by itself; any number of threads gives the same
 * numbers. */
static void test_same_trajectory(void **state) {
    (void)state;
    uint64_t hash[2];
    lyapunov_t l[2];
    for (int t = 0; t < 2; t++) {
        built_t b;
        omp_set_num_threads(1 + 2 * t);
        build_random(10, 1.8, 2.0, 0.05, 5, &b);
        measure(&b, 3, 400.0, &l[t]);
        uint64_t steps = (uint64_t)((l[t].start_ms + (double)l[t].samples * l[t].sample_ms) / 2.0);
        check(backend_state_hash(&backend_cpu, b.state, &b.plan.net, &hash[0]));
        check(initial_state(&b.config, &b.plan.net, &backend_cpu, b.state));
        check(backend_cpu.step(b.state, 0, (uint32_t)steps));
        check(backend_state_hash(&backend_cpu, b.state, &b.plan.net, &hash[1]));
        assert_true(hash[0] == hash[1]);
        build_destroy(&b);
    }
    omp_set_num_threads(1);
    assert_memory_equal(l[0].growth, l[1].growth, l[0].samples * 3 * sizeof(double));
    assert_memory_equal(l[0].twin_growth, l[1].twin_growth, l[0].samples * sizeof(double));
    lyapunov_destroy(&l[0]);
    lyapunov_destroy(&l[1]);
}

/* 400 neurons, g = 3: the mean field's 0.2313 at dt = tau/10 (scripts/study_lyapunov.py), within
 * what 400 neurons scatter. The twin follows the same trajectory, so it differs by less than the
 * error bars. */
static void test_chaos(void **state) {
    (void)state;
    built_t b;
    lyapunov_t l;
    build_random(20, 3.0, 2.0, 0.0, 1, &b);
    check(backend_cpu.step(b.state, 0, 300));
    measure(&b, 2, 2000.0, &l);
    printf("g = 3, N = 400: %.4f +- %.4f, twin %.4f +- %.4f\n", l.exponent[0].mean,
           l.exponent[0].error, l.twin.mean, l.twin.error);
    assert_true(l.exponent[0].mean > 5.0 * l.exponent[0].error);
    assert_float_equal(l.exponent[0].mean, 0.2313, 0.06);
    assert_float_equal(l.twin.mean, l.exponent[0].mean, 0.02);
    lyapunov_destroy(&l);
    build_destroy(&b);
}

/* Null: networks that only their noise moves. None of 20 may have an exponent that is positive by
 * 2 error bars. */
static void test_null(void **state) {
    (void)state;
    for (unsigned seed = 1; seed <= 20; seed++) {
        built_t b;
        lyapunov_t l;
        build_random(4, 0.6, 2.0, 0.3, seed, &b);
        measure(&b, 2, 600.0, &l);
        assert_true(l.exponent[0].mean < 2.0 * l.exponent[0].error);
        assert_true(l.twin.mean < 2.0 * l.twin.error);
        lyapunov_destroy(&l);
        build_destroy(&b);
    }
}

/* ---- error bars, dimension, messages ---- */

static double normal(uint64_t *seed) {
    double u[2];
    for (int k = 0; k < 2; k++) {
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        u[k] = ((double)(*seed >> 11) + 0.5) * 0x1p-53;
    }
    return sqrt(-2.0 * log(u[0])) * cos(2.0 * acos(-1.0) * u[1]);
}

/* x <- a x + z, 400 series of 2000 samples: correlation time (1 + a)/(1 - a), the mean's variance
 * is that over n times x's. The mean of 400 squared errors is known to sqrt(2/9/400) = 2.4 %, and
 * blocks of 200 samples miss 2 a/(1 - a^2)/200 of it: 5 % for a = 0.9. */
static void test_block_average(void **state) {
    (void)state;
    enum { N = 2000, SERIES = 400 };
    static double x[2 * N]; /* stride 2 */
    static const double memory[2] = {0.0, 0.9};
    uint64_t seed = 1;
    for (int m = 0; m < 2; m++) {
        double a = memory[m], squares = 0.0, time = 0.0;
        for (int s = 0; s < SERIES; s++) {
            double last = normal(&seed) / sqrt(1.0 - a * a);
            for (int i = 0; i < N; i++)
                x[2 * i] = 3.0 + (last = a * last + normal(&seed));
            block_average_t average = block_average(x, N, 2);
            assert_float_equal(average.mean, 3.0, 5.0 / (1.0 - a) / sqrt(N));
            squares += average.error * average.error / SERIES;
            time += average.correlation / SERIES;
        }
        double expected = (1.0 + a) / (1.0 - a);
        assert_float_equal(squares * N * (1.0 - a) * (1.0 - a), 1.0, 0.12);
        assert_float_equal(time, expected, 0.15 * expected);
    }
}

static void test_dimension(void **state) {
    (void)state;
    static const double lorenz[3] = {0.9056, 0.0, -14.5723}, steady[2] = {-0.1, -0.2};
    assert_float_equal(kaplan_yorke(lorenz, 3), 2.0 + 0.9056 / 14.5723, 1e-12);
    assert_true(isnan(kaplan_yorke(lorenz, 2)));
    assert_float_equal(kaplan_yorke(steady, 2), 0.0, 0.0);
    assert_float_equal(positive_sum(lorenz, 3), 0.9056, 1e-12);
    assert_true(isnan(positive_sum(lorenz, 1)));
    assert_float_equal(positive_sum(steady, 2), 0.0, 0.0);
}

static void refused(const built_t *b, uint32_t k, double time_ms, const char *says) {
    lyapunov_options_t options = {.exponents = k, .time_ms = time_ms};
    assert_int_equal(lyapunov_check(&b->config, &b->plan.net, &options), STATUS_USAGE);
    if (!strstr(status_message(), says))
        fail_msg("\"%s\" does not say \"%s\"", status_message(), says);
}

static void test_messages(void **state) {
    (void)state;
    built_t b;
    lyapunov_t l;
    lyapunov_options_t options = {.exponents = 2, .quiet = true};
    build_random(2, 1.0, 2.0, 0.0, 1, &b);
    refused(&b, 41, 0.0, "40 neurons");
    refused(&b, 2, 199.0, "200 ms");
    refused(&b, 2, INFINITY, "1e+09 ms");
    build_destroy(&b);
    /* dt = tau and no slope anywhere: nothing is left of a tangent vector. */
    build("populations: {E: {lattice: [4, 4], gain: {kind: threshold_linear, threshold: 9}}}\n"
          "connections: {E: {E: {mean: 1, profile: uniform, density: 1}}}\n"
          "dynamics: {tau: 1}\n"
          "simulation: {dt: 1, duration: 100, onset: 0}\noutput: {every: 1}\n",
          1, &b);
    assert_int_equal(lyapunov_measure(&b.config, &b.plan.net, &backend_cpu, b.state, &options, &l),
                     STATUS_FAILED);
    assert_non_null(strstr(status_message(), "vanished"));
    lyapunov_destroy(&l);
    build_destroy(&b);
}

/* The names that JSON, file and figures rely on. */
static void test_found(void **state) {
    (void)state;
    built_t b;
    lyapunov_t l;
    dataset_t found = {0};
    build_random(2, 0.5, 2.0, 0.1, 1, &b);
    measure(&b, 3, 400.0, &l);
    check(lyapunov_found(&l, &found));
    const dataset_item_t *exponents = dataset_find(&found, "lyapunov/exponents");
    const dataset_item_t *means = dataset_find(&found, "lyapunov/convergence");
    assert_true(exponents->count == 3 && means->count == 3 * l.samples);
    for (size_t v = 0; v < 3; v++) {
        assert_float_equal(exponents->values[v], l.exponent[v].mean, 0.0);
        assert_float_equal(means->values[3 * (l.samples - 1) + v], l.exponent[v].mean, 1e-12);
    }
    assert_string_equal(exponents->unit, "1/tau");
    assert_string_equal(dataset_find(&found, "lyapunov/unit")->text, "1/tau");
    assert_float_equal(dataset_value(&found, "lyapunov/kaplan_yorke"), 0.0, 0.0);
    assert_float_equal(dataset_value(&found, "lyapunov/twin"), l.twin.mean, 0.0);
    dataset_destroy(&found);
    lyapunov_destroy(&l);
    build_destroy(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_derivative),    cmocka_unit_test(test_linear),
        cmocka_unit_test(test_decay),         cmocka_unit_test(test_same_trajectory),
        cmocka_unit_test(test_chaos),         cmocka_unit_test(test_null),
        cmocka_unit_test(test_block_average), cmocka_unit_test(test_dimension),
        cmocka_unit_test(test_messages),      cmocka_unit_test(test_found),
    };
    status_quiet(1);
    omp_set_num_threads(1); /* networks of a few hundred neurons */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
