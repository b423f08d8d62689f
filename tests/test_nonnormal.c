/* Departure from normality and transient growth against closed forms, LAPACK's Schur form and a
 * scan of the dense exponential. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <complex.h>
#include <float.h>
#include <lapacke.h>
#include <omp.h>
#include <stdlib.h>

#include "host/spectrum/nonnormal.h"
#include "host/spectrum/operator.h"

enum { SIDE = 60 };

/* Uniform with mean 0 and variance 1: the same in every run. */
static double uniform(void) {
    static uint64_t drawn;
    return sqrt(3.0) * start_element(1, drawn++);
}

/* Entries of a[n][n] that are not 0. Caller destroys. */
static csr_t sparse(size_t n, const double *a) {
    uint64_t *indptr = malloc((n + 1) * sizeof *indptr), entries = 0;
    uint32_t *index = malloc(n * n * sizeof *index);
    double *value = malloc(n * n * sizeof *value);
    for (size_t i = 0; i < n; i++) {
        indptr[i] = entries;
        for (size_t j = 0; j < n; j++)
            if (a[i * n + j] != 0.0) {
                index[entries] = (uint32_t)j;
                value[entries++] = a[i * n + j];
            }
    }
    indptr[n] = entries;
    return (csr_t){n, indptr, index, value};
}

/* Sum of |lambda|^2, largest Re lambda - 1, and |N|_F of the Schur form A = Q (D + N) Q^H. */
static void schur(size_t n, const double *a, double *squares, double *alpha, double *departure) {
    lapack_int order = (lapack_int)n, sorted = 0;
    lapack_complex_double *t = malloc(n * n * sizeof *t), *value = malloc(n * sizeof *value);
    for (size_t i = 0; i < n * n; i++)
        t[i] = a[i];
    lapack_complex_double none[1];
    /* Column-major: of the transpose, which has the same eigenvalues and |N|_F. */
    assert_int_equal(
        LAPACKE_zgees(LAPACK_COL_MAJOR, 'N', 'N', NULL, order, t, order, &sorted, value, none, 1),
        0);
    double sum = 0.0;
    *squares = 0.0;
    *alpha = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        *squares += pow(cabs(value[i]), 2.0);
        *alpha = fmax(*alpha, creal(value[i]) - 1.0);
        for (size_t j = i + 1; j < n; j++)
            sum += pow(cabs(t[j * n + i]), 2.0);
    }
    *departure = sqrt(sum);
    free(t);
    free(value);
}

static void multiply(size_t n, const double *a, const double *b, double *c) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0.0;
            for (size_t k = 0; k < n; k++)
                sum += a[i * n + k] * b[k * n + j];
            c[i * n + j] = sum;
        }
}

static double spectral_norm(size_t n, const double *a) {
    double *copy = malloc(n * n * sizeof *copy), value[SIDE], rest[SIDE], none[1];
    memcpy(copy, a, n * n * sizeof *copy);
    lapack_int m = (lapack_int)n;
    assert_int_equal(
        LAPACKE_dgesvd(LAPACK_ROW_MAJOR, 'N', 'N', m, m, copy, m, value, none, 1, none, 1, rest),
        0);
    free(copy);
    return value[0];
}

/* Largest |exp((A - 1) t)| exp(-max(0, alpha) t) on t = 0, h, ..., horizon; its time. */
static double scan(size_t n, const double *a, double alpha, double h, double horizon,
                   double *time) {
    enum { DEGREE = 30 };
    double *b = malloc(n * n * sizeof *b), *step = calloc(n * n, sizeof *step);
    double *p = calloc(n * n, sizeof *p), *next = malloc(n * n * sizeof *next);
    for (size_t i = 0; i < n * n; i++)
        b[i] = h * (a[i] - (i % (n + 1) ? 0.0 : 1.0 + fmax(0.0, alpha)));
    for (size_t i = 0; i < n; i++)
        step[i * (n + 1)] = p[i * (n + 1)] = 1.0;
    for (int k = DEGREE; k > 0; k--) { /* Horner; |b| below 1, so 1/30! is left */
        multiply(n, b, step, next);
        for (size_t i = 0; i < n * n; i++)
            step[i] = (i % (n + 1) ? 0.0 : 1.0) + next[i] / k;
    }
    double best = 1.0;
    *time = 0.0;
    for (int s = 1; s * h <= horizon; s++) {
        multiply(n, p, step, next);
        memcpy(p, next, n * n * sizeof *p);
        double norm = spectral_norm(n, p);
        if (norm > best) {
            best = norm;
            *time = s * h;
        }
    }
    free(b);
    free(step);
    free(p);
    free(next);
    return best;
}

static nonnormality_t measure(size_t n, const double *a, const nonnormality_options_t *options,
                              double *x0) {
    csr_t m = sparse(n, a);
    nonnormality_t result = {.x0 = x0};
    assert_int_equal(nonnormality(&m, options, &result), STATUS_OK);
    csr_destroy(&m);
    return result;
}

