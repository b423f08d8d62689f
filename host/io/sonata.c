#include "host/io/export.h"

#include <stdlib.h>

#include "host/io/rows.h"

static status_t attribute_u32(h5_file_t *file, hid_t object, const char *name, hsize_t n,
                              const uint32_t *value) {
    hid_t space = n == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &n, NULL);
    hid_t id = H5Acreate2(object, name, H5T_STD_U32LE, space, H5P_DEFAULT, H5P_DEFAULT);
    herr_t failed = id < 0 ? -1 : H5Awrite(id, H5T_NATIVE_UINT32, value);
    H5Aclose(id);
    H5Sclose(space);
    if (failed < 0)
        FAIL(STATUS_FAILED, "%s: cannot write attribute %s", h5_path(file), name);
    return STATUS_OK;
}

/* Start and end of every node's range in a sorted list of edges: SONATA's index, written as
 * node_id_to_ranges and range_to_edge_id, both [n][2]. Edges ascend by target: one range each. */
static status_t sonata_index(h5_file_t *file, const char *group, uint32_t nodes,
                             const uint64_t *start) {
    char path[160];
    hsize_t size[2] = {nodes, 2};
    hid_t space = H5Screate_simple(2, size, NULL);
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    int64_t(*pair)[2] = malloc((size_t)nodes * sizeof *pair);
    herr_t failed = pair ? 0 : -1;
    static const char *const names[2] = {"node_id_to_ranges", "range_to_edge_id"};
    for (int which = 0; which < 2 && failed >= 0; which++) {
        for (uint32_t i = 0; i < nodes; i++) {
            pair[i][0] = which == 0 ? (int64_t)i : (int64_t)start[i];
            pair[i][1] = which == 0 ? (int64_t)i + 1 : (int64_t)start[i + 1];
        }
        snprintf(path, sizeof path, "%s/indices/target_to_source/%s", group, names[which]);
        hid_t set =
            H5Dcreate2(h5_id(file), path, H5T_STD_I64LE, space, links, H5P_DEFAULT, H5P_DEFAULT);
        failed =
            set < 0 ? -1 : H5Dwrite(set, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, pair);
        H5Dclose(set);
    }
    free(pair);
    H5Pclose(links);
    H5Sclose(space);
    if (failed < 0)
        FAIL(STATUS_FAILED, "%s: cannot write %s/indices; is the disk full?", h5_path(file), group);
    return STATUS_OK;
}

/* The columns of an edge group; a column's element is 8 bytes but for the weight's 4. */
enum { SOURCE, TARGET, TYPE, GROUP, INDEX, WEIGHT, COLUMNS };
static const struct {
    const char *name, *long_name, *units;
} columns[COLUMNS] = {
    {"source_node_id", "source neuron", "1"},
    {"target_node_id", "target neuron", "1"},
    {"edge_type_id", "edge type (one a pathway)", "1"},
    {"edge_group_id", "edge group", "1"},
    {"edge_group_index", "index in the edge group", "1"},
    {"0/syn_weight", "weight, in potential per unit rate", "1"},
};

static status_t edges_write(h5_file_t *file, const pathway_t *w, uint32_t count, uint32_t first,
                            const rows_t *rows, uint64_t at, stream_t *stream) {
    uint64_t n = rows->indptr[count];
    uint64_t *value = calloc(n + 1, sizeof *value);
    float *weight = calloc(n + 1, sizeof *weight);
    status_t status = STATUS_OK;
    if (!value || !weight)
        status = status_fail(STATUS_FAILED, __FILE__, __LINE__, "no memory for %llu synapses",
                             (unsigned long long)n);
    for (int c = 0; status == STATUS_OK && c < COLUMNS; c++) {
        for (uint32_t r = 0; r < count; r++)
            for (uint64_t s = rows->indptr[r]; s < rows->indptr[r + 1]; s++) {
                value[s] = c == SOURCE   ? rows->sources[s]
                           : c == TARGET ? first + r
                           : c == INDEX  ? at + s
                                         : 0;
                weight[s] = (float)rows->codes[s] * w->scale;
            }
        status = c == WEIGHT ? stream_write(file, &stream[c], H5T_NATIVE_FLOAT, n, weight)
                             : stream_write(file, &stream[c], H5T_NATIVE_UINT64, n, value);
    }
    free(value);
    free(weight);
    return status;
}

