/* Radial distribution of the bulk: closed forms, invariances, sampled matrices. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "host/spectrum/bulk.h"
#include "tests/dense.h"

enum { P = POPULATIONS_MAX, RADII = 9 };

/* Shares of R, in no order; rounding and the solver's 1e-12, over a share's slope of order one. */
static const double SHARE[RADII] = {0.5, 1e-3, 0.9, 0.05, 0.999999, 0.2, 0.7, 0.0, 1.0};
static const double TOLERANCE = 1e-10;
static const double ONES[P] = {1, 1, 1, 1, 1, 1, 1, 1};

static void radial(uint32_t n, double m[P][P], const double *size, const double *gain2, double edge,
                   double fraction[RADII]) {
    double radius[RADII];
    for (int i = 0; i < RADII; i++)
        radius[i] = edge * SHARE[i];
    assert_int_equal(radial_distribution(n, m, size, gain2, RADII, radius, fraction), STATUS_OK);
}

/* Equal sums of rows and of columns of V: the circular law, whatever the populations. */
static void circular_law(void **state) {
    (void)state;
    double one[P][P] = {{0.49}}, f[3][RADII], gain2[P] = {4.0};
    double alike[P][P] = {{0.3, 0.1}, {0.3, 0.1}};                       /* V_ij all equal, 3:1 */
    double cyclic[P][P] = {{0.7, 0, 0.3}, {0.3, 0.7, 0}, {0, 0.3, 0.7}}; /* equal sizes */
    double size[P] = {300, 100}, equal[P] = {50, 50, 50};
    radial(1, one, size, gain2, 1.4, f[0]); /* R = sqrt(0.49 4) */
    radial(2, alike, size, ONES, sqrt(0.4), f[1]);
    radial(3, cyclic, equal, ONES, 1.0, f[2]);
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < RADII; i++)
            assert_true(fabs(f[k][i] - SHARE[i] * SHARE[i]) < TOLERANCE);
    double beyond[2] = {-0.1, 7.0};
    assert_int_equal(radial_distribution(1, one, size, ONES, 2, beyond, f[0]), STATUS_OK);
    assert_true(f[0][0] == 0.0 && f[0][1] == 1.0);
}

/* V_ij = x_i y_j: u = x U, v = y W, and t = U W is the root of
 * sum_b N_b x_b y_b/(s^2 + x_b y_b t) = 1; with x = 1, Rajan & Abbott, PRL 97, 188104 (2006). */
static void rank_one(void **state) {
    (void)state;
    const double x[2][3] = {{1, 1, 1}, {0.2, 3.0, 1.1}}, y[3] = {0.01, 0.0004, 0.05};
    const double size[P] = {400, 90, 10};
    for (int k = 0; k < 2; k++) {
        double m[P][P] = {{0}}, gain2[P], edge = 0.0, f[RADII];
        for (int b = 0; b < 3; b++) {
            gain2[b] = 0.5 + b;
            edge += size[b] * x[k][b] * y[b] * gain2[b];
            for (int a = 0; a < 3; a++)
                m[a][b] = x[k][a] * y[b] * size[b];
        }
        radial(3, m, size, gain2, sqrt(edge), f);
        for (int i = 0; i < RADII; i++) {
            double s2 = SHARE[i] * SHARE[i] * edge, low = 0.0, high = 500.0, expected = 0.0;
            for (int step = 0; step < 100; step++) {
                double t = 0.5 * (low + high), sum = 0.0;
                for (int b = 0; b < 3; b++) {
                    double xy = x[k][b] * y[b] * gain2[b];
                    sum += size[b] * xy / (s2 + xy * t);
                }
                *(sum > 1.0 ? &low : &high) = t;
            }
            for (int b = 0; b < 3; b++)
                expected += size[b] / 500.0 * s2 / (s2 + x[k][b] * y[b] * gain2[b] * low);
            assert_true(fabs(f[i] - expected) < TOLERANCE);
        }
    }
}

/* Two populations without connections within, N_1 = 3 N_2: the lambda^2 are those of a product of
 * two rectangular matrices. With f_a = s^2 d_a: N_1 (1 - f_1) = N_2 (1 - f_2), f_1 f_2 = (s/R)^4.
 * N_1 - N_2 eigenvalues are 0. */
