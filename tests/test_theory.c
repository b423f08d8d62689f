/* Spectrum and regime from theory: published parameter sets, exact and limiting cases, fixed
 * points, dynamical mean field. Comparisons with dense matrices: test_theory_dense.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "host/theory/internal.h"
#include "tests/networks.h"

static double MISMATCH[2][2] = {{0.05, 0.07}, {0.05, 0.07}}; /* DESIGN section 1, first plane */
static double ALIKE[2][2] = {{0.07, 0.07}, {0.07, 0.07}};    /* second */
static double CHAOS[2][2] = {{0.05, 0.05}, {0.05, 0.0815}};  /* third */

static theory_t predict(const config_t *config) {
    network_plan_t plan;
    theory_t theory;
    assert_int_equal(network_plan_create(config, &plan), STATUS_OK);
    assert_int_equal(theory_predict(config, &plan, &theory), STATUS_OK);
    network_plan_destroy(&plan);
    return theory;
}

static double seconds(void) { /* of this process, so that a busy machine does not matter */
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Known from NumPy to the digits given: tolerance half of the last one. */
static void published_regimes(void **state) {
    (void)state;
    const struct {
        double g[2][2], (*d)[2], sigma;
        regime_t regime;
        double radius, re, im;
        int nx, ny, multiplicity;
    } cases[] = {
        {{{9, -9}, {15.48, -9}}, MISMATCH, 0.1, REGIME_WAVE, 0.56620, 1.08942, 2.74691, 2, 3, 8},
        {{{9, -9}, {10.8, -9}}, MISMATCH, 0.1, REGIME_BUMP, 0.51258, 1.54744, 0, 0, 5, 4},
        {{{13.05, -9}, {9.45, -9}}, ALIKE, 0.1, REGIME_SYNCHRONOUS, 0.46498, 8.06657, 0, 0, 0, 1},
        {{{13.05, -9}, {15.3, -9}},
         ALIKE,
         0.1,
         REGIME_OSCILLATION,
         0.51601,
         2.025,
         4.01863,
         0,
         0,
         1},
        {{{6.3, -9}, {10, -9}}, ALIKE, 0.1, REGIME_ASYNCHRONOUS, 0.45274, -9, -9, -1, -1, 0},
        {{{5.5, -5}, {5, -4.25}}, CHAOS, 0.9, REGIME_CHAOS, 1.30369, -9, -9, -1, -1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double g[2][2];
        memcpy(g, cases[i].g, sizeof g);
        config_t c = network_ei(200, g, cases[i].d, cases[i].sigma, 0.95);
        theory_t theory = predict(&c);
        assert_int_equal(theory.regime, cases[i].regime);
        assert_true(fabs(theory.bulk_radius - cases[i].radius) < 5.1e-6);
        if (cases[i].multiplicity) {
            const eigenmode_t *mode = &theory.dominant;
            assert_true(fabs(mode->re - cases[i].re) < 5.1e-6);
            assert_true(fabs(mode->im - cases[i].im) < 5.1e-6);
            assert_int_equal(mode->nx, cases[i].nx);
            assert_int_equal(mode->ny, cases[i].ny);
            assert_int_equal(mode->multiplicity, cases[i].multiplicity);
            assert_true(mode->growth > 1.0);
        } else {
            assert_true(theory.dominant.growth <= 1.0);
        }
        assert_int_equal(theory.mean_field, cases[i].regime == REGIME_CHAOS);
        theory_destroy(&theory);
    }
}

static void wave_in_full(void **state) {
    (void)state;
    double g[2][2] = {{9, -9}, {15.48, -9}};
    config_t c = network_ei(200, g, MISMATCH, 0.1, 0.95);
    network_plan_t plan;
    theory_t theory;
    assert_int_equal(network_plan_create(&c, &plan), STATUS_OK);
    double start = seconds();
    assert_int_equal(theory_predict(&c, &plan, &theory), STATUS_OK);
    double taken = seconds() - start;
    print_message("theory_predict of the wave network: %.1f ms\n", 1e3 * taken);
    assert_true(taken < 0.1); /* measured: 5 to 12 ms on one core */
    const eigenmode_t *mode = &theory.dominant;
    assert_true(fabs(mode->growth - 1.001271) < 5e-7);
    assert_true(fabs(mode->frequency_hz - 21.86) < 5e-3);
    assert_true(fabs(mode->wavenumber - sqrt(13.0)) < 1e-12);
    assert_true(fabs(mode->phase_speed * sqrt(13.0) - mode->frequency_hz) < 1e-9);
    /* The lattice's smooth limit holds to exp(-2 pi^2 d^2 n^2) at n = 100 - 3: nothing. */
    assert_true(theory.aliasing < 1e-9);
    assert_true(theory.n_outliers > 0);
    for (size_t i = 0; i < theory.n_outliers; i++) {
        mode = &theory.outliers[i];
        assert_true(hypot(mode->re, mode->im) > theory.bulk_radius);
        assert_true(mode->im >= 0.0 && mode->nx <= mode->ny);
        assert_true(i == 0 || mode->growth <= theory.outliers[i - 1].growth + 1e-8);
    }
    /* Every mode above a fraction, outliers among them. */
    eigenmode_t *modes = NULL;
    size_t n = 0;
    assert_int_equal(theory_modes(&c, &plan, &theory, 0.02, &modes, &n), STATUS_OK);
    assert_true(n > theory.n_outliers);
    assert_true(modes[0].re == theory.dominant.re && modes[0].im == theory.dominant.im);
    free(modes);
    theory_destroy(&theory);
    network_plan_destroy(&plan);
}

/* Wherever nothing is clipped: S_ab(n) = g_ab (N_b/N_a) exp(-|2 pi n|^2 d_ab^2/2), up to aliasing
 * (least exponent 2 pi^2 d^2 (40 - 5)^2 = 60) and to the tables' truncation, 1600 cells of 2^-32
 * against K > 9. */
static void gaussian_smooth_limit(void **state) {
    (void)state;
    double g[2][2] = {{2, -3}, {1.5, -1}};
    config_t c = network_ei(80, g, MISMATCH, 0.1, 0.6);
    network_plan_t plan;
    mean_network_t net;
    assert_int_equal(network_plan_create(&c, &plan), STATUS_OK);
    assert_int_equal(mean_network_create(&c, &plan, &net), STATUS_OK);
    double pi = acos(-1.0), worst = 0.0;
    int zone = 0;
    for (size_t i = 0; i < net.orbits; i++) {
        const orbit_t *orbit = &net.orbit[i];
        zone += orbit->multiplicity;
        double n2 = orbit->nx * orbit->nx + orbit->ny * orbit->ny;
        for (int a = 0; a < 2; a++)
            for (int b = 0; b < 2; b++) {
                double d = MISMATCH[a][b], ratio = b == a ? 1.0 : b ? 0.25 : 4.0;
                double smooth = g[a][b] * ratio * exp(-2.0 * pi * pi * n2 * d * d);
                worst = fmax(worst, fabs(orbit->symbol[a][b] - smooth) / fabs(g[a][b] * ratio));
            }
    }
    assert_true(worst < 1600.0 / 4294967296.0 / 9.0);
    /* Those kept: the disc |n| < n_max with exp(-2 pi^2 0.05^2 n_max^2) = 1e-6, 880 of them, to the
     * few on its rim. */
    assert_true(abs(zone - 880) < 20);
    mean_network_destroy(&net);
    network_plan_destroy(&plan);
}

/* The zone is counted once: a nearly local connection keeps every wave vector of its own 24 x 10
 * zone, Nyquist and zero components included, whatever the lattice of a population beside it. */
static void zone_is_counted_once(void **state) {
    (void)state;
    config_t c = network_empty();
    network_plan_t plan;
    mean_network_t net;
    network_population(&c, "E", 24, 10, 1.0);
    network_population(&c, "I", 12, 20, 1.0);
    c.connection[0][0] = network_connection(1.0, 0.0, 0.01, SIZE_DENSITY, 0.5);
    assert_int_equal(network_plan_create(&c, &plan), STATUS_OK);
    assert_int_equal(mean_network_create(&c, &plan, &net), STATUS_OK);
    int zone = 0;
    for (size_t i = 0; i < net.orbits; i++)
        zone += net.orbit[i].multiplicity;
    assert_int_equal(zone, 24 * 10);
    mean_network_destroy(&net);
    network_plan_destroy(&plan);
}

/* A coarse population that hardly takes part does not hide the waves of the others. */
static void coarse_population_hides_no_wave(void **state) {
    (void)state;
    double g[2][2] = {{9, -9}, {15.48, -9}}, d[2][2] = {{0.08, 0.112}, {0.08, 0.112}};
    config_t c = network_ei(80, g, d, 0.1, 0.95);
    network_plan_t plan;
    theory_t alone, beside;
    assert_int_equal(network_plan_create(&c, &plan), STATUS_OK);
    assert_int_equal(theory_predict(&c, &plan, &alone), STATUS_OK);
    network_plan_destroy(&plan);
    network_population(&c, "Z", 2, 2, 1.0);
    c.connection[0][2] = network_connection(0.01, 0.0, 0.5, SIZE_DENSITY, 0.5);
    assert_int_equal(network_plan_create(&c, &plan), STATUS_OK);
    assert_int_equal(theory_predict(&c, &plan, &beside), STATUS_OK);
    network_plan_destroy(&plan);
    assert_int_equal(alone.regime, REGIME_WAVE);
    assert_true(alone.dominant.wavenumber > 2.0); /* finer than Z resolves */
    assert_int_equal(beside.regime, REGIME_WAVE);
    assert_int_equal(beside.dominant.nx, alone.dominant.nx);
    assert_int_equal(beside.dominant.ny, alone.dominant.ny);
    assert_int_equal(beside.dominant.multiplicity, alone.dominant.multiplicity);
    /* A zero row and column more: the same eigenvalue to rounding. */
    assert_true(fabs(beside.dominant.re - alone.dominant.re) < 1e-12);
    assert_true(fabs(beside.dominant.im - alone.dominant.im) < 1e-12);
    theory_destroy(&alone);
    theory_destroy(&beside);
}

/* All to all: p = 1, S(0) = g N_b/N_a and nothing elsewhere; the variance is sigma^2 N_b/N_a.
 * Sums of 64 equal numbers, so to rounding. */
static void uniform_profile_is_exact(void **state) {
    (void)state;
    double g[2][2] = {{1.5, -2}, {3, -1}};
    config_t c = network_ei(16, g, ALIKE, 0.3, 1.0);
    for (int i = 0; i < 4; i++)
        c.connection[i / 2][i % 2].profile = PROFILE_UNIFORM;
    theory_t theory = predict(&c);
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 2; b++) {
            double ratio = b == a ? 1.0 : b ? 0.25 : 4.0;
            assert_true(fabs(theory.coupling[a][b] - g[a][b] * ratio) < 1e-13);
            assert_true(fabs(theory.variance[a][b] - 0.09 * ratio) < 1e-13);
        }
    for (size_t i = 0; i < theory.n_outliers; i++)
        assert_true(theory.outliers[i].wavenumber == 0.0);
    /* lambda^2 - lambda/2 + 4.5 = 0 */
    assert_true(fabs(theory.dominant.re - 0.25) < 1e-12);
    assert_true(fabs(theory.dominant.im - sqrt(4.5 - 0.0625)) < 1e-12);
    assert_int_equal(theory.regime, REGIME_ASYNCHRONOUS);
    theory_destroy(&theory);
}

/* h = g phi(h) of one all-to-all population with gain phi; its fixed points and which is
 * followed. */
static theory_t homogeneous(double g, gain_config_t gain, double input, double initial) {
    config_t c = network_empty();
    network_population(&c, "E", 8, 8, 1.0);
    c.population[0].gain = gain;
    c.population[0].input = input;
    c.population[0].initial = (initial_config_t){.kind = INITIAL_CONSTANT, .value = {initial}};
    c.connection[0][0] = network_connection(g, 0.0, 0.0, SIZE_OUT_DEGREE, 64.0);
    c.connection[0][0].profile = PROFILE_UNIFORM;
    return predict(&c);
}

static void fixed_points_of_a_bistable_network(void **state) {
    (void)state;
    gain_config_t tanh_gain = {.kind = GAIN_TANH, .max = 1.0, .slope = 1.0};
    theory_t theory = homogeneous(2.0, tanh_gain, 0.0, 1.5);
    assert_int_equal(theory.fixed_points, 3);
    for (int i = 0; i < 3; i++) {
        double h = theory.fixed_point[i].h[0];
        assert_true(fabs(h - 2.0 * tanh(h)) < 1e-10);
        assert_int_equal(theory.fixed_point[i].stable, h != 0.0);
    }
    assert_true(theory.mean[0] == 0.0); /* an unstable rest state is what is left */
    assert_int_equal(theory.regime, REGIME_SYNCHRONOUS);
    theory_destroy(&theory);

    /* Both the low and the high state are stable: the initial one decides. */
    gain_config_t sigmoid = {.kind = GAIN_SIGMOID, .max = 1.0, .slope = 8.0, .threshold = 1.0};
    for (int high = 0; high < 2; high++) {
        theory = homogeneous(2.0, sigmoid, 0.0, high ? 1.5 : 0.5);
        assert_int_equal(theory.fixed_points, 3);
        double h = theory.mean[0];
        assert_true(fabs(h - 2.0 / (1.0 + exp(-8.0 * (h - 1.0)))) < 1e-10);
        assert_true(high ? h > 1.9 : h < 0.1);
        assert_int_equal(theory.regime, REGIME_ASYNCHRONOUS);
        assert_non_null(strstr(theory.followed_reason, high ? "stable too" : "rest state"));
        theory_destroy(&theory);
    }

    /* Threshold-linear with DC input: h = g h + I while h > 0. */
    gain_config_t threshold = {.kind = GAIN_THRESHOLD_LINEAR, .slope = 1.0};
    theory = homogeneous(-3.0, threshold, 1.0, -5.0);
    assert_int_equal(theory.fixed_points, 1);
    assert_true(fabs(theory.mean[0] - 0.25) < 1e-12);
    theory_destroy(&theory);
}

/* h = tanh(h): a root of third order, about which Newton's method stops anywhere within 1e-4. */
static void critical_point_is_one(void **state) {
    (void)state;
    gain_config_t tanh_gain = {.kind = GAIN_TANH, .max = 1.0, .slope = 1.0};
    theory_t theory = homogeneous(1.0, tanh_gain, 0.0, 1.5);
    assert_int_equal(theory.fixed_points, 1);
    assert_true(theory.fixed_point[0].h[0] == 0.0);
    theory_destroy(&theory);
}

/* An oscillator, which never comes to rest, in steps far shorter than tau; and with one tau far
 * longer than the other. */
static void short_steps_take_no_longer(void **state) {
    (void)state;
    double g[2][2] = {{13.05, -9.0}, {15.3, -9.0}}, d[2][2] = {{0.2, 0.2}, {0.2, 0.2}};
    for (int slow = 0; slow < 2; slow++) {
        config_t c = network_ei(16, g, d, 0.1, 0.95);
        if (slow)
            c.population[1].tau_ms = 1e6;
        else
            c.simulation.dt_ms = 1e-6;
        double start = seconds();
        theory_t theory = predict(&c);
        assert_true(seconds() - start < 5.0); /* 0.02 and 0.2 s; minutes by steps of dt alone */
        if (!slow)
            assert_non_null(strstr(theory.followed_reason, "does not settle"));
        theory_destroy(&theory);
    }
}

/* No fixed point: h = 2 max(0, h) + 1. */
static void growth_without_limit_is_reported(void **state) {
    (void)state;
    config_t c = network_empty();
    network_plan_t plan;
    theory_t theory;
    network_population(&c, "E", 8, 8, 1.0);
    c.population[0].gain = (gain_config_t){.kind = GAIN_THRESHOLD_LINEAR, .slope = 1.0};
    c.population[0].input = 1.0;
    c.connection[0][0] = network_connection(2.0, 0.0, 0.2, SIZE_OUT_DEGREE, 10.0);
    assert_int_equal(network_plan_create(&c, &plan), STATUS_OK);
    assert_int_equal(theory_predict(&c, &plan, &theory), STATUS_OK);
    assert_int_equal(theory.regime, REGIME_UNDECIDED);
    assert_non_null(strstr(theory.unsolved, "no fixed point"));
    theory_destroy(&theory);
    /* A linear network beyond R = 1. */
    c.population[0].gain.kind = GAIN_LINEAR;
    c.population[0].input = 0.0;
    c.connection[0][0].std = 2.0;
    c.connection[0][0].mean = 0.0;
    network_plan_destroy(&plan);
    assert_int_equal(network_plan_create(&c, &plan), STATUS_OK);
    assert_int_equal(theory_predict(&c, &plan, &theory), STATUS_OK);
    assert_int_equal(theory.regime, REGIME_UNDECIDED);
    assert_non_null(strstr(theory.unsolved, "dynamical mean field"));
    assert_int_equal(theory.fixed_points, 1);
    theory_destroy(&theory);
    network_plan_destroy(&plan);
}

/* <tanh^2> and its slope's average over Normal(0, v): a plain trapezoid sum, spectrally accurate
 * for smooth functions. */
static double tanh_average(double v, bool slope) {
    double sum = 0.0, step = 1e-3;
    for (int i = -9000; i <= 9000; i++) {
        double z = i * step, t = tanh(sqrt(v) * z);
        sum += step * exp(-0.5 * z * z) * (slope ? 1.0 - t * t : t * t);
    }
    return sum / sqrt(2.0 * acos(-1.0));
}

/* Zero mean, tanh: Delta = M <tanh^2> + s^2, by bisection. */
static void mean_field_of_a_random_network(void **state) {
    (void)state;
    config_t c = network_empty();
    network_population(&c, "E", 20, 20, 1.0);
    c.population[0].noise = 0.3;
    c.connection[0][0] = network_connection(0.0, 1.5, 0.1, SIZE_OUT_DEGREE, 20.0);
    theory_t theory = predict(&c);
    assert_int_equal(theory.regime, REGIME_CHAOS);
    double m = theory.variance[0][0], low = 1e-3, high = 4.0;
    assert_true(fabs(theory.bulk_radius - 1.5) < 1e-6); /* sigma; to the tables' truncation */
    for (int i = 0; i < 50; i++) {
        double v = 0.5 * (low + high);
        *(m * tanh_average(v, false) + 0.09 > v ? &low : &high) = v;
    }
    assert_true(fabs(theory.spread[0] - low) < 1e-9);
    assert_true(fabs(theory.gain[0] - tanh_average(low, true)) < 1e-9);
    assert_true(theory.mean[0] == 0.0);
    theory_destroy(&theory);
}

/* The published threshold-gain network, chaotic, with fixed in-degree: both equations hold, by a
 * trapezoid sum whose error at the kinks is step^2. Rows with a fixed sum pass on the rates'
 * variance only; lognormal weights, of half their mean here, are not recentred. */
static void mean_field_of_fixed_indegree(int weights) {
    double g[2][2] = {{0.575, -1.9}, {0.125, -0.45}}, d[2][2] = {{0.04, 0.04}, {0.04, 0.044}};
    config_t c = network_ei(200, g, d, 0.0, 0.8);
    c.population[0].gain = (gain_config_t){.kind = GAIN_THRESHOLD_LINEAR, .slope = 10.0};
    c.population[1].gain =
        (gain_config_t){.kind = GAIN_THRESHOLD_POWER, .slope = 2.0, .exponent = 2.0};
    for (int i = 0; i < 4; i++) {
        connection_config_t *w = &c.connection[i / 2][i % 2];
        double k = 0.8 * 2.0 * acos(-1.0) * w->range * w->range * (i / 2 ? 100 * 100 : 200 * 200);
        w->rule = RULE_FIXED_INDEGREE;
        w->weights = weights;
        w->std = weights == WEIGHTS_LOGNORMAL ? 0.5 * fabs(w->mean) / sqrt(k) : 0.0;
        c.population[i / 2].input = 1.0;
    }
    network_plan_t plan;
    assert_int_equal(network_plan_create(&c, &plan), STATUS_OK);
    theory_t theory = predict(&c);
    assert_int_equal(theory.regime, REGIME_CHAOS);
    double mean[2] = {0}, square[2] = {0}, step = 1e-4;
    for (int b = 0; b < 2; b++)
        for (int i = -90000; i <= 90000; i++) {
            double h = theory.mean[b] + sqrt(theory.spread[b]) * i * step;
            double rate = h < 0.0 ? 0.0 : b ? 2.0 * h * h : 10.0 * h;
            double weight = step * exp(-0.5 * pow(i * step, 2.0)) / sqrt(2.0 * acos(-1.0));
            mean[b] += weight * rate;
            square[b] += weight * rate * rate;
        }
    for (int a = 0; a < 2; a++) {
        double u = 1.0, spread = 0.0;
        for (int b = 0; b < 2; b++) {
            u += theory.coupling[a][b] * mean[b];
            double fixed = theory.variance[a][b]; /* less indegree std^2/k of free weights */
            if (weights == WEIGHTS_LOGNORMAL)
                fixed -= plan.net.pathway[2 * a + b].indegree *
                         pow(plan.facts[2 * a + b].std, 2.0) / plan.facts[2 * a + b].out_degree;
            spread += theory.variance[a][b] * square[b] - fixed * mean[b] * mean[b];
        }
        assert_true(fabs(u - theory.mean[a]) < 1e-5);
        assert_true(fabs(spread - theory.spread[a]) < 1e-5 * spread);
    }
    network_plan_destroy(&plan);
    theory_destroy(&theory);
}
static void mean_field_with_fixed_indegree(void **state) {
    (void)state;
    mean_field_of_fixed_indegree(WEIGHTS_NORMAL);
    mean_field_of_fixed_indegree(WEIGHTS_LOGNORMAL);
}

/* <max(0, h)> = u Phi(u/s) + s phi(u/s), <max(0, h)^2> = (u^2 + s^2) Phi + u s phi; the kink is
 * where a Gauss-Hermite rule would fail. */
static void gaussian_moments_with_a_kink(void **state) {
    (void)state;
    gain_t gain = {.kind = GAIN_THRESHOLD_LINEAR, .slope = 1.0f};
    for (int i = 0; i < 5; i++) {
        double u = -1.3 + 0.71 * i, s = 0.4 + 0.3 * i, m[2][3];
        double cdf = 0.5 * erfc(-u / s / sqrt(2.0));
        double density = exp(-0.5 * u * u / s / s) / sqrt(2.0 * acos(-1.0));
        gaussian_moments(gain, u, s * s, m);
        assert_true(fabs(m[0][0] - (u * cdf + s * density)) < 1e-13);
        assert_true(fabs(m[1][0] - ((u * u + s * s) * cdf + u * s * density)) < 1e-13);
        assert_true(fabs(m[0][1] / s - cdf) < 1e-12); /* Stein: <phi'> */
    }
}

static uint64_t random_next(uint64_t *state) { /* splitmix64 */
    uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static int compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Inclusion probabilities against successive sampling itself (the first K of exponential clocks
 * with rates p). Groups of 20 sources: sampling error below sqrt(20 0.25/4000)/20 = 0.0018; the
 * formula's own error falls as 1/K. */
static void inclusion_by_monte_carlo(void **state) {
    (void)state;
    enum { N = 400, K = 100, DRAWS = 4000, GROUP = 20 };
    double p[N], pi[N], clock[N], sorted[N], counts[N / GROUP] = {0}, sum = 0.0;
    uint64_t seed = 1;
    for (int j = 0; j < N; j++)
        pi[j] = p[j] = exp(-0.5 * (j / 120.0) * (j / 120.0));
    inclusion_probabilities(K, N, pi);
    for (int draw = 0; draw < DRAWS; draw++) {
        for (int j = 0; j < N; j++)
            sorted[j] = clock[j] =
                -log(((double)(random_next(&seed) >> 11) + 0.5) * 0x1p-53) / p[j];
        qsort(sorted, N, sizeof *sorted, compare);
        for (int j = 0; j < N; j++)
            counts[j / GROUP] += clock[j] < sorted[K];
    }
    double worst = 0.0;
    for (int g = 0; g < N / GROUP; g++) {
        double expected = 0.0;
        for (int j = g * GROUP; j < (g + 1) * GROUP; j++)
            expected += pi[j] / GROUP;
        sum += GROUP * expected;
        worst = fmax(worst, fabs(counts[g] / DRAWS / GROUP - expected));
    }
    assert_true(fabs(sum - K) < 1e-9);
    assert_true(worst < 4.0 * 0.0018);
    /* All are taken where all are asked for. */
    inclusion_probabilities(N, N, p);
    assert_true(p[0] == 1.0 && p[N - 1] == 1.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_regimes),
        cmocka_unit_test(wave_in_full),
        cmocka_unit_test(gaussian_smooth_limit),
        cmocka_unit_test(zone_is_counted_once),
        cmocka_unit_test(coarse_population_hides_no_wave),
        cmocka_unit_test(uniform_profile_is_exact),
        cmocka_unit_test(fixed_points_of_a_bistable_network),
        cmocka_unit_test(critical_point_is_one),
        cmocka_unit_test(short_steps_take_no_longer),
        cmocka_unit_test(growth_without_limit_is_reported),
        cmocka_unit_test(mean_field_of_a_random_network),
        cmocka_unit_test(mean_field_with_fixed_indegree),
        cmocka_unit_test(gaussian_moments_with_a_kink),
        cmocka_unit_test(inclusion_by_monte_carlo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
