/* What h5.c, h5_data.c and h5_frames.c share. */
#ifndef BRISC_H5_INTERNAL_H
#define BRISC_H5_INTERNAL_H

#include "host/io/h5.h"

/* HDF5 prints nothing in this thread; it keeps why its last failing call failed instead, for
 * h5_reason: the system's message where there is one, otherwise HDF5's innermost description. */
void h5_quiet(void);
const char *h5_reason(void);

typedef enum { H5_READ, H5_WRITE } h5_transfer_t;
/* Between memory, as `type`, and the whole variable, or the block of count[rank] values at `start`
 * where `start` is not NULL. */
status_t h5_transfer(h5_file_t *file, const char *path, h5_transfer_t way, hid_t type, int rank,
                     const hsize_t *start, const hsize_t *count, void *values);

#define H5_FAIL(file, action, object)                                                              \
    FAIL(STATUS_FAILED, "%s: cannot %s %s: %s", h5_path(file), (action), (object), h5_reason())

#endif
