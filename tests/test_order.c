/* Order parameters of fields whose answers are known. `test_order FRAMES NY NX FRAME_MS FILE
 * [open]` prints those of raw floats in FILE instead, for tests/check_order.py; sites that are NaN
 * in the first frame are masked. */
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

#include "host/detect/order.h"
#include "host/detect/persistence.h"
#include "host/detect/trials.h"

static const double pi = 3.14159265358979323846;

/* Data are floats: sums of 10^5 of them differ from the exact answer by well under 1e-6. */
static const double float_error = 1e-6;

static status_t read_array(void *context, size_t first_frame, size_t n_frames, size_t first_row,
                           size_t n_rows, float *out) {
    const field_t *field = context;
    const float *values = field->context;
    for (size_t t = 0; t < n_frames; t++)
        memcpy(out + t * n_rows * field->grid.nx,
               values + ((first_frame + t) * field->grid.ny + first_row) * field->grid.nx,
               n_rows * field->grid.nx * sizeof *out);
    return STATUS_OK;
}

static status_t compute_on(const grid_t *grid, size_t frames, double frame_ms, const float *values,
                           order_t *order) {
    field_t array = {.frames = frames, .grid = *grid, .context = (void *)values};
    field_t field = {.trials = 1,
                     .frames = frames,
                     .grid = *grid,
                     .frame_ms = frame_ms,
                     .context = &array,
                     .read = read_array};
    return order_compute(&field, order);
}

static status_t compute(size_t frames, size_t ny, size_t nx, double frame_ms, const float *values,
                        order_t *order) {
    const grid_t grid = grid_torus(ny, nx);
    return compute_on(&grid, frames, frame_ms, values, order);
}

static float *array(size_t n) {
    float *values = malloc(n * sizeof *values);
    assert_non_null(values);
    return values;
}

/* cos(2 pi (n_x x + n_y y - m t/T)) + offset, t in [0, frames): m whole periods. */
static float *plane_wave(size_t frames, size_t ny, size_t nx, int n_y, int n_x, int m,
                         double offset) {
    float *values = array(frames * ny * nx);
    for (size_t t = 0; t < frames; t++)
        for (size_t y = 0; y < ny; y++)
            for (size_t x = 0; x < nx; x++)
                values[(t * ny + y) * nx + x] =
                    (float)(offset +
                            cos(2.0 * pi *
                                (n_x * (double)x / (double)nx + n_y * (double)y / (double)ny -
                                 m * (double)t / (double)frames)));
    return values;
}

/* Standard normal numbers from a 64-bit congruential generator and Box-Muller. */
static double normal(uint64_t *state) {
    double u[2];
    for (int k = 0; k < 2; k++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        u[k] = ((double)(*state >> 11) + 0.5) * 0x1p-53;
    }
    return sqrt(-2.0 * log(u[0])) * cos(2.0 * pi * u[1]);
}

/* Sum over 11 sites of cos(2 pi n k / sites), over 11. */
static double box_factor(int n, size_t sites) {
    return n == 0 ? 1.0 : sin(11.0 * pi * n / (double)sites) / sin(pi * n / (double)sites) / 11.0;
}

static void test_travelling_wave(void **state) {
    (void)state;
    enum { FRAMES = 100, NY = 30, NX = 40 };
    float *values = plane_wave(FRAMES, NY, NX, -4, 3, 12, 0.0);
    order_t order;
    assert_int_equal(compute(FRAMES, NY, NX, 2.0, values, &order), STATUS_OK);
    assert_float_equal(order.wavenumber, 5.0, 1e-12);
    assert_float_equal(order.frequency_hz, 12 / 0.2, 1e-9);
    assert_float_equal(order.oscillation_index, 1.0, float_error);
    assert_float_equal(order.moran, box_factor(4, NY) * box_factor(3, NX), float_error);
    assert_float_equal(order.mean, 0.0, float_error);
    assert_float_equal(order.global_synchrony, 0.0, float_error);
    assert_float_equal(order.temporal_std, sqrt(0.5), float_error);
    assert_float_equal(order.spatial_std, sqrt(0.5), float_error);
    assert_float_equal(order.static_std, 0.0, float_error);
    assert_float_equal(order.global_std, 0.0, float_error);
    free(values);
}

