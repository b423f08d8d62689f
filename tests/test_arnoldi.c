/* Leading eigenvalues against LAPACK's of the same dense matrix. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <complex.h>
#include <lapacke.h>
#include <stdlib.h>

#include "host/spectrum/arnoldi.h"

enum { N = 400 };
static const arnoldi_options_t usual = {
    .wanted = 8, .by = LEADING_GROWTH, .delta = 0.01, .tolerance = 1e-10};

/* Uniform with mean 0 and variance 1: the same in every run. */
static double uniform(void) {
    static uint64_t drawn;
    return sqrt(3.0) * start_element(1, drawn++);
}

typedef struct {
    uint32_t n, fails_at; /* fails_at: the product that gives a NaN; 0: none */
    uint32_t products;
    double *a; /* [n][n] */
} dense_t;

static status_t dense_apply(void *context, const double *x, double *y) {
    dense_t *m = context;
    for (uint32_t i = 0; i < m->n; i++) {
        y[i] = 0.0;
        for (uint32_t j = 0; j < m->n; j++)
            y[i] += m->a[(size_t)i * m->n + j] * x[j];
    }
    if (++m->products == m->fails_at)
        y[0] = NAN;
    return STATUS_OK;
}

/* Independent entries; the bulk fills a disk of this radius (Ginibre). */
static dense_t disk(uint32_t n, double radius) {
    dense_t m = {.n = n, .a = malloc((size_t)n * n * sizeof(double))};
    for (size_t i = 0; i < (size_t)n * n; i++)
        m.a[i] = radius / sqrt(n) * uniform();
    return m;
}

static status_t solve(dense_t *m, const arnoldi_options_t *options, eigenpairs_t *pairs) {
    operator_t op = {m->n, m, dense_apply};
    m->products = 0;
    status_t status = arnoldi(&op, options, pairs);
    if (status == STATUS_OK)
        assert_int_equal(pairs->products, m->products);
    return status;
}

static double merit(const arnoldi_options_t *o, double complex z) {
    return o->by == LEADING_REAL      ? creal(z)
           : o->by == LEADING_MODULUS ? cabs(z)
                                      : cabs(1.0 - o->delta + o->delta * z);
}

/* All eigenvalues by LAPACK, those of im >= 0 best first by the criterion. Caller frees. */
static double complex *exact(const dense_t *m, const arnoldi_options_t *o) {
    lapack_int n = (lapack_int)m->n;
    double *a = malloc((size_t)n * (size_t)n * sizeof *a), *re = malloc((size_t)n * sizeof *re);
    double *im = malloc((size_t)n * sizeof *im), none[1];
    double complex *value = calloc((size_t)n, sizeof *value);
    memcpy(a, m->a, (size_t)n * (size_t)n * sizeof *a);
    assert_int_equal(LAPACKE_dgeev(LAPACK_ROW_MAJOR, 'N', 'N', n, a, n, re, im, none, 1, none, 1),
                     0);
    int count = 0;
    for (int k = 0; k < n; k++) {
        if (im[k] < 0.0)
            continue;
        double complex z = re[k] + I * im[k];
        int at = count++;
        for (; at > 0 && merit(o, value[at - 1]) < merit(o, z); at--)
            value[at] = value[at - 1];
        value[at] = z;
    }
    free(a);
    free(re);
    free(im);
    return value;
}

/* Residual of entry e by the matrix itself; the vector's norm must be 1. */
static double residual(const dense_t *m, const eigenpairs_t *pairs, uint32_t e) {
    const double *x = pairs->vectors + (size_t)2 * e * m->n, *z = x + m->n;
    double norm = 0.0, squares = 0.0;
    double complex lambda = pairs->re[e] + I * pairs->im[e];
    for (uint32_t i = 0; i < m->n; i++) {
        double complex sum = -lambda * (x[i] + I * z[i]);
        for (uint32_t j = 0; j < m->n; j++)
            sum += m->a[(size_t)i * m->n + j] * (x[j] + I * z[j]);
        squares += pow(cabs(sum), 2.0);
        norm += x[i] * x[i] + z[i] * z[i];
    }
    assert_float_equal(norm, 1.0, 1e-12); /* rounding of 2 n squares */
    return sqrt(squares);
}

