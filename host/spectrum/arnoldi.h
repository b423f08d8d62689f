/* Leading eigenvalues of a large real matrix by the implicitly restarted Arnoldi method (Lehoucq,
 * Sorensen, Yang, ARPACK Users' Guide, SIAM 1998). One call at a time: ARPACK keeps static state.
 */
#ifndef BRISC_ARNOLDI_H
#define BRISC_ARNOLDI_H

#include "host/spectrum/eigenpairs.h"

typedef enum {
    LEADING_GROWTH, /* largest |1 - delta + delta lambda|, the growth over a step */
    LEADING_REAL,   /* largest Re lambda */
    LEADING_MODULUS /* largest |lambda| */
} leading_t;

typedef struct {
    uint32_t wanted; /* eigenvalues, both of a conjugate pair; 1 <= wanted <= n - 2 */
    leading_t by;
    double delta;          /* dt/tau, in (0, 1]; LEADING_GROWTH only */
    uint32_t basis;        /* vectors kept, wanted + 2 <= basis <= n; 0: max(200, 4 wanted + 20) */
    double tolerance;      /* largest residual of a converged entry: relative to |lambda|, for
                              LEADING_GROWTH to max(1, |lambda|) */
    const double *start;   /* [n], or NULL for a fixed pseudo-random vector */
    uint32_t restarts_max; /* after the first full basis; 0: 100 */
} arnoldi_options_t;

/* Of a basis: ARPACK's work array of 3 basis^2 + 6 basis numbers is counted by an int. */
enum { ARNOLDI_BASIS_MAX = 26753 };
/* Bytes that arnoldi takes, with the vectors that it gives, where all `wanted` are real. */
uint64_t arnoldi_bytes(size_t n, uint32_t basis, uint32_t wanted);

/* Best first. Together the entries hold `wanted` eigenvalues, or one more where the last is of a
 * pair. */
status_t arnoldi(const operator_t *op, const arnoldi_options_t *options, eigenpairs_t *pairs);

#endif
