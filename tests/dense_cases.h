/* Dense eigenvalues and eigenvectors of any solver by what defines them, then against the cpu's.
 * Read by C and C++ tests. */
#ifndef BRISC_DENSE_CASES_H
#define BRISC_DENSE_CASES_H

#include "tests/backend_cases.h"

static const dense_solver_t *solver; /* under test */
static double unit;                  /* rounding unit of the numbers that it is to compute with */
static int single;

typedef struct {
    uint32_t n, unconverged;
    double *matrix, *kept; /* [n][n], column-major: overwritten, and as it was */
    double *re, *im, *v;   /* v[n][2][n] */
    int *failed;
    dense_t *dense;
} solved_t;

static double *numbers_create(uint32_t n) {
    return (double *)calloc(n, sizeof(double));
}

static solved_t solved_create(uint32_t n) {
    solved_t s;
    memset(&s, 0, sizeof s);
    s.n = n;
    s.matrix = numbers_create(n * n);
    s.kept = numbers_create(n * n);
    s.re = numbers_create(n);
    s.im = numbers_create(n);
    s.v = numbers_create(2 * n * n);
    s.failed = (int *)calloc(n, sizeof(int));
    return s;
}

static void solved_destroy(solved_t *s) {
    solver->destroy(s->dense);
    free(s->matrix);
    free(s->kept);
    free(s->re);
    free(s->im);
    free(s->v);
    free(s->failed);
}

/* Every eigenvalue and eigenvector of s->kept. */
static void solve(solved_t *s) {
    uint32_t *index = (uint32_t *)malloc(s->n * sizeof *index);
    for (uint32_t k = 0; k < s->n; k++)
        index[k] = s->n - 1 - k; /* in no special order */
    memcpy(s->matrix, s->kept, s->n * s->n * sizeof *s->matrix);
    check_status(
        solver->create(s->n, s->matrix, single, 1, s->re, s->im, &s->unconverged, &s->dense));
    assert_int_equal(s->unconverged, 0);
    check_status(solver->vectors(s->dense, s->n, index, s->v, s->failed));
    for (uint32_t k = 0; k < s->n; k++)
        assert_int_equal(s->failed[k], 0);
    free(index);
}

/* Column k of s->v belongs to this eigenvalue. */
static uint32_t eigenvalue_of(const solved_t *s, uint32_t k) {
    return s->n - 1 - k;
}

static double norm(const solved_t *s) {
    double sum = 0.0;
    for (uint32_t k = 0; k < s->n * s->n; k++)
        sum += s->kept[k] * s->kept[k];
    return sqrt(sum);
}

/* 2-norm of A v - lambda v of column k. */
static double residual(const solved_t *s, uint32_t k) {
    uint32_t n = s->n;
    const double *x = s->v + 2 * (size_t)k * n, *y = x + n;
    double re = s->re[eigenvalue_of(s, k)], im = s->im[eigenvalue_of(s, k)], sum = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        double a = -re * x[i] + im * y[i], b = -re * y[i] - im * x[i];
        for (uint32_t j = 0; j < n; j++) {
            a += s->kept[j * n + i] * x[j];
            b += s->kept[j * n + i] * y[j];
        }
        sum += a * a + b * b;
    }
    return sqrt(sum);
}

/* What holds of any matrix. A backward stable solver is exact for a matrix that differs by some
 * n units of its norm: so are a residual, the trace and the trace of the square (which changes by
 * twice the norm as much). Vectors have norm 1 to within n roundings in float64. */
static void check_solved(const solved_t *s) {
    uint32_t n = s->n;
    double backward = 4.0 * n * unit * norm(s), re = 0.0, im = 0.0, squares = 0.0;
    for (uint32_t k = 0; k < n; k++) {
        const double *v = s->v + 2 * (size_t)k * n;
        double length = 0.0;
        for (uint32_t i = 0; i < 2 * n; i++)
            length += v[i] * v[i];
        assert_true(fabs(length - 1.0) <= 2.0 * n * 0x1p-52);
        if (!(residual(s, k) <= backward))
            fail_msg("eigenvalue %u: |A v - lambda v| = %g, at most %g expected",
                     eigenvalue_of(s, k), residual(s, k), backward);
        re += s->re[k];
        im += s->im[k];
        squares += s->re[k] * s->re[k] - s->im[k] * s->im[k];
        if (s->im[k] > 0.0) { /* a pair: together, and positive first */
            assert_true(k + 1 < n);
            assert_true(s->re[k + 1] == s->re[k] && s->im[k + 1] == -s->im[k]);
        }
    }
    assert_true(im == 0.0);
    for (uint32_t i = 0; i < n; i++) {
        re -= s->kept[i * n + i];
        for (uint32_t j = 0; j < n; j++)
            squares -= s->kept[j * n + i] * s->kept[i * n + j];
    }
    assert_true(fabs(re) <= backward);
    assert_true(fabs(squares) <= 2.0 * norm(s) * backward);
}

