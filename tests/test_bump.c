/* Bumps, components and structure of fields whose answers are known. `test_bump study` prints the
 * numbers over all sizes and noise levels, and 200 larger fields of each noise. */
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

#include "host/detect/bump.h"
#include "host/detect/component.h"
#include "tests/patterns.h"

static void find_bumps(const field_t *field, dataset_t *found) {
    *found = (dataset_t){0};
    if (bumps_detect(field, &(bump_options_t){0}, found) != STATUS_OK)
        fail_msg("%s", status_message());
}

/* ---- components ---- */

enum { NY = 10, NX = 12 };

/* Those of a picture, '#' above the threshold. */
static void label(const grid_t *grid, const char *picture[NY], components_t *c) {
    float values[NY * NX];
    for (int y = 0; y < NY; y++)
        for (int x = 0; x < NX; x++)
            values[y * NX + x] = picture[y][x] == '#';
    assert_int_equal(components_create(grid, c), STATUS_OK);
    assert_int_equal(components_find(grid, values, 0.5, c), STATUS_OK);
}

static void test_components(void **state) {
    (void)state;
    static const char *corners[NY] = {
        "##........##", "#..........#", "............", ".....##.....", ".....##.....",
        "............", "............", "............", "............", "##........##"};
    static const char *winding[NY] = {
        "..#.........", "...#######..", ".........#..", "#........###", "............",
        "............", "############", "............", "............", "............"};
    static const char *net[NY] = {"..#.........", "..#.........", "..#.........", "############",
                                  "..#.........", "..#.........", "..#.........", "..#.........",
                                  "..#.........", "..#........."};
    static const char *oblique[NY] = {
        "##.........#", ".##.........", "..##........", "...##.......", "....##......",
        ".....##.....", "......##....", ".......##...", "........##..", ".........###"};
    grid_t torus = grid_torus(NY, NX), open = torus;
    unsigned char mask[NY * NX];
    components_t c;
    open.open = true;
    label(&torus, corners, &c); /* 4 + 2 + 4 sites about (-1/2, -0.2), and 2 x 2 */
    assert_int_equal(c.n, 2);
    assert_float_equal(c.component[0].area, 10, 0);
    assert_float_equal(grid_way(c.component[0].x, -0.5, NX, false), 0, 1e-12);
    assert_float_equal(grid_way(c.component[0].y, -0.2, NY, false), 0, 1e-12);
    assert_float_equal(c.component[1].x, 5.5, 1e-12);
    assert_float_equal(c.component[1].y, 3.5, 1e-12);
    assert_float_equal(c.component[1].major, sqrt(0.25 + 1.0 / 12.0), 1e-12);
    assert_int_equal(c.component[0].winding_x || c.component[0].winding_y, 0);
    components_destroy(&c);
    label(&open, corners, &c);
    assert_int_equal(c.n, 5);
    components_destroy(&c);

    label(&torus, winding, &c); /* the bent one: beyond the edge it does not meet itself */
    assert_int_equal(c.component[c.n - 1].winding_x, 1);
    assert_int_equal(c.component[c.n - 1].winding_y, 0);
    assert_float_equal(c.component[c.n - 1].y, 6, 1e-12);
    assert_int_equal(c.component[0].winding_x, 0);
    components_destroy(&c);
    label(&open, winding, &c);
    assert_int_equal(c.component[c.n - 1].winding_x, 0);
    components_destroy(&c);
    label(&torus, net, &c);
    assert_true(c.n == 1 && c.component[0].net);
    components_destroy(&c);
    label(&torus, oblique, &c);
    assert_true(c.n == 1 && !c.component[0].net);
    assert_true(c.component[0].winding_x == 1 && c.component[0].winding_y == 1);
    components_destroy(&c);

    memset(mask, 1, sizeof mask);
    for (int y = 0; y < NY; y++)
        mask[y * NX + 7] = 0;
    torus.mask = mask;
    label(&torus, winding, &c); /* cut through: both are open now */
    assert_int_equal(c.component[c.n - 1].winding_x, 0);
    assert_int_equal(c.label[6 * NX + 7], 0);
    components_destroy(&c);
}

