/* The bulk of a measured spectrum against its theory. */
#ifndef BRISC_SPECTRUM_BULK_H
#define BRISC_SPECTRUM_BULK_H

#include "host/theory/theory.h"

enum { BULK_RADII = 65 };

typedef struct {
    size_t count;            /* eigenvalues of the bulk: all but the outliers */
    double radius;           /* measured: below */
    double radius_predicted; /* R */
    double largest;          /* largest |lambda| of the bulk: its ragged edge */
    double ks;               /* Kolmogorov-Smirnov distance of |lambda| from the theory's F(r) */
    /* F at k R / (BULK_RADII - 1); zeros where R = 0. */
    double fraction_predicted[BULK_RADII];
} bulk_t;

/* From modulus[n], the |lambda| of the bulk (sorted in place). The measured radius is R times the
 * median, over the outer half of the eigenvalues, of |lambda_(k)| over the theory's quantile of
 * the same rank: the scale that lays the theory's radial distribution on the measured one, which
 * no single eigenvalue at the ragged edge decides. */
status_t bulk_measure(const theory_t *theory, double *modulus, size_t n, bulk_t *bulk);

#endif
