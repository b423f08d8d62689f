/* Critical points of waves whose answers are known. `test_critical study` measures all sizes and
 * noise levels over 10 periods, and 200 fields of noise (of other seeds: `study SEED`);
 * `test_critical time` takes 750 frames of 200 x 200 sites. */
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "host/detect/critical.h"
#include "host/detect/scale.h"
#include "host/detect/winding.h"
#include "tests/phases.h"

static const double frame_ms = 4.0, period_frames = 12.8; /* 19.53 Hz */
static const double near_sites = 3.0; /* less than the least outer ring: further is another point */

typedef struct {
    double x, y;
    critical_kind_t kind;
} known_t;

/* The pattern's points (torus sides), as tests/patterns.h places them. */
static size_t known_points(const pattern_t *p, known_t known[12]) {
    static const known_t torus_spiral[] = {
        {0.0, 0.0, CRITICAL_COUNTERCLOCKWISE}, {0.5, 0.5, CRITICAL_COUNTERCLOCKWISE},
        {0.5, 0.0, CRITICAL_CLOCKWISE},        {0.0, 0.5, CRITICAL_CLOCKWISE},
        {0.25, 0.25, CRITICAL_SADDLE},         {0.75, 0.25, CRITICAL_SADDLE},
        {0.25, 0.75, CRITICAL_SADDLE},         {0.75, 0.75, CRITICAL_SADDLE}};
    static const known_t torus_source[] = {{0.5, 0.5, CRITICAL_SOURCE},
                                           {0.0, 0.0, CRITICAL_SINK},
                                           {0.5, 0.0, CRITICAL_SADDLE},
                                           {0.0, 0.5, CRITICAL_SADDLE}};
    static const known_t open_spiral = {0.5, 0.5, CRITICAL_COUNTERCLOCKWISE};
    static const known_t open_source = {0.5, 0.5, CRITICAL_SOURCE};
    const known_t *list = NULL;
    size_t n = 0;
    if (p->kind == PATTERN_SPIRAL) {
        list = p->open ? &open_spiral : torus_spiral;
        n = p->open ? 1 : 8;
    } else if (p->kind == PATTERN_SOURCE) {
        list = p->open ? &open_source : torus_source;
        n = p->open ? 1 : 4;
    }
    for (size_t i = 0; i < n; i++)
        known[i] = list[i];
    return n;
}

static void detect(const phases_t *phases, dataset_t *found) {
    critical_detector_t *detector = NULL;
    size_t sites = grid_sites(&phases->grid);
    assert_int_equal(critical_create(&phases->grid, phases->frames, 0.0, frame_ms, &detector),
                     STATUS_OK);
    for (size_t t = 0; t < phases->frames; t++)
        assert_int_equal(
            critical_take(detector, phases->phase + t * sites, phases->velocity + 2 * t * sites),
            STATUS_OK);
    assert_int_equal(critical_finish(detector, found), STATUS_OK);
    critical_destroy(detector);
}

typedef struct {
    size_t wanted[CRITICAL_KINDS], found[CRITICAL_KINDS], told[CRITICAL_KINDS],
        wrong[CRITICAL_KINDS];
} score_t;

static const double *column(const dataset_t *found, const char *name) {
    const dataset_item_t *item = dataset_find(found, name);
    assert_non_null(item);
    return item->values;
}

static void score(const pattern_t *pattern, const phases_t *phases, const dataset_t *found,
                  score_t *s) {
    known_t known[12];
    size_t n = known_points(pattern, known);
    size_t places = dataset_find_axis(found, "singularities/point")->size;
    const double *kind = column(found, "singularities/kind");
    const double *track = column(found, "singularities/path_track");
    const double *time = column(found, "singularities/path_time_ms");
    const double *x = column(found, "singularities/path_x");
    const double *y = column(found, "singularities/path_y");
    bool *seen = calloc(n * phases->frames + 1, sizeof *seen);
    for (size_t p = 0; p < places; p++) {
        critical_kind_t is = (critical_kind_t)kind[(size_t)track[p] - 1];
        size_t frame = (size_t)lround(time[p] / frame_ms);
        bool right = false;
        for (size_t k = 0; k < n; k++) {
            double dx = grid_way(known[k].x, x[p], 1, pattern->open) / phases->grid.dx;
            double dy = grid_way(known[k].y, y[p], 1, pattern->open) / phases->grid.dy;
            if (known[k].kind == is && hypot(dx, dy) <= near_sites)
                right = seen[k * phases->frames + frame] = true;
        }
        s->told[is]++;
        s->wrong[is] += !right;
    }
    for (size_t k = 0; k < n; k++)
        for (size_t t = 0; t < phases->frames; t++) {
            s->wanted[known[k].kind]++;
            s->found[known[k].kind] += seen[k * phases->frames + t];
        }
    free(seen);
}

