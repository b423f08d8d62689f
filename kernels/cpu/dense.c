/* Dense eigenvalues by LAPACK, in float64: A = Q H Q^T (dgehrd), the eigenvalues of the Hessenberg
 * matrix H (dhseqr), and for the vectors asked for inverse iteration on H (dhsein), which costs
 * n^2 a vector and no second n^3. */
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu/cpu.h"

struct dense {
    uint32_t n;
    double *matrix;        /* the caller's: H, and below its subdiagonal the reflectors of Q */
    double *tau, *re, *im; /* [n] each, one allocation */
    int with_vectors;
};

/* dhsein's work[n][n + 2], which takes more than the copy of H that dhseqr overwrites, beside tau,
 * re, im and the blocks of 64 columns that dgehrd works on. */
static status_t memory(uint32_t n, int single, uint64_t *bytes) {
    (void)single;
    *bytes = sizeof(double) * (uint64_t)n * (n + 2 + 3 + 64);
    return STATUS_OK;
}

static void destroy(dense_t *dense) {
    if (dense)
        free(dense->tau);
    free(dense);
}

/* `*work` = what a LAPACK routine, asked with a size of -1, answered in `size`. */
static status_t work_create(double size, double **work, lapack_int *length) {
    *length = (lapack_int)size;
    *work = malloc((size_t)*length * sizeof **work);
    if (!*work)
        FAIL(STATUS_FAILED, "no memory for LAPACK's %.0f working numbers", size);
    return STATUS_OK;
}

static status_t hessenberg(dense_t *dense) {
    lapack_int n = (lapack_int)dense->n, length;
    double size, *work;
    LAPACKE_dgehrd_work(LAPACK_COL_MAJOR, n, 1, n, dense->matrix, n, dense->tau, &size, -1);
    TRY(work_create(size, &work, &length));
    lapack_int info =
        LAPACKE_dgehrd_work(LAPACK_COL_MAJOR, n, 1, n, dense->matrix, n, dense->tau, work, length);
    free(work);
    if (info != 0)
        FAIL(STATUS_FAILED, "LAPACK's dgehrd refused its argument %d", (int)-info);
    return STATUS_OK;
}

static status_t eigenvalues(dense_t *dense, uint32_t *unconverged) {
    lapack_int n = (lapack_int)dense->n, length;
    size_t bytes = (size_t)dense->n * dense->n * sizeof *dense->matrix;
    double size, none, *work = NULL, *h = malloc(bytes);
    if (!h)
        FAIL(STATUS_FAILED, "no memory for a copy of the matrix, %.3f GB", (double)bytes * 1e-9);
    memcpy(h, dense->matrix, bytes);
    LAPACKE_dhseqr_work(LAPACK_COL_MAJOR, 'E', 'N', n, 1, n, h, n, dense->re, dense->im, &none, 1,
                        &size, -1);
    lapack_int info = -1;
    status_t status = work_create(size, &work, &length);
    if (status == STATUS_OK)
        info = LAPACKE_dhseqr_work(LAPACK_COL_MAJOR, 'E', 'N', n, 1, n, h, n, dense->re, dense->im,
                                   &none, 1, work, length);
    free(work);
    free(h);
    TRY(status);
    if (info < 0)
        FAIL(STATUS_FAILED, "LAPACK's dhseqr refused its argument %d", (int)-info);
    *unconverged = (uint32_t)info; /* the first ones: dhseqr finds them from the last on */
    for (lapack_int i = 0; i < info; i++)
        dense->re[i] = dense->im[i] = NAN;
    return STATUS_OK;
}

static status_t create(uint32_t n, double *matrix, int single, int with_vectors, double *re,
                       double *im, uint32_t *unconverged, dense_t **out) {
    uint64_t needed, unused;
    TRY(memory(n, single, &needed));
    TRY(backend_cpu.memory_free(&unused));
    TRY(dense_check("LAPACK", n, needed, unused));
    dense_t *dense = calloc(1, sizeof *dense);
    double *numbers = malloc(3 * (size_t)n * sizeof *numbers);
    if (!dense || !numbers) {
        free(dense);
        free(numbers);
        FAIL(STATUS_FAILED, "no memory for %u eigenvalues", n);
    }
    *dense = (dense_t){n, matrix, numbers, numbers + n, numbers + 2 * (size_t)n, with_vectors};
    status_t status = hessenberg(dense);
    if (status == STATUS_OK)
        status = eigenvalues(dense, unconverged);
    if (status != STATUS_OK) {
        destroy(dense);
        return status;
    }
    memcpy(re, dense->re, n * sizeof *re);
    memcpy(im, dense->im, n * sizeof *im);
    *out = dense;
    return STATUS_OK;
}

