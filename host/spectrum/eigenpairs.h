/* Eigenvalues with their eigenvectors. */
#ifndef BRISC_SPECTRUM_EIGENPAIRS_H
#define BRISC_SPECTRUM_EIGENPAIRS_H

#include <stdbool.h>

#include "host/spectrum/operator.h"

/* An entry with im > 0 stands for the pair of conjugates. */
typedef struct {
    uint32_t count;
    double *re, *im;   /* [count]; im >= 0 */
    double *residual;  /* [count] |A v - lambda v|, |v| = 1, measured by products of its own */
    bool *converged;   /* [count] false: a Ritz value, as near as its residual tells */
    double *vectors;   /* [count][2][n]: real and imaginary part of v */
    uint32_t products; /* with A, in all */
} eigenpairs_t;

/* Zeros, with their vectors. */
status_t eigenpairs_create(size_t n, uint32_t count, eigenpairs_t *pairs);
void eigenpairs_destroy(eigenpairs_t *pairs);
/* Fills residual[count] by products, which it counts. */
status_t eigenpairs_residuals(const operator_t *op, eigenpairs_t *pairs);

#endif