static void two_sided(void **state) {
    (void)state;
    double m[P][P] = {{0, 0.3}, {5, 0}}, size[P] = {600, 200}, f[RADII];
    radial(2, m, size, ONES, pow(1.5, 0.25), f);
    for (int i = 0; i < RADII; i++) {
        double f2 = -1.0 + sqrt(1.0 + 3.0 * pow(SHARE[i], 4.0)), f1 = 1.0 - (1.0 - f2) / 3.0;
        assert_true(fabs(f[i] - (0.75 * f1 + 0.25 * f2)) < TOLERANCE);
    }
    assert_true(fabs(f[7] - 0.5) < TOLERANCE);
}

/* Connections one way only couple no disks: each class has its own, one without variance lies at 0.
 */
static void reducible(void **state) {
    (void)state;
    double m[P][P] = {{0}}, pair[P][P] = {{0.2, 1.5}, {0.4, 0.1}}, size[P] = {100, 300, 400, 200};
    double pair_size[P] = {300, 200}, f[RADII], alone[RADII];
    m[0][0] = 4.0;
    for (int i = 0; i < 4; i++) /* populations 1 and 3 are the pair; 2 only receives */
        m[i / 2 ? 3 : 1][i % 2 ? 3 : 1] = pair[i / 2][i % 2];
    m[0][1] = m[0][3] = m[2][0] = m[2][3] = 7.0;
    radial(4, m, size, ONES, 2.0, f);
    radial(2, pair, pair_size, ONES, 2.0, alone);
    for (int i = 0; i < RADII; i++)
        assert_true(fabs(f[i] - (0.1 * SHARE[i] * SHARE[i] + 0.5 * alone[i] + 0.4)) < TOLERANCE);
    assert_true(alone[1] < 0.1 && alone[0] == 1.0); /* its disk is the smaller one */
}

/* Populations cut into parts that do not differ: the same distribution. */
static void parts_of_one_population(void **state) {
    (void)state;
    double whole[P][P] = {{0.1, 2.0, 0.01}, {1.3, 0, 0.4}, {0.002, 5.0, 0.03}}, cut[P][P];
    const double size[P] = {700, 40, 200}, share[8] = {0.5, 0.2, 0.3, 0.9, 0.1, 0.4, 0.4, 0.2};
    const int part_of[8] = {0, 0, 0, 1, 1, 2, 2, 2};
    double sizes[P], f[RADII], parts[RADII];
    for (int a = 0; a < 8; a++) {
        sizes[a] = share[a] * size[part_of[a]];
        for (int b = 0; b < 8; b++)
            cut[a][b] = whole[part_of[a]][part_of[b]] * share[b];
    }
    radial(3, whole, size, ONES, 1.7, f);
    radial(8, cut, sizes, ONES, 1.7, parts);
    for (int i = 0; i < RADII; i++)
        assert_true(fabs(f[i] - parts[i]) < TOLERANCE);
}

static void impossible_variance(void **state) {
    (void)state;
    double m[P][P] = {{0.1, -0.2}, {0.1, 0.1}}, size[P] = {10, 10}, radius = 0.1, f;
    assert_int_equal(radial_distribution(2, m, size, ONES, 1, &radius, &f), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "variance -0.2 from population 1 to 0"));
}

static int compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Gains that vary in a population: as populations of a gain each, that differ in nothing else. */
static void gains_as_populations(void **state) {
    (void)state;
    double whole[P][P] = {{0.3, 2.0}, {1.3, 0.4}}, cut[P][P], sizes[P], gain2[P];
    const double size[P] = {700, 200};
    const gain_bins_t gains[2] = {{3, {0.5, 0.2, 0.3}, {0.0, 0.7, 2.1}},
                                  {2, {0.9, 0.1}, {0.05, 3.0}}};
    const int part_of[5] = {0, 0, 0, 1, 1}, bin_of[5] = {0, 1, 2, 0, 1};
    double fraction[RADII], parts[RADII], radius[RADII];
    for (int a = 0; a < 5; a++) {
        double share = gains[part_of[a]].share[bin_of[a]];
        sizes[a] = share * size[part_of[a]];
        gain2[a] = gains[part_of[a]].gain2[bin_of[a]];
        for (int b = 0; b < 5; b++)
            cut[b][a] = whole[part_of[b]][part_of[a]] * share;
    }
    for (int i = 0; i < RADII; i++)
        radius[i] = 1.1 * SHARE[i];
    assert_int_equal(radial_distribution_bins(2, whole, size, gains, RADII, radius, fraction),
                     STATUS_OK);
    radial(5, cut, sizes, gain2, 1.1, parts);
    for (int i = 0; i < RADII; i++)
        assert_true(fabs(fraction[i] - parts[i]) < TOLERANCE);
    assert_true(fraction[7] > 0.35); /* half of the first is silent, 350 of 900 */
}