/* ---- bumps ---- */

static const size_t sizes[][2] = {{24, 24}, {32, 48}, {64, 64}, {100, 100}};
enum { SIZES = sizeof sizes / sizeof sizes[0], FRAMES = 40 };

/* Range 0.12 sides; in 40 frames of 5 ms it goes 0.8 sides, over two edges. */
static pattern_t spot(size_t size, double noise) {
    return (pattern_t){.kind = PATTERN_SPOT,
                       .frames = FRAMES,
                       .n_y = sizes[size][0],
                       .n_x = sizes[size][1],
                       .frame_ms = 5.0,
                       .width = 0.12,
                       .vx = 3.2,
                       .vy = -2.4,
                       .noise = noise,
                       .seed = 11 + size};
}

typedef struct {
    double count, position, speed, direction; /* mean number; rms error in sites; shares; degrees */
} errors_t;

static errors_t follow_spot(size_t size, double noise) {
    pattern_field_t f;
    dataset_t found;
    pattern_create(spot(size, noise), &f);
    find_bumps(&f.field, &found);
    errors_t e = {.count = dataset_value(&found, "bumps/count")};
    const dataset_item_t *x = dataset_find(&found, "bumps/path_x"),
                         *y = dataset_find(&found, "bumps/path_y"),
                         *t = dataset_find(&found, "bumps/path_time_ms");
    for (size_t k = 0; x && k < x->count; k++) {
        double at_x = 0.5 + f.pattern.vx * t->values[k] * 1e-3 - x->values[k];
        double at_y = 0.5 + f.pattern.vy * t->values[k] * 1e-3 - y->values[k];
        at_x = (at_x - rint(at_x)) * (double)f.pattern.n_x;
        at_y = (at_y - rint(at_y)) * (double)f.pattern.n_y;
        e.position += (at_x * at_x + at_y * at_y) / (double)x->count;
    }
    e.position = sqrt(e.position);
    e.speed = dataset_value(&found, "bumps/drift") / hypot(3.2, 2.4) - 1.0;
    e.direction = dataset_value(&found, "bumps/direction_deg") - atan2(-2.4, 3.2) * 180.0 / M_PI;
    dataset_destroy(&found);
    pattern_destroy(&f);
    return e;
}

static void test_moving_spot(void **state) {
    (void)state;
    for (size_t size = 0; size < SIZES; size++)
        for (int level = 0; level < 3; level++) {
            errors_t e = follow_spot(size, level == 2 ? 1.0 : 0.3 * level);
            if (level == 2 && size < 2) /* it is lost in noise as high as itself */
                continue;
            assert_float_equal(e.count, 1.0, 0.0);
            if (level < 2)
                assert_in_range((int)(1e3 * e.position), 0, 500); /* half a site, as asked for */
            assert_float_equal(e.speed, 0.0, 0.05);
            assert_float_equal(e.direction, 0.0, 3.0);
        }
}

/* On a ring of 200 sites, over its seam; the sheet's other axis has one site. */
static void test_ring(void **state) {
    (void)state;
    pattern_field_t f;
    dataset_t found;
    pattern_t ring = spot(0, 0.1);
    ring.n_y = 1;
    ring.n_x = 200;
    ring.vy = 0.0;
    pattern_create(ring, &f);
    find_bumps(&f.field, &found);
    assert_float_equal(dataset_value(&found, "bumps/count"), 1.0, 0.0);
    assert_float_equal(dataset_value(&found, "bumps/drift"), 3.2, 0.05 * 3.2);
    assert_float_equal(dataset_value(&found, "bumps/direction_deg"), 0.0, 1e-9);
    assert_float_equal(dataset_value(&found, "bumps/spot_share"), 1.0, 0.0);
    dataset_destroy(&found);
    pattern_destroy(&f);
}

