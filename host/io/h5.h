/* HDF5 files that are also netCDF-4 files. A dataset is written with its unit and description or
 * not at all; every failure names the file, the object and the reason. */
#ifndef BRISC_H5_H
#define BRISC_H5_H

#include <hdf5.h>

#include "kernels/status.h"

typedef struct h5_file h5_file_t;

/* Refuses an existing file unless `force` (STATUS_USAGE); the file is created as PATH itself. */
status_t h5_create(const char *path, int force, h5_file_t **file);
status_t h5_open(const char *path, int writable, h5_file_t **file);
status_t h5_close(h5_file_t *file); /* flushes; frees even where it fails */
const char *h5_path(const h5_file_t *file);
hid_t h5_id(const h5_file_t *file);

/* Attributes of the object at `object` ("/" is the root). Strings are UTF-8. */
status_t h5_attribute_text(h5_file_t *file, const char *object, const char *name, const char *text);
status_t h5_attribute_double(h5_file_t *file, const char *object, const char *name, double value);
status_t h5_attribute_int(h5_file_t *file, const char *object, const char *name, int64_t value);
status_t h5_read_attribute_text(h5_file_t *file, const char *object, const char *name, char **text);
status_t h5_read_attribute_double(h5_file_t *file, const char *object, const char *name,
                                  double *value);
status_t h5_read_attribute_int(h5_file_t *file, const char *object, const char *name,
                               int64_t *value);

status_t h5_group(h5_file_t *file, const char *path); /* creates it where it is not there */

/* A coordinate (dimension scale): 1-D, its own dimension, [n]. */
status_t h5_coordinate(h5_file_t *file, const char *path, size_t n, const double *values,
                       const char *units, const char *long_name);

/* A variable over existing coordinates (their paths; rank = number of them; rank 0 is a scalar).
 * `type` is a memory type, H5T_NATIVE_FLOAT, H5T_NATIVE_DOUBLE, H5T_NATIVE_INT64, ... `data` may
 * be NULL: contiguous, allocated early, filled with NaN (floats) or 0: frames are written later
 * without any change of metadata, and a full disk shows before the first step. */
status_t h5_variable(h5_file_t *file, const char *path, hid_t type, int rank,
                     const char *const *coordinates, const void *data, const char *units,
                     const char *long_name);

/* Frame `index` along the first dimension of a rank-3 float variable: [ny][nx]. */
status_t h5_write_frame(h5_file_t *file, const char *path, size_t index, const float *frame);
/* Block of a rank-3 float variable: out[n_frames][n_rows][nx]. */
status_t h5_read_block(h5_file_t *file, const char *path, size_t first_frame, size_t n_frames,
                       size_t first_row, size_t n_rows, float *out);
status_t h5_dimensions(h5_file_t *file, const char *path, int *rank, size_t dimensions[4]);

#endif
