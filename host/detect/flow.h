/* Optical flow on phase: the velocity field with which phases move. */
#ifndef BRISC_FLOW_H
#define BRISC_FLOW_H

#include "host/detect/grid.h"
#include "kernels/status.h"

/* Radians of phase over which the velocity is smoothed: 1/12 of a wavelength. */
#define FLOW_SMOOTHNESS 0.5
/* Where iterations end, over the data's: v is then within 0.5 % (rms) of the minimum on smooth
 * waves, 2 % on random phases. */
#define FLOW_RESIDUAL 5e-3

typedef struct flow flow_t; /* a solver's working space: one a thread */

/* STATUS_USAGE where the smoothness is not above 0. */
status_t flow_create(const grid_t *grid, double smoothness_rad, double residual, flow_t **flow);
void flow_destroy(flow_t *flow);

/* The velocity[2][ny][nx] (x component, then y; grid length units a second) that minimizes
 *   sum w [(d(phase)/dt + v.g)^2 + (v x g)^2 / 10] + smoothness^2 sum |grad v|^2, g = grad(phase),
 * that of Horn and Schunck 1981 (Artif. Intell. 17:185) with phase in the place of brightness
 * (Townsend and Gong 2018, PLoS Comput. Biol. 14:e1006643) and a second term: what moves along
 * fronts cannot be seen but through noise, and a phase velocity stands upright on them. (And 1e-4
 * of the mean of w |g|^2 times sum v^2, where neither says anything.) phase[3][ny][nx] in radians,
 * `frame_ms` apart, v at the middle one; derivatives are means of wrapped differences to both
 * neighbours in time and space, of the one there is at an edge; sites outside the mask give 0 and
 * touch nothing. weight[ny][nx] >= 0: |amplitude|^2, which makes uncertain phases count less; its
 * unit cancels. velocity holds the first guess. Conjugate gradients until the preconditioned
 * residual is `residual` of the data's, or for 500 iterations: *converged. Same bits for any number
 * of threads. */
void flow_solve(flow_t *flow, const float *const phase[3], const float *weight, double frame_ms,
                float *velocity, bool *converged);

#endif
