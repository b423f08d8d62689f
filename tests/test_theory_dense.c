/* Theory against dense matrices of small networks: exact for the mean matrix, within sampling error
 * for networks drawn here. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/dense.h"
#include "tests/networks.h"

/* Every outlier is an eigenvalue of the mean matrix, as often as its multiplicity says, and no
 * other lies beyond the bulk; so for the largest growth and the step matrix. */
static void outliers_are_the_mean_matrix(const config_t *c, double tolerance) {
    network_plan_t plan;
    theory_t theory;
    assert_int_equal(network_plan_create(c, &plan), STATUS_OK);
    assert_int_equal(theory_predict(c, &plan, &theory), STATUS_OK);
    layout_t at = layout(&plan.net);
    double complex *value = eigenvalues(dense_matrix(&plan, theory.gain, MEAN), at.order);
    size_t beyond = 0, counted = 0;
    double radius = 0.0; /* of J diag(gain) */
    assert_int_equal(
        bulk_radius(plan.net.populations, theory.variance, theory.gain_square, &radius), 0);
    for (size_t i = 0; i < at.n; i++)
        beyond += cabs(value[i]) > radius;
    assert_true(theory.n_outliers > 0);
    for (size_t k = 0; k < theory.n_outliers; k++) {
        const eigenmode_t *mode = &theory.outliers[k];
        int found = 0;
        for (size_t i = 0; i < at.n; i++)
            found += cabs(value[i] - mode->re - I * mode->im) < tolerance;
        assert_true(found >= mode->multiplicity);
        counted += (size_t)mode->multiplicity * (mode->im > 0.0 ? 2 : 1);
    }
    assert_int_equal(counted, beyond);
    free(value);

    double *step = dense_matrix(&plan, theory.gain, MEAN), largest = 0.0;
    for (size_t j = 0; j < at.n; j++)
        for (uint32_t a = 0; a < plan.net.populations; a++) {
            double delta = c->simulation.dt_ms / c->population[a].tau_ms;
            for (size_t i = 0; i < population_size(&plan.net.population[a]); i++) {
                size_t row = at.first[a] + i;
                step[j * at.n + row] =
                    delta * step[j * at.n + row] + (row == j ? 1.0 - delta : 0.0);
            }
        }
    value = eigenvalues(step, at.order);
    for (size_t i = 0; i < at.n; i++)
        largest = fmax(largest, cabs(value[i]));
    assert_true(fabs(theory.dominant.growth - largest) < tolerance);
    free(value);
    theory_destroy(&theory);
    network_plan_destroy(&plan);
}

/* Equal lattices have no aliasing: to LAPACK's rounding, grown by the mean matrix's non-normality.
 */
static void symbol_on_equal_lattices(void **state) {
    (void)state;
    config_t two = network_empty(), three = network_empty(), ring = network_empty();
    for (int a = 0; a < 3; a++) {
        const char *name = a == 0 ? "E" : a == 1 ? "I" : "S";
        network_population(&three, name, 10, 10, 1.0);
        network_population(&ring, name, 50, 1, 1.0);
        if (a < 2)
            network_population(&two, name, 12, 10, 1.0);
    }
    const double g[3][3] = {{4, -2.5, -1}, {6, -2, 0.5}, {5, -1, -0.5}};
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) {
            double d = 0.16 + 0.03 * b + 0.01 * a;
            three.connection[a][b] = network_connection(g[a][b], 0.1, d, SIZE_OUT_DEGREE, 30.0);
            ring.connection[a][b] = network_connection(g[a][b], 0.1, d, SIZE_IN_DEGREE, 20.0);
            if (a < 2 && b < 2)
                two.connection[a][b] = network_connection(g[a][b], 0.1, d, SIZE_DENSITY, 0.9);
        }
    outliers_are_the_mean_matrix(&two, 1e-10);
    outliers_are_the_mean_matrix(&three, 1e-10);
    outliers_are_the_mean_matrix(&ring, 1e-10);
    two.population[0].tau_ms = 10.0; /* unequal tau: largest growth only, of the step matrix */
    outliers_are_the_mean_matrix(&two, 1e-10);
    three.population[2].tau_ms = 60.0;
    outliers_are_the_mean_matrix(&three, 1e-10);
    for (int i = 0; i < 4; i++) { /* fixed in-degree: inclusion instead of connection probability */
        two.connection[i / 2][i % 2].rule = RULE_FIXED_INDEGREE;
        two.connection[i / 2][i % 2].profile = i % 2 ? PROFILE_EXPONENTIAL : PROFILE_DISC;
        two.connection[i / 2][i % 2].range = 0.25;
        two.connection[i / 2][i % 2].size = 0.2;
    }
    outliers_are_the_mean_matrix(&two, 1e-10);
}

