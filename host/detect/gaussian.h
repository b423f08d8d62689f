/* Gaussian smoothing of frames on a sheet. */
#ifndef BRISC_GAUSSIAN_H
#define BRISC_GAUSSIAN_H

#include "host/detect/grid.h"
#include "kernels/status.h"

/* What becomes of a site for which part of the taps falls beyond an open edge or on masked sites:
 * the sum over the rest as it is, divided by the weight w that is left (a mean), or by sqrt(w), so
 * that white noise comes out as strong as elsewhere. */
typedef enum { GAUSSIAN_SUM, GAUSSIAN_MEAN, GAUSSIAN_NOISE } gaussian_kind_t;

/* Taps exp(-k^2 / 2 range^2) to 3 ranges along each axis, their sum 1; on a torus those that wrap
 * onto one another are added. */
typedef struct {
    grid_t grid;
    size_t window[2]; /* taps along y, x */
    float *tap[2];
    float *factor;  /* [ny][nx], 1/w or 1/sqrt(w), 0 outside the mask; NULL: 1 */
    double own;     /* weight of a site itself */
    double squares; /* sum of squared weights: what is left of white noise's variance */
} gaussian_t;

/* Ranges in sites, 0: none along this axis. STATUS_FAILED: no memory. */
status_t gaussian_create(const grid_t *grid, double range_y, double range_x, gaussian_kind_t kind,
                         gaussian_t *gaussian);
void gaussian_destroy(gaussian_t *gaussian);
/* frame[ny][nx] in place; masked sites must hold 0. copy[ny][nx] is scratch. Same bits for any
 * number of threads. */
void gaussian_apply(const gaussian_t *gaussian, float *frame, float *copy);

#endif
