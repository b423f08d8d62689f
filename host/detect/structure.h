/* Structure factor: at which wave number a pattern has its power. */
#ifndef BRISC_STRUCTURE_H
#define BRISC_STRUCTURE_H

#include "host/detect/dataset.h"
#include "host/detect/field.h"

/* Group "pattern": power of a mode against |n|, in cycles a unit of the grid's length, averaged
 * over the modes of rings one cycle a longest side wide; mean of the frames' and of the pattern
 * that is the mean of all frames. Each frame less its mean; powers sum to the variance over the
 * sheet. An open or masked sheet is seen through a Hann window, so its rings are wider by a cycle.
 *
 * The peak of the frames' is stated (|n|, half width at half maximum) where it stands out on both
 * sides, from rings below |n| / 1.5 and from those above 1.5 |n|: by Fisher's z, log of the ratio
 * of two mean powers over sqrt(2/m + 2/m'), of m and m' modes, beyond 4.5, one in 10^5 for Gaussian
 * noise even if it is frozen. So the longest wave has no peak, nor has noise whose power falls from
 * there on, nor a single spot; text "pattern/reason" says so.
 * `wavelength_predicted` in the grid's length; 0: not known. STATUS_FAILED where a frame holds NaN
 * or infinity. Source of z: Fisher, Proc. Int. Congr. Math. Toronto 2, 805 (1924). */
status_t structure_detect(const field_t *field, double wavelength_predicted, dataset_t *dataset);

#endif
