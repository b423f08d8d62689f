/* What h5.c and h5_data.c share. */
#ifndef BRISC_H5_INTERNAL_H
#define BRISC_H5_INTERNAL_H

#include "host/io/h5.h"

/* HDF5 prints nothing in this thread; it keeps why its last failing call failed instead, for
 * h5_reason: the system's message where there is one, otherwise HDF5's innermost description. */
void h5_quiet(void);
const char *h5_reason(void);

#define H5_FAIL(file, action, object)                                                              \
    FAIL(STATUS_FAILED, "%s: cannot %s %s: %s", h5_path(file), (action), (object), h5_reason())

#endif