/* What holds of every answer: the count, no pair split, the order, true residuals and flags.
 * Number of converged entries. */
static uint32_t check_pairs(const dense_t *m, const arnoldi_options_t *o,
                            const eigenpairs_t *pairs) {
    uint32_t values = 0, converged = 0;
    for (uint32_t e = 0; e < pairs->count; e++) {
        double complex z = pairs->re[e] + I * pairs->im[e];
        assert_true(values < o->wanted); /* no entry beyond what was asked for */
        assert_true(pairs->im[e] >= 0.0);
        values += pairs->im[e] > 0.0 ? 2 : 1;
        if (e > 0)
            assert_true(merit(o, z) <= merit(o, pairs->re[e - 1] + I * pairs->im[e - 1]));
        double size = o->by == LEADING_GROWTH ? fmax(1.0, cabs(z)) : cabs(z);
        assert_float_equal(pairs->residual[e], residual(m, pairs, e), 1e-13); /* rounding */
        assert_int_equal(pairs->converged[e], pairs->residual[e] <= o->tolerance * size);
        converged += pairs->converged[e];
    }
    assert_in_range(values, o->wanted, o->wanted + 1);
    return converged;
}

/* A disk with planted outliers: a pair, a real one, and one that only LEADING_MODULUS should
 * prefer. By projection, so that the eigenvalues stand where they are put up to the disk's noise.
 */
static dense_t planted(void) {
    dense_t m = disk(N, 0.5);
    static const double complex at[] = {1.1 + 2.7 * I, 1.4, -6.0, 0.9 + 1.5 * I, 1.2 + 0.2 * I};
    for (int k = 0; k < 5; k++) {
        uint32_t first = 50 + 2 * (uint32_t)k;
        for (uint32_t i = 0; i < 2; i++) {
            m.a[(size_t)(first + i) * N + first + i] =
                creal(at[k]) * (i && cimag(at[k]) == 0.0 ? 0.5 : 1.0);
            m.a[(size_t)(first + i) * N + first + 1 - i] = i ? -cimag(at[k]) : cimag(at[k]);
        }
    }
    return m;
}

static void as_lapack(void **state) {
    (void)state;
    dense_t m = planted();
    for (int by = LEADING_GROWTH; by <= LEADING_MODULUS; by++)
        for (uint32_t wanted = 1; wanted <= 9; wanted++) {
            arnoldi_options_t o = usual;
            o.by = (leading_t)by;
            o.wanted = wanted;
            double complex *value = exact(&m, &o);
            eigenpairs_t pairs;
            assert_int_equal(solve(&m, &o, &pairs), STATUS_OK);
            assert_int_equal(check_pairs(&m, &o, &pairs), pairs.count);
            for (uint32_t e = 0; e < pairs.count; e++) /* tolerance times condition, below 100 */
                assert_true(cabs(pairs.re[e] + I * pairs.im[e] - value[e]) < 1e-8);
            if (wanted == 1) {
                print_message("criterion %d: %.4f %+.4fi, residual %.1e, %u products\n", by,
                              pairs.re[0], pairs.im[0], pairs.residual[0], pairs.products);
                /* Leading: growth ~ Re + delta |lambda|^2/2: the pair 1.1 + 2.7i (1.14) loses to
                 * 1.4, and -6 is only far out. */
                double complex leader = by == LEADING_MODULUS ? -6.0 : 1.4;
                assert_true(cabs(value[0] - leader) < 0.3); /* the disk moves it */
            }
            eigenpairs_destroy(&pairs);
            free(value);
        }
    free(m.a);
}

/* delta decides between a slow real mode and a fast oscillation: |1 - d + d lambda|^2 is 1 + 2 d
 * (Re - 1) + d^2 |lambda - 1|^2. */
