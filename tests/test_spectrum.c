/* The measured spectrum on spectra that are known: the bulk's radius, a whole matrix with planted
 * outliers behind a backend that is a matrix in memory, groups' error bars, slopes at a state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "host/spectrum/spectrum.h"
#include "tests/predicted.h"

/* Moduli of a uniform disk, the law of one population; n = 4000. */
static void bulk_of_known_moduli(void **state) {
    (void)state;
    enum { N = 4000 };
    const double radius = 0.7, sampling = 1.0 / sqrt(N);
    theory_t theory = {.populations = 1, .radius = radius, .size = {N}, .gain_square = {1.0}};
    theory.variance[0][0] = radius * radius;
    const gain_bins_t gains[1] = {{1, {1.0}, {1.0}}};
    double *modulus = malloc(N * sizeof *modulus), *copy = malloc(N * sizeof *copy);
    bulk_t bulk, wider;
    for (int i = 0; i < N; i++) {
        modulus[i] = radius * sqrt(random_uniform());
        copy[i] = 1.1 * modulus[i];
    }
    assert_int_equal(bulk_measure(&theory, gains, modulus, N, &bulk), STATUS_OK);
    assert_int_equal(bulk.count, N);
    assert_true(fabs(bulk.radius / radius - 1.0) < sampling);
    assert_true(bulk.ks < 1.95 * sampling); /* exceeded once in 1000 */
    assert_true(bulk.ks > 0.2 * sampling);  /* it is not 0 of a sample */
    assert_true(bulk.largest <= radius && bulk.largest > 0.99 * radius);

    assert_int_equal(bulk_measure(&theory, gains, copy, N, &wider), STATUS_OK);
    assert_true(fabs(wider.radius / bulk.radius / 1.1 - 1.0) < 1e-12);
    assert_true(wider.radius_predicted == radius);
    /* F(r) = (r/R)^2 against (r/1.1R)^2: farthest apart at R. */
    assert_true(fabs(wider.ks - (1.0 - 1.0 / 1.21)) < 1.95 * sampling);

    /* A quarter of the neurons silent, whose eigenvalues are 0: a step of F, no distance from it.
     */
    const gain_bins_t some[1] = {{2, {0.25, 0.75}, {0.0, 4.0 / 3.0}}};
    for (int i = 0; i < N; i++)
        modulus[i] = i < N / 4 ? 0.0 : radius * sqrt(random_uniform());
    assert_int_equal(bulk_measure(&theory, some, modulus, N, &bulk), STATUS_OK);
    assert_true(fabs(bulk.fraction_predicted[0] - 0.25) < 1e-6 && bulk.ks < 1.95 * sampling);

    assert_int_equal(bulk_measure(&theory, gains, copy, 0, &bulk), STATUS_OK);
    assert_true(bulk.count == 0 && bulk.radius == 0.0 && bulk.ks == 0.0);
    theory.radius = theory.variance[0][0] = 0.0; /* no randomness */
    assert_int_equal(bulk_measure(&theory, gains, copy, N, &bulk), STATUS_OK);
    assert_true(bulk.count == N && bulk.radius == 0.0 && bulk.radius_predicted == 0.0);
    assert_true(bulk.largest == wider.largest);
    free(copy);
    free(modulus);
}

/* A backend that is a matrix in memory, weights as codes of one pathway. */
static struct {
    size_t n;
    const double *value; /* [n][n], column-major: whole multiples of scale */
    double scale;
} held;

static status_t held_apply(backend_state_t *state, uint32_t vectors, const double *x, double *y) {
    (void)state;
    for (size_t i = 0; i < vectors * held.n; i++)
        y[i] = 0.0;
    for (uint32_t v = 0; v < vectors; v++)
        for (size_t j = 0; j < held.n; j++)
            for (size_t i = 0; i < held.n; i++)
                y[v * held.n + i] += held.value[j * held.n + i] * x[v * held.n + j];
    return STATUS_OK;
}

static status_t held_edges(backend_state_t *state, uint32_t pathway, uint32_t first, uint32_t count,
                           uint64_t *indptr, uint32_t *sources, int32_t *codes) {
    (void)state;
    (void)pathway;
    for (uint32_t r = 0; r <= count; r++)
        indptr[r] = r * held.n;
    for (size_t s = 0; sources && s < count * held.n; s++) {
        sources[s] = (uint32_t)(s % held.n);
        codes[s] =
            (int32_t)lrint(held.value[s % held.n * held.n + first + s / held.n] / held.scale);
    }
    return STATUS_OK;
}

static spectrum_t measured(const case_t *c, matrix_t *matrix, bool full, uint32_t leading) {
    spectrum_options_t options = {
        .full = full, .leading = leading, .by = LEADING_MODULUS, .delta = 0.01, .vectors = 3};
    spectrum_t s;
    assert_int_equal(spectrum_measure(&c->config, &c->plan, &c->theory, matrix, &options, &s),
                     STATUS_OK);
    return s;
}

