/* ARPACK builds the basis and restarts it; the Ritz pairs are taken from its Hessenberg matrix, all
 * of them, because ARPACK's own extraction gives converged ones only. */
#include "host/spectrum/arnoldi.h"

#include <arpack.h>
#include <float.h>
#include <lapacke.h>
#include <limits.h>
#include <stdlib.h>

enum { BASIS_LEAST = 200, RESTARTS_DEFAULT = 100, ROWS = 256 };

/* A V = V H + residual e_m^T in terms of the iterated operator B = shift + scale A. */
typedef struct {
    const operator_t *op;
    const arnoldi_options_t *options;
    a_int n, basis;
    double shift, scale;
    double *v;          /* [basis][n] */
    double *hessenberg; /* [basis][basis], column-major */
    uint32_t products;
} krylov_t;

/* A Ritz value of A, im >= 0, and the column of H's eigenvectors that holds its vector. */
typedef struct {
    double re, im, merit;
    uint32_t column;
} ritz_t;

/* y = A x, refused where it is not finite: ARPACK would iterate on NaN to its end. */
static status_t product(krylov_t *k, const double *x, double *y) {
    TRY(k->op->apply(k->op->context, x, y));
    k->products++;
    double sum = 0.0;
    for (a_int i = 0; i < k->n; i++)
        sum += fabs(y[i]);
    if (!isfinite(sum))
        FAIL(STATUS_FAILED,
             "leading eigenvalues: product %u of the matrix with a vector is not finite; look for "
             "infinite or undefined weights or gains",
             k->products);
    return STATUS_OK;
}

static status_t check(const operator_t *op, const arnoldi_options_t *o, a_int *basis) {
    if (op->n > INT_MAX)
        FAIL(STATUS_FAILED, "leading eigenvalues: order %zu, ARPACK takes at most %d", op->n,
             INT_MAX);
    if (o->wanted < 1 || (size_t)o->wanted + 2 > op->n)
        FAIL(STATUS_FAILED,
             "leading eigenvalues: %u wanted of a matrix of order %zu, Arnoldi's method gives from "
             "1 "
             "to order - 2; ask for fewer, or for all by the dense solver",
             o->wanted, op->n);
    uint64_t size = o->basis ? o->basis : 4 * (uint64_t)o->wanted + 20;
    if (!o->basis && size < BASIS_LEAST)
        size = BASIS_LEAST;
    if (!o->basis && size > op->n)
        size = op->n;
    if (size < (uint64_t)o->wanted + 2 || size > op->n || size > ARNOLDI_BASIS_MAX)
        FAIL(STATUS_FAILED,
             "leading eigenvalues: a basis of %llu vectors; it must be from wanted + 2 = %u to the "
             "matrix's order %zu, and at most %d",
             (unsigned long long)size, o->wanted + 2, op->n, ARNOLDI_BASIS_MAX);
    if (!(o->tolerance > 0.0) || (o->by == LEADING_GROWTH && !(o->delta > 0.0 && o->delta <= 1.0)))
        FAIL(STATUS_FAILED,
             "leading eigenvalues: tolerance %g must be above 0, delta = dt/tau %g in (0, 1]",
             o->tolerance, o->delta);
    *basis = (a_int)size;
    return STATUS_OK;
}

/* The start vector, of norm 1. */
static status_t start(const krylov_t *k, double *x) {
    double squares = 0.0;
    for (a_int i = 0; i < k->n; i++) {
        x[i] = k->options->start ? k->options->start[i] : start_element(0, (uint64_t)i);
        squares += x[i] * x[i];
    }
    if (!(squares > 0.0) || !isfinite(squares))
        FAIL(STATUS_FAILED, "leading eigenvalues: the start vector is zero or not finite");
    for (a_int i = 0; i < k->n; i++)
        x[i] /= sqrt(squares);
    return STATUS_OK;
}

