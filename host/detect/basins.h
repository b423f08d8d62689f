/* The birth-death list of one frame. */
#ifndef BRISC_BASINS_H
#define BRISC_BASINS_H

#include "host/detect/dataset.h"
#include "host/detect/field.h"

/* Group "persistence": the components of the middle frame that persistence_frame adds up, the
 * longest lived first: birth and death (z-scored rate), where the minimum lies. Nothing but a text
 * for a constant frame. STATUS_FAILED where the frame holds NaN or infinity at a site with data. */
status_t basins_detect(const field_t *field, dataset_t *dataset);

#endif