/* A field that never changes sign: its mean does not hide the wave. */
static void test_positive_wave(void **state) {
    (void)state;
    enum { FRAMES = 40, NY = 16, NX = 16 };
    float *values = plane_wave(FRAMES, NY, NX, 0, 2, 5, 7.0);
    order_t order;
    assert_int_equal(compute(FRAMES, NY, NX, 1.0, values, &order), STATUS_OK);
    assert_float_equal(order.wavenumber, 2.0, 1e-12);
    assert_float_equal(order.mean, 7.0, float_error);
    assert_float_equal(order.local_synchrony, 1.0, 1e-12);
    assert_float_equal(order.cv, sqrt(0.5) / 7.0, float_error);
    free(values);
}

static void test_uniform_oscillation(void **state) {
    (void)state;
    enum { FRAMES = 250, NY = 13, NX = 17 };
    float *values = plane_wave(FRAMES, NY, NX, 0, 0, 10, 0.0);
    order_t order;
    assert_int_equal(compute(FRAMES, NY, NX, 2.0, values, &order), STATUS_OK);
    assert_float_equal(order.wavenumber, 0.0, 0.0);
    assert_float_equal(order.frequency_hz, 20.0, 1e-9);
    assert_float_equal(order.oscillation_index, 1.0, float_error);
    assert_float_equal(order.global_synchrony, 1.0, 1e-12);
    assert_float_equal(order.local_synchrony, 1.0, 1e-12);
    assert_float_equal(order.moran, 0.0, 0.0);
    assert_float_equal(order.spatial_std, 0.0, 0.0);
    assert_float_equal(order.persistence, 0.0, 0.0);
    assert_float_equal(order.global_std, sqrt(0.5), float_error);
    free(values);
}

/* Bumps on a 3 x 3 lattice, standing still. */
static void test_static_bumps(void **state) {
    (void)state;
    enum { FRAMES = 20, N = 60 };
    float *values = array(FRAMES * N * N);
    for (size_t i = 0; i < FRAMES * N * N; i++) {
        double x = (double)(i % N) / N, y = (double)(i / N % N) / N;
        values[i] = (float)(2.0 + cos(6.0 * pi * x) + cos(6.0 * pi * y));
    }
    order_t order;
    assert_int_equal(compute(FRAMES, N, N, 2.0, values, &order), STATUS_OK);
    assert_float_equal(order.wavenumber, 3.0, 1e-12);
    assert_float_equal(order.oscillation_index, 0.0, 0.0);
    assert_float_equal(order.frequency_hz, 0.0, 0.0);
    assert_float_equal(order.temporal_std, 0.0, 0.0);
    assert_float_equal(order.cv, 0.0, 0.0);
    assert_float_equal(order.spatial_std, order.static_std, float_error);
    assert_float_equal(order.moran, box_factor(3, N), float_error);
    free(values);
}

static void test_white_noise(void **state) {
    (void)state;
    enum { FRAMES = 60, N = 64, SITES = N * N };
    float *values = array((size_t)FRAMES * SITES);
    uint64_t seed = 1;
    for (size_t i = 0; i < (size_t)FRAMES * SITES; i++)
        values[i] = (float)normal(&seed);
    order_t order;
    assert_int_equal(compute(FRAMES, N, N, 2.0, values, &order), STATUS_OK);
    /* Five standard errors over the frames. Moran: the self-term 1/121, less the mean's removal;
     * variance of a frame's value ~ 2/(121 N). Local synchrony: |Normal(0, 121)| over the sum of
     * 121 |z|, 1/11 up to the denominator's spread (relative pi/2 - 1 over 121, 0.5 %); frames
     * hold about N/121 independent neighbourhoods of relative spread 0.76. */
    double moran_error = 5.0 * sqrt(2.0 / (121.0 * SITES) / FRAMES);
    assert_float_equal(order.moran, 1.0 / 121.0 - 1.0 / SITES, moran_error);
    double synchrony_error = 5.0 * 0.76 / 11.0 / sqrt(FRAMES * SITES / 121.0) + 0.005 / 11.0;
    assert_float_equal(order.local_synchrony, 1.0 / 11.0, synchrony_error);
    double global_error = 5.0 * 0.76 / sqrt((double)SITES * FRAMES);
    assert_float_equal(order.global_synchrony, 1.0 / sqrt((double)SITES), global_error);
    assert_float_equal(order.temporal_std, sqrt(1.0 - 1.0 / FRAMES), 0.01);
    free(values);
}