static const size_t sizes[4][2] = {{24, 24}, {32, 48}, {64, 64}, {100, 100}};

static pattern_t pattern_of(pattern_kind_t kind, bool open, size_t size, double noise,
                            size_t periods) {
    return (pattern_t){.kind = kind,
                       .open = open,
                       .frames = (size_t)lround(period_frames * (double)periods),
                       .n_y = sizes[size][0],
                       .n_x = sizes[size][1],
                       .frame_ms = frame_ms,
                       .frequency_hz = 1000.0 / (frame_ms * period_frames),
                       .nx = 2.0,
                       .noise = noise,
                       .seed = 7};
}

static void phases_at_rhythm(const pattern_t *pattern, phases_t *phases) {
    phases_create(pattern, pattern->frequency_hz / 1.5, pattern->frequency_hz * 1.5, phases);
}

/* Over all kinds: the share of points found, and of those told that are wrong. */
static void shares(const score_t *s, double *found, double *wrong) {
    size_t all[4] = {0};
    for (int c = 0; c < CRITICAL_KINDS; c++) {
        all[0] += s->found[c];
        all[1] += s->wanted[c];
        all[2] += s->wrong[c];
        all[3] += s->told[c];
    }
    *found = (double)all[0] / (double)all[1];
    *wrong = all[3] ? (double)all[2] / (double)all[3] : 0.0;
}

static void print_score(const pattern_t *p, const score_t *s) {
    print_message("%s %s %3zu x %3zu %4.1f |", p->kind == PATTERN_SOURCE ? "source" : "spiral",
                  p->open ? "open " : "torus", p->n_y, p->n_x, p->noise);
    for (int c = 0; c < CRITICAL_KINDS; c++)
        print_message(" %4zu/%4zu %2zu/%4zu |", s->found[c], s->wanted[c], s->wrong[c], s->told[c]);
    print_message("\n");
}

/* Spirals and sources on torus and patch, at three noise levels; their velocities are not asked
 * for. */
static void measure(size_t n_sizes, size_t periods) {
    static const double noise[3] = {0.0, 0.3, 1.0};
    print_message("pattern, sheet, noise | clockwise, counter-clockwise, source, sink, saddle: "
                  "found/there wrong/told\n");
    for (int source = 0; source < 2; source++)
        for (int open = 0; open < 2; open++)
            for (size_t size = 0; size < n_sizes; size++)
                for (size_t k = 0; k < 3; k++) {
                    pattern_t pattern = pattern_of(source ? PATTERN_SOURCE : PATTERN_SPIRAL,
                                                   open == 1, size, noise[k], periods);
                    phases_t phases;
                    dataset_t found = {0};
                    score_t s = {0};
                    double right, wrong;
                    phases_at_rhythm(&pattern, &phases);
                    detect(&phases, &found);
                    score(&pattern, &phases, &found, &s);
                    print_score(&pattern, &s);
                    shares(&s, &right, &wrong);
                    assert_true(right >= 0.95);
                    assert_true(wrong <= 0.02);
                    dataset_destroy(&found);
                    phases_destroy(&phases);
                }
}

static void test_found(void **state) {
    (void)state;
    measure(2, 5);
}

static void test_found_everywhere(void **state) {
    (void)state;
    measure(4, 10);
}

static uint64_t first_seed = 1000;

/* Fields in which a point is told. */
static size_t fields_with_points(pattern_t pattern, size_t fields) {
    size_t with = 0;
    for (size_t k = 0; k < fields; k++) {
        phases_t phases;
        dataset_t found = {0};
        pattern.seed = first_seed + k;
        pattern.open = k % 2 == 1;
        phases_at_rhythm(&pattern, &phases);
        detect(&phases, &found);
        with += dataset_find_axis(&found, "singularities/track")->size > 0;
        dataset_destroy(&found);
        phases_destroy(&phases);
    }
    return with;
}

