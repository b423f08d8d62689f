/* The measured spectrum's parts on spectra that are known: the bulk's radius, matching, a whole
 * matrix with planted outliers behind a backend that is a matrix in memory, groups' error bars. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "host/spectrum/spectrum.h"
#include "tests/dense.h"
#include "tests/networks.h"

static const double PI = 3.14159265358979323846;

/* A config, its plan and the spectrum predicted for J itself. */
typedef struct {
    config_t config;
    network_plan_t plan;
    theory_t theory;
    size_t n;
} case_t;

static void case_create(config_t config, case_t *c) {
    double one[POPULATIONS_MAX];
    for (int a = 0; a < POPULATIONS_MAX; a++)
        one[a] = 1.0;
    c->config = config;
    assert_int_equal(network_plan_create(&c->config, &c->plan), STATUS_OK);
    assert_int_equal(theory_linearize(&c->config, &c->plan, one, one, &c->theory), STATUS_OK);
    c->n = layout(&c->plan.net).n;
}

static void case_destroy(case_t *c) {
    theory_destroy(&c->theory);
    network_plan_destroy(&c->plan);
}

/* One population; real modes at (0,0), (0,1) and (1,1), 1, 4 and 4 of them. */
static config_t real_modes(uint32_t side) {
    config_t c = network_empty();
    network_population(&c, "E", side, side, 1.0);
    c.connection[0][0] = network_connection(3.0, 0.2, 0.15, SIZE_DENSITY, 0.9);
    return c;
}

/* Two; complex modes at (0,0) and (0,1), and more. */
static config_t complex_modes(void) {
    config_t c = network_empty();
    const double g[2][2] = {{5, -4.5}, {7, -4}};
    network_population(&c, "E", 16, 16, 1.0);
    network_population(&c, "I", 8, 8, 1.0);
    for (int i = 0; i < 4; i++)
        c.connection[i / 2][i % 2] =
            network_connection(g[i / 2][i % 2], 0.3, i % 2 ? 0.18 : 0.15, SIZE_DENSITY, 0.9);
    return c;
}

/* Moduli of a uniform disk, the law of one population; n = 4000. */
static void bulk_of_known_moduli(void **state) {
    (void)state;
    enum { N = 4000 };
    const double radius = 0.7, sampling = 1.0 / sqrt(N);
    theory_t theory = {.populations = 1, .radius = radius, .size = {N}, .gain_square = {1.0}};
    theory.variance[0][0] = radius * radius;
    double *modulus = malloc(N * sizeof *modulus), *copy = malloc(N * sizeof *copy);
    bulk_t bulk, wider;
    for (int i = 0; i < N; i++) {
        modulus[i] = radius * sqrt(random_uniform());
        copy[i] = 1.1 * modulus[i];
    }
    assert_int_equal(bulk_measure(&theory, modulus, N, &bulk), STATUS_OK);
    assert_int_equal(bulk.count, N);
    assert_true(fabs(bulk.radius / radius - 1.0) < sampling);
    assert_true(bulk.ks < 1.95 * sampling); /* exceeded once in 1000 */
    assert_true(bulk.ks > 0.2 * sampling);  /* it is not 0 of a sample */
    assert_true(bulk.largest <= radius && bulk.largest > 0.99 * radius);

    assert_int_equal(bulk_measure(&theory, copy, N, &wider), STATUS_OK);
    assert_true(fabs(wider.radius / bulk.radius / 1.1 - 1.0) < 1e-12);
    assert_true(wider.radius_predicted == radius);
    /* F(r) = (r/R)^2 against (r/1.1R)^2: farthest apart at R. */
    assert_true(fabs(wider.ks - (1.0 - 1.0 / 1.21)) < 1.95 * sampling);

    assert_int_equal(bulk_measure(&theory, copy, 0, &bulk), STATUS_OK);
    assert_true(bulk.count == 0 && bulk.radius == 0.0 && bulk.ks == 0.0);
    theory.radius = theory.variance[0][0] = 0.0; /* no randomness */
    assert_int_equal(bulk_measure(&theory, copy, N, &bulk), STATUS_OK);
    assert_true(bulk.count == N && bulk.radius == 0.0 && bulk.radius_predicted == 0.0);
    assert_true(bulk.largest == wider.largest);
    free(copy);
    free(modulus);
}

