/* What the exports share: rows of a pathway, 1-D datasets written from the front. */
#ifndef BRISC_ROWS_H
#define BRISC_ROWS_H

#include "host/config.h"
#include "host/io/h5.h"
#include "kernels/backend.h"

enum { ROWS_AT_ONCE = 1024 };

/* A 1-D dataset of known length. */
typedef struct {
    hid_t set;
    hsize_t at;
} stream_t;

status_t stream_create(h5_file_t *file, const char *path, hid_t type, uint64_t n,
                       const char *long_name, const char *units, stream_t *stream);
status_t stream_write(h5_file_t *file, stream_t *stream, hid_t type, hsize_t n, const void *data);

/* Up to ROWS_AT_ONCE targets of one pathway, with their inputs; zero it first, free its arrays. */
typedef struct {
    uint64_t indptr[ROWS_AT_ONCE + 1];
    uint32_t *sources;
    int32_t *codes;
} rows_t;

status_t rows_read(const backend_t *backend, backend_state_t *state, uint32_t pathway,
                   uint32_t first, uint32_t count, rows_t *rows);

/* Root attributes: the resolved config and the connectivity's hash. */
status_t export_describe(h5_file_t *file, const config_t *config, const connectivity_t *facts);
/* Closes the file; `status` where it already says that something failed. */
status_t export_finish(h5_file_t *file, status_t status);

#endif
