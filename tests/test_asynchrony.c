/* Correlations, spectra and correlation times against sums over all pairs and exact answers.
 * `test_asynchrony FIELDS`: so many noise fields of each kind, larger ones. */
#include <complex.h>
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

#include "host/detect/asynchrony.h"
#include "tests/patterns.h"

static size_t long_fields = 0;

static void detect(const field_t *field, dataset_t *found) {
    *found = (dataset_t){0};
    if (asynchrony_detect(field, found) != STATUS_OK)
        fail_msg("%s", status_message());
}

static void noise(size_t frames, size_t ny, size_t nx, double keep, pattern_field_t *f) {
    pattern_create((pattern_t){.kind = PATTERN_NOISE,
                               .frames = frames,
                               .n_y = ny,
                               .n_x = nx,
                               .frame_ms = 2.0,
                               .noise = 1.0,
                               .keep = keep,
                               .seed = 11},
                   f);
}

static const double *values_of(const dataset_t *found, const char *name) {
    return dataset_find(found, name)->values;
}

enum { FRAMES = 103, NY = 6, NX = 7, SITES = NY * NX, RINGS = 12 };

typedef struct {
    double u[SITES][FRAMES], std[SITES]; /* normalized; std 0 where not used */
} sites_t;

static void normalize(const field_t *field, const float *values, sites_t *sites) {
    for (size_t i = 0; i < SITES; i++) {
        double mean = 0.0, square = 0.0;
        for (size_t t = 0; t < FRAMES; t++)
            mean += (double)values[t * SITES + i] / FRAMES;
        for (size_t t = 0; t < FRAMES; t++)
            square += pow((double)values[t * SITES + i] - mean, 2.0) / FRAMES;
        bool used = grid_has(&field->grid, i / NX, i % NX) && square > 1e-12;
        sites->std[i] = used ? sqrt(square) : 0.0;
        for (size_t t = 0; t < FRAMES; t++)
            sites->u[i][t] = used ? ((double)values[t * SITES + i] - mean) / sites->std[i] : 0.0;
    }
}

/* Rings as wide as sites are apart, all pairs one by one. */
static void check_pairs(const field_t *field, const sites_t *sites, const dataset_t *found) {
    const grid_t *grid = &field->grid;
    double sum[RINGS] = {0}, away[RINGS] = {0}, count[RINGS] = {0}, all = 0.0, pairs = 0.0;
    double width = fmax(grid->dy, grid->dx);
    for (size_t i = 0; i < SITES; i++)
        for (size_t j = 0; j < SITES; j++) {
            if (i == j || sites->std[i] == 0.0 || sites->std[j] == 0.0)
                continue;
            double c = 0.0;
            for (size_t t = 0; t < FRAMES; t++)
                c += sites->u[i][t] * sites->u[j][t] / FRAMES;
            double y = grid_way((double)(i / NX), (double)(j / NX), NY, grid->open) * grid->dy;
            double x = grid_way((double)(i % NX), (double)(j % NX), NX, grid->open) * grid->dx;
            size_t ring = (size_t)(hypot(y, x) / width + 0.5);
            sum[ring] += c;
            away[ring] += hypot(y, x);
            count[ring] += 1.0;
            all += c;
            pairs += 1.0;
        }
    assert_float_equal(dataset_value(found, "asynchrony/mean_correlation"), all / pairs, 1e-12);
    size_t at = 0;
    for (size_t k = 0; k < RINGS; k++)
        if (count[k] > 0.0) {
            assert_float_equal(dataset_find_axis(found, "asynchrony/distance")->values[at],
                               away[k] / count[k], 1e-12);
            assert_float_equal(values_of(found, "asynchrony/pairs")[at], count[k], 0.0);
            assert_float_equal(values_of(found, "asynchrony/correlation")[at], sum[k] / count[k],
                               1e-12);
            at++;
        }
    assert_int_equal(dataset_find_axis(found, "asynchrony/distance")->size, at);
}

