/* Matching, on eigenpairs of known place: plane waves planted at the predicted eigenvalues, and
 * strangers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "host/spectrum/match.h"
#include "tests/predicted.h"

static const double PI = 3.14159265358979323846;

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

    pairs.count = own; /* a wave that theory has no eigenvalue for: beyond reach, then within it */
    memset(v, 0, c.n * sizeof *v);
    plane_wave(&c.plan.net, &one, 3, -2, 1.0, v);
    add_pair(&pairs, c.n, -1.02 * reach, v);
    match_t result = matched(&c, &pairs);
    assert_int_equal(result.unpredicted, 1);
    const outlier_t *o = &result.outliers[result.count - 1];
    assert_true(o->mode == UNMATCHED && o->nx == 2 && o->ny == 3 && isnan(o->z));
    assert_true(fabs(o->overlap - 1.0) < 1e-12);
    match_destroy(&result);
    pairs.re[own] = -1.02 * radius; /* states of the edge may look like a wave */
    expect_counts(&c, &pairs, own, 0, 0);

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
        assert_true(result.groups[result.group_of[mode - c.theory.outliers]].found == 4.0 + far);
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

/* Real modes of one population nearer than their reach: of groups g and g + 1. */
static config_t near_modes(void) {
    config_t c = network_empty();
    network_population(&c, "E", 24, 24, 1.0);
    c.connection[0][0] = network_connection(3.0, 0.2, 0.1, SIZE_DENSITY, 0.9);
    return c;
}

/* v[n] = a cos-wave of one mode and b of another, and noise for the rest of norm 1. */
static void mixture(const case_t *c, const eigenmode_t *one, double a, const eigenmode_t *other,
                    double b, double complex *v) {
    const eigenmode_t *mode[2] = {one, other};
    const double share[2] = {a, b};
    memset(v, 0, c->n * sizeof *v);
    noise(c->n, true, sqrt((1.0 - a * a - b * b) / (double)c->n), v);
    for (int k = 0; k < 2; k++)
        for (int sign = -1; sign < 2; sign += 2)
            plane_wave(&c->plan.net, mode[k]->right, sign * mode[k]->wave[0][0],
                       sign * mode[k]->wave[0][1], share[k] / sqrt(2.0), v);
}

/* The noise may share out an eigenvector among two groups, so that the wrong one takes it. With the
 * list cut off in the second group, nobody knows that it has one too many: the first one is not
 * short for that. One that is really short stays so. */
static void neighbours_exchange(void **state) {
    (void)state;
    case_t c;
    case_create(near_modes(), &c);
    const eigenmode_t *first = &c.theory.outliers[3], *second = first + 1;
    const uint32_t cut = 1 + 4 + 4 + 4 + 6, taken = 1 + 4 + 4 + 3;
    assert_true(first->ny == 2 && first->multiplicity == 4 && second->multiplicity == 8);
    assert_true(first->im == 0.0 && second->im == 0.0);
    double middle = 0.5 * (first->re + second->re);
    assert_true((first->re - middle) / first->std < 7.0); /* sqrt(4) + 5 */
    double complex *v = malloc(c.n * sizeof *v);
    eigenpairs_t pairs = planted(&c);
    /* Overlap wanted: (1 - R^2/lambda^2)/4 = 0.22 of the norm's square. */
    const double share[3][2] = {{0.15, 0.3}, {0.0, 0.45}, {0.09, 0.3}};
    for (int k = 0; k < 3; k++) {
        mixture(&c, first, sqrt(share[k][0]), second, sqrt(share[k][1]), v);
        pairs.count = taken;
        add_pair(&pairs, c.n, middle, v);
        pairs.count = cut;
        match_input_t input = {&c.config, &c.plan, &c.theory, &pairs, false, LEADING_MODULUS, 0.01};
        match_t result;
        assert_int_equal(match(&input, &result), STATUS_OK);
        const match_group_t *group = &result.groups[result.group_of[3]];
        assert_int_equal(result.missing, k > 0);
        assert_int_equal(result.unpredicted, 0);
        assert_true(group->found == (k > 0 ? 3.0 : 4.0));
        assert_int_equal(result.count, cut);
        match_destroy(&result);
    }
    free(v);
    eigenpairs_destroy(&pairs);
    case_destroy(&c);
}

/* Of two groups of real modes, one eigenvalue each may leave the real line together: the conjugate
 * pair is one of either then, also where the list ends within the second group. A pair with too
 * little of the first's waves is none of it; and where only the first has room, half is left over.
 */
static void neighbours_share_a_pair(void **state) {
    (void)state;
    case_t c;
    case_create(near_modes(), &c);
    const eigenmode_t *first = &c.theory.outliers[3], *second = first + 1;
    const uint32_t taken = 1 + 4 + 4 + 3;
    double complex *v = malloc(c.n * sizeof *v);
    eigenpairs_t pairs = planted(&c);
    const uint32_t all = pairs.count;
    const struct {
        double share[2]; /* of the pair's vector; wanted as in neighbours_exchange */
        bool cut, full;  /* the list ends after 5 more of the second; it has all 8 besides */
        double found[2];
        int missing, unpredicted;
    } cases[] = {
        {{0.3, 0.3}, true, false, {4, 6}, 0, 0},
        {{0.0, 0.45}, true, false, {3, 7}, 1, 0},
        {{0.15, 0.15}, false, true, {4, 8}, 0, 1},
        {{0.3, 0.3}, false, false, {4, 8}, 0, 0},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        mixture(&c, first, sqrt(cases[k].share[0]), second, sqrt(cases[k].share[1]), v);
        pairs.count = taken;
        add_pair(&pairs, c.n, 0.5 * (first->re + second->re) + first->std * I, v);
        pairs.count = cases[k].cut ? taken + 1 + 5 : all;
        if (!cases[k].cut && !cases[k].full) /* one of the second's, into the disk */
            pairs.re[taken + 1] = 0.0;
        match_input_t input = {&c.config,     &c.plan,         &c.theory, &pairs,
                               !cases[k].cut, LEADING_MODULUS, 0.01};
        match_t result;
        assert_int_equal(match(&input, &result), STATUS_OK);
        const match_group_t *one = &result.groups[result.group_of[3]];
        const match_group_t *other = &result.groups[result.group_of[4]];
        assert_int_equal(result.missing, cases[k].missing);
        assert_int_equal(result.unpredicted, cases[k].unpredicted);
        assert_true(one->found == cases[k].found[0] && other->found == cases[k].found[1]);
        assert_true(one->ragged);
        match_destroy(&result);
    }
    free(v);
    eigenpairs_destroy(&pairs);
    case_destroy(&c);
}