static status_t node_population(h5_file_t *file, const char *group, const char *column,
                                const char *population) {
    char path[160];
    snprintf(path, sizeof path, "%s/%s", group, column);
    return h5_attribute_text(file, path, "node_population", population);
}

static status_t group_write(h5_file_t *file, const char *group, const char *target,
                            const char *source, const network_t *net, uint32_t pathway,
                            const backend_t *backend, backend_state_t *state, uint64_t synapses,
                            rows_t *rows, uint64_t *start) {
    const pathway_t *w = &net->pathway[pathway];
    uint32_t targets = population_size(&net->population[w->target]);
    stream_t stream[COLUMNS];
    uint64_t at = 0;
    for (int c = 0; c < COLUMNS; c++) {
        char path[160];
        snprintf(path, sizeof path, "%s/%s", group, columns[c].name);
        TRY(stream_create(file, path, c == WEIGHT ? H5T_IEEE_F32LE : H5T_STD_U64LE, synapses,
                          columns[c].long_name, columns[c].units, &stream[c]));
    }
    TRY(node_population(file, group, "source_node_id", source));
    TRY(node_population(file, group, "target_node_id", target));
    start[0] = 0;
    for (uint32_t first = 0; first < targets; first += ROWS_AT_ONCE) {
        uint32_t count = targets - first < ROWS_AT_ONCE ? targets - first : ROWS_AT_ONCE;
        TRY(rows_read(backend, state, pathway, first, count, rows));
        TRY(edges_write(file, w, count, first, rows, at, stream));
        for (uint32_t r = 0; r < count; r++)
            start[first + r + 1] = at + rows->indptr[r + 1];
        at += rows->indptr[count];
    }
    for (int c = 0; c < COLUMNS; c++)
        H5Dclose(stream[c].set);
    return sonata_index(file, group, targets, start);
}

static status_t pathway_write(h5_file_t *file, const config_t *config, const network_t *net,
                              uint32_t pathway, const backend_t *backend, backend_state_t *state,
                              uint64_t synapses) {
    const pathway_t *w = &net->pathway[pathway];
    const char *target = config->population[w->target].name;
    const char *source = config->population[w->source].name;
    char group[96];
    snprintf(group, sizeof group, "/edges/%s_to_%s", source, target);
    rows_t *rows = calloc(1, sizeof *rows);
    uint64_t *start = calloc(population_size(&net->population[w->target]) + 1ull, sizeof *start);
    status_t status = STATUS_OK;
    if (!rows || !start)
        status = status_fail(STATUS_FAILED, __FILE__, __LINE__, "no memory for an edge index");
    if (status == STATUS_OK)
        status = group_write(file, group, target, source, net, pathway, backend, state, synapses,
                             rows, start);
    if (rows) {
        free(rows->sources);
        free(rows->codes);
    }
    free(rows);
    free(start);
    return status;
}

status_t export_sonata(const char *path, int force, const config_t *config, const network_t *net,
                       const backend_t *backend, backend_state_t *state,
                       const connectivity_t *facts) {
    static const uint32_t magic = 0x0A7A, version[2] = {0, 1};
    h5_file_t *file;
    TRY(h5_create(path, force, &file));
    status_t status = export_describe(file, config, facts);
    if (status == STATUS_OK)
        status = attribute_u32(file, h5_id(file), "magic", 1, &magic);
    if (status == STATUS_OK)
        status = attribute_u32(file, h5_id(file), "version", 2, version);
    for (uint32_t k = 0; status == STATUS_OK && k < net->pathways; k++)
        status = pathway_write(file, config, net, k, backend, state, facts->synapses[k]);
    return export_finish(file, status);
}
