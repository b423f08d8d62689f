/* All detectors, one after the other, over one field. */
#ifndef BRISC_DETECT_H
#define BRISC_DETECT_H

#include <stdint.h>

#include "host/detect/band.h"
#include "host/detect/dataset.h"
#include "host/detect/projection.h"

typedef struct {
    band_t band;                 /* of motion; {0, 0}: chosen */
    double smoothness_rad;       /* of the velocity field; 0: its default */
    double wavelength_predicted; /* grid lengths; 0: not known */
    const stored_modes_t *modes; /* other data's, to project on; NULL: none */
} detect_options_t;

/* Groups wave, flow, singularities, modes, projection, bumps, pattern, asynchrony, persistence.
 * What a detector cannot say of these data (too few frames, a constant field) is the text
 * GROUP/reason; nothing fails for that. STATUS_USAGE: a band given that cannot be. */
/* Waves alone, in the same way. */
status_t detect_waves(const field_t *field, dataset_t *found);
/* All but the waves, which are in `found` already. */
status_t detect_all(const field_t *field, const detect_options_t *options, dataset_t *found);
/* Bytes that they hold at most, about (measured): 0 where there are too few frames for any. */
uint64_t detect_memory(size_t frames, const grid_t *grid);

#endif