/* Fills v and hessenberg. work: residual[n], workd[3][n], workl[3 basis^2 + 6 basis]. */
static status_t iterate(krylov_t *k, double *work) {
    const arnoldi_options_t *o = k->options;
    a_int n = k->n, basis = k->basis, ido = 0, info = 1, workl_size = 3 * basis * basis + 6 * basis;
    a_int iparam[11] = {0}, ipntr[14] = {0};
    double *residual = work, *workd = work + n, *workl = workd + 3 * (size_t)n;
    iparam[0] = 1; /* exact shifts */
    iparam[2] = o->restarts_max ? (a_int)(o->restarts_max < INT_MAX ? o->restarts_max : INT_MAX)
                                : RESTARTS_DEFAULT;
    iparam[3] = 1;
    iparam[6] = 1; /* y = B x */
    /* ARPACK stops at |B v - theta v| <= tolerance |theta|; |theta| is near 1 for growth, where a
     * residual of A weighs `scale`. A half, so that rounding does not carry it over our bound. */
    double tolerance = fmax(0.5 * o->tolerance * fabs(k->scale), DBL_EPSILON);
    TRY(start(k, residual));
    for (;;) {
        dnaupd_c(&ido, "I", n, o->by == LEADING_REAL ? "LR" : "LM", (a_int)o->wanted, tolerance,
                 residual, basis, k->v, n, iparam, ipntr, workd, workl, workl_size, &info);
        if (ido != 1 && ido != -1)
            break;
        const double *x = workd + ipntr[0] - 1;
        double *y = workd + ipntr[1] - 1;
        TRY(product(k, x, y));
        for (a_int i = 0; i < n; i++)
            y[i] = k->shift * x[i] + k->scale * y[i];
    }
    /* 1: restarts used up, 3: no shift left to restart with; the basis is whole in both. */
    if (info != 0 && info != 1 && info != 3)
        FAIL(STATUS_FAILED,
             "leading eigenvalues: ARPACK's dnaupd stopped with info %d after %u products; try "
             "another basis size (here %d) or the dense solver",
             info, k->products, basis);
    memcpy(k->hessenberg, workl + ipntr[4] - 1, sizeof *workl * (size_t)basis * (size_t)basis);
    k->hessenberg[2] = 0.0; /* H(3,1), where dnaupd leaves the last residual's norm */
    return STATUS_OK;
}

static double merit(const arnoldi_options_t *o, double re, double im) {
    switch (o->by) {
    case LEADING_GROWTH:
        return hypot(1.0 - o->delta + o->delta * re, o->delta * im);
    case LEADING_REAL:
        return re;
    default:
        return hypot(re, im);
    }
}

static int better(const void *first, const void *second) {
    const ritz_t *a = first, *b = second;
    if (a->merit != b->merit)
        return a->merit > b->merit ? -1 : 1;
    return a->column < b->column ? -1 : 1;
}

/* Ritz values of A, best first, and the eigenvectors y[basis][basis] of H in LAPACK's real form:
 * a pair's real part in column c, imaginary part in c + 1. */
static status_t ritz_values(krylov_t *k, double *y, double *re, double *im, ritz_t *ritz,
                            uint32_t *count) {
    size_t m = (size_t)k->basis;
    for (size_t i = 0; i < m * m; i++) /* back from B to A */
        k->hessenberg[i] = (k->hessenberg[i] - (i % (m + 1) == 0 ? k->shift : 0.0)) / k->scale;
    double none[1];
    lapack_int info = LAPACKE_dgeev(LAPACK_COL_MAJOR, 'N', 'V', k->basis, k->hessenberg, k->basis,
                                    re, im, none, 1, y, k->basis);
    if (info != 0)
        FAIL(STATUS_FAILED, "leading eigenvalues: LAPACK's dgeev of order %d stopped with info %d",
             k->basis, (int)info);
    uint32_t values = 0;
    for (uint32_t c = 0; c < m; c++)
        if (im[c] >= 0.0)
            ritz[values++] = (ritz_t){re[c], im[c], merit(k->options, re[c], im[c]), c};
    qsort(ritz, values, sizeof *ritz, better);
    *count = 0;
    for (uint32_t taken = 0; taken < k->options->wanted && *count < values; ++*count)
        taken += ritz[*count].im > 0.0 ? 2 : 1;
    return STATUS_OK;
}

