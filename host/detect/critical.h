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
 * Phases z = e^{i phase} are smoothed over l / 2 and looked at on rings of radius l / 2 and l
 * (+-1/2) around a point; l is the frame's own scale, the distance at which z is half as like
 * itself as between neighbours (scale.h), from 4 pitches to a sixth of the sheet's shorter side:
 * white noise makes it no shorter, and noise correlated over any distance looks the same at its
 * scale.
 *
 * A spiral is a phase singularity: z winds once around a plaquette. Its charge and the sense in
 * which the phase there advances give the sense of rotation (x to the right, y up). Sources, sinks
 * and saddles are the points around which the velocity's direction winds by +1, outward or inward,
 * and by -1. Since v solves d(phase)/dt + v.grad(phase) = 0, v = w grad(phase) / |grad(phase)|^2
 * up to motion along fronts, its direction is taken from the smoothed phase's gradient, which noise
 * and the smoothness of optical flow move least, and from whether the phase there falls with time.
 * The gradient winds by +1 around a singularity as well: with any charge inside the outer ring a
 * point is not told again. Divergence and curl are of the given velocities on the inner ring:
 * for a linear field <v e^{-i theta} / r> = (trace + i curl) / 2 of its Jacobian. The sign of the
 * Jacobian's discriminant is not asked for: an isotropic source has discriminant 0.
 *
 * What is not noise. On both rings, with 3/4 of their sites in place, the unit vectors go round
 * with the index s of the plaquette: |<z e^{-i s theta}>| >= 0.95, or 0.9 for those of the
 * gradient; a straight front (a standing wave's node) gives 2/pi. Of points of a kind within l the
 * most coherent is taken. They are followed from frame to frame, at most 1 site a frame, over gaps
 * of 2 frames, and told where the phase at the point advances by CRITICAL_TURNS turns in its life.
 * Band-passed noise has singularities as good as any; they only live about as long as it is
 * coherent, 1 / bandwidth, with an exponential tail. In 200 fields of noise correlated over 3
 * sites, band f / 1.5 .. 1.5 f, 64 x 64 sites and 10 periods each, all at coherence 0.95, 692
 * points turned once, 13 twice, 2 three times and none four times (3.8); longer records of larger
 * sheets have more. A spiral that turns less often cannot be told from noise in one look and is not
 * told. `test_critical study SEED` looks at other fields. */
#define CRITICAL_COHERENCE 0.95          /* of a singularity */
#define CRITICAL_GRADIENT_COHERENCE 0.90 /* of the others: noisier, but shorter-lived in noise */
#define CRITICAL_TURNS 4.0

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
