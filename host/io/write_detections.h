/* The group /detections: what the detectors found, as they describe it. */
#ifndef BRISC_WRITE_DETECTIONS_H
#define BRISC_WRITE_DETECTIONS_H

#include "host/detect/dataset.h"
#include "host/io/h5.h"

/* Replaces the group /detections of a file open to write: doubles; maps (two axes or more) as
 * floats. */
status_t write_detections(h5_file_t *file, const dataset_t *found);

#endif