/* One too many of a group goes to a neighbour that has room, though nothing is due there. */
static void full_groups_give_away(void **state) {
    (void)state;
    case_t c;
    case_create(near_modes(), &c);
    const eigenmode_t *first = &c.theory.outliers[3], *second = first + 1;
    double complex *v = malloc(c.n * sizeof *v);
    eigenpairs_t pairs = planted(&c);
    pairs.count = 1 + 4 + 4 + 4 + 5;
    mixture(&c, first, sqrt(0.3), second, sqrt(0.15), v);
    add_pair(&pairs, c.n, 0.5 * (first->re + second->re), v);
    match_input_t input = {&c.config, &c.plan, &c.theory, &pairs, false, LEADING_MODULUS, 0.01};
    match_t result;
    assert_int_equal(match(&input, &result), STATUS_OK);
    assert_true(result.groups[result.group_of[3]].found == 4.0);
    assert_true(result.groups[result.group_of[4]].found == 6.0);
    assert_true(result.missing == 0 && result.unpredicted == 0);
    match_destroy(&result);
    free(v);
    eigenpairs_destroy(&pairs);
    case_destroy(&c);
}

/* A list of leading eigenvalues shows that one is not there as far down as it is whole: to the
 * first that has not converged. */
static void lists_end_where_they_do_not_converge(void **state) {
    (void)state;
    case_t c;
    case_create(near_modes(), &c);
    eigenpairs_t pairs = planted(&c);
    const uint32_t of_mode_1 = 1;
    assert_true(c.theory.outliers[0].multiplicity == 1 && c.theory.outliers[1].multiplicity == 4);
    pairs.count = 1 + 4 + 4 + 4;
    for (uint32_t k = of_mode_1; k < pairs.count - 1; k++) { /* one of mode 1's is not there */
        pairs.re[k] = pairs.re[k + 1];
        memcpy(pairs.vectors + 2 * c.n * k, pairs.vectors + 2 * c.n * (k + 1),
               2 * c.n * sizeof *pairs.vectors);
    }
    pairs.count--;
    for (uint32_t loose = 0; loose <= pairs.count; loose++) {
        match_input_t input = {&c.config, &c.plan, &c.theory, &pairs, false, LEADING_MODULUS, 0.01};
        match_t result;
        for (uint32_t k = 0; k < pairs.count; k++)
            pairs.converged[k] = k != loose;
        assert_int_equal(match(&input, &result), STATUS_OK);
        assert_int_equal(result.missing, loose > 4);
        assert_int_equal(result.unpredicted, 0);
        match_destroy(&result);
    }
    eigenpairs_destroy(&pairs);
    case_destroy(&c);
}

/* Modes without randomness share an eigenvalue exactly, and Arnoldi's method need not find all of
 * its vectors: none is missing then, unless nothing was found. */
static void copies_may_stay_unseen(void **state) {
    (void)state;
    case_t c;
    config_t config = network_empty();
    network_population(&config, "E", 12, 12, 1.0);
    config.connection[0][0] = network_connection(0.9, 0.0, 0.25, SIZE_DENSITY, 1.0);
    config.connection[0][0].weights = WEIGHTS_CONSTANT;
    config.connection[0][0].profile = PROFILE_DISC;
    case_create(config, &c);
    const eigenmode_t *mode = &c.theory.outliers[1];
    assert_true(c.theory.outliers[0].multiplicity == 1 && mode->multiplicity == 4);
    assert_true(mode->std == 0.0 && c.theory.radius == 0.0);
    eigenpairs_t pairs = planted(&c);
    for (uint32_t found = 4; found-- > 0;) {
        for (uint32_t k = 1 + found; k < 5; k++) /* not of mode 1 */
            pairs.re[k] = pairs.im[k] = 0.0;
        for (int complete = 0; complete < 2; complete++) {
            match_input_t input = {&c.config, &c.plan,         &c.theory, &pairs,
                                   complete,  LEADING_MODULUS, 0.01};
            match_t result;
            assert_int_equal(match(&input, &result), STATUS_OK);
            assert_int_equal(result.missing, complete ? 4 - found : found == 0);
            assert_int_equal(result.unpredicted, 0);
            match_destroy(&result);
        }
    }
    eigenpairs_destroy(&pairs);
    case_destroy(&c);
}

int main(void) {
    status_quiet(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modes_are_matched),
        cmocka_unit_test(strangers_are_told_apart),
        cmocka_unit_test(neighbours_exchange),
        cmocka_unit_test(neighbours_share_a_pair),
        cmocka_unit_test(full_groups_give_away),
        cmocka_unit_test(lists_end_where_they_do_not_converge),
        cmocka_unit_test(copies_may_stay_unseen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
