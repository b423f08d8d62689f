/* The analytic signal of every site in a band: amplitude and phase, frame by frame. */
#ifndef BRISC_ANALYTIC_H
#define BRISC_ANALYTIC_H

#include "host/detect/band.h"

typedef struct analytic analytic_t;

/* Of the field's frames [first_frame, first_frame + n_frames): correlation in time with h_k = 2
 * sin(d k) / (pi k) exp(i c k) cos^2(pi k / 2 (m + 1)), |k| <= m, the ideal one-sided band-pass (c
 * its centre, d half its width, in radians a frame) under a Hann window, less a share of that
 * window that makes its sum 0: no delay, nothing of the mean. A cosine of frequency c comes out as
 * amplitude * exp(i phase) with phase = k.x - w t for a wave along +k. m = sample rate / min(low,
 * high - low, Nyquist - high). The m first and last frames have no full support and give none;
 * where frames are more than 16 to a period of the band's high edge, every so many is given.
 * STATUS_USAGE for a band outside (0, Nyquist), STATUS_FAILED for too few frames. The field must
 * outlive it. Memory: about (2 m + 16) * 8 bytes a site (fewer where not every frame is given),
 * whatever the number of frames. */
status_t analytic_create(const field_t *field, band_t band, size_t first_frame, size_t n_frames,
                         analytic_t **analytic);
void analytic_destroy(analytic_t *analytic);

/* The next frame, real[ny][nx] and imaginary[ny][nx], 0 outside the mask; analytic_frames of them,
 * each input frame read once, in order. Same bits for any number of threads. STATUS_FAILED where a
 * site of the mask holds NaN or infinity (names the frame). */
status_t analytic_next(analytic_t *analytic, float *real, float *imaginary);

size_t analytic_frames(const analytic_t *analytic);
size_t analytic_left_out(const analytic_t *analytic); /* m: frames at each end */
double analytic_start_ms(const analytic_t *analytic);
double analytic_frame_ms(const analytic_t *analytic);

/* Frames that a band needs for n_frames of the signal. */
size_t analytic_needs(band_t band, double frame_ms, size_t n_frames);

#endif
