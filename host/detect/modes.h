/* Modes of a velocity field: its singular value decomposition over time x space, in one pass. */
#ifndef BRISC_MODES_H
#define BRISC_MODES_H

#include "host/detect/dataset.h"
#include "host/detect/grid.h"

/* Of each row of A [frames x 2 sites] (a frame's velocities, both components; no mean is taken off)
 * the first MODES_TOLD modes are told, of MODES_RANK that are kept. */
enum { MODES_RANK = 32, MODES_CHUNK = 32, MODES_TOLD = 8 };

typedef struct modes modes_t;

/* For at most `frames` frames, the first at start_ms. Chunks of frames are merged one after the
 * other: the decomposition of [S V'; chunk], S V' the best one of rank MODES_RANK so far, by the
 * eigenvectors of its Gram matrix (Brand, Linear Algebra Appl. 415 (2006) 20; block form: Baker,
 * Gallivan and Van Dooren, ibid. 436 (2012) 2866). What the rank cuts off is counted: no squared
 * singular value is more than that too small, to which the Gram matrix adds 1e-12 of the largest.
 * Memory: 8 * 64 bytes for each site and component, and about 8 * 64 a frame, whatever the frames.
 * Sums have the same bits for any number of threads; the eigenvectors of a 64 x 64 matrix are
 * LAPACK's. */
status_t modes_create(const grid_t *grid, size_t frames, double start_ms, double frame_ms,
                      modes_t **modes);
/* A `take` of frames in time order: velocity[2][ny][nx], x component first, in grid lengths a
 * second; `phase` is not looked at, masked sites count as 0. */
status_t modes_take(void *modes, const float *phase, const float *velocity);
/* Adds the group "modes". STATUS_FAILED for fewer than 2 frames, or where nothing moves. */
status_t modes_finish(modes_t *modes, dataset_t *dataset);
void modes_destroy(modes_t *modes);

#endif
