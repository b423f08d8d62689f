/* Detectors for `run` and `analyze`: what they need to know, and where their answer goes. */
#ifndef BRISC_DETECTIONS_H
#define BRISC_DETECTIONS_H

#include "host/command/command.h"
#include "host/detect/dataset.h"
#include "host/detect/field.h"
#include "host/io/h5.h"

/* Every detector over the field, of `file` (open to read, which may hold a run's prediction). */
status_t detections_measure(const options_t *options, h5_file_t *file, const field_t *field,
                            dataset_t *found);
/* Into the group /detections of the file at `path`: a copy with it takes the file's place. */
status_t detections_add(const char *path, const dataset_t *found);
/* Into a new file at options->output. */
status_t detections_create(const options_t *options, const dataset_t *found);

#endif
