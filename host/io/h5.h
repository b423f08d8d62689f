/* HDF5 files that are also netCDF-4 files. A dataset is written with its unit and description or
 * not at all; every failure names the file, the object and the reason. HDF5 is not thread-safe:
 * one thread at a time may be in here. */
#ifndef BRISC_H5_H
#define BRISC_H5_H

#define H5_USE_110_API /* the same calls in HDF5 1.12 and 1.14 */
#include <hdf5.h>

#include "kernels/status.h"

typedef struct h5_file h5_file_t;

/* A new file grows under a temporary name beside PATH until h5_commit gives it its own; h5_close
 * before that removes it, so that a failure leaves what was there before. An existing PATH is
 * refused unless `force`; so is a place that cannot be written (both STATUS_USAGE). */
status_t h5_create(const char *path, int force, h5_file_t **file);
status_t h5_commit(h5_file_t *file); /* flushes; PATH is complete and readable from now on */
/* h5_commit and h5_close, also where it fails, of a file that has its last bytes before it has its
 * name: a kill leaves the file before or this one. */
status_t h5_commit_close(h5_file_t *file);
status_t h5_open(const char *path, int writable, h5_file_t **file);
/* To add to it: a copy under a temporary name, which h5_commit puts in its place, so that a kill
 * leaves the one or the other. */
status_t h5_open_copy(const char *path, h5_file_t **file);
/* To write, while others may have it open to read. Who else writes, the caller has to know. */
status_t h5_open_among_readers(const char *path, h5_file_t **file);
int h5_is(const char *path); /* whether it is an HDF5 file; 0 where it cannot be read */
status_t h5_flush(h5_file_t *file);
/* Closes and opens it again: HDF5 gives back the space that it had set aside, so that the file has
 * its last size as long as nothing is added. Identifiers of its objects are void afterwards. */
status_t h5_settle(h5_file_t *file);
status_t h5_close(h5_file_t *file); /* flushes; frees even where it fails; NULL is fine */
const char *h5_path(const h5_file_t *file);
hid_t h5_id(const h5_file_t *file);
int h5_descriptor(const h5_file_t *file); /* -1 where there is none */
/* STATUS_FAILED where another file, or none, has its name by now. */
status_t h5_in_place(const h5_file_t *file);
/* Where the values of a contiguous variable lie in the file. */
status_t h5_offset(h5_file_t *file, const char *path, uint64_t *offset);

/* Takes `bytes` of disk space (and a little for metadata) at the file's end, or fails before HDF5
 * has changed anything: HDF5 1.10 cannot close a file that it could not extend, and leaves it
 * unreadable. Every function below that adds to a file calls it. */
status_t h5_reserve(h5_file_t *file, size_t bytes, const char *object);

/* Attributes of the object at `object` ("/" is the root); an existing one is replaced. Strings are
 * UTF-8 of variable length, which every reader gives as text. Reading one fails where it is
 * missing or of another kind. The text read is the caller's to free. */
status_t h5_attribute_text(h5_file_t *file, const char *object, const char *name, const char *text);
/* Text of a fixed size: a later one is written in its place, without new space in the file. */
status_t h5_attribute_short_text(h5_file_t *file, const char *object, const char *name,
                                 const char *text);
status_t h5_attribute_double(h5_file_t *file, const char *object, const char *name, double value);
status_t h5_attribute_int(h5_file_t *file, const char *object, const char *name, int64_t value);
status_t h5_attribute_uint(h5_file_t *file, const char *object, const char *name, uint64_t value);
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
 * be NULL: contiguous, allocated early, filled with NaN (floats) or 0: values are written later
 * without any change of metadata, and a full disk shows before the first step. */
status_t h5_variable(h5_file_t *file, const char *path, hid_t type, int rank,
                     const char *const *coordinates, const void *data, const char *units,
                     const char *long_name);

/* All values of an existing variable, as `type`. */
status_t h5_write(h5_file_t *file, const char *path, hid_t type, const void *values);
status_t h5_read(h5_file_t *file, const char *path, hid_t type, void *values);

/* Fails where `path` is not a variable of numbers with at most 4 dimensions. */
status_t h5_dimensions(h5_file_t *file, const char *path, int *rank, size_t dimensions[4]);
/* Path of the coordinate of a variable's dimension (the first scale attached), at most `size`
 * characters; "" where there is none. */
status_t h5_dimension_coordinate(h5_file_t *file, const char *path, int dimension, char *coordinate,
                                 size_t size);
/* A variable of frames: (time, y, x), or (trial, time, y, x) where a dimension is called `trial`.
 * Dimensions that are called so (their label, or the name of their scale: time, t, frame; y, y_*,
 * row; x, x_*, column) may stand in any order; one without a name is the one left over, several are
 * in that order. Those of MATLAB's variables, which have no names, are (row, column, time[,
 * trial]), which MATLAB stores the other way round. */
enum { H5_TRIAL, H5_TIME, H5_Y, H5_X, H5_ROLES };
typedef struct {
    size_t trials, frames, ny, nx;
    int by_trial;            /* has the dimension; else trials is 1 */
    int dimension[H5_ROLES]; /* of the trial (-1: none), time, y, x */
} h5_frames_t;
status_t h5_frames(h5_file_t *file, const char *path, h5_frames_t *frames); /* fails for others */
status_t h5_trials(h5_file_t *file, const char *path, size_t trials); /* coordinate 0, 1, ... */
/* Frame `index` of one trial: [ny][nx]. */
status_t h5_write_frame(h5_file_t *file, const char *path, size_t trial, size_t index,
                        const float *frame);
/* Block of one trial's frames, of any number type: out[n_frames][n_rows][nx]. Where the dimensions
 * stand in another order it takes as much memory again. */
status_t h5_read_block(h5_file_t *file, const char *path, size_t trial, size_t first_frame,
                       size_t n_frames, size_t first_row, size_t n_rows, float *out);
/* Paths of all variables of frames, in the order of their creation where the file keeps it, else by
 * name; in one block, ended by NULL, the caller's to free. */
status_t h5_frame_variables(h5_file_t *file, char ***paths);

#endif
