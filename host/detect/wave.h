/* Waves by their k-omega spectrum, with error bars. */
#ifndef BRISC_WAVE_H
#define BRISC_WAVE_H

#include "host/detect/dataset.h"
#include "host/detect/field.h"

#define WAVE_FALSE_ALARM 1e-4 /* probability, over all bins of one field */
#define WAVE_SHARE                                                                                 \
    1e-3                 /* a peak with less of the variance around the sites' means is not stated \
                          */
#define WAVE_AT_REST 0.1 /* a mode at rest with less of the spatial variance is not stated */

/* Adds the group "wave". Two reads of the field (one where nothing is found), each streamed; what
 * grows with the frames grows by some 400 bytes a frame.
 *
 * A peak (n, f) is stated where its power exceeds those of the same n at neighbouring frequencies,
 * to either side, by wave_threshold: noise whose power at each n does not peak within 10 bins
 * triggers with a probability of at most WAVE_FALSE_ALARM, whatever its correlation in space and
 * time. Noise with a rhythm of its own has a peak in all modes alike: a wave must exceed the median
 * over all modes at its frequency by that threshold too; where such noise is smooth in space as
 * well, its modes are waves that come and go, and are stated as such. So a wave has 3 periods a
 * segment and is coherent over about one. The uniform mode is no wave.
 *
 * Numbers: wave/wavenumber |k| (cycles a unit of length), wave/frequency_hz, wave/speed f / |k|,
 * wave/direction_deg (where it travels to, from x to y), wave/travelling_index (P(+k) - P(-k)) /
 * (P(+k) + P(-k)), each with its jackknife error over segments (wave/..._error); NaN where there is
 * no wave, and the direction of a standing one. Between bins: centroid of the three around the
 * peak, within 0.03 bins of a line under a Hann window, which the errors hold too. On a torus n is
 * a whole number: its errors are 0 unless segments disagree on the mode. Text wave/kind: travelling
 * (index
 * >= 1/2 by two errors), "standing, or both ways" (<= 1/2 by two: targets and spirals too), "partly
 * travelling" between, "at rest" (frequency 0), none. Tables: wave/peak (up to 8), wave/epoch;
 * wave/power over |k| and frequency.
 *
 * STATUS_FAILED: under WAVE_FRAMES_LEAST frames, no frame interval, a constant field, NaN or
 * infinity among the data. */
status_t waves_detect(const field_t *field, dataset_t *found);

#endif