enum { N = 800, E = 640, DRAWS = 3 };

/* |lambda| of 3 matrices of 640 + 160 neurons, pooled, in order; gain[N]. */
static double *sampled_radii(double m[P][P], const double *gain) {
    double *radius = malloc(sizeof *radius * DRAWS * N);
    for (int draw = 0; draw < DRAWS; draw++) {
        double *matrix = malloc(sizeof *matrix * N * N);
        for (int j = 0; j < N; j++)
            for (int i = 0; i < N; i++)
                matrix[j * N + i] =
                    gain[j] * sqrt(m[i >= E][j >= E] / (j >= E ? N - E : E)) * random_normal();
        double complex *value = eigenvalues(matrix, N);
        for (int i = 0; i < N; i++)
            radius[draw * N + i] = cabs(value[i]);
        free(value);
    }
    qsort(radius, DRAWS * N, sizeof *radius, compare);
    return radius;
}

/* Eigenvalues at 0, where F starts with them, are passed over. */
static double distance_of(const double *radius, const double *fraction) {
    double distance = 0.0;
    for (int i = 0; i < DRAWS * N; i++)
        if (radius[i] > 1e-9)
            distance = fmax(distance, fabs(fraction[i] - (i + 0.5) / (DRAWS * N)));
    return distance;
}

/* Eigenvalues repel, so that their counts hardly scatter (by n^(1/4), not n^(1/2)); what is left is
 * the soft edge: 1/sqrt(2 pi n) = 0.014 of them lie beyond R in the circular law. */
static void sampled_matrices(void **state) {
    (void)state;
    double m[P][P] = {{0.05, 0.6}, {4.0, 0.3}}, size[P] = {E, N - E}, gain[N];
    double *fraction = malloc(sizeof *fraction * DRAWS * N), *radius;
    for (int j = 0; j < N; j++)
        gain[j] = 1.0;
    radius = sampled_radii(m, gain);
    assert_int_equal(radial_distribution(2, m, size, ONES, DRAWS * N, radius, fraction), STATUS_OK);
    double distance = distance_of(radius, fraction);
    double edge = sqrt(0.175 + sqrt(0.175 * 0.175 + 2.4 - 0.015)); /* trace, determinant of M */
    for (int i = 0; i < DRAWS * N; i++)
        fraction[i] = fmin(1.0, pow(radius[i] / edge, 2.0));
    double uniform = distance_of(radius, fraction);
    print_message("largest distance to the sampled distribution: %.4f; of the circular law %.4f\n",
                  distance, uniform);
    assert_true(distance < 0.02);
    assert_true(uniform > 0.1);
    free(radius);

    /* Gains as of a state: a third of E silent, the others of any slope; I's within a factor 2. */
    gain_bins_t gains[2];
    double gain2[P] = {0};
    for (int j = 0; j < N; j++) {
        double x = random_uniform();
        gain[j] = j >= E ? 0.5 + 0.5 * x : fmax(0.0, 1.5 * x - 0.5);
        gain2[j >= E] += gain[j] * gain[j] / size[j >= E];
    }
    assert_int_equal(bin_gains(gain, E, &gains[0]), STATUS_OK);
    assert_int_equal(bin_gains(gain + E, N - E, &gains[1]), STATUS_OK);
    assert_true(gains[0].bins == GAIN_BINS && gains[0].gain2[0] == 0.0);
    radius = sampled_radii(m, gain);
    assert_int_equal(radial_distribution_bins(2, m, size, gains, DRAWS * N, radius, fraction),
                     STATUS_OK);
    distance = distance_of(radius, fraction);
    assert_int_equal(radial_distribution(2, m, size, gain2, DRAWS * N, radius, fraction),
                     STATUS_OK);
    double alike = distance_of(radius, fraction);
    print_message("gains that vary: %.4f; of one gain a population %.4f\n", distance, alike);
    assert_true(distance < 0.02);
    assert_true(alike > 0.05);
    free(radius);
    free(fraction);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(circular_law),
        cmocka_unit_test(rank_one),
        cmocka_unit_test(two_sided),
        cmocka_unit_test(reducible),
        cmocka_unit_test(parts_of_one_population),
        cmocka_unit_test(impossible_variance),
        cmocka_unit_test(gains_as_populations),
        cmocka_unit_test(sampled_matrices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
