/* Sparse real matrices by rows, and their products with blocks of vectors: the same bits for any
 * number of threads. */
#ifndef BRISC_SPECTRUM_CSR_H
#define BRISC_SPECTRUM_CSR_H

#include "host/spectrum/block.h"

typedef struct {
    size_t n;
    const uint64_t *indptr; /* [n + 1], from 0 */
    const uint32_t *index;  /* [indptr[n]], below n */
    const double *value;    /* [indptr[n]] */
} csr_t;

/* The transpose, to be given to csr_destroy. */
status_t csr_transpose(const csr_t *a, csr_t *transpose);
void csr_destroy(csr_t *a);

/* Y = A X; blocks that do not overlap. */
void csr_product(const csr_t *a, const double *x, double *y);
/* |A|_2 from below, by a few rounds of power iteration on A^T A. x, y: blocks to work in. */
double csr_norm(const csr_t *a, const csr_t *transpose, double *x, double *y);
/* Sum of a^2 over all entries. */
double csr_squares(const csr_t *a);

#endif
