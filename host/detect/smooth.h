/* How far band-passed frames are smoothed in space before their phase is taken. */
#ifndef BRISC_SMOOTH_H
#define BRISC_SMOOTH_H

#include "host/detect/band.h"

typedef struct {
    double range_sites; /* standard deviation of the Gaussian; 0: none */
    double wavenumber;  /* of what neighbouring sites share: radians a site */
    double noise;       /* power at single sites over the power that neighbours share */
    double in_phase;    /* |mean over sites|^2 over the power that neighbours share */
    double rms;         /* of the frames' modulus */
} smooth_t;

/* Frames of the analytic signal at up to 8 evenly spaced times. With C(d) their covariance at a
 * distance of d sites along an axis, C(1) and C(2) give by a parabola what sites share, S = C(1) +
 * (C(1) - C(2)) / 3, and its wave number, k^2 = 2 (C(1) - C(2)) / 3 S; C(0) / S - 1 is the noise of
 * single sites (the nugget of geostatistics). That noise would make gradients of the phase too
 * steep, and speeds too low: the Gaussian leaves 1 % of k^2, but blurs no more than 1 / k. Ranges
 * under half a site are none. */
status_t smooth_choose(const field_t *field, band_t band, smooth_t *smooth);

#endif
