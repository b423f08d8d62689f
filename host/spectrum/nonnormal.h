/* How far a matrix is from normal, and what that does to the linear dynamics tau dx/dt = (A - 1) x
 * (Trefethen, Embree, Spectra and Pseudospectra, Princeton 2005, chapters 14 and 48; for neural
 * networks Murphy, Miller, Neuron 61:635, 2009). */
#ifndef BRISC_NONNORMAL_H
#define BRISC_NONNORMAL_H

#include <stdbool.h>

#include "host/spectrum/csr.h"

typedef struct {
    double alpha;            /* largest Re lambda - 1 */
    double spectral_squares; /* sum of |lambda|^2 over all eigenvalues; NAN where not known */
    const double *starts;    /* [n_starts][n] guesses of the state that grows most, or NULL;
                                pseudo-random ones are tried as well */
    size_t n_starts;
} nonnormality_options_t;

typedef struct {
    /* Departure from normality sqrt(|A|_F^2 - sum |lambda|^2), and relative to |A|_F (0 for A = 0).
     * NAN where the sum is not known. Rounding: a normal matrix gets about sqrt(n) 1e-8 |A|_F. */
    double henrici, henrici_relative;
    /* Largest |exp((A - 1) t)| exp(-max(0, alpha) t), spectral norm, over 0 <= t <= T = 3/|alpha|
     * within [10, 50]; t in tau. 1 at t = 0 where nothing outgrows the leading mode. Found by
     * climbing: |x(t)| of an actual state, so never above the true one (to 1e-6). */
    double growth, time;
    double horizon; /* T */
    double alpha;   /* largest Re lambda - 1, as given: the rate that max(0, .) takes off */
    bool settled;   /* the climb had come to rest (to 1e-3); otherwise growth is a lower bound */
    double *x0;     /* set by the caller: NULL, or [n] to be filled with that state, of norm 1 */
} nonnormality_t;

status_t nonnormality(const csr_t *a, const nonnormality_options_t *options,
                      nonnormality_t *result);

#endif