/* Blocks of a fifth, 20 frames. */
static void check_series(const sites_t *sites, const dataset_t *found) {
    enum { LENGTH = FRAMES / 5 };
    const double frame_s = 2e-3;
    double used = 0.0, c[LENGTH] = {0}, integral = 0.0;
    for (size_t i = 0; i < SITES; i++)
        used += sites->std[i] > 0.0;
    for (size_t lag = 0; lag < LENGTH; lag++) {
        for (size_t i = 0; i < SITES; i++)
            for (size_t b = 0; b < 5; b++)
                for (size_t t = 0; t + lag < LENGTH; t++)
                    c[lag] += sites->u[i][b * LENGTH + t] * sites->u[i][b * LENGTH + t + lag] /
                              (5.0 * used * (double)(LENGTH - lag));
        assert_float_equal(values_of(found, "asynchrony/autocorrelation")[lag], c[lag], 1e-12);
    }
    for (size_t lag = 1; lag < LENGTH; lag++) {
        if (c[lag] <= 0.0) {
            integral += 0.5 * c[lag - 1] * c[lag - 1] / (c[lag - 1] - c[lag]);
            break;
        }
        integral += 0.5 * (c[lag] + c[lag - 1]);
    }
    assert_float_equal(dataset_value(found, "asynchrony/autocorrelation_time_ms"),
                       2.0 * integral / c[0], 1e-12);
    double window[LENGTH], squares = 0.0;
    for (size_t t = 0; t < LENGTH; t++) {
        window[t] = 0.5 - 0.5 * cos(2.0 * M_PI * (double)t / LENGTH);
        squares += window[t] * window[t];
    }
    for (size_t k = 0; k <= LENGTH / 2; k++) {
        double power = 0.0;
        for (size_t i = 0; i < SITES; i++)
            for (size_t b = 0; b < 5; b++) {
                double complex z = 0.0;
                for (size_t t = 0; t < LENGTH; t++)
                    z += window[t] * sites->u[i][b * LENGTH + t] * sites->std[i] *
                         cexp(-2.0 * M_PI * I * (double)(k * t) / LENGTH);
                power += pow(cabs(z), 2.0) * frame_s / squares / (5.0 * used);
            }
        power *= k == 0 || 2 * k == LENGTH ? 1.0 : 2.0;
        assert_float_equal(values_of(found, "asynchrony/site_spectrum")[k], power, 1e-12);
        assert_float_equal(dataset_find_axis(found, "asynchrony/frequency_hz")->values[k],
                           (double)k / (LENGTH * frame_s), 1e-9);
    }
}

static void test_against_all_pairs(void **state) {
    (void)state;
    pattern_field_t f;
    sites_t *sites = malloc(sizeof *sites);
    dataset_t found;
    unsigned char mask[SITES];
    for (size_t i = 0; i < SITES; i++)
        mask[i] = i % 9 != 4;
    for (int open = 0; open < 2; open++)
        for (int masked = 0; masked < 2; masked++) {
            noise(FRAMES, NY, NX, 0.6, &f);
            for (size_t t = 0; t < FRAMES; t++) /* something common, and offsets */
                for (size_t i = SITES; i-- > 0;)
                    f.values[t * SITES + i] = 100.0f + (float)i +
                                              (float)(1 + i % 5) * f.values[t * SITES + i] +
                                              f.values[t * SITES];
            f.field.grid.open = open;
            f.field.grid.mask = masked ? mask : NULL;
            for (size_t t = 0; t < FRAMES && masked; t++) { /* no data; a site that never changes */
                f.values[t * SITES + 4] = NAN;
                f.values[t * SITES + 7] = 0.1f;
            }
            normalize(&f.field, f.values, sites);
            detect(&f.field, &found);
            check_pairs(&f.field, sites, &found);
            if (!masked)
                check_series(sites, &found);
            dataset_destroy(&found);
            pattern_destroy(&f);
        }
    free(sites);
}

/* Autocorrelation a^k: -1 / ln a frames (the trapezoids' 1/2 + a / (1 - a) within 0.1 %). Spectra
 * of independent sites: the population's is N times lower. */
static void test_slow_noise(void **state) {
    (void)state;
    pattern_field_t f;
    dataset_t found;
    const double keep = 0.9, exact_ms = -2.0 / log(keep);
    noise(20000, 8, 8, keep, &f);
    detect(&f.field, &found);
    double time_ms = dataset_value(&found, "asynchrony/autocorrelation_time_ms");
    double error = dataset_value(&found, "asynchrony/autocorrelation_time_ms_error");
    print_message("AR(1): autocorrelation time %.3f +- %.3f ms, exactly %.3f\n", time_ms, error,
                  exact_ms);
    assert_true(error > 0.0 && error < 0.03 * exact_ms); /* 64 sites of 1000 times each: 0.5 % */
    assert_float_equal(time_ms, exact_ms, 4.0 * error + 0.006 * exact_ms);
    const double *site = values_of(&found, "asynchrony/site_spectrum");
    const double *population = values_of(&found, "asynchrony/population_spectrum");
    size_t size = dataset_find_axis(&found, "asynchrony/frequency_hz")->size;
    double sums[2] = {0.0},
           bin_hz = dataset_find_axis(&found, "asynchrony/frequency_hz")->values[1];
    for (size_t k = 0; k < size; k++) {
        double w = 2.0 * M_PI * 2e-3 * bin_hz * (double)k;
        double exact = 2.0 * 2e-3 * (1.0 - keep * keep) / (1.0 + keep * keep - 2.0 * keep * cos(w));
        if (k > 1 && k + 1 < size) /* 64 x 19 independent periodograms: 2.9 %; 5 of them */
            assert_float_equal(site[k] / exact, 1.0, 0.145);
        sums[0] += site[k] * bin_hz;
        sums[1] += population[k] * bin_hz;
    }
    assert_float_equal(sums[0], 1.0, 0.05);        /* the sites' variance */
    assert_float_equal(sums[1] * 64.0, 1.0, 0.25); /* 1000 independent times: 4.5 %; 5 of them */
    dataset_destroy(&found);
    pattern_destroy(&f);
}