/* A range as short as the coarse lattice: the aliased block's eigenvalue is the dense matrix's. */
static void aliasing_is_the_dense_distance(void **state) {
    (void)state;
    double g[2][2] = {{9, -9}, {10.8, -9}}, d[2][2] = {{0.05, 0.07}, {0.05, 0.07}};
    config_t c = network_ei(24, g, d, 0.1, 0.9);
    network_plan_t plan;
    theory_t theory;
    assert_int_equal(network_plan_create(&c, &plan), STATUS_OK);
    assert_int_equal(theory_predict(&c, &plan, &theory), STATUS_OK);
    double complex *value =
        eigenvalues(dense_matrix(&plan, theory.gain, MEAN), layout(&plan.net).order);
    double missed = INFINITY;
    for (size_t i = 0; i < layout(&plan.net).n; i++) {
        double distance = cabs(value[i] - theory.dominant.re - I * theory.dominant.im);
        missed = fmin(missed, fabs(distance - theory.aliasing));
    }
    assert_true(theory.dominant.wavenumber > 0.0);
    assert_true(theory.aliasing > 1e-3); /* it is there */
    assert_true(missed < 1e-10);
    free(value);
    theory_destroy(&theory);
    network_plan_destroy(&plan);
}

/* Two populations without mean: the spectral radius of one draw of 500. The largest of 500 lies
 * about 2 % beyond the edge with 2 % scatter (Rider 2003), more for a banded matrix. */
static void bulk_of_a_drawn_network(void **state) {
    (void)state;
    config_t c = network_empty();
    network_population(&c, "E", 20, 20, 1.0);
    network_population(&c, "I", 10, 10, 5.0);
    const double sigma[2][2] = {{0.6, 0.9}, {0.4, 0.3}}; /* N_b/N_a sigma^2: .36 .2025 .64 .09 */
    for (int i = 0; i < 4; i++)
        c.connection[i / 2][i % 2] =
            network_connection(0.0, sigma[i / 2][i % 2], 0.3, SIZE_OUT_DEGREE, 40.0);
    network_plan_t plan;
    theory_t theory;
    assert_int_equal(network_plan_create(&c, &plan), STATUS_OK);
    assert_int_equal(theory_predict(&c, &plan, &theory), STATUS_OK);
    double trace = 0.36 + 0.09, determinant = 0.36 * 0.09 - 0.2025 * 0.64;
    double by_hand = sqrt(trace / 2.0 + sqrt(trace * trace / 4.0 - determinant));
    assert_true(fabs(theory.bulk_radius - by_hand) <
                1e-4); /* wrapped tails cut at 2^-32; clipping */
    layout_t at = layout(&plan.net);
    double complex *value = eigenvalues(dense_matrix(&plan, theory.gain, DRAWN), at.order);
    double radius = 0.0;
    for (size_t i = 0; i < at.n; i++)
        radius = fmax(radius, cabs(value[i]));
    print_message("spectral radius %.4f, predicted %.4f\n", radius, theory.bulk_radius);
    assert_true(fabs(radius / theory.bulk_radius - 1.0) < 0.08);
    free(value);
    theory_destroy(&theory);
    network_plan_destroy(&plan);
}

