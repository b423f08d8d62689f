/* The scale of a field of vectors on a sheet. Lengths are in pitches: of the
 * spacings between sites along x and y, the wider. */
#ifndef BRISC_SCALE_H
#define BRISC_SCALE_H

#include "host/detect/grid.h"
#include "kernels/status.h"

static inline double scale_pitch(const grid_t *grid) {
    return fmax(grid->dx, grid->dy);
}

/* How far, in pitches, field[2][ny][nx] is like itself: the least distance along x or y at which
 * the mean of f(x) . f(x + r) falls to half of its value between neighbours, so that white noise
 * on top does not count; linear between sites, `most` where it does not fall so low, 0 where it is
 * not positive between neighbours. A plane wave e^{i k x}: near a sixth of its wavelength.
 * row[2 ny] is scratch. */
double scale_find(const grid_t *grid, const float *field, double most, double *row);

#endif
