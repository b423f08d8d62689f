#include "host/spectrum/block.h"

#include <lapacke.h>
#include <math.h>
#include <string.h>

enum { COLUMNS = BLOCK_COLUMNS, SLICES = 64 };

void block_norms(size_t n, const double *x, double norm[COLUMNS]) {
    double part[SLICES][COLUMNS] = {0}; /* slices are fixed, so threads do not change the sum */
#pragma omp parallel for schedule(static) if (n >= PARALLEL_LEAST)
    for (size_t s = 0; s < SLICES; s++)
        for (size_t i = n * s / SLICES; i < n * (s + 1) / SLICES; i++)
            for (int c = 0; c < COLUMNS; c++)
                part[s][c] += x[i * COLUMNS + c] * x[i * COLUMNS + c];
    for (int c = 0; c < COLUMNS; c++) {
        double sum = 0.0;
        for (int s = 0; s < SLICES; s++)
            sum += part[s][c];
        norm[c] = sqrt(sum);
    }
}

/* X^T X. */
static void gram_matrix(size_t n, const double *x, double gram[COLUMNS][COLUMNS]) {
    double part[SLICES][COLUMNS][COLUMNS] = {0};
#pragma omp parallel for schedule(static) if (n >= PARALLEL_LEAST)
    for (size_t s = 0; s < SLICES; s++)
        for (size_t i = n * s / SLICES; i < n * (s + 1) / SLICES; i++)
            for (int b = 0; b < COLUMNS; b++)
                for (int c = 0; c < COLUMNS; c++)
                    part[s][b][c] += x[i * COLUMNS + b] * x[i * COLUMNS + c];
    memset(gram, 0, sizeof part[0]);
    for (int s = 0; s < SLICES; s++)
        for (int b = 0; b < COLUMNS; b++)
            for (int c = 0; c < COLUMNS; c++)
                gram[b][c] += part[s][b][c];
}

void block_rotate(size_t n, double *x, const double m[COLUMNS][COLUMNS]) {
#pragma omp parallel for schedule(static) if (n >= PARALLEL_LEAST)
    for (size_t i = 0; i < n; i++) {
        double row[COLUMNS] = {0};
        for (int b = 0; b < COLUMNS; b++)
            for (int c = 0; c < COLUMNS; c++)
                row[c] += x[i * COLUMNS + b] * m[b][c];
        memcpy(x + i * COLUMNS, row, sizeof row);
    }
}

void block_normalize(size_t n, double *x) {
    double norm[COLUMNS];
    block_norms(n, x, norm);
    for (size_t i = 0; i < n * COLUMNS; i++)
        if (norm[i % COLUMNS] > 0.0)
            x[i] /= norm[i % COLUMNS];
}

/* Gram and Schmidt's method, twice for each column. */
void block_orthonormalize(size_t n, double *x) {
    block_normalize(n, x);
    for (int c = 0; c < COLUMNS; c++)
        for (int pass = 0; pass < 2; pass++) {
            double gram[COLUMNS][COLUMNS], m[COLUMNS][COLUMNS] = {0};
            gram_matrix(n, x, gram);
            for (int b = 0; b < COLUMNS; b++) {
                m[b][b] = 1.0;
                if (b < c)
                    m[b][c] = -gram[b][c];
            }
            block_rotate(n, x, m);
            gram_matrix(n, x, gram);
            m[c][c] = gram[c][c] > 1e-20 ? 1.0 / sqrt(gram[c][c]) : 0.0;
            for (int b = 0; b < c; b++)
                m[b][c] = 0.0;
            block_rotate(n, x, m);
        }
}

status_t block_singular(size_t n, const double *x, double square[COLUMNS],
                        double vector[COLUMNS][COLUMNS]) {
    double gram[COLUMNS][COLUMNS], ascending[COLUMNS];
    gram_matrix(n, x, gram);
    if (LAPACKE_dsyev(LAPACK_ROW_MAJOR, 'V', 'U', COLUMNS, gram[0], COLUMNS, ascending) != 0)
        FAIL(STATUS_FAILED,
             "the singular values of %d vectors of order %zu did not converge; look for numbers "
             "that are not finite",
             COLUMNS, n);
    for (int c = 0; c < COLUMNS; c++) {
        square[c] = ascending[COLUMNS - 1 - c];
        for (int b = 0; b < COLUMNS; b++)
            vector[b][c] = gram[b][COLUMNS - 1 - c];
    }
    return STATUS_OK;
}