static regime_t regime_of(const order_t *order, const verdict_context_t *context) {
    regime_t regime;
    char reason[200];
    verdict(order, &(waves_seen_t){.at_rest = NAN}, context, &regime, reason);
    return regime;
}

/* A rhythm that still grows is one; without a rhythm, growth is no regime. Waves that stand out
 * name what the index leaves between a rhythm and none, unless most of the pattern is at rest. */
static void test_growth_and_waves(void **state) {
    (void)state;
    const verdict_context_t context = {.scale = 1.0, .two_signed = true, .chance = 1.0 / 121.0};
    order_t grows = {.mean_activity = 0.4,
                     .temporal_std = 0.4,
                     .spatial_std = 0.05,
                     .global_std = 0.38,
                     .oscillation_index = 0.9,
                     .trend = 4.0,
                     .span_ms = 1000.0};
    assert_int_equal(regime_of(&grows, &context), REGIME_OSCILLATION);
    grows.oscillation_index = 0.1;
    assert_int_equal(regime_of(&grows, &context), REGIME_UNDECIDED);
    order_t between = {.mean_activity = 0.4,
                       .temporal_std = 0.4,
                       .spatial_std = 0.4,
                       .oscillation_index = 0.4,
                       .moran = 0.8,
                       .wavenumber = 3.0,
                       .trend = 1.0,
                       .span_ms = 1000.0};
    const waves_seen_t seen[3] = {
        {NULL, 0.5, 0.1, 20.0}, {NULL, 0.2, 0.1, 20.0}, {NULL, 0.5, 0.9, 20.0}};
    for (int k = 0; k < 3; k++) {
        regime_t regime;
        char reason[200];
        verdict(&between, &seen[k], &context, &regime, reason);
        assert_int_equal(regime, k == 0 ? REGIME_WAVE : REGIME_UNDECIDED);
    }
}

/* What the model does below threshold: each neuron an Ornstein-Uhlenbeck process of 20 ms. Its
 * spectrum falls from the lowest frequencies on, so the index stays small. */
static void test_slow_noise_does_not_oscillate(void **state) {
    (void)state;
    enum { FRAMES = 750, SITES = 400 };
    float *values = array((size_t)FRAMES * SITES);
    uint64_t seed = 2;
    double keep = exp(-2.0 / 20.0);
    for (size_t i = 0; i < SITES; i++) {
        double h = normal(&seed);
        for (size_t t = 0; t < FRAMES; t++) {
            values[t * SITES + i] = (float)h;
            h = keep * h + sqrt(1.0 - keep * keep) * normal(&seed);
        }
    }
    order_t order;
    assert_int_equal(compute(FRAMES, 20, 20, 2.0, values, &order), STATUS_OK);
    assert_true(order.oscillation_index < 0.35); /* the paper's oscillations are above 0.8 */
    verdict_context_t known = {.noise = 1.0, .two_signed = true, .chance = 1.0 / 121.0};
    assert_int_equal(regime_of(&order, &known), REGIME_ASYNCHRONOUS);
    known.noise = 0.0;
    known.tau_ms = 20.0;
    assert_int_equal(regime_of(&order, &known), REGIME_CHAOS);
    known.tau_ms = 200.0; /* too short for a rhythm */
    assert_int_equal(regime_of(&order, &known), REGIME_UNDECIDED);
    free(values);
}

/* cos(2 pi (n x - f t)) on 24 x 24 sites: a wave; standing still, a bump; alike everywhere, an
 * oscillation. Nothing else need be known of the network. */