/* Circulants are normal. */
static void normal_matrices(void **state) {
    (void)state;
    static double a[SIDE * SIDE];
    for (int unstable = 0; unstable < 2; unstable++) {
        double kernel[SIDE], squares, alpha, departure;
        for (int k = 0; k < SIDE; k++)
            kernel[k] = (unstable ? 1.5 : 0.1) / sqrt(SIDE) * uniform();
        for (int i = 0; i < SIDE * SIDE; i++)
            a[i] = kernel[(i % SIDE - i / SIDE + SIDE) % SIDE];
        schur(SIDE, a, &squares, &alpha, &departure);
        assert_true(unstable ? alpha > 0.5 : alpha < -0.5);
        nonnormality_t r =
            measure(SIDE, a, &(nonnormality_options_t){alpha, squares, NULL, 0}, NULL);
        assert_true(r.henrici_relative < sqrt(SIDE * DBL_EPSILON)); /* root of n roundings */
        assert_float_equal(r.growth, 1.0, 1e-5); /* rounding of alpha, the series and TIE */
        assert_true(unstable || r.time == 0.0);
    }
}

/* A feedforward pair of weight c among `n - 2` neurons without input: |exp((A - 1) t)| =
 * exp(asinh(c t/2) - t), since the singular values of [[1, s], [0, 1]] are x and 1/x with
 * x - 1/x = s. Its largest is at t = sqrt(1 - 4/c^2) where c > 2, otherwise at 0. A random state
 * among many only decays: the climb must find the pair. */
static void feedforward_pair(void **state) {
    (void)state;
    static const double weight[] = {0.0, 1.0, 2.5, 10.0, 300.0};
    for (size_t n = 2; n <= 300; n += 298)
        for (int k = 0; k < 5; k++) {
            double c = weight[k], *a = calloc(n * n, sizeof *a), *x0 = calloc(n, sizeof *x0);
            a[n - 1] = c; /* from the last to the first */
            nonnormality_t r = measure(n, a, &(nonnormality_options_t){-1.0, 0.0, NULL, 0}, x0);
            double time = c > 2.0 ? sqrt(1.0 - 4.0 / (c * c)) : 0.0;
            double growth = exp(asinh(0.5 * c * time) - time), norm = 0.0;
            print_message("n = %zu, c = %g: growth %.6f at %.4f, exact %.6f at %.4f\n", n, c,
                          r.growth, r.time, growth, time);
            assert_float_equal(r.henrici, c, 1e-12 * c);
            assert_float_equal(r.henrici_relative, c > 0.0 ? 1.0 : 0.0, 1e-12);
            assert_float_equal(r.growth / growth, 1.0, 2e-4); /* twice the climb's tolerance */
            assert_true(r.growth <= growth * (1.0 + 1e-6));
            /* The top is flat: growth is 1e-4 below it within sqrt(2e-4/curvature ~ 1) of t*. */
            assert_float_equal(r.time, time, 0.02);
            for (size_t i = 0; i < n; i++)
                norm += x0[i] * x0[i];
            assert_float_equal(norm, 1.0, 1e-12);
            if (c > 2.0) { /* x0 grows as claimed: exp((A - 1) t) x0 in closed form */
                double first = x0[0] + c * r.time * x0[n - 1];
                double grown = exp(-r.time) * sqrt(norm - x0[0] * x0[0] + first * first);
                assert_float_equal(grown / r.growth, 1.0, 1e-5);
            }
            free(a);
            free(x0);
        }
}

/* A feedforward pair of weight c whose neurons have a self-coupling of 1 - d grows by
 * exp(asinh(c t/2) - d t), most at t = sqrt(1/d^2 - 4/c^2). */
static double pair_growth(double c, double d, double *time) {
    *time = sqrt(1.0 / (d * d) - 4.0 / (c * c));
    return exp(asinh(0.5 * c * *time) - d * *time);
}

/* Forty such pairs hide a slower one that ends higher: a climb that follows only the highest peak
 * stays with the forty. */
static void later_peak(void **state) {
    (void)state;
    enum { N = 300, FAST = 40 };
    static const double c = 1.05, d = 0.12, c_fast = 3.0, d_fast = 0.35;
    double *a = calloc(N * N, sizeof *a), time, time_fast;
    for (size_t k = 0; k < 2 * FAST; k++)
        a[k * N + k] = 1.0 - d_fast;
    for (size_t k = 0; k < 2 * FAST; k += 2)
        a[k * N + k + 1] = c_fast;
    a[100 * N + 200] = c;
    a[100 * N + 100] = a[200 * N + 200] = 1.0 - d;
    nonnormality_t r = measure(N, a, &(nonnormality_options_t){-d, NAN, NULL, 0}, NULL);
    double growth = pair_growth(c, d, &time), fast = pair_growth(c_fast, d_fast, &time_fast);
    print_message("growth %.5f at %.4f, exact %.5f at %.4f, the others %.5f at %.4f\n", r.growth,
                  r.time, growth, time, fast, time_fast);
    assert_true(fast < 0.99 * growth && time > 2.0 * time_fast);
    assert_float_equal(r.growth / growth, 1.0, 2e-4); /* twice the climb's tolerance */
    assert_float_equal(r.time, time, 0.2);            /* 0.02 of the time above, slower by 1/d */
    free(a);
}