static void test_synchrony(void **state) {
    (void)state;
    pattern_field_t f;
    dataset_t found;
    noise(500, 20, 20, 0.0, &f);
    detect(&f.field, &found);
    double chi = dataset_value(&found, "asynchrony/synchrony_chi");
    double error = dataset_value(&found, "asynchrony/synchrony_chi_error");
    assert_float_equal(dataset_value(&found, "asynchrony/synchrony_chi_independent"), 0.05, 1e-12);
    /* relative spread 1 / sqrt(2 frames): 3 %; 4 of them */
    assert_float_equal(chi / 0.05, 1.0, 0.126);
    assert_true(error / chi > 0.01 && error / chi < 0.09);
    dataset_destroy(&found);
    for (size_t t = 0; t < 500; t++)
        for (size_t i = 1; i < 400; i++)
            f.values[t * 400 + i] = 0.25f * f.values[t * 400]; /* scale is no matter */
    for (size_t t = 0; t < 500; t++)
        f.values[t * 400] *= 0.25f;
    detect(&f.field, &found);
    assert_float_equal(dataset_value(&found, "asynchrony/synchrony_chi"), 1.0, 1e-12);
    assert_float_equal(dataset_value(&found, "asynchrony/mean_correlation"), 1.0, 1e-12);
    assert_true(isnan(dataset_value(&found, "asynchrony/correlation_length")));
    assert_string_equal(dataset_find(&found, "asynchrony/state")->text, "correlated");
    dataset_destroy(&found);
    pattern_destroy(&f);
}

/* White noise blurred by a Gaussian of s sites correlates as exp(-d^2 / 4 s^2): 1/e at 2 s. */
static void test_correlation_length(void **state) {
    (void)state;
    pattern_field_t f;
    dataset_t found;
    pattern_create((pattern_t){.kind = PATTERN_NOISE,
                               .frames = 200,
                               .n_y = 48,
                               .n_x = 48,
                               .frame_ms = 1.0,
                               .noise = 1.0,
                               .correlation = 3.0,
                               .seed = 5},
                   &f);
    detect(&f.field, &found);
    double length = 48.0 * dataset_value(&found, "asynchrony/correlation_length");
    double error = 48.0 * dataset_value(&found, "asynchrony/correlation_length_error");
    print_message("blurred noise: correlation length %.3f +- %.3f sites, exactly 6\n", length,
                  error);
    /* a ring's mean of a curved profile and the interpolation shift it by 1 % */
    assert_float_equal(length, 6.0, 4.0 * error + 0.06);
    assert_true(error > 0.0 && error < 0.3);
    assert_string_equal(dataset_find(&found, "asynchrony/state")->text, "correlated");
    dataset_destroy(&found);
    pattern_destroy(&f);
}

static void test_independent_noise_is_uncorrelated(void **state) {
    (void)state;
    size_t fields = long_fields ? long_fields : 200, side = long_fields ? 48 : 12;
    const double keep[2] = {0.0, 0.8};
    for (int kind = 0; kind < 2; kind++) {
        size_t detections = 0;
        for (size_t k = 0; k < fields; k++) {
            pattern_field_t f;
            dataset_t found;
            pattern_create((pattern_t){.kind = PATTERN_NOISE,
                                       .frames = long_fields ? 1000 : 200,
                                       .n_y = side,
                                       .n_x = side,
                                       .frame_ms = 1.0,
                                       .noise = 1.0,
                                       .keep = keep[kind],
                                       .seed = 500 + k},
                           &f);
            detect(&f.field, &found);
            const char *said = dataset_find(&found, "asynchrony/state")->text;
            detections += strcmp(said, "correlated") == 0;
            assert_string_not_equal(said, "too short to say");
            assert_float_equal(dataset_value(&found, "asynchrony/correlation_length"), 0.0, 0.0);
            dataset_destroy(&found);
            pattern_destroy(&f);
        }
        print_message("independent sites, AR(1) of %g: %zu of %zu fields called correlated\n",
                      keep[kind], detections, fields);
        assert_int_equal(detections, 0); /* expected: 2e-4 a field */
    }
}

