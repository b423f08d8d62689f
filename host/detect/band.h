/* The frequency band in which motion is looked for: given, or around the temporal spectrum's peak
 * where that stands out of a smooth background. */
#ifndef BRISC_BAND_H
#define BRISC_BAND_H

#include "host/detect/field.h"

#define BAND_FALSE_ALARM 1e-3 /* of one field that has no rhythm */

typedef struct {
    double low_hz, high_hz;
} band_t;

typedef struct {
    bool found;
    band_t band;
    double peak_hz;
    char reason[240]; /* why this band, or why none */
} band_choice_t;

/* 0 < low < high < Nyquist, else STATUS_USAGE. */
status_t band_check(band_t band, double frame_ms);

/* Power of Hann-windowed segments (two fifths of the frames, at most 4,096 of them, half
 * overlapping: Welch 1967), averaged over sites. A spectrum that only falls with frequency, or only
 * rises (white noise, AR(1), 1/f, at any correlation in space), has no rhythm. One is stated where
 * a bin's power exceeds that of a run of bins below it and that of a run above it, each twofold and
 * by an F test (Paulson 1942) at BAND_FALSE_ALARM over 8 comparisons a bin, whose degrees of
 * freedom come from the scatter among segments. Of several such bins, the strongest. That level is
 * a bound: both tests must pass, and at a nominal 5 % noise of one to 144 sites, of many colours,
 * gave 1 in 4,550. The band is peak/1.5 ... 1.5 peak, widened to at most peak/2 ... 2 peak while
 * the power there is above a tenth of the peak's, and ends at 0.9 Nyquist. Where it may be a
 * harmonic of a rhythm too slow for the record, the reason says so. Too few frames, constant sites,
 * no rhythm (it needs some ten periods): not found, with the reason. STATUS_FAILED where a site of
 * the mask holds NaN or infinity (names the frame). Each frame is read twice; memory: a block of
 * frames, whatever their number. */
status_t band_choose(const field_t *field, band_choice_t *choice);

#endif