/* Adds an eigenpair; its vector, v[n], is scaled to norm 1. */
static void add_pair(eigenpairs_t *p, size_t n, double complex value, const double complex *v) {
    double square = 0.0, *to = p->vectors + 2 * n * p->count;
    for (size_t i = 0; i < n; i++)
        square += creal(v[i] * conj(v[i]));
    for (size_t i = 0; i < n; i++) {
        to[i] = creal(v[i]) / sqrt(square);
        to[n + i] = cimag(v[i]) / sqrt(square);
    }
    p->re[p->count] = creal(value);
    p->im[p->count] = cimag(value);
    p->converged[p->count++] = true;
}

/* v[n] += c exp(2 pi i (nx, ny).x) on population b, weighted by right[b]. */
static void plane_wave(const network_t *net, const double complex *right, int nx, int ny,
                       double complex c, double complex *v) {
    for (uint32_t b = 0; b < net->populations; b++) {
        const population_t *p = &net->population[b];
        for (uint32_t i = 0; i < population_size(p); i++)
            *v++ += c * right[b] *
                    cexp(2.0 * PI * I *
                         (nx * (i % p->nx + 0.5) / p->nx + ny * (i / p->nx + 0.5) / p->ny));
    }
}

static void noise(size_t n, bool real, double size, double complex *v) {
    for (size_t i = 0; i < n; i++)
        v[i] += size * (random_normal() + (real ? 0.0 : I * random_normal()));
}

/* One eigenpair a wave vector of every mode (a real mode's waves by cos and sin), in its place but
 * for a tenth of an error bar. */
static eigenpairs_t planted(const case_t *c) {
    eigenpairs_t pairs;
    double complex *v = malloc(c->n * sizeof *v);
    assert_int_equal(eigenpairs_create(c->n, 200, &pairs), STATUS_OK);
    pairs.count = 0;
    for (size_t m = 0; m < c->theory.n_outliers; m++) {
        const eigenmode_t *mode = &c->theory.outliers[m];
        for (int w = 0; w < mode->multiplicity; w++) {
            const int *k = mode->wave[w];
            memset(v, 0, c->n * sizeof *v);
            bool first = k[0] > 0 || (k[0] == 0 && k[1] >= 0);
            plane_wave(&c->plan.net, mode->right, k[0], k[1], first ? 1.0 : I, v);
            if (mode->im == 0.0)
                plane_wave(&c->plan.net, mode->right, -k[0], -k[1], first ? 1.0 : -I, v);
            add_pair(&pairs, c->n, mode->re + 0.1 * mode->std * (w % 2 ? 1 : -1) + I * mode->im, v);
        }
    }
    free(v);
    return pairs;
}

static match_t matched(const case_t *c, const eigenpairs_t *pairs) {
    match_input_t input = {&c->config, &c->plan, &c->theory, pairs, true, LEADING_MODULUS, 0.01};
    match_t result;
    assert_int_equal(match(&input, &result), STATUS_OK);
    return result;
}

static void expect_counts(const case_t *c, eigenpairs_t *pairs, size_t count, int missing,
                          int unpredicted) {
    match_t result = matched(c, pairs);
    assert_int_equal(result.count, count);
    assert_int_equal(result.missing, missing);
    assert_int_equal(result.unpredicted, unpredicted);
    match_destroy(&result);
}