/* Independent entries of the predicted radius R plus the predicted mean: all modes found in both
 * ways, to the same numbers, and where they belong. */
static void planted_in_a_random_matrix(void **state) {
    (void)state;
    case_t c;
    case_create(real_modes(20), &c);
    const double one = 1.0, radius = c.theory.radius;
    double *value = dense_matrix(&c.plan, &one, MEAN), largest = 0.0;
    for (size_t i = 0; i < c.n * c.n; i++) {
        value[i] += radius / sqrt((double)c.n) * random_normal();
        largest = fmax(largest, fabs(value[i]));
    }
    held.n = c.n;
    held.value = value;
    c.plan.net.pathway[0].scale = (float)(largest * 0x1p-30);
    held.scale = c.plan.net.pathway[0].scale;
    for (size_t i = 0; i < c.n * c.n; i++)
        value[i] = held.scale * (double)lrint(value[i] / held.scale);
    backend_t fake = backend_cpu;
    fake.name = "held";
    fake.apply = held_apply;
    fake.edges = held_edges;
    double *gain = malloc(c.n * sizeof *gain);
    uint32_t predicted = 0;
    for (size_t i = 0; i < c.n; i++)
        gain[i] = 1.0;
    for (size_t m = 0; m < c.theory.n_outliers; m++)
        predicted += (uint32_t)c.theory.outliers[m].multiplicity;
    matrix_t matrix;
    assert_int_equal(matrix_create(&c.plan.net, &fake, NULL, gain, &matrix), STATUS_OK);
    spectrum_t full = measured(&c, &matrix, true, 0), lead = measured(&c, &matrix, false, 9);

    assert_int_equal(full.count, c.n);
    assert_int_equal(full.unconverged, 0);
    assert_int_equal(full.match.missing, 0);
    assert_int_equal(full.match.unpredicted, 0);
    assert_int_equal(lead.match.missing, 0);
    assert_int_equal(lead.match.unpredicted, 0);
    assert_true(lead.unconverged == 0 && lead.count >= 9 && lead.count <= 10);
    for (size_t k = 0; k < lead.count; k++) {
        double nearest = INFINITY;
        for (size_t i = 0; i < full.count; i++)
            nearest = fmin(nearest, hypot(lead.re[k] - full.re[i], lead.im[k] - full.im[i]));
        assert_true(nearest < 1e-8); /* the residual asked for, times a condition near 1 */
    }
    for (size_t g = 0; g < full.match.n_groups; g++) {
        const match_group_t *group = &full.match.groups[g];
        if (isnan(group->z_re))
            continue;
        print_message("(%d,%d) x%d: %.4f predicted %.4f, %.1f error bars\n", group->nx, group->ny,
                      group->predicted.multiplicity, group->re, group->predicted.re, group->z_re);
        assert_true(fabs(group->z_re) < 4.0); /* of its mean, drawn once: 1 in 16000 */
    }
    assert_true(full.match.count >= 9 && full.match.count <= predicted);
    /* n = 400: the outer half of the radii, to 1/sqrt(n). */
    assert_true(fabs(full.bulk.radius / radius - 1.0) < 0.05);
    assert_true(full.bulk.ks < 1.95 / sqrt((double)full.bulk.count));
    for (uint32_t k = 0; k < full.pairs.count; k++)
        assert_true(full.pairs.residual[k] < 1e-12 * full.n);
    spectrum_destroy(&lead);
    spectrum_destroy(&full);

    spectrum_options_t more = {.leading = (uint32_t)c.n - 1, .by = LEADING_REAL, .delta = 0.01};
    assert_int_equal(spectrum_check(&fake, &c.plan, &more), STATUS_USAGE);
    more.leading--;
    assert_int_equal(spectrum_check(&fake, &c.plan, &more), STATUS_OK);
    more.leading = 7000;
    c.plan.net.population[0].nx = 250;
    c.plan.net.population[0].ny = 200;
    assert_int_equal(spectrum_check(&fake, &c.plan, &more), STATUS_USAGE);
    assert_non_null(strstr(status_message(), "ask for 6683 at most"));
    more.full = true;
    assert_int_equal(spectrum_check(&fake, &c.plan, &more), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "50000 neurons"));
    matrix_destroy(&matrix);
    free(gain);
    free(value);
    case_destroy(&c);
}

/* The mean of m eigenvalues nearest to a mode's, over draws: its standard deviation. */
static double nearest_scatter(const case_t *c, const eigenmode_t *mode, int draws) {
    double squares = 0.0;
    for (int draw = 0; draw < draws; draw++) {
        double complex *value = eigenvalues(dense_matrix(&c->plan, c->theory.gain, DRAWN),
                                            layout(&c->plan.net).order),
                       sum = 0.0;
        for (int k = 0; k < mode->multiplicity; k++) {
            size_t best = 0;
            for (size_t i = 1; i < c->n; i++)
                if (cabs(value[i] - mode->re) < cabs(value[best] - mode->re))
                    best = i;
            sum += value[best] / mode->multiplicity;
            value[best] = INFINITY;
        }
        squares += pow(creal(sum) - mode->re, 2.0) / draws;
        free(value);
    }
    return sqrt(squares);
}

