/* Eigenvalues and eigenvectors of a dense real matrix, by a device's library: an instance a backend
 * (backend.h), except where a build's library has none. */
#ifndef BRISC_DENSE_H
#define BRISC_DENSE_H

#include <stdint.h>

#include "kernels/status.h"

typedef struct dense dense_t; /* what is kept to give eigenvectors */

typedef struct {
    const char *name;
    uint32_t n_max; /* the library counts n^2 elements in 32 bits */
    /* Bytes of the device that create and vectors need for an n x n matrix, beside the caller's.
     * STATUS_FAILED: the library cannot be used here, and why; create would fail likewise. */
    status_t (*memory)(uint32_t n, int single, uint64_t *bytes);
    /* All eigenvalues re[n] + i im[n] of matrix[n][n], column-major, which is overwritten and must
     * live until destroy. Of a conjugate pair, neighbours in the list, the one with im > 0 comes
     * first. An eigenvalue that did not converge is NAN in both; *unconverged counts them. `single`
     * asks for float32 (the cpu computes in float64 all the same). STATUS_FAILED: n above n_max,
     * too little memory; then there is nothing to destroy. */
    status_t (*create)(uint32_t n, double *matrix, int single, int with_vectors, double *re,
                       double *im, uint32_t *unconverged, dense_t **dense);
    /* Right eigenvectors of eigenvalues index[count] (places in re, im), if create was asked for
     * them: v[count][2][n], real then imaginary part, of unit 2-norm. failed[k]: the k-th did not
     * converge, and is 0. */
    status_t (*vectors)(dense_t *dense, uint32_t count, const uint32_t *index, double *v,
                        int *failed);
    void (*destroy)(dense_t *dense);
} dense_solver_t;

#ifdef __cplusplus
extern "C" {
#endif

/* The checks and the eigenvector layout that the instances share. */
enum { DENSE_N_MAX = 46340 }; /* largest n with n^2 + n < 2^31 */
status_t dense_check(const char *name, uint32_t n, uint64_t needed, uint64_t unused);
/* First column of eigenvalue i's vector in LAPACK's packing (geev: of a pair, the real part's
 * column, then the imaginary part's): i, or i - 1 for a pair's second; UINT32_MAX where the
 * eigenvalue did not converge or has lost its partner. */
uint32_t dense_column(uint32_t n, const double *im, uint32_t i);
/* v[2][n] of eigenvalue im, from its real part in v[0] and, for a pair, the imaginary part of the
 * vector of im > 0 in v[1]: conjugated if im < 0, scaled to unit 2-norm. Returns 0 if it has none.
 */
int dense_unit(uint32_t n, double im, double *v);

#ifdef __cplusplus
}
#endif
#endif
