#include "host/io/export.h"

#include <stdlib.h>

#include "host/io/rows.h"

/* The pathways into population `target`, in order of source. */
static uint32_t pathways_into(const network_t *net, uint32_t target, uint32_t *pathway) {
    uint32_t n = 0;
    for (uint32_t k = 0; k < net->pathways; k++)
        if (net->pathway[k].target == target)
            pathway[n++] = k;
    return n;
}

/* Interleaves the pathways' rows into rows of the whole matrix. */
static status_t csr_rows(h5_file_t *file, const network_t *net, uint32_t count,
                         const uint32_t *pathway, uint32_t pathways, rows_t *rows, stream_t *indptr,
                         stream_t *indices, stream_t *data, uint64_t *total) {
    uint64_t n = 0, at = 0;
    for (uint32_t k = 0; k < pathways; k++)
        n += rows[k].indptr[count];
    uint32_t *index = malloc((n + 1) * sizeof *index);
    float *value = malloc((n + 1) * sizeof *value);
    int64_t end[ROWS_AT_ONCE];
    status_t status = STATUS_OK;
    if (!index || !value)
        status = status_fail(STATUS_FAILED, __FILE__, __LINE__, "no memory for %llu synapses",
                             (unsigned long long)n);
    for (uint32_t r = 0; status == STATUS_OK && r < count; r++) {
        for (uint32_t k = 0; k < pathways; k++) {
            const pathway_t *w = &net->pathway[pathway[k]];
            uint32_t first = (uint32_t)neurons_before(net, w->source);
            for (uint64_t s = rows[k].indptr[r]; s < rows[k].indptr[r + 1]; s++) {
                index[at] = first + rows[k].sources[s];
                value[at++] = (float)rows[k].codes[s] * w->scale;
            }
        }
        end[r] = (int64_t)(*total + at);
    }
    *total += n;
    if (status == STATUS_OK)
        status = stream_write(file, indptr, H5T_NATIVE_INT64, count, end);
    if (status == STATUS_OK)
        status = stream_write(file, indices, H5T_NATIVE_UINT32, n, index);
    if (status == STATUS_OK)
        status = stream_write(file, data, H5T_NATIVE_FLOAT, n, value);
    free(index);
    free(value);
    return status;
}

static status_t csr_population(h5_file_t *file, const network_t *net, const backend_t *backend,
                               backend_state_t *state, uint32_t target, rows_t *rows,
                               stream_t *indptr, stream_t *indices, stream_t *data,
                               uint64_t *total) {
    uint32_t pathway[POPULATIONS_MAX], pathways = pathways_into(net, target, pathway);
    uint32_t n = population_size(&net->population[target]);
    for (uint32_t first = 0; first < n; first += ROWS_AT_ONCE) {
        uint32_t count = n - first < ROWS_AT_ONCE ? n - first : ROWS_AT_ONCE;
        for (uint32_t k = 0; k < pathways; k++)
            TRY(rows_read(backend, state, pathway[k], first, count, &rows[k]));
        TRY(csr_rows(file, net, count, pathway, pathways, rows, indptr, indices, data, total));
    }
    return STATUS_OK;
}

static status_t csr_write(h5_file_t *file, const network_t *net, const backend_t *backend,
                          backend_state_t *state, uint64_t neurons, uint64_t synapses,
                          rows_t *rows) {
    stream_t indptr, indices, data;
    uint64_t total = 0;
    int64_t zero = 0, shape[2] = {(int64_t)neurons, (int64_t)neurons};
    TRY(h5_group(file, "/csr"));
    TRY(stream_create(file, "/csr/indptr", H5T_STD_I64LE, neurons + 1,
                      "first synapse of every row (target neuron)", "1", &indptr));
    TRY(stream_create(file, "/csr/indices", H5T_STD_I32LE, synapses,
                      "column of every synapse (source neuron)", "1", &indices));
    TRY(stream_create(file, "/csr/data", H5T_IEEE_F32LE, synapses,
                      "weight of every synapse, in potential per unit rate", "1", &data));
    hsize_t two = 2;
    hid_t space = H5Screate_simple(1, &two, NULL);
    hid_t group = H5Gopen2(h5_id(file), "/csr", H5P_DEFAULT);
    hid_t attribute = H5Acreate2(group, "shape", H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT);
    herr_t failed = H5Awrite(attribute, H5T_NATIVE_INT64, shape);
    H5Aclose(attribute);
    H5Gclose(group);
    H5Sclose(space);
    if (failed < 0)
        FAIL(STATUS_FAILED, "%s: cannot write the shape", h5_path(file));
    status_t status = stream_write(file, &indptr, H5T_NATIVE_INT64, 1, &zero);
    for (uint32_t a = 0; status == STATUS_OK && a < net->populations; a++)
        status =
            csr_population(file, net, backend, state, a, rows, &indptr, &indices, &data, &total);
    H5Dclose(indptr.set);
    H5Dclose(indices.set);
    H5Dclose(data.set);
    return status;
}

static void rows_free(rows_t *rows, uint32_t n) {
    for (uint32_t k = 0; rows && k < n; k++) {
        free(rows[k].sources);
        free(rows[k].codes);
    }
    free(rows);
}

status_t export_csr(const char *path, int force, const config_t *config, const network_t *net,
                    const backend_t *backend, backend_state_t *state, const connectivity_t *facts) {
    uint64_t synapses = 0, neurons = neurons_before(net, net->populations);
    for (uint32_t k = 0; k < net->pathways; k++)
        synapses += facts->synapses[k];
    h5_file_t *file;
    TRY(h5_create(path, force, &file));
    rows_t *rows = calloc(POPULATIONS_MAX, sizeof *rows);
    status_t status = rows ? export_describe(file, config, facts) : STATUS_FAILED;
    if (status == STATUS_OK)
        status = csr_write(file, net, backend, state, neurons, synapses, rows);
    rows_free(rows, POPULATIONS_MAX);
    return export_finish(file, status);
}