static void silence(size_t fields, size_t side, size_t periods) {
    static const double correlation[2] = {0.0, 3.0};
    for (int k = 0; k < 2; k++) {
        pattern_t pattern = pattern_of(PATTERN_NOISE, false, 0, 1.0, periods);
        pattern.n_y = pattern.n_x = side;
        pattern.correlation = correlation[k];
        size_t with = fields_with_points(pattern, fields);
        print_message("noise correlated over %g sites, %zu x %zu, %zu periods: points in %zu of "
                      "%zu fields\n",
                      correlation[k], side, side, periods, with, fields);
        assert_int_equal(with, 0);
    }
}

static void test_noise(void **state) {
    (void)state;
    silence(4, 40, 8);
}

static void test_noise_everywhere(void **state) {
    (void)state;
    silence(200, 64, 10);
}

/* Waves without critical points: one, two that cross (one is twice the other, so no phase is lost),
 * and a standing one, whose nodes are lines. */
static void test_other_waves(void **state) {
    (void)state;
    static const pattern_kind_t kinds[3] = {PATTERN_PLANE, PATTERN_TWO, PATTERN_STANDING};
    for (size_t k = 0; k < 3; k++)
        for (int noisy = 0; noisy < 2; noisy++) {
            pattern_t pattern = pattern_of(kinds[k], false, 1, noisy ? 0.3 : 0.0, 8);
            pattern.ny = 1.0;
            assert_int_equal(fields_with_points(pattern, 2), 0);
        }
}

/* The indices of a torus sum to 0, for vectors of a few integers too, among them 0 and opposites.
 */
static void test_index_sum(void **state) {
    (void)state;
    enum { NY = 23, NX = 31 };
    static float field[2 * NY * NX];
    static signed char index[NY * NX];
    unsigned char mask[NY * NX];
    grid_t grid = grid_torus(NY, NX);
    uint64_t seed = 5;
    for (int k = 0; k < 200; k++) {
        int sum = 0, points = 0;
        for (size_t i = 0; i < 2 * NY * NX; i++)
            field[i] =
                (float)(k % 2 ? pattern_normal(&seed) : floor(3.0 * pattern_uniform(&seed)) - 1.0);
        winding_index(&grid, field, index);
        for (size_t i = 0; i < NY * NX; i++) {
            sum += index[i];
            points += index[i] != 0;
        }
        assert_int_equal(sum, 0);
        assert_true(points > 0);
    }
    memset(mask, 1, sizeof mask);
    mask[5 * NX + 7] = 0;
    grid.mask = mask;
    grid.open = true;
    winding_index(&grid, field, index);
    for (size_t i = 0; i < NY * NX; i++)
        if (i % NX == NX - 1 || i / NX == NY - 1 ||
            ((i / NX == 4 || i / NX == 5) && (i % NX == 6 || i % NX == 7)))
            assert_int_equal(index[i], 0);
}

/* Of random bilinear fields with index +-1 the zero found is one, to rounding of a quadratic
 * equation's root. */
static void test_zero(void **state) {
    (void)state;
    uint64_t seed = 9;
    size_t zeros = 0;
    for (int k = 0; k < 2000; k++) {
        float field[8];
        signed char index[4];
        grid_t grid = {.ny = 2, .nx = 2, .dy = 1.0, .dx = 1.0, .open = true};
        double corner[2][2][2], x, y;
        for (size_t i = 0; i < 8; i++) {
            field[i] = (float)pattern_normal(&seed);
            corner[i % 4 / 2][i % 2][i / 4] = (double)field[i];
        }
        winding_index(&grid, field, index);
        if (index[0] == 0)
            continue;
        winding_zero((const double(*)[2][2])corner, &x, &y);
        assert_true(x >= 0.0 && x <= 1.0 && y >= 0.0 && y <= 1.0);
        for (int c = 0; c < 2; c++) {
            double f = (1 - y) * ((1 - x) * corner[0][0][c] + x * corner[0][1][c]) +
                       y * ((1 - x) * corner[1][0][c] + x * corner[1][1][c]);
            assert_float_equal(f, 0.0, 1e-9);
        }
        zeros++;
    }
    assert_true(zeros > 100);
}

/* A plane wave's scale, cos(k r) = cos(k) / 2 with linear interpolation (error k^2 / 8 at most
 * where the curve is steep), with white noise or without. */
