/* What detectors found, as JSON and on the terminal; both follow from the dataset's own words. */
#ifndef BRISC_DETECT_REPORT_H
#define BRISC_DETECT_REPORT_H

#include <jansson.h>

#include "host/detect/dataset.h"

/* {group: {number: value, list: [values], text: ...}}; null where a value is not finite. */
json_t *report_detections_json(const dataset_t *found);
/* A block for each group; a number NAME is told with its error NAME_error. */
void report_detections(const dataset_t *found);
/* A line for each group that says in words what it found. */
void report_detections_briefly(const dataset_t *found);

#endif