static void test_verdict_of_patterns(void **state) {
    (void)state;
    enum { FRAMES = 100, N = 24 };
    static const struct {
        double n, f_hz;
        regime_t regime;
    } cases[] = {{2, 20, REGIME_WAVE}, {2, 0, REGIME_BUMP}, {0, 20, REGIME_OSCILLATION}};
    float *values = array((size_t)FRAMES * N * N);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        for (size_t i = 0; i < (size_t)FRAMES * N * N; i++)
            values[i] = (float)cos(
                2.0 * pi *
                (cases[k].n * (double)(i % N) / N - cases[k].f_hz * 2e-3 * (double)(i / (N * N))));
        order_t order;
        assert_int_equal(compute(FRAMES, N, N, 2.0, values, &order), STATUS_OK);
        verdict_context_t context = {.two_signed = true, .chance = 1.0 / order.neighbourhood};
        assert_int_equal(regime_of(&order, &context), cases[k].regime);
    }
    free(values);
}

/* Measured data, whatever their level: the same, noise that may be chaos, and too few frames. */
static void test_verdict_of_data(void **state) {
    (void)state;
    enum { FRAMES = 300, N = 24 };
    static const struct {
        double n, f_hz, noise;
        size_t frames;
        regime_t regime;
    } cases[] = {{2, 20, 0.3, FRAMES, REGIME_WAVE},        {2, 0, 0.3, FRAMES, REGIME_BUMP},
                 {0, 20, 0.3, FRAMES, REGIME_OSCILLATION}, {0, 0, 1, FRAMES, REGIME_UNDECIDED},
                 {2, 20, 0.3, 40, REGIME_UNDECIDED},       {0, 0, 0, FRAMES, REGIME_UNDECIDED}};
    float *values = array((size_t)FRAMES * N * N);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
        for (int level = 0; level < 3; level++) {
            uint64_t seed = 1 + k;
            for (size_t i = 0; i < (size_t)FRAMES * N * N; i++)
                values[i] = (float)(cos(2.0 * pi *
                                        (cases[k].n * (double)(i % N) / N -
                                         cases[k].f_hz * 2e-3 * (double)(i / (N * N)))) +
                                    cases[k].noise * normal(&seed) + 100.0 * level);
            field_t array = {.grid = grid_torus(N, N), .context = values};
            field_t field = {.trials = 1,
                             .frames = cases[k].frames,
                             .frame_ms = 2.0,
                             .grid = array.grid,
                             .context = &array,
                             .read = read_array};
            observed_t observed;
            assert_int_equal(observed_create(1, &observed), STATUS_OK);
            assert_int_equal(observed_measure(&field, 0, NULL, &observed, NULL), STATUS_OK);
            assert_int_equal(observed.all.regime, cases[k].regime);
            observed_destroy(&observed);
        }
    free(values);
}

/* Trials of one field, pattern after pattern: each as it is alone, their mean and deviation, the
 * regime that all show or how many show which. */
static void choose_array(void *context, size_t trial) {
    field_t *array = context;
    float **trials = array->context;
    trials[0] = trials[1 + trial];
}

static status_t read_chosen(void *context, size_t first_frame, size_t n_frames, size_t first_row,
                            size_t n_rows, float *out) {
    field_t array = *(field_t *)context;
    array.context = *(float **)array.context;
    return read_array(&array, first_frame, n_frames, first_row, n_rows, out);
}

