/* Structure factor and birth-death list of patterns whose answers are known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/detect/basins.h"
#include "host/detect/persistence.h"
#include "host/detect/structure.h"
#include "tests/patterns.h"

static const size_t sizes[][2] = {{24, 24}, {32, 48}, {64, 64}, {100, 100}};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static dataset_t detect(pattern_t pattern, double predicted, float drift) {
    pattern_field_t f;
    dataset_t found = {0};
    pattern_create(pattern, &f);
    for (size_t i = 0; i < pattern.frames * pattern.n_y * pattern.n_x; i++)
        f.values[i] += drift * (float)(i / (pattern.n_y * pattern.n_x)); /* of the sheet's mean */
    if (structure_detect(&f.field, predicted, &found) != STATUS_OK)
        fail_msg("%s", status_message());
    pattern_destroy(&f);
    return found;
}

/* Standing, travelling, in noise; the mean pattern of a travelling wave is empty. */
static void test_known_wave_numbers(void **state) {
    (void)state;
    for (size_t size = 0; size < SIZES; size++)
        for (int k = 0; k < 4; k++) {
            double nx = k % 2 ? 3 : 4, ny = k % 2 ? -4 : 0, n = hypot(nx, ny);
            double noise = k == 3 ? 1.0 : 0.0;
            dataset_t found = detect((pattern_t){.kind = k < 2 ? PATTERN_STRIPES : PATTERN_PLANE,
                                                 .frames = 20,
                                                 .n_y = sizes[size][0],
                                                 .n_x = sizes[size][1],
                                                 .frame_ms = 10,
                                                 .frequency_hz = 5,
                                                 .nx = nx,
                                                 .ny = ny,
                                                 .noise = noise,
                                                 .seed = 3},
                                     0.25, 0.0f);
            /* With noise: up to pi modes of the ring of 2 pi n have 1/sites of the wave's power
             * each, so that they move its mean |n| by less than 2 pi n / sites / 2. */
            double error = noise > 0.0 ? 2 * M_PI * n / (double)(sizes[size][0] * sizes[size][1])
                                       : 1e-6; /* floats */
            assert_float_equal(dataset_value(&found, "pattern/wavenumber"), n, error);
            assert_float_equal(dataset_value(&found, "pattern/wavelength_ratio"), 4 / n, error);
            assert_in_range((int)(100 * dataset_value(&found, "pattern/half_width")), 45, 60);
            const dataset_item_t *frames = dataset_find(&found, "pattern/power_frames");
            const dataset_item_t *mean = dataset_find(&found, "pattern/power_mean");
            size_t ring = (size_t)rint(n);
            if (k < 2)
                assert_float_equal(mean->values[ring], frames->values[ring], 1e-6);
            else
                assert_true(mean->values[ring] < 0.1 * frames->values[ring]);
            dataset_destroy(&found);
        }
}

/* Powers of all modes add up to the variance: 1/2 in |n| = 5, whose ring has 28 modes. */
static void test_power(void **state) {
    (void)state;
    dataset_t found = detect((pattern_t){.kind = PATTERN_STRIPES,
                                         .frames = 2,
                                         .n_y = 32,
                                         .n_x = 32,
                                         .frame_ms = 1,
                                         .nx = 3,
                                         .ny = 4},
                             0.0, 0.5f);
    const dataset_item_t *power = dataset_find(&found, "pattern/power_frames");
    int modes = 0;
    for (int x = -6; x <= 6; x++)
        for (int y = -6; y <= 6; y++)
            modes += rint(hypot(x, y)) == 5;
    for (size_t k = 0; k < power->count; k++)
        assert_float_equal(power->values[k], k == 5 ? 0.5 / modes : 0.0, 1e-6);
    assert_true(isnan(dataset_value(&found, "pattern/wavelength_ratio")));
    dataset_destroy(&found);
}

/* White noise, noise correlated over 3 sites, frozen noise (two frames), one spot, nothing. */
static void test_nothing_stands_out(void **state) {
    (void)state;
    for (size_t k = 0; k < 600; k++) {
        dataset_t found = detect((pattern_t){.kind = PATTERN_NOISE,
                                             .frames = k < 400 ? 10 : 1,
                                             .n_y = 24,
                                             .n_x = 24,
                                             .frame_ms = 1,
                                             .noise = 1,
                                             .correlation = k % 2 ? 3 : 0,
                                             .seed = k},
                                 0.25, 0.0f);
        assert_true(isnan(dataset_value(&found, "pattern/wavenumber")));
        dataset_destroy(&found);
    }
    dataset_t spot = detect((pattern_t){.kind = PATTERN_SPOT,
                                        .frames = 10,
                                        .n_y = 64,
                                        .n_x = 64,
                                        .frame_ms = 1,
                                        .width = 0.1,
                                        .noise = 0.3},
                            0.25, 0.0f);
    assert_true(isnan(dataset_value(&spot, "pattern/wavenumber")));
    assert_non_null(dataset_find(&spot, "pattern/power_frames"));
    dataset_destroy(&spot);
    dataset_t uniform =
        detect((pattern_t){.kind = PATTERN_NOISE, .frames = 10, .n_y = 9, .n_x = 7}, 0.25, 0.1f);
    assert_int_equal(uniform.items, 1);
    assert_true(strstr(dataset_find(&uniform, "pattern/reason")->text, "the same everywhere"));
    dataset_destroy(&uniform);
}

