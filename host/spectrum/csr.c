#include "host/spectrum/csr.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/spectrum/operator.h"

enum { COLUMNS = BLOCK_COLUMNS, NORM_ROUNDS = 6 };

void csr_destroy(csr_t *a) {
    free((void *)a->indptr);
    free((void *)a->index);
    free((void *)a->value);
    memset(a, 0, sizeof *a);
}

status_t csr_transpose(const csr_t *a, csr_t *transpose) {
    size_t n = a->n, entries = a->indptr[n];
    uint64_t *indptr = calloc(n + 2, sizeof *indptr);
    uint32_t *index = malloc((entries + 1) * sizeof *index);
    double *value = malloc((entries + 1) * sizeof *value);
    *transpose = (csr_t){n, indptr, index, value};
    if (!indptr || !index || !value) {
        csr_destroy(transpose);
        FAIL(STATUS_FAILED,
             "no memory for the transpose of a matrix with %zu entries (%.1f MB); take a smaller "
             "network",
             entries, (double)entries * 12e-6);
    }
    /* indptr[r + 1] counts, then is where row r goes on, and so ends as its end. */
    for (size_t e = 0; e < entries; e++)
        indptr[a->index[e] + 2]++;
    for (size_t r = 2; r <= n; r++)
        indptr[r] += indptr[r - 1];
    for (size_t row = 0; row < n; row++)
        for (uint64_t e = a->indptr[row]; e < a->indptr[row + 1]; e++) {
            uint64_t to = indptr[a->index[e] + 1]++;
            index[to] = (uint32_t)row;
            value[to] = a->value[e];
        }
    return STATUS_OK;
}

void csr_product(const csr_t *a, const double *x, double *y) {
#pragma omp parallel for schedule(dynamic, 64) if (a->n >= PARALLEL_LEAST)
    for (size_t row = 0; row < a->n; row++) {
        double sum[COLUMNS] = {0};
        for (uint64_t e = a->indptr[row]; e < a->indptr[row + 1]; e++) {
            const double *from = x + (size_t)a->index[e] * COLUMNS;
            for (int c = 0; c < COLUMNS; c++)
                sum[c] += a->value[e] * from[c];
        }
        memcpy(y + row * COLUMNS, sum, sizeof sum);
    }
}

double csr_norm(const csr_t *a, const csr_t *transpose, double *x, double *y) {
    double norm[COLUMNS], largest = 0.0;
    for (size_t i = 0; i < a->n * COLUMNS; i++)
        x[i] = start_element(1, i);
    for (int round = 0; round < NORM_ROUNDS; round++) {
        block_normalize(a->n, x);
        csr_product(a, x, y);
        block_norms(a->n, y, norm);
        for (int c = 0; c < COLUMNS; c++)
            largest = fmax(largest, norm[c]);
        csr_product(transpose, y, x);
    }
    return largest;
}

double csr_squares(const csr_t *a) {
    double sum = 0.0;
    for (uint64_t e = 0; e < a->indptr[a->n]; e++)
        sum += a->value[e] * a->value[e];
    return sum;
}