static double uniform(uint32_t *seed) { /* (-1, 1) */
    *seed = *seed * 1664525u + 1013904223u;
    return (double)(int32_t)*seed * 0x1p-31;
}

static void random_matrices(void **unused) {
    (void)unused;
    static const uint32_t sizes[] = {1, 2, 3, 40, 200};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        solved_t s = solved_create(sizes[k]);
        uint32_t seed = 17, pairs = 0;
        for (uint32_t i = 0; i < s.n * s.n; i++)
            s.kept[i] = uniform(&seed);
        solve(&s);
        check_solved(&s);
        for (uint32_t i = 0; i < s.n; i++)
            pairs += s.im[i] > 0.0;
        assert_true(s.n < 40 || (pairs > s.n / 4 && 2 * pairs < s.n)); /* both kinds */
        assert_true(s.n > 1 || (s.im[0] == 0.0 && fabs(s.re[0] - s.kept[0]) <= unit));
        solved_destroy(&s);
    }
}

/* The place of the eigenvalue nearest to re + i im, and its distance. */
static uint32_t nearest(const solved_t *s, double re, double im, double *distance) {
    uint32_t best = 0;
    for (uint32_t k = 0; k < s->n; k++)
        if (hypot(s->re[k] - re, s->im[k] - im) < hypot(s->re[best] - re, s->im[best] - im))
            best = k;
    *distance = hypot(s->re[best] - re, s->im[best] - im);
    return best;
}

/* A block-diagonal matrix, 5 and 3 +- 4i in a bulk of radius below 1, seen through a rotation of
 * every pair of neighbours; its vectors are the rotated unit vectors. */
static void planted(void **unused) {
    (void)unused;
    solved_t s = solved_create(60);
    uint32_t n = s.n, seed = 5;
    for (uint32_t j = 3; j < n; j++)
        for (uint32_t i = 3; i < n; i++)
            s.kept[j * n + i] = uniform(&seed) / sqrt(n);
    s.kept[0] = 5.0;
    s.kept[1 * n + 1] = s.kept[2 * n + 2] = 3.0;
    s.kept[2 * n + 1] = 4.0;
    s.kept[1 * n + 2] = -4.0;
    for (uint32_t k = 0; k + 1 < n; k++) { /* A <- R A R^T in the plane (k, k + 1): 3-4-5 */
        for (uint32_t j = 0; j < n; j++) {
            double a = s.kept[j * n + k], b = s.kept[j * n + k + 1];
            s.kept[j * n + k] = 0.6 * a - 0.8 * b;
            s.kept[j * n + k + 1] = 0.8 * a + 0.6 * b;
        }
        for (uint32_t i = 0; i < n; i++) {
            double a = s.kept[k * n + i], b = s.kept[(k + 1) * n + i];
            s.kept[k * n + i] = 0.6 * a - 0.8 * b;
            s.kept[(k + 1) * n + i] = 0.8 * a + 0.6 * b;
        }
    }
    solve(&s);
    check_solved(&s);
    /* Normal blocks: their eigenvalues move no further than the matrix. */
    double close = 4.0 * n * unit * norm(&s), distance;
    uint32_t real = nearest(&s, 5.0, 0.0, &distance);
    assert_true(distance <= close && s.im[real] == 0.0);
    uint32_t pair = nearest(&s, 3.0, 4.0, &distance);
    assert_true(distance <= close);
    assert_int_equal(nearest(&s, 3.0, -4.0, &distance), pair + 1);
    assert_true(distance <= close);
    /* The real one's vector is the first axis, of which every plane's rotation leaves 0.6 and hands
     * on 0.8; it turns by at most the matrix's change over the gap to the rest, above 4. */
    const double *v = s.v + 2 * (size_t)(n - 1 - real) * n;
    for (uint32_t i = 0; i + 1 < n; i++)
        assert_true(fabs(fabs(v[i]) - 0.6 * pow(0.8, i)) <= close && v[n + i] == 0.0);
    solved_destroy(&s);
}

/* A Jordan block: one eigenvalue, 2, of multiplicity m, on whose m-th power a change of the matrix
 * by e acts, so that it spreads by e^(1/m); one vector, the first axis. */