static void test_trials(void **state) {
    (void)state;
    enum { FRAMES = 100, N = 24, TRIALS = 4 };
    float *trials[1 + TRIALS] = {NULL, plane_wave(FRAMES, N, N, 0, 2, 4, 0.0), /* waves */
                                 plane_wave(FRAMES, N, N, 2, 0, 5, 0.0),
                                 plane_wave(FRAMES, N, N, 0, 2, 0, 0.0),  /* a bump */
                                 plane_wave(FRAMES, N, N, 0, 0, 4, 0.0)}; /* an oscillation */
    field_t array = {.frames = FRAMES, .grid = grid_torus(N, N), .context = trials};
    field_t field = {.trials = TRIALS,
                     .frames = FRAMES,
                     .grid = grid_torus(N, N),
                     .frame_ms = 2.0,
                     .context = &array,
                     .read = read_chosen,
                     .choose = choose_array};
    const verdict_context_t context = {.two_signed = true, .chance = 1.0 / 121.0};
    observed_t observed;
    order_t order;
    assert_int_equal(observed_create(TRIALS, &observed), STATUS_OK);
    assert_true(isnan(observed.trial[3].order.moran) && isnan(observed.all.order.moran));
    assert_string_equal(observed.all.reason, "not measured yet");
    assert_int_equal(observed_measure(&field, 0, &context, &observed, NULL), STATUS_OK);
    double mean = 0.0, squares = 0.0;
    for (int i = 0; i < TRIALS; i++) {
        assert_int_equal(compute(FRAMES, N, N, 2.0, trials[1 + i], &order), STATUS_OK);
        assert_memory_equal(&order, &observed.trial[i].order, sizeof order);
        mean += order.frequency_hz / TRIALS;
    }
    for (int i = 0; i < TRIALS; i++)
        squares += pow(observed.trial[i].order.frequency_hz - mean, 2.0);
    assert_float_equal(observed.all.order.frequency_hz, mean, 1e-12);
    assert_float_equal(observed.std.frequency_hz, sqrt(squares / (TRIALS - 1)), 1e-9);
    assert_int_equal(observed.all.regime, REGIME_UNDECIDED);
    assert_string_equal(observed.all.reason, "the trials differ: 2 wave, 1 oscillation, 1 bump");
    assert_false(observed_shows(&observed, REGIME_WAVE));
    assert_false(observed_shows(&observed, REGIME_UNDECIDED));
    observed_destroy(&observed);

    assert_int_equal(observed_create(2, &observed), STATUS_OK);
    assert_int_equal(observed_measure(&field, 0, &context, &observed, NULL), STATUS_OK);
    assert_true(observed_shows(&observed, REGIME_WAVE) && observed.all.regime == REGIME_WAVE);
    assert_true(strstr(observed.all.reason, "all 2 trials") != NULL);
    trials[2][7 * N * N] = NAN;
    assert_int_equal(observed_measure(&field, 0, &context, &observed, NULL), STATUS_FAILED);
    assert_true(strstr(status_message(), "trial 1: ") != NULL);
    observed_destroy(&observed);

    assert_int_equal(observed_create(1, &observed), STATUS_OK);
    assert_int_equal(observed_measure(&field, 2, &context, &observed, NULL), STATUS_OK);
    assert_int_equal(observed.all.regime, REGIME_BUMP);
    assert_memory_equal(&observed.all, &observed.trial[0], sizeof observed.all);
    assert_float_equal(observed.std.moran, 0.0, 0.0);
    observed_destroy(&observed);
    for (int i = 0; i < TRIALS; i++)
        free(trials[1 + i]);
}

/* A constant that no float sum holds exactly: every fluctuation is exactly 0 all the same. */
static void test_constant(void **state) {
    (void)state;
    enum { FRAMES = 9, NY = 5, NX = 23 };
    float *values = array(FRAMES * NY * NX);
    for (size_t i = 0; i < FRAMES * NY * NX; i++)
        values[i] = 0.1f;
    order_t order;
    assert_int_equal(compute(FRAMES, NY, NX, 2.0, values, &order), STATUS_OK);
    assert_float_equal(order.mean_activity, (double)0.1f, 1e-12);
    const double zero[] = {
        order.cv,         order.moran,       order.oscillation_index, order.frequency_hz,
        order.wavenumber, order.persistence, order.temporal_std,      order.spatial_std,
        order.static_std, order.global_std,  order.frequency_mean_hz};
    for (size_t i = 0; i < sizeof zero / sizeof zero[0]; i++)
        assert_float_equal(zero[i], 0.0, 1e-15);
    assert_float_equal(order.local_synchrony, 1.0, 1e-12);
    memset(values, 0, FRAMES * NY * NX * sizeof *values);
    assert_int_equal(compute(FRAMES, NY, NX, 2.0, values, &order), STATUS_OK);
    assert_float_equal(order.local_synchrony, 0.0, 0.0);
    assert_float_equal(order.global_synchrony, 0.0, 0.0);
    free(values);
}

