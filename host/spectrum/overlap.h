/* Eigenvectors in terms of plane waves. */
#ifndef BRISC_SPECTRUM_OVERLAP_H
#define BRISC_SPECTRUM_OVERLAP_H

#include "host/spectrum/arnoldi.h"
#include "host/theory/theory.h"

/* The wave vector that, with its symmetries (+-nx, +-ny), (+-ny, +-nx), holds the largest share of
 * a vector's square norm, all populations together. */
typedef struct {
    int nx, ny; /* nx <= ny */
    double share;
} wave_share_t;

/* For every eigenpair with |lambda| > radius (0 for the others): overlap[pair][mode], the norm of
 * its projection on the mode's plane waves, all of its symmetries, with the mode's right vector on
 * the populations; and share[pair]. By FFT over each lattice. */
status_t overlaps(const network_t *net, const eigenpairs_t *pairs, const eigenmode_t *modes,
                  size_t n_modes, double radius, double *overlap, wave_share_t *share);

#endif