/* Independent sites, made as they are read. */
static status_t read_large(void *context, size_t first_frame, size_t n_frames, size_t first_row,
                           size_t n_rows, float *out) {
    const field_t *field = context;
    size_t ny = field->grid.ny, nx = field->grid.nx;
    for (size_t t = 0; t < n_frames; t++)
        for (size_t i = 0; i < n_rows * nx; i++)
            out[t * n_rows * nx + i] = pattern_hash(((first_frame + t) * ny + first_row) * nx + i);
    return STATUS_OK;
}

/* 180 MB: every pass reads several blocks. Independent sites of variance 1/12. */
static void test_larger_than_a_block(void **state) {
    (void)state;
    const double sites = 300.0 * 300.0, frames = 500.0;
    field_t field = {.trials = 1,
                     .frames = 500,
                     .grid = grid_torus(300, 300),
                     .frame_ms = 2.0,
                     .read = read_large};
    field.context = &field;
    dataset_t found;
    detect(&field, &found);
    /* white: a half from the trapezoid to lag 1, whose coefficient is about -1 / frames */
    assert_float_equal(dataset_value(&found, "asynchrony/autocorrelation_time_ms"), 1.0, 0.01);
    /* (sum u)^2 / sites is chi^2 of 1: its mean over the frames spreads by sqrt(2 / frames) */
    assert_float_equal(dataset_value(&found, "asynchrony/mean_correlation"), 0.0,
                       5.0 * sqrt(2.0 / frames) / sites);
    /* pairs a site apart: sites x 4 products (8 pairs, each twice) a frame */
    assert_float_equal(dataset_value(&found, "asynchrony/neighbour_correlation"), 0.0,
                       5.0 / sqrt(4.0 * sites * frames));
    const double *power = values_of(&found, "asynchrony/site_spectrum");
    for (size_t k = 2; k < 49; k++) /* 5 blocks of each site: 0.15 %; 5 of them */
        assert_float_equal(power[k] / (2.0 * 2e-3 / 12.0), 1.0, 0.0075);
    dataset_destroy(&found);
}

static void assert_refused(field_t *field, const char *words) {
    dataset_t found = {0};
    assert_int_equal(asynchrony_detect(field, &found), STATUS_FAILED);
    if (!strstr(status_message(), words))
        fail_msg("%s", status_message());
    assert_int_equal(found.items, 0);
    dataset_destroy(&found);
}

static void test_bad_input(void **state) {
    (void)state;
    pattern_field_t f;
    noise(100, 8, 8, 0.0, &f);
    f.field.frames = 79;
    assert_refused(&f.field, "79 frames");
    f.field.frames = 100;
    f.field.frame_ms = -1.0;
    assert_refused(&f.field, "-1 ms apart");
    f.field.frame_ms = 1.0;
    f.values[41 * 64 + 5] = NAN;
    assert_refused(&f.field, "frame 41");
    for (size_t i = 0; i < 100 * 64; i++)
        f.values[i] = 0.3f;
    assert_refused(&f.field, "0 of 64 sites");
    pattern_destroy(&f);
    noise(800, 8, 8, 0.9999, &f); /* correlations of what hardly moved are no news */
    dataset_t found;
    detect(&f.field, &found);
    assert_string_equal(dataset_find(&found, "asynchrony/state")->text, "too short to say");
    dataset_destroy(&found);
    pattern_destroy(&f);
}

static void test_threads_do_not_matter(void **state) {
    (void)state;
    pattern_field_t f;
    dataset_t found[2];
    int threads = omp_get_max_threads();
    noise(200, 30, 30, 0.5, &f);
    f.field.grid.open = true;
    for (int k = 0; k < 2; k++) {
        omp_set_num_threads(k == 0 ? 1 : 5);
        detect(&f.field, &found[k]);
    }
    omp_set_num_threads(threads);
    assert_int_equal(found[0].items, found[1].items);
    for (size_t k = 0; k < found[0].items; k++)
        if (found[0].item[k].values)
            assert_memory_equal(found[0].item[k].values, found[1].item[k].values,
                                found[0].item[k].count * sizeof(double));
    dataset_destroy(&found[0]);
    dataset_destroy(&found[1]);
    pattern_destroy(&f);
}

int main(int n_arguments, char **arguments) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_all_pairs),
        cmocka_unit_test(test_slow_noise),
        cmocka_unit_test(test_synchrony),
        cmocka_unit_test(test_correlation_length),
        cmocka_unit_test(test_independent_noise_is_uncorrelated),
        cmocka_unit_test(test_larger_than_a_block),
        cmocka_unit_test(test_bad_input),
        cmocka_unit_test(test_threads_do_not_matter),
    };
    if (n_arguments > 1)
        long_fields = strtoul(arguments[1], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
