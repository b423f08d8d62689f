/* What moves, and whereto: phase velocity fields of a rhythm, and what they say together. */
#ifndef BRISC_MOTION_H
#define BRISC_MOTION_H

#include "host/detect/band.h"
#include "host/detect/dataset.h"

/* Who else wants the fields: phase[ny][nx] (radians, k.x - w t for a wave along +k; 0 outside the
 * mask) and velocity[2][ny][nx] (x component, then y; grid length units a second), in time order.
 * `begin` (may be NULL) says first how many there will be, and when; neither is called where there
 * is no motion to see. */
typedef struct {
    void *context;
    status_t (*begin)(void *context, size_t frames, double start_ms, double frame_ms);
    status_t (*take)(void *context, const float *phase, const float *velocity);
} motion_consumer_t;

typedef struct {
    band_t band;                /* {0, 0}: band_choose */
    const char *band_reason;    /* why that band; NULL: "as given" */
    double smoothness_rad;      /* of flow_create; 0: FLOW_SMOOTHNESS */
    const double *smooth_sites; /* of the Gaussian before phases are taken; NULL: smooth_choose */
    size_t consumers;
    const motion_consumer_t *consumer; /* [consumers] */
} motion_options_t;

/* Band, analytic signal, smoothing in space, optical flow on the phase. Group "flow" of `found`:
 *   reason                    why this band, or why nothing can be stated
 *   motion                    travelling, standing, or in phase; by the rules below
 *   band_low_hz, band_high_hz, peak_hz (of a chosen band), smoothness_rad, smoothing_sites,
 *   left_out_ms (at either end), unconverged (share of fields)
 *   speed                     median over sites of |v|
 *   order                     plane-wave index, |mean v| / mean |v|
 *   synchrony                 |mean exp(i phase)|
 *   direction_deg             of the mean of unit velocities; 0 along x, 90 along y
 *   travelling                sum |Im(conj(z) grad z)| / sum |z| |grad z|: 1 for any pattern that
 *                             travels, 0 for a standing one, 2/3 for waves of all directions at
 * random each but the band as a mean in time with an `_error` (blocks no shorter than the filter, 2
 * to 16 of them; none where there is one block) and as `_series` over flow/time; phase, velocity_x
 * and velocity_y of up to 25 evenly spaced frames over flow/frame, flow/y, flow/x. In phase (less
 * than 1 radian across the sheet) or standing (travelling < 1/2): neither speed nor direction is
 * stated. Direction is where the mean of unit velocities is at least 0.1 long and 3 errors. No
 * rhythm, or too few frames to find one: the reason, no number. STATUS_USAGE for a given band
 * outside (0, Nyquist), STATUS_FAILED for too few frames in a given band and for NaN. Memory does
 * not grow with frames, but for the series. Same bits for any number of threads. */
status_t motion_detect(const field_t *field, const motion_options_t *options, dataset_t *found);

#endif
