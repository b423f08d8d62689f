/* Gaussian smoothing of a frame. */
#ifndef BRISC_BLUR_H
#define BRISC_BLUR_H

#include "host/detect/grid.h"
#include "kernels/status.h"

/* Taps exp(-k^2 / 2 range^2) to 3 ranges, their sum 1, along both axes (an axis of one site is left
 * as it is). Where a part of them falls beyond an open edge or on masked sites, the sum over the
 * rest is divided by the square root of the weight that is left: white noise comes out as strong as
 * elsewhere. */
typedef struct {
    grid_t grid;
    size_t reach;
    double *tap;   /* [2 reach + 1] */
    double centre; /* a site's own weight */
    double *share; /* [ny][nx], the square root of the weight with data; NULL: 1 */
    double gain;   /* sum of squared weights: what is left of white noise's variance */
} blur_t;

status_t blur_create(const grid_t *grid, double range_sites, blur_t *blur);
void blur_destroy(blur_t *blur);
/* Doubles that blur_apply works in. */
size_t blur_room(const blur_t *blur);
/* values[ny][nx] to smoothed[ny][nx]. */
void blur_apply(const blur_t *blur, const double *values, double *smoothed, double *room);

#endif