static void test_scale(void **state) {
    (void)state;
    enum { NY = 36, NX = 48 };
    static float field[2 * NY * NX];
    double row[2 * NY], k = 2.0 * M_PI / 24.0;
    grid_t grid = {.ny = NY, .nx = NX, .dy = 2.0, .dx = 1.0, .length = "mm"};
    uint64_t seed = 2;
    for (int noisy = 0; noisy < 2; noisy++) {
        for (size_t i = 0; i < NY * NX; i++) {
            double angle = k * (double)(i % NX) + noisy * 0.5 * pattern_normal(&seed);
            field[i] = (float)cos(angle);
            field[NY * NX + i] = (float)sin(angle);
        }
        double wanted = 0.5 * acos(0.5 * cos(k)) / k; /* pitches of 2 sites */
        assert_float_equal(scale_find(&grid, field, 15.0, row), wanted, noisy ? 0.15 : k * k / 8.0);
    }
}

/* An open spiral's phases, with velocities (a x - b y, b x + a y) around its centre: divergence 2
 * a, curl 2 b. Backwards in time it turns the other way. Its centre lies between four sites. */
static void test_sense(void **state) {
    (void)state;
    const double a = 3.0, b = -5.0;
    pattern_t pattern = pattern_of(PATTERN_SPIRAL, true, 1, 0.0, 5);
    phases_t phases, back;
    phases_at_rhythm(&pattern, &phases);
    phases_at_rhythm(&pattern, &back);
    size_t sites = grid_sites(&phases.grid);
    for (size_t t = 0; t < phases.frames; t++) {
        for (size_t i = 0; i < sites; i++) {
            double x = ((double)(i % phases.grid.nx) + 0.5) * phases.grid.dx - 0.5;
            double y = ((double)(i / phases.grid.nx) + 0.5) * phases.grid.dy - 0.5;
            phases.velocity[2 * t * sites + i] = (float)(a * x - b * y);
            phases.velocity[(2 * t + 1) * sites + i] = (float)(b * x + a * y);
        }
        memcpy(back.phase + (phases.frames - 1 - t) * sites, phases.phase + t * sites,
               sites * sizeof(float));
    }
    dataset_t found = {0}, reverse = {0};
    detect(&phases, &found);
    detect(&back, &reverse);
    assert_int_equal(dataset_find_axis(&found, "singularities/track")->size, 1);
    assert_float_equal(dataset_value(&found, "singularities/counterclockwise"), 1.0, 0.0);
    assert_float_equal(dataset_value(&found, "singularities/clockwise"), 0.0, 0.0);
    assert_float_equal(dataset_value(&found, "singularities/counterclockwise_error"), 0.0, 0.0);
    assert_float_equal(column(&found, "singularities/divergence")[0], 2.0 * a, 1e-5);
    assert_float_equal(column(&found, "singularities/curl")[0], 2.0 * b, 1e-5);
    assert_float_equal(column(&found, "singularities/x")[0], 0.5, 1e-4);
    assert_float_equal(column(&found, "singularities/y")[0], 0.5, 1e-4);
    assert_float_equal(column(&found, "singularities/lifetime_ms")[0],
                       frame_ms * (double)(phases.frames - 1), 1e-9);
    assert_float_equal(column(&found, "singularities/turns")[0],
                       (double)(phases.frames - 1) / period_frames, 0.01);
    assert_float_equal(dataset_value(&reverse, "singularities/counterclockwise"), 0.0, 0.0);
    assert_float_equal(dataset_value(&reverse, "singularities/clockwise"), 1.0, 0.0);
    dataset_destroy(&found);
    dataset_destroy(&reverse);
    phases_destroy(&phases);
    phases_destroy(&back);
}

/* Over a masked core no spiral is told, beside a masked site the same one; one thread and three see
 * the same bits. */