static void defective(void **unused) {
    (void)unused;
    enum { M = 4 };
    solved_t s = solved_create(M);
    for (uint32_t i = 0; i < M; i++) {
        s.kept[i * M + i] = 2.0;
        if (i > 0)
            s.kept[i * M + i - 1] = 1.0;
    }
    solve(&s);
    double spread = pow(4.0 * M * unit * norm(&s), 1.0 / M);
    for (uint32_t k = 0; k < M; k++) {
        assert_true(hypot(s.re[k] - 2.0, s.im[k]) <= spread);
        const double *v = s.v + 2 * (size_t)k * M;
        assert_true(hypot(v[0], v[M]) >= 1.0 - spread);
        assert_true(residual(&s, k) <= 4.0 * M * unit * norm(&s));
    }
    solved_destroy(&s);
}

/* Both vectors of a pair, one alone, and the same twice; none where none were prepared. */
static void chosen_vectors(void **unused) {
    (void)unused;
    double matrix[4] = {0.0, 1.0, -1.0, 0.0}, re[2], im[2], v[3][2][2];
    static const uint32_t index[] = {1, 0, 1};
    int failed[3];
    uint32_t unconverged;
    dense_t *dense;
    check_status(solver->create(2, matrix, single, 1, re, im, &unconverged, &dense));
    assert_true(fabs(im[0] - 1.0) <= 4 * unit && im[1] == -im[0] && fabs(re[0]) <= 4 * unit);
    check_status(solver->vectors(dense, 3, index, &v[0][0][0], failed));
    assert_memory_equal(v[0], v[2], sizeof v[0]);
    for (int i = 0; i < 2; i++)
        assert_true(v[0][0][i] == v[1][0][i] && v[0][1][i] == -v[1][1][i]);
    check_status(solver->vectors(dense, 1, index, &v[1][0][0], failed));
    assert_memory_equal(v[0], v[1], sizeof v[0]);
    solver->destroy(dense);

    matrix[0] = matrix[3] = 0.0;
    matrix[1] = 1.0;
    matrix[2] = -1.0;
    check_status(solver->create(2, matrix, single, 0, re, im, &unconverged, &dense));
    assert_true(fabs(im[0] - 1.0) <= 4 * unit && im[1] == -im[0]);
    assert_int_equal(solver->vectors(dense, 1, index, &v[0][0][0], failed), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "without them"));
    solver->destroy(dense);
}

static void too_large(void **unused) {
    (void)unused;
    double none;
    uint32_t unconverged;
    uint64_t bytes;
    dense_t *dense;
    check_status(solver->memory(1000, single, &bytes));
    assert_true(bytes >= 1000u * 1000u * (single ? 4u : 8u));
    assert_int_equal(
        solver->create(solver->n_max + 1, &none, single, 0, &none, &none, &unconverged, &dense),
        STATUS_FAILED);
    assert_non_null(strstr(status_message(), "46341"));
    assert_non_null(strstr(status_message(), "46340"));
    assert_int_equal(dense_check("it", 100, 2000000000, 1000000000), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "2.000 GB"));
    assert_non_null(strstr(status_message(), "1.000 GB"));
}

/* The GPU's eigenvalues are the cpu's: the same set, as far as a random matrix's condition (some
 * n of its worst eigenvalue) lets the units through. */
static void as_the_cpu(void **unused) {
    (void)unused;
    solved_t a = solved_create(200), b = solved_create(200);
    uint32_t seed = 17;
    for (uint32_t i = 0; i < a.n * a.n; i++)
        a.kept[i] = b.kept[i] = uniform(&seed);
    const dense_solver_t *gpu = solver;
    solve(&a);
    solver = backend_cpu.dense;
    solve(&b);
    for (uint32_t k = 0; k < a.n; k++) {
        double distance;
        nearest(&a, b.re[k], b.im[k], &distance);
        assert_true(distance <= a.n * 4.0 * a.n * unit * norm(&a));
    }
    solved_destroy(&b);
    solver = gpu;
    solved_destroy(&a);
}

/* Every case, in float64 and, but for the cpu, which has none, in float32. */
static int dense_cases_run(const dense_solver_t *any) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_matrices), cmocka_unit_test(planted),   cmocka_unit_test(defective),
        cmocka_unit_test(chosen_vectors),  cmocka_unit_test(too_large),
    };
    const struct CMUnitTest more_tests[] = {cmocka_unit_test(as_the_cpu)};
    int failures = 0, other = any != backend_cpu.dense;
    (void)BACKEND_CASES;
    (void)backend_compare;
    for (single = 0; single <= other; single++) {
        solver = any;
        unit = single ? 0x1p-24 : 0x1p-53;
        printf("%s, float%d\n", solver->name, single ? 32 : 64);
        failures += cmocka_run_group_tests(tests, NULL, NULL);
        failures += other ? cmocka_run_group_tests(more_tests, NULL, NULL) : 0;
    }
    return failures;
}

#endif