static void growth_depends_on_delta(void **state) {
    (void)state;
    dense_t m = disk(N, 0.1);
    m.a[0] = 1.5;
    m.a[N + 1] = m.a[2 * N + 2] = 1.1;
    m.a[N + 2] = 6.0;
    m.a[2 * N + 1] = -6.0;
    for (int k = 0; k < 2; k++) {
        arnoldi_options_t o = usual;
        o.wanted = 1;
        o.delta = k ? 0.1 : 0.001;
        eigenpairs_t pairs;
        assert_int_equal(solve(&m, &o, &pairs), STATUS_OK);
        assert_int_equal(check_pairs(&m, &o, &pairs), pairs.count);
        assert_float_equal(pairs.re[0], k ? 1.1 : 1.5, 0.1);
        assert_float_equal(pairs.im[0], k ? 6.0 : 0.0, 0.1);
        eigenpairs_destroy(&pairs);
    }
    free(m.a);
}

/* Pairs at 1 + 3i within 0.01, on the first 16 coordinates; the rest of the matrix a disk, driven
 * by them (coupling below the diagonal), which leaves the eigenvalues as they are. */
static void cluster(void **state) {
    (void)state;
    enum { PAIRS = 8 };
    dense_t m = disk(N, 0.5);
    for (uint32_t k = 0; k < PAIRS; k++) {
        for (uint32_t i = 2 * k; i < 2 * k + 2; i++)
            for (uint32_t j = 0; j < N; j++)
                m.a[(size_t)i * N + j] = 0.0;
        size_t first = (size_t)2 * k * N + 2 * k;
        m.a[first] = m.a[first + N + 1] = 1.0 + 0.01 * k / PAIRS;
        m.a[first + 1] = 3.0;
        m.a[first + N] = -3.0;
    }
    double start[N] = {0};
    for (int i = 0; i < 2 * PAIRS; i++)
        start[i] = uniform();
    for (int coupled = 1; coupled >= 0; coupled--) {
        arnoldi_options_t o = usual;
        o.wanted = 2 * PAIRS;
        o.start = start;
        eigenpairs_t pairs;
        assert_int_equal(solve(&m, &o, &pairs), STATUS_OK);
        assert_int_equal(pairs.count, PAIRS);
        assert_int_equal(check_pairs(&m, &o, &pairs), PAIRS);
        for (uint32_t e = 0; e < PAIRS; e++) { /* 1e-10 times the condition, below 10 */
            assert_float_equal(pairs.re[e], 1.0 + 0.01 * (PAIRS - 1 - (int)e) / PAIRS, 1e-8);
            assert_float_equal(pairs.im[e], 3.0, 1e-8);
        }
        print_message("cluster of %d pairs: %u products\n", PAIRS, pairs.products);
        /* One basis, no restart: ARPACK takes one product more for each start, residuals two a
         * pair. */
        assert_true(pairs.products <= (coupled ? 1 : 2) + 200 + 2 * PAIRS);
        eigenpairs_destroy(&pairs);
        /* Uncoupled, the start's span is invariant, and the first 16 products exhaust it. */
        for (size_t i = 2 * PAIRS; i < N; i++)
            for (size_t j = 0; j < 2 * PAIRS; j++)
                m.a[i * N + j] = 0.0;
    }
    free(m.a);
}

/* A disk without outliers: its edge is dense, and a short basis cannot resolve it in time. */
static void unconverged_are_kept(void **state) {
    (void)state;
    dense_t m = disk(N, 1.0);
    for (int by = LEADING_GROWTH; by <= LEADING_MODULUS; by++) {
        arnoldi_options_t o = usual;
        o.by = (leading_t)by;
        o.wanted = 10;
        o.basis = 30;
        o.restarts_max = 3;
        eigenpairs_t pairs;
        assert_int_equal(solve(&m, &o, &pairs), STATUS_OK);
        assert_true(check_pairs(&m, &o, &pairs) < pairs.count);
        /* ARPACK keeps at least `wanted` of the basis at a restart; 2 a residual. */
        assert_true(pairs.products <= 30 + 3 * (30 - 10) + 2 * pairs.count);
        for (uint32_t e = 0; e < pairs.count; e++)
            assert_true(hypot(pairs.re[e], pairs.im[e]) < 1.5); /* Ritz values near the disk */
        eigenpairs_destroy(&pairs);
        /* The same with time: all of them. */
        o.restarts_max = 1000;
        double complex *value = exact(&m, &o);
        assert_int_equal(solve(&m, &o, &pairs), STATUS_OK);
        print_message("criterion %d, disk: %u products\n", by, pairs.products);
        assert_int_equal(check_pairs(&m, &o, &pairs), pairs.count);
        for (uint32_t e = 0; e < pairs.count; e++) /* condition of a disk's edge: up to n */
            assert_true(cabs(pairs.re[e] + I * pairs.im[e] - value[e]) < N * 1e-10);
        eigenpairs_destroy(&pairs);
        free(value);
    }
    free(m.a);
}

