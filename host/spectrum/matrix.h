/* The stored matrix as the spectrum sees it: J diag(gain), all populations one after the other. */
#ifndef BRISC_SPECTRUM_MATRIX_H
#define BRISC_SPECTRUM_MATRIX_H

#include "host/spectrum/csr.h"
#include "host/spectrum/operator.h"
#include "kernels/backend.h"

typedef struct {
    const network_t *net;
    const backend_t *backend;
    backend_state_t *state;
    const double *gain; /* [n], a neuron each */
    double *scaled;     /* [n]: room for gain x */
    size_t n;
} matrix_t;

status_t matrix_create(const network_t *net, const backend_t *backend, backend_state_t *state,
                       const double *gain, matrix_t *matrix);
void matrix_destroy(matrix_t *matrix);
/* Its products, by the backend. The matrix must outlive it. */
operator_t matrix_operator(matrix_t *matrix);

/* Rows are targets; a row's columns ascend. To be given to csr_destroy. */
status_t matrix_csr(const matrix_t *matrix, csr_t *csr);
/* dense[n][n], column-major: dense[j n + i] is the weight from j to i. */
void csr_dense(const csr_t *csr, double *dense);

#endif