static void test_mask_and_threads(void **state) {
    (void)state;
    pattern_t pattern = pattern_of(PATTERN_SPIRAL, false, 0, 0.3, 5);
    static unsigned char mask[24 * 24];
    phases_t phases;
    dataset_t whole = {0}, masked = {0}, threads = {0};
    phases_at_rhythm(&pattern, &phases);
    detect(&phases, &whole);
    memset(mask, 1, sizeof mask);
    for (size_t y = 10; y < 14; y++)
        for (size_t x = 10; x < 14; x++)
            mask[y * 24 + x] = 0; /* the counter-clockwise one at (1/2, 1/2) */
    phases.grid.mask = mask;
    for (size_t t = 0; t < phases.frames; t++)
        phases.phase[t * 576 + 12 * 24 + 12] = NAN;
    int before = omp_get_max_threads();
    omp_set_num_threads(1);
    detect(&phases, &masked);
    omp_set_num_threads(3);
    detect(&phases, &threads);
    omp_set_num_threads(before);
    assert_float_equal(dataset_value(&whole, "singularities/counterclockwise"), 2.0, 0.0);
    assert_float_equal(dataset_value(&masked, "singularities/counterclockwise"), 1.0, 0.0);
    assert_float_equal(dataset_value(&masked, "singularities/clockwise"), 2.0, 0.0);
    assert_int_equal(masked.items, threads.items);
    for (size_t k = 0; k < masked.items; k++)
        assert_memory_equal(masked.item[k].values, threads.item[k].values,
                            masked.item[k].count * sizeof(double));
    dataset_destroy(&whole);
    dataset_destroy(&masked);
    dataset_destroy(&threads);
    phases_destroy(&phases);
}

static void test_bad_input(void **state) {
    (void)state;
    grid_t small = grid_torus(11, 40), grid = grid_torus(12, 12);
    critical_detector_t *detector = NULL;
    dataset_t found = {0};
    static float phase[144], velocity[288];
    assert_int_equal(critical_create(&small, 10, 0.0, 1.0, &detector), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "11 x 40"));
    assert_null(detector);
    assert_int_equal(critical_create(&grid, 10, 0.0, 1.0, &detector), STATUS_OK);
    assert_int_equal(critical_finish(detector, &found), STATUS_FAILED);
    for (size_t t = 0; t < 3; t++)
        assert_int_equal(critical_take(detector, phase, velocity), STATUS_OK);
    assert_int_equal(critical_finish(detector, &found), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "0.00 turns in 3 frames"));
    phase[17] = NAN;
    assert_int_equal(critical_take(detector, phase, velocity), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "not a number"));
    assert_int_equal(found.items + found.axes, 0);
    critical_destroy(detector);
}

/* A wave of 8 wavelengths across with noise, and noise alone: what a frame costs. */
static void time_it(void) {
    enum { SIDE = 200, KINDS = 64, LONG = 750 };
    for (int noise = 0; noise < 2; noise++) {
        pattern_t pattern = pattern_of(noise ? PATTERN_NOISE : PATTERN_SPIRAL, false, 0, 1.0, 5);
        pattern.n_y = pattern.n_x = SIDE;
        phases_t phases;
        dataset_t found = {0};
        critical_detector_t *detector = NULL;
        phases_at_rhythm(&pattern, &phases);
        critical_create(&phases.grid, LONG, 0.0, frame_ms, &detector);
        double start = omp_get_wtime();
        clock_t cpu = clock();
        for (size_t t = 0; t < LONG; t++)
            critical_take(detector, phases.phase + t % phases.frames * SIDE * SIDE,
                          phases.velocity);
        critical_finish(detector, &found);
        printf("critical points of %d frames of %d x %d, %s: %.2f s, %.2f s of processors\n", LONG,
               SIDE, SIDE, noise ? "white noise" : "spirals", omp_get_wtime() - start,
               (double)(clock() - cpu) / CLOCKS_PER_SEC);
        critical_destroy(detector);
        dataset_destroy(&found);
        phases_destroy(&phases);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_sum), cmocka_unit_test(test_zero),
        cmocka_unit_test(test_scale),     cmocka_unit_test(test_sense),
        cmocka_unit_test(test_found),     cmocka_unit_test(test_other_waves),
        cmocka_unit_test(test_noise),     cmocka_unit_test(test_mask_and_threads),
        cmocka_unit_test(test_bad_input),
    };
    const struct CMUnitTest study[] = {
        cmocka_unit_test(test_found_everywhere),
        cmocka_unit_test(test_noise_everywhere),
    };
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 10);
    if (argc > 1 && strcmp(argv[1], "study") == 0)
        return cmocka_run_group_tests(study, NULL, NULL);
    if (argc > 1 && strcmp(argv[1], "time") == 0) {
        time_it();
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
