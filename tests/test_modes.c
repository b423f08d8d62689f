/* Modes of velocity fields against LAPACK's dense decomposition, and projections on them.
 * `test_modes time` takes 750 frames of 200 x 200 sites. */
#include <math.h>
#include <lapacke.h>
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

#include "host/detect/modes.h"
#include "host/detect/projection.h"
#include "tests/patterns.h"

enum { NY = 9, NX = 14, SITES = NY * NX, COLUMNS = 2 * SITES, FRAMES = 101 };

/* `rank` random spatial fields whose amplitudes fall by `fall`, and white noise. */
static float *velocities(size_t frames, size_t sites, size_t rank, double fall, double noise,
                         uint64_t seed) {
    size_t columns = 2 * sites;
    float *v = malloc(frames * columns * sizeof *v);
    double *field = malloc(rank * columns * sizeof *field);
    double *amplitude = malloc(rank * sizeof *amplitude);
    for (size_t i = 0; i < rank * columns; i++)
        field[i] = pattern_normal(&seed);
    for (size_t t = 0; t < frames; t++) {
        for (size_t k = 0; k < rank; k++)
            amplitude[k] = pow(fall, (double)k) * pattern_normal(&seed);
        for (size_t x = 0; x < columns; x++) {
            double sum = noise > 0.0 ? noise * pattern_normal(&seed) : 0.0;
            for (size_t k = 0; k < rank; k++)
                sum += amplitude[k] * field[k * columns + x];
            v[t * columns + x] = (float)sum;
        }
    }
    free(field);
    free(amplitude);
    return v;
}

static void run(const grid_t *grid, const float *v, size_t frames, dataset_t *found) {
    modes_t *modes = NULL;
    assert_int_equal(modes_create(grid, frames, 100.0, 2.0, &modes), STATUS_OK);
    for (size_t t = 0; t < frames; t++)
        assert_int_equal(modes_take(modes, NULL, v + 2 * t * grid_sites(grid)), STATUS_OK);
    assert_int_equal(modes_finish(modes, found), STATUS_OK);
    modes_destroy(modes);
}

static const double *values(const dataset_t *found, const char *name) {
    assert_non_null(dataset_find(found, name));
    return dataset_find(found, name)->values;
}

/* s[min], vt[min][COLUMNS] of v[frames][COLUMNS]; the share of each squared value. */
static void dense(const float *v, size_t frames, double *s, double *vt) {
    size_t least = frames < COLUMNS ? frames : COLUMNS;
    double *a = malloc(frames * COLUMNS * sizeof *a), *u = malloc(frames * least * sizeof *u);
    for (size_t i = 0; i < frames * COLUMNS; i++)
        a[i] = (double)v[i];
    assert_int_equal(LAPACKE_dgesdd(LAPACK_ROW_MAJOR, 'S', (lapack_int)frames, COLUMNS, a, COLUMNS,
                                    s, u, (lapack_int)least, vt, COLUMNS),
                     0);
    free(a);
    free(u);
}

/* Of rank 20, below MODES_RANK: nothing is cut off, and every number is the dense one's but for the
 * Gram matrix's rounding, 1e-16 of the first squared value: 1e-16 / 0.8^14 in these first eight
 * values, more where they lie close; 1e-9 leaves room. */