static void small_matrices(void **state) {
    (void)state;
    for (uint32_t n = 3; n < 30; n++) {
        dense_t m = disk(n, 1.0);
        arnoldi_options_t o = usual;
        double complex *value = exact(&m, &o);
        for (o.wanted = 1; o.wanted <= n - 2; o.wanted++) {
            eigenpairs_t pairs;
            assert_int_equal(solve(&m, &o, &pairs), STATUS_OK);
            assert_int_equal(check_pairs(&m, &o, &pairs), pairs.count);
            for (uint32_t e = 0; e < pairs.count; e++) /* condition up to 100 */
                assert_true(cabs(pairs.re[e] + I * pairs.im[e] - value[e]) < 1e-8);
            eigenpairs_destroy(&pairs);
        }
        free(value);
        free(m.a);
    }
}

/* No coupling at all, and the identity: every vector is an eigenvector. */
static void multiples_of_identity(void **state) {
    (void)state;
    for (int value = 0; value < 2; value++) {
        dense_t m = {.n = 50, .a = calloc(50 * 50, sizeof(double))};
        for (size_t i = 0; i < 50; i++)
            m.a[51 * i] = value;
        eigenpairs_t pairs;
        assert_int_equal(solve(&m, &usual, &pairs), STATUS_OK);
        assert_int_equal(check_pairs(&m, &usual, &pairs), 8);
        for (uint32_t e = 0; e < pairs.count; e++)
            assert_float_equal(pairs.re[e], value, 1e-12); /* rounding of 1 over delta */
        eigenpairs_destroy(&pairs);
        free(m.a);
    }
}

static void refused(const dense_t *m, arnoldi_options_t o, const char *word) {
    dense_t copy = *m;
    eigenpairs_t pairs;
    assert_int_equal(solve(&copy, &o, &pairs), STATUS_FAILED);
    if (!strstr(status_message(), word))
        fail_msg("no '%s' in: %s", word, status_message());
    assert_null(pairs.vectors);
}

static void refusals(void **state) {
    (void)state;
    dense_t m = disk(20, 1.0);
    double zero[20] = {0};
    arnoldi_options_t o = usual;
    o.wanted = 19;
    refused(&m, o, "dense solver");
    o.wanted = 0;
    refused(&m, o, "0 wanted");
    o = usual;
    o.basis = 9;
    refused(&m, o, "basis of 9");
    o.basis = 21;
    refused(&m, o, "basis of 21");
    o = usual;
    o.delta = 0.0;
    refused(&m, o, "delta");
    o = usual;
    o.start = zero;
    refused(&m, o, "start vector");
    m.fails_at = 5;
    refused(&m, usual, "product 5");
    m.fails_at = 21; /* of those that measure residuals */
    refused(&m, usual, "product 21");
    free(m.a);
    operator_t wide = {INT32_MAX, NULL, dense_apply};
    o = usual;
    o.basis = 26000; /* 450 TB: beyond the address space, whatever memory is promised */
    eigenpairs_t pairs;
    assert_int_equal(arnoldi(&wide, &o, &pairs), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "MB"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_lapack),      cmocka_unit_test(growth_depends_on_delta),
        cmocka_unit_test(cluster),        cmocka_unit_test(unconverged_are_kept),
        cmocka_unit_test(small_matrices), cmocka_unit_test(multiples_of_identity),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
