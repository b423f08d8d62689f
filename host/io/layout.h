/* Where a run's frames lie in its file, and the rest of the file, its skeleton, byte by byte.
 *
 * A run's file is laid out whole before the first step: its frames are contiguous (the extents),
 * and what HDF5 keeps around them does not change until the results are written. So a resume can
 * check both without handing a damaged file to HDF5, and mend the skeleton. */
#ifndef BRISC_LAYOUT_H
#define BRISC_LAYOUT_H

#include <stdbool.h>

#include "host/config.h"
#include "host/io/h5.h"

enum { EXTENTS_MAX = 2 * POPULATIONS_MAX };

/* Frames of one variable, trial after trial: frame i of trial t at offset + (t frames + i)
 * frame_bytes. */
typedef struct {
    uint64_t offset, frame_bytes;
    uint64_t
        variable; /* addresses its frames in the hash: FIELD_... * POPULATIONS_MAX + population */
} extent_t;

typedef struct {
    uint64_t size, frames; /* of the file; of every variable, in each trial */
    uint64_t trials;       /* of every variable */
    uint64_t written_at;   /* of the 8 bytes of frames_written */
    uint64_t extents;
    extent_t extent[EXTENTS_MAX]; /* by offset */
    uint64_t skeleton_bytes;
    unsigned char *skeleton; /* the bytes outside the extents, frames_written as 0, not open */
} layout_t;

bool layout_is_sound(const layout_t *layout);
/* The skeleton of the file as it is on disk, into layout->skeleton (allocated here where NULL);
 * what lies beyond the file's end is 0. */
status_t layout_take_skeleton(int fd, const char *path, layout_t *layout);
/* Writes it, with `frames_written`, and gives the file its size. */
status_t layout_put_skeleton(int fd, const char *path, const layout_t *layout,
                             int64_t frames_written);
uint64_t layout_frame_at(const layout_t *layout, const extent_t *extent, uint64_t trial,
                         uint64_t index);
/* frames_written as the file has it, between 0 and layout->frames. */
status_t layout_frames_written(int fd, const char *path, const layout_t *layout, uint64_t *frames);
/* Frames [first, last) of every variable and trial become NaN again. */
status_t layout_erase(int fd, const char *path, const layout_t *layout, uint64_t first,
                      uint64_t last);

/* The hash of a run's frames is the sum of those of its frames: it can be taken as they come, and
 * does not depend on what lies where. */
uint64_t frame_hash(uint64_t variable, uint64_t trial, uint64_t index, const float *frame,
                    size_t values);
status_t layout_frames_hash(int fd, const char *path, const layout_t *layout, uint64_t frames,
                            uint64_t *hash);

/* All `size` bytes at `offset`, or false with errno. */
bool read_at(int fd, uint64_t offset, void *bytes, size_t size);
bool write_at(int fd, uint64_t offset, const void *bytes, size_t size);

#endif