/* The mean of the four eigenvalues of (0,1) over draws, in its predicted error bar. */
static double group_scatter_drawn(config_t config, int draws, theory_group_t *group) {
    case_t c;
    case_create(config, &c);
    const eigenmode_t *mode = &c.theory.outliers[1];
    assert_true(mode->nx == 0 && mode->ny == 1 && mode->multiplicity == 4 && mode->im == 0.0);
    const size_t first = 0;
    assert_int_equal(theory_groups(&c.config, &c.plan, &c.theory, mode, 1, &first, 1, group),
                     STATUS_OK);
    assert_true(group->multiplicity == 4 && fabs(group->re - mode->re) < 1e-12);
    double drawn = nearest_scatter(&c, mode, draws);
    print_message("group error bar %.5f (one mode %.5f), %d draws scatter by %.5f\n", group->std_re,
                  mode->std, draws, drawn);
    case_destroy(&c);
    return drawn;
}

static void group_error_bars(void **state) {
    (void)state;
    enum { DRAWS = 120 };
    theory_group_t group;
    config_t c = real_modes(10);
    c.connection[0][0].std = 0.5;
    /* Sampling error 1/sqrt(2 draws) = 6.5 %, three of it; the next order in R^2/(n gap) adds some
     * percent. */
    double drawn = group_scatter_drawn(c, DRAWS, &group), free_rows = group.std_re;
    assert_true(group.std_re > 0.0 && fabs(drawn / group.std_re - 1.0) < 0.25);
    /* Fixed sums of rows take a part off: of what the inputs scatter, and of the weights. */
    c.connection[0][0].rule = RULE_FIXED_INDEGREE;
    for (int with_weights = 0; with_weights < 2; with_weights++) {
        c.connection[0][0].std = 0.2 * with_weights;
        drawn = group_scatter_drawn(c, DRAWS, &group);
        assert_true(group.std_re < 0.6 * free_rows);
        assert_true(fabs(drawn / group.std_re - 1.0) < 0.25);
    }
    /* Lognormal weights scatter freely. */
    c.connection[0][0].std = 0.4;
    c.connection[0][0].weights = WEIGHTS_LOGNORMAL;
    drawn = group_scatter_drawn(c, DRAWS, &group);
    assert_true(fabs(drawn / group.std_re - 1.0) < 0.25);
}

/* Well-conditioned modes (1,1) beside ill-conditioned ones: the noise that comes by way of those
 * widens their error bar by half. */
static void error_bar_through_other_modes(void **state) {
    (void)state;
    enum { DRAWS = 150 };
    double g[2][2] = {{10.97, -7.27}, {8.86, -4.89}}, d[2][2] = {{0.19, 0.25}, {0.24, 0.31}};
    case_t c;
    case_create(network_ei(16, g, d, 0.1, 0.95), &c);
    const eigenmode_t *mode = c.theory.outliers, *end = mode + c.theory.n_outliers;
    while (mode < end && (mode->nx != 1 || mode->ny != 1 || mode->im != 0.0))
        mode++;
    assert_true(mode < end && mode->multiplicity == 4);
    theory_group_t group;
    const size_t first = 0;
    assert_int_equal(theory_groups(&c.config, &c.plan, &c.theory, mode, 1, &first, 1, &group),
                     STATUS_OK);
    double drawn = nearest_scatter(&c, mode, DRAWS);
    print_message("(1,1) at %.3f, R %.2f: error bar %.4f, %d draws scatter by %.4f; one mode %.4f, "
                  "widened %.2f times\n",
                  mode->re, c.theory.radius, group.std_re, DRAWS, drawn, mode->std, group.widening);
    /* Sampling error 1/sqrt(2 draws) = 6 %, three of it; the next order adds some percent. */
    assert_true(fabs(drawn / group.std_re - 1.0) < 0.2);
    assert_true(group.widening > 1.3);
    case_destroy(&c);
}

/* A rate says the slope that its potential has. */
static void slope_of_a_rate(void **state) {
    (void)state;
    for (int kind = 0; kind < GAIN_KINDS; kind++) {
        gain_t g = {kind, 3.0f, -2.0f, 1.5f, 0.25f, kind == GAIN_THRESHOLD_POWER ? 2.5f : 1.0f};
        for (double h = -1.9; h < 4.0; h += 0.37) /* on no kink; tanh not yet flat to double */
            assert_true(fabs(gain_slope_of_rate(g, gain_rate64(g, h)) - gain_slope64(g, h)) <
                        1e-12);
    }
}

int main(void) {
    status_quiet(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bulk_of_known_moduli), cmocka_unit_test(planted_in_a_random_matrix),
        cmocka_unit_test(group_error_bars),     cmocka_unit_test(error_bar_through_other_modes),
        cmocka_unit_test(slope_of_a_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
