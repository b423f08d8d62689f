/* Frames of a field one after the other, measured in parallel. */
#ifndef BRISC_STREAM_H
#define BRISC_STREAM_H

#include "host/detect/field.h"

typedef struct {
    void *context;
    /* Of several frames at once; `place` is the frame's among them, in [0, stream_places). */
    void (*measure)(void *context, size_t thread, size_t place, const float *values);
    /* In the frames' order, by one thread. */
    status_t (*take)(void *context, size_t frame, size_t place, const float *values);
} stream_t;

/* Frames that are in memory together. */
size_t stream_places(const field_t *field);
/* STATUS_FAILED where a frame holds NaN or infinity at a site with data (names the frame). */
status_t stream_frames(const field_t *field, const stream_t *stream);

#endif
