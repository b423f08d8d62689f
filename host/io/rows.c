#include "host/io/rows.h"

#include <stdlib.h>

status_t stream_create(h5_file_t *file, const char *path, hid_t type, uint64_t n,
                       const char *long_name, const char *units, stream_t *stream) {
    TRY(h5_reserve(file, n * H5Tget_size(type), path));
    hsize_t size = n;
    hid_t space = H5Screate_simple(1, &size, NULL);
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    stream->set = H5Dcreate2(h5_id(file), path, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
    stream->at = 0;
    H5Pclose(links);
    H5Sclose(space);
    if (stream->set < 0)
        FAIL(STATUS_FAILED, "%s: cannot create %s (%llu values); is the disk full?", h5_path(file),
             path, (unsigned long long)n);
    TRY(h5_attribute_text(file, path, "long_name", long_name));
    return h5_attribute_text(file, path, "units", units);
}

status_t stream_write(h5_file_t *file, stream_t *stream, hid_t type, hsize_t n, const void *data) {
    if (n == 0)
        return STATUS_OK;
    hid_t space = H5Dget_space(stream->set), memory = H5Screate_simple(1, &n, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, &stream->at, NULL, &n, NULL);
    herr_t failed = H5Dwrite(stream->set, type, memory, space, H5P_DEFAULT, data);
    H5Sclose(memory);
    H5Sclose(space);
    stream->at += n;
    if (failed < 0)
        FAIL(STATUS_FAILED, "%s: a write failed; is the disk full?", h5_path(file));
    return STATUS_OK;
}

status_t rows_read(const backend_t *backend, backend_state_t *state, uint32_t pathway,
                   uint32_t first, uint32_t count, rows_t *rows) {
    TRY(backend->edges(state, pathway, first, count, rows->indptr, NULL, NULL));
    uint64_t n = rows->indptr[count] + 1;
    free(rows->sources);
    free(rows->codes);
    rows->sources = malloc(n * sizeof *rows->sources);
    rows->codes = malloc(n * sizeof *rows->codes);
    if (!rows->sources || !rows->codes)
        FAIL(STATUS_FAILED, "no memory for %llu synapses", (unsigned long long)n);
    return backend->edges(state, pathway, first, count, rows->indptr, rows->sources, rows->codes);
}

status_t export_finish(h5_file_t *file, status_t status) {
    if (status == STATUS_OK)
        status = h5_commit(file);
    status_t closed = h5_close(file);
    return status != STATUS_OK ? status : closed;
}

status_t export_describe(h5_file_t *file, const config_t *config, const connectivity_t *facts) {
    char hash[20], *yaml;
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)facts->hash);
    TRY(h5_attribute_text(file, "/", "connectivity_hash", hash));
    TRY(config_resolved(config, &yaml));
    status_t status = h5_attribute_text(file, "/", "config", yaml);
    free(yaml);
    return status;
}