static void test_against_dense(void **state) {
    (void)state;
    static double s[FRAMES], vt[FRAMES * COLUMNS];
    grid_t grid = grid_torus(NY, NX);
    float *v = velocities(FRAMES, SITES, 20, 0.8, 0.0, 3);
    dataset_t found = {0};
    dense(v, FRAMES, s, vt);
    run(&grid, v, FRAMES, &found);
    double total = 0.0, rebuilt = 0.0, error = 0.0;
    for (size_t i = 0; i < FRAMES; i++)
        total += s[i] * s[i];
    assert_int_equal(dataset_find_axis(&found, "modes/mode")->size, MODES_TOLD);
    const double *value = values(&found, "modes/singular_value");
    const double *share = values(&found, "modes/variance_explained");
    const double *vx = values(&found, "modes/velocity_x"), *vy = values(&found, "modes/velocity_y");
    const double *c = values(&found, "modes/coefficient");
    for (size_t j = 0; j < MODES_TOLD; j++) {
        double along = 0.0, energy = 0.0;
        assert_float_equal(value[j] / s[j], 1.0, 1e-9);
        assert_float_equal(share[j], s[j] * s[j] / total, 1e-9);
        for (size_t i = 0; i < SITES; i++)
            along += vx[j * SITES + i] * vt[j * COLUMNS + i] +
                     vy[j * SITES + i] * vt[j * COLUMNS + SITES + i];
        assert_float_equal(fabs(along), 1.0, 1e-9);
        for (size_t t = 0; t < FRAMES; t++) { /* the coefficient is the frame's product */
            double product = 0.0;
            for (size_t i = 0; i < SITES; i++)
                product += vx[j * SITES + i] * (double)v[t * COLUMNS + i] +
                           vy[j * SITES + i] * (double)v[t * COLUMNS + SITES + i];
            error = fmax(error, fabs(product - c[t * MODES_TOLD + j]) / s[0]);
            energy += c[t * MODES_TOLD + j] * c[t * MODES_TOLD + j];
        }
        rebuilt += energy / total;
        assert_float_equal(energy, s[j] * s[j], 1e-9 * s[0] * s[0]);
    }
    print_message("coefficients: %.1e of the first singular value off; first 8 modes: %.4f\n",
                  error, rebuilt);
    assert_true(error < 1e-9);
    assert_true(dataset_value(&found, "modes/variance_dropped") < 1e-12); /* floats' rounding */
    assert_float_equal(dataset_find_axis(&found, "modes/time")->values[FRAMES - 1], 300.0, 1e-9);
    dataset_destroy(&found);
    free(v);
}

/* Of full rank: what is cut off bounds the error of every squared singular value, from above. */
static void test_truncation(void **state) {
    (void)state;
    static double s[FRAMES], vt[FRAMES * COLUMNS];
    grid_t grid = grid_torus(NY, NX);
    float *v = velocities(FRAMES, SITES, 10, 0.7, 0.3, 4);
    dataset_t found = {0};
    double total = 0.0, rest = 0.0, most = 0.0;
    dense(v, FRAMES, s, vt);
    run(&grid, v, FRAMES, &found);
    for (size_t i = 0; i < FRAMES; i++) {
        total += s[i] * s[i];
        rest += i >= MODES_RANK ? s[i] * s[i] : 0.0;
    }
    double dropped = dataset_value(&found, "modes/variance_dropped");
    for (size_t j = 0; j < MODES_TOLD; j++) {
        double low = s[j] * s[j] / total - values(&found, "modes/variance_explained")[j];
        most = fmax(most, low);
        assert_true(low > -1e-12);
        assert_true(low < dropped);
    }
    print_message("dropped %.4f (the best rank %d drops %.4f); shares at most %.1e too low\n",
                  dropped, MODES_RANK, rest / total, most);
    assert_true(dropped > 0.1 * rest / total);
    dataset_destroy(&found);
    free(v);
}

/* Same bits for one thread and for three. */
static void test_threads(void **state) {
    (void)state;
    grid_t grid = grid_torus(NY, NX);
    float *v = velocities(FRAMES, SITES, 10, 0.7, 0.3, 5);
    dataset_t one = {0}, three = {0};
    int before = omp_get_max_threads();
    omp_set_num_threads(1);
    run(&grid, v, FRAMES, &one);
    omp_set_num_threads(3);
    run(&grid, v, FRAMES, &three);
    omp_set_num_threads(before);
    assert_int_equal(one.items, three.items);
    for (size_t k = 0; k < one.items; k++)
        assert_memory_equal(one.item[k].values, three.item[k].values,
                            one.item[k].count * sizeof(double));
    dataset_destroy(&one);
    dataset_destroy(&three);
    free(v);
}

/* Projected on its own modes a run has their coefficients; one in the first two modes alone, mixed
 * in other shares, shows just those. Masked sites count nowhere. */