static void test_ring(void **state) {
    (void)state;
    enum { FRAMES = 64, NX = 100 };
    float *values = plane_wave(FRAMES, 1, NX, 0, 7, 4, 0.0);
    order_t order;
    assert_int_equal(compute(FRAMES, 1, NX, 1.0, values, &order), STATUS_OK);
    assert_float_equal(order.wavenumber, 7.0, 1e-12);
    assert_float_equal(order.frequency_hz, 4 / 0.064, 1e-9);
    assert_float_equal(order.frequency_mean_hz, 4 / 0.064, 1e-4); /* a pure line: its own mean */
    assert_float_equal(order.moran, box_factor(7, NX), float_error);
    free(values);
}

/* Silent neighbourhoods count as 0 beside active ones, whatever the values' sizes. */
static void test_silent_neighbourhoods(void **state) {
    (void)state;
    enum { FRAMES = 2, NX = 50 };
    float *values = calloc(FRAMES * NX, sizeof *values);
    assert_non_null(values);
    for (int t = 0; t < FRAMES; t++) {
        values[t * NX + 3] = 1e-7f;
        values[t * NX + 4] = 1.7e5f;
        values[t * NX + 5] = 0.3f;
    }
    order_t order;
    assert_int_equal(compute(FRAMES, 1, NX, 1.0, values, &order), STATUS_OK);
    assert_float_equal(order.local_synchrony, 13.0 / NX, 1e-15);
    free(values);
}

/* A wave of two cycles a side in a disc of 15 sites' radius on an open sheet of 40 x 40, NaN around
 * it: no frame outside the disc counts. */
static void test_disc(void **state) {
    (void)state;
    enum { FRAMES = 50, N = 40 };
    float *values = plane_wave(FRAMES, N, N, 0, 2, 10, 3.0);
    unsigned char mask[N * N];
    double sites = 0.0, mean = 0.0, neighbours = 0.0;
    for (int i = 0; i < N * N; i++) {
        mask[i] = hypot(i % N - 19.5, i / N - 19.5) < 15.0;
        sites += mask[i];
        for (int t = 0; t < FRAMES; t++)
            values[t * N * N + i] = mask[i] ? values[t * N * N + i] : NAN;
        mean += mask[i] ? (double)values[i] : 0.0;
    }
    for (int i = 0; i < N * N; i++)
        for (int j = 0; j < N * N; j++)
            neighbours += mask[i] && mask[j] && abs(i % N - j % N) <= 5 && abs(i / N - j / N) <= 5;
    grid_t grid = grid_torus(N, N);
    grid.open = true;
    grid.mask = mask;
    order_t order;
    assert_int_equal(compute_on(&grid, FRAMES, 1.0, values, &order), STATUS_OK);
    assert_float_equal(order.wavenumber, 2.0, 1e-12);
    assert_float_equal(order.frequency_hz, 200.0, 1e-9);
    assert_float_equal(order.oscillation_index, 1.0, float_error);
    assert_float_equal(order.mean, 3.0, float_error); /* whole periods */
    assert_float_equal(order.local_synchrony, 1.0, 1e-12);
    assert_float_equal(order.temporal_std, sqrt(0.5), float_error);
    assert_float_equal(order.static_std, 0.0, float_error);
    assert_float_equal(order.cv, sqrt(0.5) / 3.0, float_error);
    assert_float_equal(order.neighbourhood, neighbours / sites, 1e-12);
    assert_true(order.moran > 0.5); /* two cycles over 40 sites: neighbours agree */

    values[7 * N * N + 20 * N + 21] = NAN;
    assert_int_equal(compute_on(&grid, FRAMES, 1.0, values, &order), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "frame 7"));
    assert_non_null(strstr(status_message(), "(y 20, x 21)"));
    memset(mask, 0, sizeof mask);
    assert_int_equal(compute_on(&grid, FRAMES, 1.0, values, &order), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "none of the 40 x 40 sites"));
    free(values);
}