/* Bands at rest, along an axis and oblique; moving ones; on a patch. */
static void test_stripes(void **state) {
    (void)state;
    static const struct {
        pattern_kind_t kind;
        double nx, ny, speed, direction, count;
        bool open;
    } cases[] = {
        {PATTERN_STRIPES, 2, 0, 0, 0, 2, false},
        {PATTERN_STRIPES, 0, 2, 0, 0, 2, false},
        {PATTERN_STRIPES, 1, 2, 0, 0, 1, false},
        {PATTERN_STRIPES, 1, 1, 0, 0, 1, false},
        {PATTERN_STRIPES, 1, 0, 0, 0, 2, true},
        {PATTERN_PLANE, 2, 0, 1.5, 0, 2, false},
        {PATTERN_PLANE, 0, -2, 1.5, -90, 2, false},
        {PATTERN_PLANE, 1, 1, 3 / M_SQRT2, 45, 1, false},
    };
    for (size_t size = 0; size < SIZES; size++)
        for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
            pattern_field_t f;
            dataset_t found;
            pattern_create((pattern_t){.kind = cases[k].kind,
                                       .frames = FRAMES,
                                       .n_y = sizes[size][0],
                                       .n_x = sizes[size][1],
                                       .frame_ms = 5.0,
                                       .nx = cases[k].nx,
                                       .ny = cases[k].ny,
                                       .frequency_hz = 3.0,
                                       .noise = cases[k].open ? 0.1 : 0.3,
                                       .open = cases[k].open,
                                       .seed = k},
                           &f);
            find_bumps(&f.field, &found);
            assert_float_equal(dataset_value(&found, "bumps/stripe_share"), 1.0, 0.0);
            assert_float_equal(dataset_value(&found, "bumps/count"), cases[k].count, 0.1);
            double error = dataset_value(&found, "bumps/drift_error");
            double direction = dataset_value(&found, "bumps/direction_deg");
            if (cases[k].speed > 0.0) {
                assert_float_equal(dataset_value(&found, "bumps/drift"), cases[k].speed,
                                   0.05 * cases[k].speed);
                assert_float_equal(direction, cases[k].direction, 3.0);
            } else {
                assert_true(isnan(direction) && dataset_value(&found, "bumps/drift") < 5.0 * error);
            }
            dataset_destroy(&found);
            pattern_destroy(&f);
        }
}

/* ---- nothing where there is nothing ---- */

typedef struct {
    const char *name;
    double correlation; /* sites */
    double memory;      /* of a frame in the next */
} noise_t;

static const noise_t noises[] = {{"white", 0, 0},
                                 {"correlated over 3 sites", 3, 0},
                                 {"slow, memory of 10 frames", 0, 0.905},
                                 {"frozen", 0, 1},
                                 {"correlated over 3 sites and 5 frames", 3, 0.82}};
enum { NOISES = sizeof noises / sizeof noises[0], NULL_FIELDS = 200 };

static void make_noise(const noise_t *noise, size_t n, size_t frames, uint64_t seed,
                       pattern_field_t *f) {
    pattern_create((pattern_t){.kind = PATTERN_NOISE,
                               .frames = frames,
                               .n_y = n,
                               .n_x = n,
                               .frame_ms = 2.0,
                               .noise = 1.0,
                               .correlation = noise->correlation,
                               .seed = seed},
                   f);
    float old = (float)noise->memory, new = sqrtf(1.0f - old * old);
    for (size_t i = n * n; i < frames * n * n; i++)
        f->values[i] = old * f->values[i - n * n] + new * f->values[i];
}

static size_t fields_with_bumps(const noise_t *noise, size_t n, size_t frames, size_t fields) {
    size_t with = 0;
    for (size_t k = 0; k < fields; k++) {
        pattern_field_t f;
        dataset_t found;
        make_noise(noise, n, frames, 1000 + k, &f);
        find_bumps(&f.field, &found);
        with += dataset_value(&found, "bumps/count") > 0.0;
        dataset_destroy(&found);
        pattern_destroy(&f);
    }
    return with;
}