/* Through a Hann window, with half of the sheet masked and NaN there. */
static void test_patch(void **state) {
    (void)state;
    pattern_field_t f;
    dataset_t found = {0};
    unsigned char mask[64 * 64];
    pattern_create((pattern_t){.kind = PATTERN_STRIPES,
                               .frames = 4,
                               .n_y = 64,
                               .n_x = 64,
                               .frame_ms = 1,
                               .nx = 8,
                               .noise = 0.3,
                               .open = true},
                   &f);
    for (size_t i = 0; i < 64 * 64; i++)
        mask[i] = i / 64 >= 16 && i / 64 < 48;
    for (size_t i = 0; i < 4 * 64 * 64; i++)
        f.values[i] = mask[i % (64 * 64)] ? f.values[i] : NAN;
    assert_int_equal(structure_detect(&f.field, 0.0, &found), STATUS_FAILED);
    f.field.grid.mask = mask;
    f.field.grid.dx = f.field.grid.dy = 0.5; /* mm: 64 sites are 32 mm, the wave 4 mm */
    f.field.grid.length = "mm";
    assert_int_equal(structure_detect(&f.field, 0.0, &found), STATUS_OK);
    /* half a ring's width, 1 / 64 mm, at most: the window's */
    assert_float_equal(dataset_value(&found, "pattern/wavenumber"), 0.25, 1.0 / 64.0);
    dataset_destroy(&found);
    pattern_destroy(&f);
}

/* cos(2 pi 2 x) cos(2 pi y), shifted by a weak one at twice the period so that its minima differ:
 * four basins; their births and deaths from the filtered frame itself. */
static void test_birth_and_death(void **state) {
    (void)state;
    enum { N = 60 };
    static float r[N * N];
    pattern_field_t f = {.values = r};
    f.field = (field_t){.trials = 1,
                        .frames = 1,
                        .grid = grid_torus(N, N),
                        .frame_ms = 1,
                        .start_ms = 7,
                        .context = &f,
                        .read = pattern_read};
    for (int i = 0; i < N * N; i++) {
        double x = (i % N + 0.5) / N, y = (i / N + 0.5) / N;
        r[i] = (float)(-cos(4 * M_PI * (x - 0.25)) * cos(2 * M_PI * y) +
                       0.1 * cos(2 * M_PI * (x - 0.75)) + 5);
    }
    dataset_t found = {0};
    double sum;
    assert_int_equal(basins_detect(&f.field, &found), STATUS_OK);
    assert_int_equal(persistence_frame(r, &f.field.grid, &sum), STATUS_OK);
    const dataset_item_t *birth = dataset_find(&found, "persistence/birth"),
                         *death = dataset_find(&found, "persistence/death"),
                         *x = dataset_find(&found, "persistence/x"),
                         *y = dataset_find(&found, "persistence/y");
    assert_int_equal(birth->count, 4);
    /* A minimum of 60 sites of a smooth field lies within two sites of the true one. */
    static const double places[4][2] = {{0.25, 0.0}, {0.5, 0.5}, {0.75, 0.0}, {0.0, 0.5}};
    double lifetimes = 0.0;
    int seen = 0;
    for (size_t k = 0; k < 4; k++) {
        lifetimes += death->values[k] - birth->values[k];
        assert_true(k == 0 || death->values[k] - birth->values[k] <=
                                  death->values[k - 1] - birth->values[k - 1]);
        for (int p = 0; p < 4; p++)
            if (fabs(grid_way(places[p][0], x->values[k], 1, false)) < 2.0 / N &&
                fabs(grid_way(places[p][1], y->values[k], 1, false)) < 2.0 / N)
                seen |= 1 << p;
    }
    assert_int_equal(seen, 15);
    assert_float_equal(lifetimes, sum, 1e-12);
    assert_float_equal(dataset_value(&found, "persistence/sum"), sum, 0.0);
    assert_float_equal(dataset_value(&found, "persistence/time_ms"), 7.0, 0.0);
    dataset_destroy(&found);

    r[17] = NAN;
    assert_int_equal(basins_detect(&f.field, &found), STATUS_FAILED);
    assert_true(strstr(status_message(), "frame 0") && found.items == 0);
    for (int i = 0; i < N * N; i++)
        r[i] = 3;
    assert_int_equal(basins_detect(&f.field, &found), STATUS_OK);
    assert_int_equal(found.items, 1);
    dataset_destroy(&found);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_wave_numbers), cmocka_unit_test(test_power),
        cmocka_unit_test(test_nothing_stands_out), cmocka_unit_test(test_patch),
        cmocka_unit_test(test_birth_and_death),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
