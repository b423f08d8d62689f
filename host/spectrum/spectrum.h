/* The spectrum of the stored matrix J diag(gain), measured and laid beside the prediction. */
#ifndef BRISC_SPECTRUM_H
#define BRISC_SPECTRUM_H

#include "host/spectrum/bulk.h"
#include "host/spectrum/match.h"
#include "host/spectrum/matrix.h"
#include "host/spectrum/nonnormal.h"

typedef struct {
    bool full;        /* every eigenvalue, by a dense solver; otherwise `leading` of them */
    uint32_t leading; /* eigenvalues, both of a conjugate pair */
    leading_t by;
    double delta;     /* dt/tau */
    bool single;      /* float32 where the device's solver has it */
    uint32_t vectors; /* leading eigenvectors wanted beside those of eigenvalues beyond the disk */
    bool quiet;
} spectrum_options_t;

typedef struct {
    bool full;
    const char *solver; /* "LAPACK", "cuSOLVER", "ARPACK" */
    size_t n;           /* neurons */
    /* Eigenvalues: all n as the solver orders them, or the leading ones, best first; both of a
     * conjugate pair, neighbours. residual: |A v - lambda v| with |v| = 1, NAN where no vector was
     * asked for. What did not converge: full, NAN; leading, a Ritz value as good as its residual.
     */
    size_t count, unconverged;
    double *re, *im, *residual;
    bool *converged;
    /* Entries with im >= 0 whose vectors are known: leading, all; full, those beyond the disk and
     * `vectors` more. Largest growth (or other criterion) first. */
    eigenpairs_t pairs;
    match_t match;
    bulk_t bulk;                    /* full only */
    nonnormality_t nonnormal;       /* full only */
    size_t at_edge;                 /* leading only: pairs within the disk's ragged edge */
    double seconds, solver_seconds; /* in all; full: of the dense solver */
} spectrum_t;

/* Whether a spectrum can be measured at all, known before the network is built. STATUS_FAILED: not
 * enough memory (says how much); STATUS_USAGE: more leading eigenvalues than ARPACK gives. */
status_t spectrum_check(const backend_t *backend, const network_plan_t *plan,
                        const spectrum_options_t *options);
/* theory: the prediction at the matrix's gains (theory_linearize). Fails as
 * spectrum_check does, or with the device. */
status_t spectrum_measure(const config_t *config, const network_plan_t *plan,
                          const theory_t *theory, matrix_t *matrix,
                          const spectrum_options_t *options, spectrum_t *spectrum);
void spectrum_destroy(spectrum_t *spectrum);

/* Largest n that is measured in full where neither --full nor --leading says (minutes on two
 * cores). */
enum { SPECTRUM_FULL_DEFAULT = 6000 };

#endif
