/* What each phase velocity field says as a whole, and what they say together. */
#ifndef BRISC_MOTION_SERIES_H
#define BRISC_MOTION_SERIES_H

#include "host/detect/dataset.h"
#include "host/detect/grid.h"

typedef struct {
    double speed;          /* median of |v| */
    double order;          /* |mean v| / mean |v| */
    double unit_x, unit_y; /* mean of v / |v| */
    double synchrony;      /* |mean exp(i phase)| */
    double travelling;     /* sum |Im(conj(z) grad z)| / sum |z| |grad z| */
    double unconverged;    /* 1 or 0 */
} motion_moment_t;

/* synchrony and travelling, of z = real + i imaginary, [ny][nx] each. */
void motion_of_phases(const grid_t *grid, const float *real, const float *imaginary,
                      motion_moment_t *moment);
/* The rest, of velocity[2][ny][nx]; `room`: [ny][nx]. */
void motion_of_velocities(const grid_t *grid, const float *velocity, float *room,
                          motion_moment_t *moment);

typedef struct {
    const motion_moment_t *moment; /* [frames] */
    size_t frames;
    size_t span;   /* frames that one value is made of: blocks for errors are no shorter */
    bool in_phase; /* then only synchrony is stated */
} motion_series_t;

/* Numbers, errors, series over "flow/time" and the word for them: motion.h says which. */
status_t motion_series_add(const motion_series_t *series, const grid_t *grid, dataset_t *found);

void motion_speed_unit(const grid_t *grid, char unit[32]); /* "torus side/s" */

#endif
