/* Bumps: places of raised activity that last, standing or moving. */
#ifndef BRISC_BUMP_H
#define BRISC_BUMP_H

#include "host/detect/dataset.h"
#include "host/detect/field.h"

typedef struct {
    double smoothing_sites; /* Gaussian range; 0: chosen */
    double lifetime_ms;     /* the least; 0: chosen */
} bump_options_t;

/* Group "bumps". Each frame, less its mean over the sheet, is smoothed; what is above a threshold,
 * the same for all frames, falls into connected components, and those are followed through time.
 *
 * Smoothing: a Gaussian of 2 sites, or of 4 or 8 (a sixth of the shorter side at most) where noise
 * would be in charge of the threshold otherwise.
 * Threshold: one standard deviation of the smoothed field (over time and sites), but at least five
 * of what smoothing leaves of noise that is independent from site to site. That noise is measured:
 * its variance is the mean square of what smoothing takes away over 1 - 2 w + sum of w_k^2 (w_k the
 * filter's weights, w a site's own). A share of the range or Otsu's threshold is no use here: a
 * pattern beneath a neuron's own noise has one mode, and noise has a range as well.
 * A component smaller than a quarter of the filter's area, 1 / 4 sum of w_k^2, is not resolved.
 *
 * What lasts: a component's centre moves by at most 1/8 of the smoothed field's wavelength, 2 pi
 * sqrt(<g^2> / <|grad g|^2>) (Rice 1944), from frame to frame, and may be lost for one frame. It is
 * seen in 12 frames or more, for a tenth of the observed time, and for 8 memories of the smoothed
 * field (its correlation from frame to frame is exp(-1 / memory)), but 3/10 of the observed time
 * are enough: a pattern at rest remembers all of it. Where bumps merge, the one whose centre jumps
 * ends.
 *
 * False alarms: by these estimates less than one in a thousand fields; measured, 0 of 200 of each
 * of five kinds of noise (test_bump study). Independent sites: five standard deviations are
 * exceeded at 3e-7 a patch, in frozen noise too. Sites correlated over a few (3 are tested) but new
 * in each frame: by chance a component is followed by another within reach in at most 20 % of
 * frames, 12 times in a row in 2e-8. Noise that is correlated in space and in time is a pattern for
 * as long as it lasts: silent where the observed time is 30 of its memories.
 *
 * Nothing is stated (text "bumps/reason") for a constant field or fewer than 24 frames.
 * STATUS_FAILED where a frame holds NaN or infinity at a site with data (names the frame). */
status_t bumps_detect(const field_t *field, const bump_options_t *options, dataset_t *dataset);

#endif
