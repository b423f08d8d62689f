/* Peaks of a k-omega spectrum, and the strongest one's numbers with their errors. */
#ifndef BRISC_WAVE_PEAK_H
#define BRISC_WAVE_PEAK_H

#include "host/detect/wave_spectrum.h"

enum { WAVE_PEAKS = 8 };

typedef struct {
    int n_y, n_x; /* travels along it */
    long f;       /* bins, > 0 */
    double ky, kx, frequency_hz;
    double share; /* of the variance over space and time around the sites' means */
    double ratio; /* power over background */
} wave_peak_t;

/* Those above the threshold and WAVE_SHARE, by power; `tests` of the false alarms' level. */
status_t wave_peaks_find(const harmonics_t *modes, const wave_spectrum_t *spectrum, double moving,
                         wave_peak_t peak[WAVE_PEAKS], size_t *count);

/* Bins that are looked at, of all modes and both directions. */
size_t wave_tests(const harmonics_t *modes, const wave_spectrum_t *spectrum);

typedef struct {
    double ky, kx, frequency_hz, index;
} wave_estimate_t;

/* Power spectra of the modes around the strongest peak and of the others', by segments. */
typedef struct {
    const harmonics_t *modes;
    const wave_spectrum_t *spectrum;
    const wave_peak_t *peak;
    size_t peaks, frames, count;
    long mode[WAVE_PEAKS + 4];
    float complex *series; /* [count][frames] */
    double *power;         /* [segments][count][length] */
} wave_segments_t;

status_t wave_segments_create(const harmonics_t *modes, const wave_spectrum_t *spectrum,
                              size_t frames, const wave_peak_t *peak, size_t peaks,
                              wave_segments_t *segments);
void wave_segments_destroy(wave_segments_t *segments);
void wave_segments_take(wave_segments_t *segments, const harmonics_block_t *block);

#define WAVE_NEAR_MEAN 0.15 /* the same within the window's main lobe of n = 0: up to 0.11 seen */
#define WAVE_BETWEEN 0.03   /* error of a number told between bins, in bins */

/* The strongest peak of those spectra's mean: |k|, frequency_hz, speed, direction (radians), index.
 * Errors: jackknife, sqrt((K - 1)/K sum (x_i - mean)^2), x_i without segment i, each with the
 * peak that is strongest there (Thomson & Chave 1991, in Haykin, Advances in Spectrum Analysis and
 * Array Processing I, ch. 2); with WAVE_BETWEEN of a bin where a number is told between bins. */
enum { WAVE_WAVENUMBER, WAVE_FREQUENCY, WAVE_SPEED, WAVE_DIRECTION, WAVE_INDEX, WAVE_NUMBERS };
status_t wave_segments_estimate(wave_segments_t *segments, double value[WAVE_NUMBERS],
                                double error[WAVE_NUMBERS]);

#endif
