/* What bumps_detect says of the tracks it found. */
#ifndef BRISC_BUMP_REPORT_H
#define BRISC_BUMP_REPORT_H

#include "host/detect/component.h"
#include "host/detect/dataset.h"
#include "host/detect/field.h"
#include "host/detect/track.h"

/* Of a track's points: kind, and extra[]. */
enum { BUMP_AREA, BUMP_ASPECT }; /* sites; major over minor axis */
int bump_kind(const component_t *component);

/* Tables and numbers of the group "bumps", and the map of one frame: labelled[ny][nx] with the
 * components of `frame`. */
status_t bump_report(const field_t *field, const tracks_t *tracks, size_t frame,
                     const components_t *components, dataset_t *dataset);

#endif