/* Scatter over draws of the `nearest` eigenvalues to the predicted outlier at wave number n,
 * relative to its error bar, which is put in `std`; absolute where that is 0. */
static double scatter(const config_t *c, int n, int draws, int nearest, double *std) {
    network_plan_t plan;
    theory_t theory;
    assert_int_equal(network_plan_create(c, &plan), STATUS_OK);
    assert_int_equal(theory_predict(c, &plan, &theory), STATUS_OK);
    const eigenmode_t *mode = NULL;
    for (size_t i = 0; i < theory.n_outliers && !mode; i++)
        mode = theory.outliers[i].nx == n ? &theory.outliers[i] : NULL;
    assert_non_null(mode);
    double complex predicted = mode->re + I * mode->im;
    layout_t at = layout(&plan.net);
    double squares = 0.0;
    for (int draw = 0; draw < draws; draw++) {
        double complex *value = eigenvalues(dense_matrix(&plan, theory.gain, DRAWN), at.order);
        for (int k = 0; k < nearest; k++) {
            size_t best = 0;
            for (size_t i = 1; i < at.n; i++)
                if (cabs(value[i] - predicted) < cabs(value[best] - predicted))
                    best = i;
            squares += pow(cabs(value[best] - predicted), 2.0);
            value[best] = INFINITY;
        }
        free(value);
    }
    *std = mode->std;
    theory_destroy(&theory);
    network_plan_destroy(&plan);
    double drawn = sqrt(squares / (draws * nearest));
    print_message("n = %d: error bar %.5f, %d draws scatter by %.5f\n", n, *std, draws, drawn);
    return *std > 0.0 ? drawn / *std : drawn;
}

static void error_bars(void **state) {
    (void)state;
    config_t c = network_empty(), ring = network_empty();
    network_population(&c, "E", 80, 1, 1.0);
    network_population(&c, "I", 40, 1, 1.0);
    const double g[2][2] = {{3, -2}, {1.5, -4}};
    double std = 0.0;
    for (int i = 0; i < 4; i++)
        c.connection[i / 2][i % 2] =
            network_connection(g[i / 2][i % 2], 0.1, 0.2, SIZE_DENSITY, 0.8);
    /* n = 0 stands alone. Sampling error 1/sqrt(2 60) = 9 %, three of it; 3000 draws gave 0.997.
     */
    assert_true(fabs(scatter(&c, 0, 60, 1, &std) - 1.0) < 0.27);
    assert_true(std > 0.0);
    /* n and -n repel: sqrt(3/2) = 1.22 for two modes with independent noise, less as theirs is not;
     * 2000 draws gave 1.16. */
    assert_true(fabs(scatter(&c, 1, 40, 2, &std) - 1.16) < 0.29);
    /* Fixed in-degree: rows sum to the same, so n = 0 does not scatter at all; at n = 1 the error
     * bar is smaller than the Bernoulli one, and the two modes repel as above: 2000 draws
     * gave 1.32. */
    network_population(&ring, "E", 80, 1, 1.0);
    ring.connection[0][0] = network_connection(3.0, 0.3, 0.1, SIZE_DENSITY, 0.9);
    ring.connection[0][0].rule = RULE_FIXED_INDEGREE;
    assert_true(scatter(&ring, 0, 5, 1, &std) < 1e-10);
    assert_true(std == 0.0);
    assert_true(fabs(scatter(&ring, 1, 60, 2, &std) - 1.32) < 0.3);
}

int main(void) {
    status_quiet(1); /* small networks: probabilities are clipped */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(symbol_on_equal_lattices),
        cmocka_unit_test(aliasing_is_the_dense_distance),
        cmocka_unit_test(bulk_of_a_drawn_network),
        cmocka_unit_test(error_bars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