/* Random matrices with a strong feedforward part, stable and not. */
static void as_dense_scan(void **state) {
    (void)state;
    static double a[SIDE * SIDE];
    static const double recurrent[] = {0.5, 0.8, 0.3, 1.3}, ahead[] = {1.2, 1.0, 2.5, 1.0};
    for (int k = 0; k < 4; k++) {
        for (int i = 0; i < SIDE * SIDE; i++)
            a[i] = (recurrent[k] + (i % SIDE > i / SIDE ? ahead[k] : 0.0)) / sqrt(SIDE) * uniform();
        double squares, alpha, departure, time, x0[SIDE];
        schur(SIDE, a, &squares, &alpha, &departure);
        nonnormality_t r = measure(SIDE, a, &(nonnormality_options_t){alpha, squares, NULL, 0}, x0);
        double h = 0.02, horizon = fmin(fmax(3.0 / fabs(alpha), 10.0), 50.0);
        double exact = scan(SIDE, a, alpha, h, horizon, &time);
        print_message("alpha %.3f: Henrici %.4f, growth %.5f at %.3f, scan %.5f at %.3f\n", alpha,
                      r.henrici, r.growth, r.time, exact, time);
        /* Half the digits where the difference cancels; here it does not. */
        assert_float_equal(r.henrici / departure, 1.0, 1e-10);
        assert_true(exact > 1.2); /* something to be found */
        assert_float_equal(r.growth / exact, 1.0, 1e-3);
        assert_true(r.growth <= exact * (1.0 + 1e-3 * h)); /* what the scan's grid misses */
        assert_true(r.time >= 0.0 && r.time <= horizon * (1.0 + DBL_EPSILON));
    }
}

/* A start that is the answer is not lost among others; more starts than a block has columns. */
static void given_starts(void **state) {
    (void)state;
    enum { STARTS = 11, N = 40 };
    static double a[N * N], starts[STARTS * N];
    a[1] = 10.0;
    for (int s = 0; s < STARTS; s++)
        starts[s * N + 2 + s] = 1.0; /* neurons without any connection */
    starts[10 * N + 12] = 0.0;
    starts[10 * N + 1] = 1.0; /* the pair's source, in the second block */
    double x0[N], time = sqrt(0.96), growth = exp(asinh(5.0 * time) - time);
    nonnormality_t r = measure(N, a, &(nonnormality_options_t){-1.0, NAN, starts, STARTS}, x0);
    assert_float_equal(r.growth / growth, 1.0, 1e-5);
    assert_true(isnan(r.henrici) && isnan(r.henrici_relative));
}

/* A chain of random weights with shortcuts, large enough for threads. */
static void any_number_of_threads(void **state) {
    (void)state;
    enum { N = PARALLEL_LEAST + 100 };
    double *a = calloc((size_t)N * N, sizeof *a);
    for (size_t i = 0; i < N; i++)
        for (size_t k = 1; k < 20; k += 3)
            a[i * N + (i + k * k) % N] = uniform();
    nonnormality_options_t o = {1.5, 0.0, NULL, 0};
    double x0[2][N];
    int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    nonnormality_t one = measure(N, a, &o, x0[0]);
    omp_set_num_threads(3);
    nonnormality_t three = measure(N, a, &o, x0[1]);
    omp_set_num_threads(threads);
    assert_true(one.growth > 1.1);
    assert_memory_equal(&one.growth, &three.growth, sizeof one.growth);
    assert_memory_equal(&one.time, &three.time, sizeof one.time);
    assert_memory_equal(x0[0], x0[1], sizeof x0[0]);
    free(a);
}

static void refused(const double *a, nonnormality_options_t o, const char *word) {
    csr_t m = sparse(2, a);
    nonnormality_t result = {0};
    assert_int_equal(nonnormality(&m, &o, &result), STATUS_FAILED);
    if (!strstr(status_message(), word))
        fail_msg("no '%s' in: %s", word, status_message());
    csr_destroy(&m);
}

static void refusals(void **state) {
    (void)state;
    const double undefined[4] = {0.0, NAN, 0.0, 0.0}, fine[4] = {0.0, 3.0, 0.0, 0.0};
    const double explosive[4] = {100.0, 0.0, 0.0, 0.0}, zero[2] = {0};
    refused(undefined, (nonnormality_options_t){-1.0, 0.0, NULL, 0}, "undefined weights");
    refused(fine, (nonnormality_options_t){INFINITY, 0.0, NULL, 0}, "alpha = inf");
    refused(fine, (nonnormality_options_t){-1.0, 0.0, zero, 1}, "start 0");
    refused(explosive, (nonnormality_options_t){0.0, 0.0, NULL, 0}, "alpha far below");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_matrices),
        cmocka_unit_test(feedforward_pair),
        cmocka_unit_test(later_peak),
        cmocka_unit_test(as_dense_scan),
        cmocka_unit_test(given_starts),
        cmocka_unit_test(refusals),
        cmocka_unit_test(any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
