/* Where frames come from: a run's file, measured data, a test's array. */
#ifndef BRISC_FIELD_H
#define BRISC_FIELD_H

#include "host/detect/grid.h"
#include "kernels/status.h"

/* Reads may be of any block; memory stays bounded whatever the file's size. */
typedef struct {
    size_t trials, frames; /* frames from the onset on */
    grid_t grid;
    double start_ms, frame_ms; /* time of the first frame, and between frames */
    void *context;
    /* out[frame][y][x], C order, n_frames * n_rows * nx floats; NaN at masked sites. Called by one
     * thread at a time. */
    status_t (*read)(void *context, size_t first_frame, size_t n_frames, size_t first_row,
                     size_t n_rows, float *out);
    void (*choose)(void *context, size_t trial); /* what is read from then on; NULL: there is one */
} field_t;

#endif
