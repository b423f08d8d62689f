/* Where a field of vectors winds around a point: the topological index of each plaquette. */
#ifndef BRISC_WINDING_H
#define BRISC_WINDING_H

#include "host/detect/grid.h"
#include "kernels/status.h"

/* index[ny][nx] of the plaquette with corners (y, x), (y, x + 1), (y + 1, x + 1), (y + 1, x): how
 * often the vectors field[2][ny][nx] (x component first) turn counter-clockwise (x to the right, y
 * up) on the way around it in that order, from each corner to the next by the shorter way. Every
 * edge is measured once, so that the indices of a torus sum to 0 exactly, ties and zeros included.
 * 0 over the edge of an open sheet and where a corner is masked. Source: Strogatz, Nonlinear
 * Dynamics and Chaos (2015), 6.8. */
void winding_index(const grid_t *grid, const float *field, signed char *index);

/* The zero, x and y in [0, 1], of the field corner[y][x][component] interpolated bilinearly in a
 * plaquette of index 1 or -1: there is one alone, since the interpolant has at most two and each
 * has index 1 or -1. */
void winding_zero(const double corner[2][2][2], double *x, double *y);

#endif
