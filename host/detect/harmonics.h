/* A field's spatial Fourier components in time, streamed. */
#ifndef BRISC_HARMONICS_H
#define BRISC_HARMONICS_H

#include <complex.h>
#include <fftw3.h>

#include "host/detect/field.h"

typedef struct {
    int n_y, n_x;  /* half plane: n_x > 0, or n_x = 0 and n_y > 0 */
    size_t place;  /* in a frame's transform [ny][nx / 2 + 1] */
    double ky, kx; /* cycles a unit of length; on a torus n_y, n_x */
} harmonic_t;

/* z_n(t) = sum_x w (r - m(t)) e^(-2 pi i n.x) / sqrt(N sum w^2), m the frame's w-weighted mean, so
 * that sum_n |z_n|^2 over the whole plane is the frame's (w^2-weighted) variance and z_0 = 0. On a
 * torus w = 1; on an open or masked sheet it is a Hann window over the data's bounding box, 0 where
 * there are none. A wave cos(2 pi (n.x - f t)) is z_n = e^(-2 pi i f t) / 2. */
typedef struct {
    grid_t grid;
    bool windowed;
    size_t modes, bins; /* kept; of a frame's transform: ny (nx / 2 + 1) */
    harmonic_t *mode; /* [modes], rising |n_x|, then n_y; all inside the ellipse through Nyquist, or
                     a smaller one of the same shape */
    int reach_y, reach_x;
    long *index;     /* [2 reach_y + 1][reach_x + 1]: place of a mode in `mode`, or -1 */
    double *weight;  /* [ny][nx]: w over sqrt(N sum w^2) */
    double sum;      /* of those */
    double *profile; /* [ny + nx]: their sums over rows, over columns */
} harmonics_t;

/* Keeps `most` modes or fewer, the lowest. */
status_t harmonics_create(const grid_t *grid, size_t most, harmonics_t *modes);
void harmonics_destroy(harmonics_t *modes);

/* Place of the mode (n_y, n_x) of the whole plane, -1 where it is not kept; *sign -1 where it is
 * the conjugate of that one: its frequency f is -f there. */
long harmonics_find(const harmonics_t *modes, int n_y, int n_x, int *sign);

/* How far from the middle one of three neighbours along axis 0 (y) or 1 (x) a wave lies whose power
 * |z|^2 in them is power[3]: the offset at which the window's own transform, summed over the other
 * axis, has their centroid. One below 0 is not known and left out. Bins, -1 to 1. */
double harmonics_between(const harmonics_t *modes, int axis, const double power[3]);

typedef struct {
    size_t first, n;               /* frames */
    const fftw_complex *transform; /* [n][bins]; mode[].place */
    const double *mean, *variance; /* [n], over space, weighted */
} harmonics_block_t;

/* Called in the frames' order. */
typedef void harmonics_take_t(void *context, const harmonics_block_t *block);

/* One read of the field in blocks of 32 MiB or one frame. STATUS_FAILED where a frame holds NaN or
 * infinity among its data (names the frame). */
status_t harmonics_stream(const harmonics_t *modes, const field_t *field, harmonics_take_t *take,
                          void *context);

/* The share of |z|^2 at `place` that stands for -n too: 2, or 1 where that is the same place. */
double harmonics_twice(const harmonics_t *modes, size_t place);

#endif
