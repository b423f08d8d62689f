/* Critical points of a wave's phase and of its velocity field, followed through time: spirals,
 * sources, sinks, saddles. */
#ifndef BRISC_CRITICAL_H
#define BRISC_CRITICAL_H

#include "host/detect/dataset.h"
#include "host/detect/grid.h"
#include "host/detect/track.h"

typedef enum {
    CRITICAL_CLOCKWISE,
    CRITICAL_COUNTERCLOCKWISE,
    CRITICAL_SOURCE,
    CRITICAL_SINK,
    CRITICAL_SADDLE,
    CRITICAL_KINDS
} critical_kind_t;

const char *critical_name(critical_kind_t kind); /* "clockwise", ... */

/* What is told.
 *
 * A spiral is a phase singularity: a plaquette around which the phase winds by +-2 pi. Its charge
 * and the sense in which the phase advances give the sense of rotation (x to the right, y up). The
 * velocity field of a rotating spiral has index +1 at the same place; the phase is the one that
 * noise and the smoothness of optical flow move least, so there the velocity's point is not told
 * again, and one that rotates more than it diverges, with no singularity near it, is not told
 * either. Elsewhere a point of index +1 is a source (trace > 0) or a sink (trace < 0), and one of
 * index -1 a saddle. The trace and the curl of the Jacobian are those of the velocity on the inner
 * ring: for a linear field <v e^{-i theta}> = r (trace + i curl) / 2. The sign of its discriminant
 * is not asked for: an isotropic source has discriminant 0.
 *
 * What is not noise. Rings of radius 2 and 4 sites (+-1/2) around the point, at least 3/4 of their
 * sites with data: on each the directions z (e^{i phase}, or v/|v|) go round with the index s of
 * the plaquette, |<z e^{-i s theta}>| >= CRITICAL_COHERENCE. A straight front (a standing wave's
 * node, a line of sources) gives 2/pi there, random directions 1/sqrt(12) and 1/sqrt(25). Of points
 * of a kind within 4 sites the most coherent is taken. They are followed from frame to frame (at
 * most 2 sites a frame, gaps of 2 frames bridged), and told where the phase at the point advances
 * by CRITICAL_TURNS turns in the point's life: singularities of noise live about as long as the
 * noise is coherent, 1 / bandwidth. CRITICAL_NULL says what that leaves. */
#define CRITICAL_COHERENCE 0.95
#define CRITICAL_TURNS 1.0

typedef struct critical_detector critical_detector_t;

/* For at most `frames` frames of a sheet (copied; its mask must stay), the first at start_ms.
 * STATUS_FAILED where the sheet has fewer than 12 sites along an axis. */
status_t critical_create(const grid_t *grid, size_t frames, double start_ms, double frame_ms,
                         critical_detector_t **detector);
/* A `take` of frames in time order: phase[ny][nx] in [-pi, pi], k.x - w t for a wave along k;
 * velocity[2][ny][nx], x component first, in grid lengths a second. */
status_t critical_take(void *detector, const float *phase, const float *velocity);
/* Ends the tracks and adds the group "singularities". STATUS_FAILED where the phase advanced by
 * fewer than CRITICAL_TURNS turns over all frames: nothing can be told then. */
status_t critical_finish(critical_detector_t *detector, dataset_t *dataset);
void critical_destroy(critical_detector_t *detector);

#endif