static void test_projection(void **state) {
    (void)state;
    unsigned char mask[SITES];
    grid_t grid = grid_torus(NY, NX);
    float *v = velocities(FRAMES, SITES, 20, 0.8, 0.0, 6);
    float *mixed = malloc(FRAMES * COLUMNS * sizeof *mixed);
    dataset_t found = {0}, own = {0}, other = {0};
    memset(mask, 1, sizeof mask);
    mask[5] = mask[77] = 0;
    grid.mask = mask;
    run(&grid, v, FRAMES, &found);
    const double *vx = values(&found, "modes/velocity_x"), *vy = values(&found, "modes/velocity_y");
    assert_float_equal(vx[5], 0.0, 0.0);
    for (size_t t = 0; t < FRAMES; t++)
        for (size_t i = 0; i < SITES; i++) {
            double a = sqrt(3.0) * sin(2.0 * M_PI * (double)t / FRAMES);
            double b = cos(2.0 * M_PI * (double)t / FRAMES);
            mixed[t * COLUMNS + i] = (float)(a * vx[i] + b * vx[SITES + i]);
            mixed[t * COLUMNS + SITES + i] = (float)(a * vy[i] + b * vy[SITES + i]);
        }
    stored_modes_t stored = {
        .n = MODES_TOLD, .ny = NY, .nx = NX, .velocity_x = vx, .velocity_y = vy};
    for (int k = 0; k < 2; k++) {
        projection_t *projection = NULL;
        assert_int_equal(projection_create(&grid, &stored, FRAMES, 0.0, 2.0, &projection),
                         STATUS_OK);
        for (size_t t = 0; t < FRAMES; t++)
            assert_int_equal(projection_take(projection, NULL, (k ? mixed : v) + t * COLUMNS),
                             STATUS_OK);
        assert_int_equal(projection_finish(projection, k ? &other : &own), STATUS_OK);
        projection_destroy(projection);
    }
    for (size_t j = 0; j < MODES_TOLD; j++) {
        assert_float_equal(values(&own, "projection/variance_explained")[j],
                           values(&found, "modes/variance_explained")[j], 1e-9);
        double wanted = j == 0 ? 0.75 : j == 1 ? 0.25 : 0.0;
        assert_float_equal(values(&other, "projection/variance_explained")[j], wanted, 1e-6);
    }
    assert_float_equal(dataset_value(&other, "projection/variance_explained_together"), 1.0, 1e-6);
    for (size_t i = 0; i < FRAMES * MODES_TOLD; i++)
        assert_float_equal(values(&own, "projection/coefficient")[i],
                           values(&found, "modes/coefficient")[i],
                           1e-9 * values(&found, "modes/singular_value")[0]);
    dataset_destroy(&found);
    dataset_destroy(&own);
    dataset_destroy(&other);
    free(v);
    free(mixed);
}

static void test_bad_input(void **state) {
    (void)state;
    grid_t grid = grid_torus(NY, NX), larger = grid_torus(NY + 1, NX);
    modes_t *modes = NULL;
    projection_t *projection = NULL;
    dataset_t found = {0};
    float *v = calloc(COLUMNS, sizeof *v);
    double *field = calloc(2 * SITES, sizeof *field);
    assert_int_equal(modes_create(&grid, 3, 0.0, 1.0, &modes), STATUS_OK);
    assert_int_equal(modes_take(modes, NULL, v), STATUS_OK);
    assert_int_equal(modes_finish(modes, &found), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "1 frames"));
    assert_int_equal(modes_take(modes, NULL, v), STATUS_OK);
    assert_int_equal(modes_finish(modes, &found), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "nothing moves"));
    v[7] = NAN;
    assert_int_equal(modes_take(modes, NULL, v), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "frame 2"));
    modes_destroy(modes);
    stored_modes_t stored = {
        .n = 1, .ny = NY, .nx = NX, .velocity_x = field, .velocity_y = field + SITES};
    assert_int_equal(projection_create(&larger, &stored, 9, 0.0, 1.0, &projection), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "same lattice"));
    assert_int_equal(projection_create(&grid, &stored, 9, 0.0, 1.0, &projection), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "not modes"));
    assert_int_equal(found.items + found.axes, 0);
    free(v);
    free(field);
}

static void time_it(void) {
    enum { SIDE = 200, LONG = 750, KINDS = 50 };
    grid_t grid = grid_torus(SIDE, SIDE);
    dataset_t found = {0};
    modes_t *modes = NULL;
    float *v = velocities(KINDS, SIDE * SIDE, 20, 0.8, 0.1, 1);
    modes_create(&grid, LONG, 0.0, 2.0, &modes);
    double start = omp_get_wtime();
    clock_t cpu = clock();
    for (size_t t = 0; t < LONG; t++)
        modes_take(modes, NULL, v + t % KINDS * 2 * SIDE * SIDE);
    modes_finish(modes, &found);
    printf("modes of %d frames of %d x %d: %.2f s, %.2f s of processors\n", LONG, SIDE, SIDE,
           omp_get_wtime() - start, (double)(clock() - cpu) / CLOCKS_PER_SEC);
    modes_destroy(modes);
    dataset_destroy(&found);
    free(v);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_dense), cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_threads),       cmocka_unit_test(test_projection),
        cmocka_unit_test(test_bad_input),
    };
    if (argc > 1 && strcmp(argv[1], "time") == 0) {
        time_it();
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