/* Each eigenpair to its mode, whole; one taken away is missing. */
static void every_mode_is_found(const case_t *c) {
    eigenpairs_t pairs = planted(c);
    match_t result = matched(c, &pairs);
    size_t clear = 0, k = 0;
    assert_int_equal(result.count, pairs.count);
    assert_int_equal(result.missing, 0);
    assert_int_equal(result.unpredicted, 0);
    for (size_t m = 0; m < c->theory.n_outliers; m++)
        for (int w = 0; w < c->theory.outliers[m].multiplicity; w++, k++) {
            assert_int_equal(result.outliers[k].mode, m);
            assert_true(fabs(result.outliers[k].overlap - 1.0) < 1e-12);
        }
    for (size_t g = 0; g < result.n_groups; g++) {
        assert_true(result.groups[g].found == result.groups[g].predicted.multiplicity);
        clear += fabs(result.groups[g].z_re) < 0.2; /* the shifts cancel, or 0.1 of (0,0) */
    }
    assert_true(clear >= 1);
    match_destroy(&result);
    size_t of_zero = pairs.count; /* that of (0,0), which is clear of the disk */
    for (size_t m = 0, at = 0; m < c->theory.n_outliers; at += c->theory.outliers[m++].multiplicity)
        of_zero = c->theory.outliers[m].wavenumber == 0.0 ? at : of_zero;
    assert_true(of_zero < pairs.count);
    pairs.converged[of_zero] = false; /* as near as its residual tells: still it is there */
    expect_counts(c, &pairs, pairs.count, 0, 0);
    pairs.re[of_zero] = pairs.im[of_zero] = 0.0; /* inside the disk, whatever its vector */
    expect_counts(c, &pairs, pairs.count - 1, 1, 0);
    eigenpairs_destroy(&pairs);
}

static void modes_are_matched(void **state) {
    (void)state;
    case_t real, swinging;
    case_create(real_modes(16), &real);
    case_create(complex_modes(), &swinging);
    assert_true(real.theory.n_outliers >= 3 && real.theory.outliers[0].im == 0.0);
    assert_true(swinging.theory.n_outliers >= 2 && swinging.theory.outliers[0].im > 0.0);
    every_mode_is_found(&real);
    every_mode_is_found(&swinging);
    case_destroy(&swinging);
    case_destroy(&real);
}