/* The columns of vectors, in the order of their eigenvalues. */
typedef struct {
    lapack_logical *chosen;      /* [n] */
    lapack_int *place;           /* [n]: of the chosen ones, the first column */
    lapack_int columns, *failed; /* [columns]: not 0 where it is */
    double *re, *work, *v;       /* [n], [n][n + 2], [columns][n] */
} columns_t;

static void columns_destroy(columns_t *c) {
    free(c->chosen);
    free(c->place);
    free(c->failed);
    free(c->re);
    free(c->work);
    free(c->v);
}

static status_t columns_create(const dense_t *dense, uint32_t count, const uint32_t *index,
                               columns_t *c) {
    uint32_t n = dense->n;
    c->chosen = calloc(n, sizeof *c->chosen);
    c->place = calloc(n, sizeof *c->place);
    c->re = malloc(n * sizeof *c->re);
    c->work = malloc((size_t)n * (n + 2) * sizeof *c->work);
    if (!c->chosen || !c->place || !c->re || !c->work)
        FAIL(STATUS_FAILED, "no memory for the eigenvectors of %u neurons", n);
    memcpy(c->re, dense->re, n * sizeof *c->re);
    for (uint32_t k = 0; k < count; k++) {
        uint32_t i = dense_column(n, dense->im, index[k]);
        if (i != UINT32_MAX)
            c->chosen[i] = 1;
    }
    for (uint32_t i = 0; i < n; i++) {
        c->place[i] = c->columns;
        c->columns += !c->chosen[i] ? 0 : dense->im[i] != 0.0 ? 2 : 1;
    }
    c->failed = calloc((size_t)c->columns + 1, sizeof *c->failed);
    c->v = malloc(((size_t)c->columns * n + 1) * sizeof *c->v);
    if (!c->failed || !c->v)
        FAIL(STATUS_FAILED, "no memory for %u eigenvectors of %u neurons; ask for fewer at a time",
             count, n);
    return STATUS_OK;
}

static status_t columns_solve(const dense_t *dense, columns_t *c) {
    lapack_int n = (lapack_int)dense->n, found, length, unused_failed;
    double size, none, *work;
    if (c->columns == 0)
        return STATUS_OK;
    lapack_int info = LAPACKE_dhsein_work(LAPACK_COL_MAJOR, 'R', 'Q', 'N', c->chosen, n,
                                          dense->matrix, n, c->re, dense->im, &none, 1, c->v, n,
                                          c->columns, &found, c->work, &unused_failed, c->failed);
    if (info < 0)
        FAIL(STATUS_FAILED, "LAPACK's dhsein refused its argument %d", (int)-info);
    LAPACKE_dormhr_work(LAPACK_COL_MAJOR, 'L', 'N', n, c->columns, 1, n, dense->matrix, n,
                        dense->tau, c->v, n, &size, -1);
    TRY(work_create(size, &work, &length));
    info = LAPACKE_dormhr_work(LAPACK_COL_MAJOR, 'L', 'N', n, c->columns, 1, n, dense->matrix, n,
                               dense->tau, c->v, n, work, length);
    free(work);
    if (info != 0)
        FAIL(STATUS_FAILED, "LAPACK's dormhr refused its argument %d", (int)-info);
    return STATUS_OK;
}

static status_t vectors(dense_t *dense, uint32_t count, const uint32_t *index, double *v,
                        int *failed) {
    if (!dense->with_vectors)
        FAIL(STATUS_FAILED, "eigenvectors of a decomposition that was created without them");
    columns_t c = {0};
    size_t n = dense->n;
    status_t status = columns_create(dense, count, index, &c);
    if (status == STATUS_OK)
        status = columns_solve(dense, &c);
    for (uint32_t k = 0; k < count && status == STATUS_OK; k++, v += 2 * n) {
        uint32_t i = dense_column(dense->n, dense->im, index[k]);
        memset(v, 0, 2 * n * sizeof *v);
        failed[k] = i == UINT32_MAX || c.failed[c.place[i]] != 0;
        if (failed[k])
            continue;
        size_t columns = dense->im[i] != 0.0 ? 2 : 1;
        memcpy(v, c.v + (size_t)c.place[i] * n, columns * n * sizeof *v);
        failed[k] = !dense_unit(dense->n, dense->im[index[k]], v);
    }
    columns_destroy(&c);
    return status;
}

const dense_solver_t cpu_dense = {
    .name = "LAPACK",
    .n_max = DENSE_N_MAX,
    .memory = memory,
    .create = create,
    .vectors = vectors,
    .destroy = destroy,
};