/* x = V y for every entry, by blocks of rows so that the basis is read once. */
static void ritz_vectors(const krylov_t *k, const double *y, const ritz_t *ritz, uint32_t count,
                         double *x) {
    size_t n = (size_t)k->n, m = (size_t)k->basis;
#pragma omp parallel for schedule(static)
    for (size_t first = 0; first < n; first += ROWS) {
        size_t rows = n - first < ROWS ? n - first : ROWS;
        for (size_t j = 0; j < m; j++)
            for (uint32_t e = 0; e < 2 * count; e++) {
                const ritz_t *r = &ritz[e / 2];
                if (e % 2 && r->im == 0.0)
                    continue;
                double weight = y[(r->column + e % 2) * m + j];
                for (size_t i = first; i < first + rows; i++)
                    x[e * n + i] += weight * k->v[j * n + i];
            }
    }
}

static status_t entries(krylov_t *k, const double *y, const ritz_t *ritz, uint32_t count,
                        eigenpairs_t *pairs) {
    size_t n = (size_t)k->n;
    TRY(eigenpairs_create(n, count, pairs));
    pairs->products = k->products;
    ritz_vectors(k, y, ritz, count, pairs->vectors);
    for (size_t e = 0; e < count; e++) {
        double *v = pairs->vectors + 2 * e * n, norm = 0.0;
        pairs->re[e] = ritz[e].re;
        pairs->im[e] = ritz[e].im;
        for (size_t i = 0; i < 2 * n; i++)
            norm += v[i] * v[i];
        for (size_t i = 0; i < 2 * n; i++)
            v[i] /= sqrt(norm);
    }
    TRY(eigenpairs_residuals(k->op, pairs));
    for (size_t e = 0; e < count; e++) {
        /* The floor of ARPACK's own test, for lambda = 0. */
        double size = fmax(hypot(pairs->re[e], pairs->im[e]),
                           k->options->by == LEADING_GROWTH ? 1.0 : cbrt(0x1p-106));
        pairs->converged[e] = pairs->residual[e] <= k->options->tolerance * size;
    }
    return STATUS_OK;
}

static status_t solve(krylov_t *k, double *work, double *y, ritz_t *ritz, eigenpairs_t *pairs) {
    TRY(iterate(k, work));
    uint32_t count = 0;
    TRY(ritz_values(k, y, work, work + k->basis, ritz, &count));
    return entries(k, y, ritz, count, pairs);
}

static size_t work_size(size_t n, size_t basis) {
    return 4 * n + 3 * basis * basis + 6 * basis;
}

uint64_t arnoldi_bytes(size_t n, uint32_t basis, uint32_t wanted) {
    size_t m = basis;
    return sizeof(double) * (n * m + work_size(n, m) + 2 * m * m + 2 * n * wanted);
}

status_t arnoldi(const operator_t *op, const arnoldi_options_t *options, eigenpairs_t *pairs) {
    memset(pairs, 0, sizeof *pairs);
    krylov_t k = {.op = op, .options = options, .shift = 0.0, .scale = 1.0};
    TRY(check(op, options, &k.basis));
    k.n = (a_int)op->n;
    if (options->by == LEADING_GROWTH) {
        k.shift = 1.0 - options->delta;
        k.scale = options->delta;
    }
    size_t n = op->n, m = (size_t)k.basis;
    k.v = malloc(n * m * sizeof *k.v);
    k.hessenberg = malloc(m * m * sizeof *k.hessenberg);
    double *work = malloc(work_size(n, m) * sizeof *work), *y = malloc(m * m * sizeof *y);
    ritz_t *ritz = malloc(m * sizeof *ritz);
    status_t status = STATUS_OK;
    if (k.v && k.hessenberg && work && y && ritz)
        status = solve(&k, work, y, ritz, pairs);
    else
        status = status_fail(STATUS_FAILED, __FILE__, __LINE__,
                             "leading eigenvalues: no memory for a basis of %zu vectors of order "
                             "%zu (%.1f MB); give a smaller basis, or ask for fewer eigenvalues",
                             m, n, (double)arnoldi_bytes(n, (uint32_t)m, 0) * 1e-6);
    free(k.v);
    free(k.hessenberg);
    free(work);
    free(y);
    free(ritz);
    if (status != STATUS_OK)
        eigenpairs_destroy(pairs);
    return status;
}
