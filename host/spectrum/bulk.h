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

/* bins of gain[n]: equal shares of the neurons by rank, each with its mean square; one where all
 * are alike to rounding. */
status_t bin_gains(const double *gain, size_t n, gain_bins_t *bins);

/* From modulus[n], the |lambda| of the bulk (sorted in place). The measured radius is R times the
 * median, over the outer half of the eigenvalues, of |lambda_(k)| over the theory's quantile of
 * the same rank: the scale that lays the theory's radial distribution on the measured one, which
 * no single eigenvalue at the ragged edge decides. gains: a population each, wherever in it they
 * are: a pattern of gains in space, as wide as the connections, is beyond it. */
status_t bulk_measure(const theory_t *theory, const gain_bins_t *gains, double *modulus, size_t n,
                      bulk_t *bulk);

#endif