static void test_silent_on_noise(void **state) {
    (void)state;
    for (size_t k = 0; k < NOISES; k++) /* the last one for 30 memories, as bump.h says */
        assert_int_equal(fields_with_bumps(&noises[k], 24, k + 1 < NOISES ? 36 : 150,
                                           k < 2            ? NULL_FIELDS
                                           : k + 1 < NOISES ? 50
                                                            : 20),
                         0);
}

static void test_bad_input(void **state) {
    (void)state;
    pattern_field_t f;
    dataset_t found;
    pattern_t few = spot(0, 0.0);
    few.frames = 23;
    pattern_create(few, &f);
    find_bumps(&f.field, &found);
    assert_true(strstr(dataset_find(&found, "bumps/reason")->text, "23 frames are too few"));
    assert_int_equal(found.items, 1);
    dataset_destroy(&found);
    pattern_destroy(&f);

    pattern_create(spot(0, 0.0), &f);
    unsigned char mask[24 * 24];
    memset(mask, 1, sizeof mask);
    mask[5] = 0;
    for (size_t t = 0; t < FRAMES; t++)
        f.values[t * 24 * 24 + 5] = NAN;
    found = (dataset_t){0};
    assert_int_equal(bumps_detect(&f.field, &(bump_options_t){0}, &found), STATUS_FAILED);
    assert_true(strstr(status_message(), "frame 0") && found.items == 0);
    f.field.grid.mask = mask; /* without data: no fault */
    find_bumps(&f.field, &found);
    assert_float_equal(dataset_value(&found, "bumps/count"), 1.0, 0.0);
    assert_true(isnan(dataset_find(&found, "bumps/label")->values[5]));
    dataset_destroy(&found);

    for (size_t i = 0; i < FRAMES * 24 * 24; i++)
        f.values[i] =
            0.1f * (float)(i / (24 * 24)); /* the same everywhere, though not at all times */
    find_bumps(&f.field, &found);
    assert_true(strstr(dataset_find(&found, "bumps/reason")->text, "the same everywhere"));
    assert_int_equal(found.items, 1);
    dataset_destroy(&found);
    pattern_destroy(&f);
}

static void test_threads_do_not_matter(void **state) {
    (void)state;
    pattern_field_t f;
    dataset_t one, four;
    int threads = omp_get_max_threads();
    pattern_create(spot(1, 0.3), &f);
    omp_set_num_threads(1);
    find_bumps(&f.field, &one);
    omp_set_num_threads(4);
    find_bumps(&f.field, &four);
    omp_set_num_threads(threads);
    assert_int_equal(one.items, four.items);
    for (size_t k = 0; k < one.items; k++)
        if (one.item[k].values)
            assert_memory_equal(one.item[k].values, four.item[k].values,
                                one.item[k].count * sizeof(double));
    dataset_destroy(&one);
    dataset_destroy(&four);
    pattern_destroy(&f);
}

/* Numbers over all sizes and noise levels, and of larger fields of noise. */
static int study(void) {
    printf("moving spot, range 0.12 sides: rms error of place (sites), of speed, of direction\n");
    for (size_t size = 0; size < SIZES; size++)
        for (int level = 0; level < 3; level++) {
            double noise = level == 2 ? 1.0 : 0.3 * level;
            errors_t e = follow_spot(size, noise);
            printf("%3zu x %-3zu noise %.1f: %.2f bumps a frame, %.3f, %+.2f %%, %+.2f degrees\n",
                   sizes[size][0], sizes[size][1], noise, e.count, e.position, 100.0 * e.speed,
                   e.direction);
        }
    for (size_t k = 0; k < NOISES; k++)
        printf("noise, %s: bumps in %zu of %d fields (48 x 48, 100 frames)\n", noises[k].name,
               fields_with_bumps(&noises[k], 48, 100, NULL_FIELDS), NULL_FIELDS);
    return 0;
}

int main(int n_arguments, char **arguments) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_components),
        cmocka_unit_test(test_moving_spot),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_stripes),
        cmocka_unit_test(test_silent_on_noise),
        cmocka_unit_test(test_bad_input),
        cmocka_unit_test(test_threads_do_not_matter),
    };
    if (n_arguments == 2 && strcmp(arguments[1], "study") == 0)
        return study();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