/* What does not belong to a mode, and what a group does not take. */
static void strangers_are_told_apart(void **state) {
    (void)state;
    case_t c;
    case_create(real_modes(16), &c);
    eigenpairs_t pairs = planted(&c);
    uint32_t own = pairs.count;
    match_t known = matched(&c, &pairs);
    double reach = known.reach, radius = c.theory.radius;
    match_destroy(&known);
    assert_true(reach > 1.1 * radius);
    const double complex one = 1.0;
    double complex *v = calloc(c.n, sizeof *v);

    noise(c.n, false, 1.0, v); /* a state of no wave: far beyond the disk, then at its edge */
    add_pair(&pairs, c.n, -1.01 * reach + 0.1 * I, v);
    expect_counts(&c, &pairs, own + 1, 0, 1);
    pairs.re[own] = -0.5 * (reach + radius);
    pairs.im[own] = 0.0;
    expect_counts(&c, &pairs, own, 0, 0);
    pairs.re[own] = -1.5 * reach; /* a Ritz value that has not converged says nothing */
    pairs.converged[own] = false;
    expect_counts(&c, &pairs, own, 0, 0);

    pairs.count = own; /* a wave that theory has no eigenvalue for, right beyond the disk */
    memset(v, 0, c.n * sizeof *v);
    plane_wave(&c.plan.net, &one, 3, -2, 1.0, v);
    add_pair(&pairs, c.n, -1.02 * radius, v);
    match_t result = matched(&c, &pairs);
    assert_int_equal(result.unpredicted, 1);
    const outlier_t *o = &result.outliers[result.count - 1];
    assert_true(o->mode == UNMATCHED && o->nx == 2 && o->ny == 3 && isnan(o->z));
    assert_true(fabs(o->overlap - 1.0) < 1e-12);
    match_destroy(&result);

    /* A fifth of a mode of four, less pure: the group has no place for it. Near the disk it is one
     * of its states, which has mixed with them; far from it, an outlier too many. */
    const eigenmode_t *four = &c.theory.outliers[1], *ragged = &c.theory.outliers[3];
    assert_true(four->multiplicity == 4 && four->im == 0.0 && four->re > reach);
    assert_true(ragged->multiplicity == 4 && ragged->im == 0.0 && ragged->re < reach);
    for (int far = 0; far < 2; far++) {
        const eigenmode_t *mode = far ? four : ragged;
        pairs.count = own;
        memset(v, 0, c.n * sizeof *v);
        plane_wave(&c.plan.net, mode->right, mode->wave[0][0], mode->wave[0][1], 1.0, v);
        plane_wave(&c.plan.net, mode->right, -mode->wave[0][0], -mode->wave[0][1], 1.0, v);
        noise(c.n, true, 0.3 * cabs(mode->right[0]), v);
        add_pair(&pairs, c.n, mode->re, v);
        result = matched(&c, &pairs);
        assert_int_equal(result.count, own + (uint32_t)far);
        assert_int_equal(result.unpredicted, far);
        assert_true(result.groups[result.group_of[mode - c.theory.outliers]].found == 4.0);
        for (size_t k = 0; k < own; k++)
            assert_true(result.outliers[k].pair == k && result.outliers[k].mode != UNMATCHED);
        match_destroy(&result);
    }

    /* Two of the four as a complex pair: it counts twice, and the mean stays real. */
    pairs.count = own;
    for (uint32_t k = 1; k < 3; k++) /* into the disk */
        pairs.re[k] = pairs.im[k] = 0.0;
    expect_counts(&c, &pairs, own - 2, 2, 0);
    memset(v, 0, c.n * sizeof *v);
    plane_wave(&c.plan.net, four->right, four->wave[0][0], four->wave[0][1], 1.0, v);
    add_pair(&pairs, c.n, four->re + 0.5 * four->std * I, v);
    result = matched(&c, &pairs);
    assert_int_equal(result.missing, 0);
    assert_int_equal(result.unpredicted, 0);
    const match_group_t *group = &result.groups[result.group_of[1]];
    assert_true(group->found == group->predicted.multiplicity && group->im == 0.0);
    assert_true(isnan(group->z_im) && fabs(group->z_re) < 1.0);
    match_destroy(&result);
    free(v);
    eigenpairs_destroy(&pairs);
    case_destroy(&c);
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
    assert_int_equal(spectrum_check(&fake, c.n, &more), STATUS_USAGE);
    more.leading--;
    assert_int_equal(spectrum_check(&fake, c.n, &more), STATUS_OK);
    more.full = true;
    assert_int_equal(spectrum_check(&fake, 50000, &more), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "50000 neurons"));
    matrix_destroy(&matrix);
    free(gain);
    free(value);
    case_destroy(&c);
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
    double squares = 0.0;
    for (int draw = 0; draw < draws; draw++) {
        double complex *value = eigenvalues(dense_matrix(&c.plan, c.theory.gain, DRAWN),
                                            layout(&c.plan.net).order),
                       sum = 0.0;
        for (int k = 0; k < 4; k++) {
            size_t best = 0;
            for (size_t i = 1; i < c.n; i++)
                if (cabs(value[i] - mode->re) < cabs(value[best] - mode->re))
                    best = i;
            sum += value[best] / 4.0;
            value[best] = INFINITY;
        }
        squares += pow(creal(sum) - mode->re, 2.0) / draws;
        free(value);
    }
    print_message("group error bar %.5f (one mode %.5f), %d draws scatter by %.5f\n", group->std_re,
                  mode->std, draws, sqrt(squares));
    case_destroy(&c);
    return sqrt(squares);
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
        cmocka_unit_test(bulk_of_known_moduli),     cmocka_unit_test(modes_are_matched),
        cmocka_unit_test(strangers_are_told_apart), cmocka_unit_test(planted_in_a_random_matrix),
        cmocka_unit_test(group_error_bars),         cmocka_unit_test(slope_of_a_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
