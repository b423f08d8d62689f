/* The k-omega power spectrum of a field, and what noise would give there. */
#ifndef BRISC_WAVE_SPECTRUM_H
#define BRISC_WAVE_SPECTRUM_H

#include "host/detect/harmonics.h"

enum {
    WAVE_FRAMES_LEAST = 80,
    WAVE_LINE = 2,  /* bins that a Hann window spreads a line over, to each side */
    WAVE_SIDE = 8,  /* bins of the background to each side, beyond those */
    WAVE_FIRST = 3, /* lowest bin where a peak can be told from slow noise: 3 periods a segment */
};

/* Welch's estimate (IEEE Trans. Audio Electroacoust. 15:70, 1967): Hann windows over segments of
 * `length` frames that overlap by half or a little less, each segment's mean taken away. */
typedef struct {
    size_t length, segments;
    double bin_hz;
    double *power;        /* [modes][length], the last index (f + length) % length: of z_n(t) at
                             frequency f bins, that is of waves that travel along n where f > 0;
                             summed over f it is the mean |z_n|^2 around its mean */
    double complex *mean; /* [bins of a frame's transform], over time */
    double variance;      /* over space, mean over time: sum |z_n|^2 */
    double at_rest;       /* of it that the mean over time has */
    double uniform;       /* variance over time of the frames' mean */
    double mean_least, mean_most; /* of those */
} wave_spectrum_t;

/* Segments of a third of the field, 32 to 512 frames. */
size_t wave_segment_length(size_t frames);
size_t wave_segment_start(const wave_spectrum_t *spectrum, size_t frames, size_t segment);
status_t wave_spectrum_create(const field_t *field, const harmonics_t *modes,
                              wave_spectrum_t *spectrum);
void wave_spectrum_destroy(wave_spectrum_t *spectrum);

/* window[length], Hann; returns the sum of its squares times `length`: |transform|^2 over it is
 * power. */
double wave_window(double *window, size_t length);

/* At bin |f| >= WAVE_FIRST, the mean power of the same n at +-f's neighbours: `side` -1, slower,
 * 1, faster. *bins: how many of one sign. NaN where there are none. power[length]. */
double wave_background(const double *power, size_t length, long f, int side, size_t *bins);

/* Degrees of freedom, halved, of a background's `bins` + `bins` bins. */
double wave_freedom(size_t segments, size_t bins);

/* Ratio of power to background that noise exceeds with a probability of at most `p`: Chernoff's
 * bound min_s E e^{s(P - xB)}, P the mean of `segments` exponential variables (Hann, overlap 1/2:
 * neighbouring segments' amplitudes correlate by 1/6), B a Gamma variable of the same mean and
 * shape `freedom`. */
double wave_threshold(size_t segments, double freedom, double p);

#endif
