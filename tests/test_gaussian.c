/* Smoothing against its definition: the sum over all taps, and their images on a torus. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/detect/gaussian.h"
#include "tests/patterns.h"

enum { NY = 7, NX = 12, SITES = NY * NX };
static const double range_y = 1.5, range_x = 3.0;

/* Weight of a site dy, dx away (along one way). */
static double weight(long dy, long dx) {
    double sum[2] = {0.0, 0.0};
    for (long k = -5; k <= 5; k++)
        sum[0] += exp(-(double)(k * k) / (2.0 * range_y * range_y));
    for (long k = -9; k <= 9; k++)
        sum[1] += exp(-(double)(k * k) / (2.0 * range_x * range_x));
    return labs(dy) > 5 || labs(dx) > 9
               ? 0.0
               : exp(-(double)(dy * dy) / (2.0 * range_y * range_y)) / sum[0] *
                     exp(-(double)(dx * dx) / (2.0 * range_x * range_x)) / sum[1];
}

/* Weight of site `from` in site `to`, 0 where one has no data. */
static double weight_between(const grid_t *grid, long to, long from) {
    double sum = 0.0;
    long images = grid->open ? 0 : 2;
    if (grid->mask && !(grid->mask[to] && grid->mask[from]))
        return 0.0;
    for (long v = -images; v <= images; v++)
        for (long u = -images; u <= images; u++)
            sum += weight(from / NX - to / NX + v * NY, from % NX - to % NX + u * NX);
    return sum;
}

static void compare(const grid_t *grid, gaussian_kind_t kind) {
    float values[SITES], smoothed[SITES], copy[SITES];
    uint64_t seed = 3;
    gaussian_t gaussian;
    for (size_t i = 0; i < SITES; i++)
        smoothed[i] = values[i] =
            !grid->mask || grid->mask[i] ? (float)pattern_normal(&seed) : 0.0f;
    assert_int_equal(gaussian_create(grid, range_y, range_x, kind, &gaussian), STATUS_OK);
    gaussian_apply(&gaussian, smoothed, copy);
    gaussian_destroy(&gaussian);
    for (long to = 0; to < SITES; to++) {
        double sum = 0.0, left = 0.0;
        for (long from = 0; from < SITES; from++) {
            sum += weight_between(grid, to, from) * (double)values[from];
            left += weight_between(grid, to, from);
        }
        if (kind == GAUSSIAN_MEAN)
            sum = left > 0.0 ? sum / left : 0.0;
        if (kind == GAUSSIAN_NOISE)
            sum = left > 0.0 ? sum / sqrt(left) : 0.0;
        if (kind != GAUSSIAN_SUM || !grid->mask || grid->mask[to])
            assert_float_equal(smoothed[to], sum, 2e-6); /* 19 x 11 taps in float, values to 3 */
    }
}

static void test_definition(void **state) {
    (void)state;
    unsigned char mask[SITES];
    for (size_t i = 0; i < SITES; i++)
        mask[i] = i % 5 != 0;
    for (int open = 0; open < 2; open++)
        for (int masked = 0; masked < 2; masked++)
            for (gaussian_kind_t kind = GAUSSIAN_SUM; kind <= GAUSSIAN_NOISE; kind++) {
                grid_t grid = grid_torus(NY, NX);
                grid.open = open;
                grid.mask = masked ? mask : NULL;
                compare(&grid, kind);
            }
}

/* A site's own weight and the sum of squares, on a torus that the taps go around. */
static void test_weights(void **state) {
    (void)state;
    grid_t grid = grid_torus(NY, NX), line = grid_torus(1, NX);
    double squares = 0.0;
    gaussian_t gaussian;
    for (long from = 0; from < SITES; from++)
        squares += weight_between(&grid, 0, from) * weight_between(&grid, 0, from);
    assert_int_equal(gaussian_create(&grid, range_y, range_x, GAUSSIAN_SUM, &gaussian), STATUS_OK);
    assert_float_equal(gaussian.own, weight_between(&grid, 0, 0), 1e-12);
    assert_float_equal(gaussian.squares, squares, 1e-12);
    gaussian_destroy(&gaussian);
    float one[NX] = {[3] = 1.0f}, copy[NX];
    assert_int_equal(gaussian_create(&line, range_y, 0.0, GAUSSIAN_MEAN, &gaussian), STATUS_OK);
    gaussian_apply(&gaussian, one, copy);
    gaussian_destroy(&gaussian);
    assert_float_equal(one[3], 1.0, 0.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),
        cmocka_unit_test(test_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