/* Independent neurons on an open sheet: Moran's index stays at its chance level, 1 / the mean
 * neighbourhood - 1 / sites, within five standard errors (as in test_white_noise). */
static void test_open_noise(void **state) {
    (void)state;
    enum { FRAMES = 60, N = 30, SITES = N * N };
    float *values = array((size_t)FRAMES * SITES);
    uint64_t seed = 5;
    for (size_t i = 0; i < (size_t)FRAMES * SITES; i++)
        values[i] = (float)normal(&seed);
    grid_t grid = grid_torus(N, N);
    grid.open = true;
    order_t order;
    assert_int_equal(compute_on(&grid, FRAMES, 1.0, values, &order), STATUS_OK);
    double along = (11.0 * N - 30.0) / N; /* both ends lack 5 + 4 + 3 + 2 + 1 */
    assert_float_equal(order.neighbourhood, along * along, 1e-12);
    double error = 5.0 * sqrt(2.0 / (along * along * SITES) / FRAMES);
    assert_float_equal(order.moran, 1.0 / (along * along) - 1.0 / SITES, error);
    free(values);
}

static void test_bad_frames(void **state) {
    (void)state;
    enum { FRAMES = 12, N = 6 };
    float *values = plane_wave(FRAMES, N, N, 0, 1, 2, 0.0);
    order_t order;
    values[7 * N * N + 3] = NAN;
    assert_int_equal(compute(FRAMES, N, N, 1.0, values, &order), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "frame 7"));
    values[7 * N * N + 3] = INFINITY;
    assert_int_equal(compute(FRAMES, N, N, 1.0, values, &order), STATUS_FAILED);
    assert_int_equal(compute(1, N, N, 1.0, values, &order), STATUS_FAILED);
    free(values);
}

static void test_threads_do_not_matter(void **state) {
    (void)state;
    enum { FRAMES = 101, NY = 21, NX = 34 };
    float *values = array(FRAMES * NY * NX);
    uint64_t seed = 3;
    for (size_t i = 0; i < FRAMES * NY * NX; i++)
        values[i] = (float)(normal(&seed) + sin((double)(i / NX)));
    unsigned char mask[NY * NX];
    for (int i = 0; i < NY * NX; i++)
        mask[i] = i % 7 != 0;
    grid_t grid[2] = {grid_torus(NY, NX), grid_torus(NY, NX)};
    grid[1].open = true;
    grid[1].mask = mask;
    order_t one, other;
    int threads = omp_get_max_threads();
    for (int k = 0; k < 2; k++) {
        omp_set_num_threads(1);
        assert_int_equal(compute_on(&grid[k], FRAMES, 2.0, values, &one), STATUS_OK);
        for (int n = 2; n <= 7; n += 5) {
            omp_set_num_threads(n);
            assert_int_equal(compute_on(&grid[k], FRAMES, 2.0, values, &other), STATUS_OK);
            assert_memory_equal(&one, &other, sizeof one);
        }
    }
    omp_set_num_threads(threads);
    free(values);
}

/* ---- persistence against its definition ---- */

enum { SIDE_Y = 9, SIDE_X = 8, SMALL = SIDE_Y * SIDE_X };

/* Marks the component of {v <= level} around `site`; whether it holds a site lower than `site`. */
static bool flood(const double *v, int site, double level, bool *seen, double birth, int born) {
    int x = site % SIDE_X, y = site / SIDE_X;
    const int next[4] = {y * SIDE_X + (x + 1) % SIDE_X, y * SIDE_X + (x + SIDE_X - 1) % SIDE_X,
                         (y + 1) % SIDE_Y * SIDE_X + x, (y + SIDE_Y - 1) % SIDE_Y * SIDE_X + x};
    seen[site] = true;
    bool lower = v[site] < birth || (v[site] == birth && site < born);
    for (int d = 0; d < 4; d++)
        if (!seen[next[d]] && v[next[d]] <= level)
            lower = flood(v, next[d], level, seen, birth, born) || lower;
    return lower;
}

