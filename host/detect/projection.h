/* Velocities of one run in the modes of another, so that their mixing can be followed across a
 * regime's boundary. */
#ifndef BRISC_PROJECTION_H
#define BRISC_PROJECTION_H

#include "host/detect/dataset.h"
#include "host/detect/grid.h"

/* Orthonormal over both components and all sites, as modes_finish gives them. */
typedef struct {
    size_t n, ny, nx;
    const double *velocity_x, *velocity_y; /* [n][ny][nx] */
} stored_modes_t;

typedef struct projection projection_t;

/* For at most `frames` frames, the first at start_ms. STATUS_FAILED where the modes are of another
 * lattice, or not orthonormal to 1e-6. They must outlive it, and so must the grid's mask. */
status_t projection_create(const grid_t *grid, const stored_modes_t *stored, size_t frames,
                           double start_ms, double frame_ms, projection_t **projection);
/* A `take` of frames in time order, as modes_take's. */
status_t projection_take(void *projection, const float *phase, const float *velocity);
/* Adds the group "projection": each mode's share of this run's sum of squared velocities, and its
 * coefficient in time. STATUS_FAILED where nothing moves. */
status_t projection_finish(projection_t *projection, dataset_t *dataset);
void projection_destroy(projection_t *projection);

#endif