/* For every site: the lowest level at which its component reaches a lower site is its death. */
static double persistence_by_definition(const double *v) {
    double low = v[0], high = v[0], sum = 0.0;
    for (int i = 0; i < SMALL; i++) {
        low = fmin(low, v[i]);
        high = fmax(high, v[i]);
    }
    for (int i = 0; i < SMALL; i++) {
        double death = high;
        for (int j = 0; j < SMALL; j++) {
            bool seen[SMALL] = {false};
            if (v[j] >= v[i] && v[j] < death && flood(v, i, v[j], seen, v[i], i))
                death = v[j];
        }
        double lifetime = death - v[i];
        sum += lifetime >= 0.02 * (high - low) ? lifetime : 0.0;
    }
    return sum;
}

static void test_persistence(void **state) {
    (void)state;
    const grid_t side = grid_torus(SIDE_Y, SIDE_X);
    uint64_t seed = 4;
    for (int trial = 0; trial < 40; trial++) {
        double v[SMALL], sum;
        for (int i = 0; i < SMALL; i++) /* every other field with ties */
            v[i] = trial % 2 ? floor(3.0 * normal(&seed)) : normal(&seed);
        assert_int_equal(persistence_sublevel(v, &side, &sum), STATUS_OK);
        assert_float_equal(sum, persistence_by_definition(v), 1e-12);
    }
    double two_basins[SMALL];
    for (int i = 0; i < SMALL; i++)
        two_basins[i] = 1.0;
    two_basins[0] = -2.0;
    two_basins[36] = -1.0;
    double sum;
    assert_int_equal(persistence_sublevel(two_basins, &side, &sum), STATUS_OK);
    assert_float_equal(sum, 3.0 + 2.0, 1e-15);
}

static int print_order(char **arguments) {
    size_t frames = strtoul(arguments[0], NULL, 10), ny = strtoul(arguments[1], NULL, 10);
    size_t nx = strtoul(arguments[2], NULL, 10), n = frames * ny * nx;
    float *values = malloc(n * sizeof *values);
    FILE *in = fopen(arguments[4], "rb");
    if (values == NULL || in == NULL || fread(values, sizeof *values, n, in) != n)
        return 2;
    fclose(in);
    grid_t grid = grid_torus(ny, nx);
    unsigned char *mask = malloc(ny * nx);
    if (mask == NULL)
        return 2;
    for (size_t i = 0; i < ny * nx; i++)
        mask[i] = !isnan(values[i]);
    grid.open = arguments[5] && strcmp(arguments[5], "open") == 0;
    grid.mask = memchr(mask, 0, ny * nx) ? mask : NULL;
    order_t order;
    if (compute_on(&grid, frames, strtod(arguments[3], NULL), values, &order) != STATUS_OK)
        return 1;
    free(mask);
    const order_parameter_t *parameter;
    for (size_t i = 0; (parameter = order_each(i)) != NULL; i++)
        printf("%s %.17g\n", parameter->name, order_value(&order, parameter));
    free(values);
    return 0;
}

int main(int n_arguments, char **arguments) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_travelling_wave),
        cmocka_unit_test(test_positive_wave),
        cmocka_unit_test(test_uniform_oscillation),
        cmocka_unit_test(test_static_bumps),
        cmocka_unit_test(test_white_noise),
        cmocka_unit_test(test_growth_and_waves),
        cmocka_unit_test(test_slow_noise_does_not_oscillate),
        cmocka_unit_test(test_verdict_of_patterns),
        cmocka_unit_test(test_verdict_of_data),
        cmocka_unit_test(test_trials),
        cmocka_unit_test(test_constant),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_silent_neighbourhoods),
        cmocka_unit_test(test_disc),
        cmocka_unit_test(test_open_noise),
        cmocka_unit_test(test_bad_frames),
        cmocka_unit_test(test_threads_do_not_matter),
        cmocka_unit_test(test_persistence),
    };
    if (n_arguments >= 6)
        return print_order(arguments + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
