/* The stored synapses as rows, decoded on the host. */
#include <stdlib.h>

#include "kernels/cuda/device.h"

/* The host's copy of some targets' synapses. */
typedef struct {
    uint64_t *start; /* as synapses_t's, of the first target on */
    uint16_t *offset;
    uint8_t *code, *low;
    edge_t *edge; /* of one target */
} rows_t;

/* `*copy` = a host copy of n items of the device's array. */
template <typename T> static status_t fetch(T **copy, const T *array, uint64_t n) {
    *copy = (T *)malloc((n + 1) * sizeof(T));
    if (!*copy)
        FAIL(STATUS_FAILED, "no memory for %.1f MB of synapses; ask for fewer targets at a time",
             (double)(n * sizeof(T)) * 1e-6);
    CUDA(cudaMemcpy(*copy, array, n * sizeof(T), cudaMemcpyDeviceToHost));
    return STATUS_OK;
}

static status_t rows_fetch(const device_t *d, uint32_t pathway, uint32_t first, uint32_t count,
                           bool synapses, rows_t *rows) {
    const pathway_t *w = &d->net.pathway[pathway];
    const synapses_t *s = &d->synapses[pathway];
    uint64_t starts = (uint64_t)count * s->bands;
    TRY(fetch(&rows->start, s->start + (uint64_t)first * s->bands, starts + 1));
    if (!synapses)
        return STATUS_OK;
    uint64_t at = rows->start[0], n = rows->start[starts] - at;
    size_t plane = code_size(d->net.weight_bits);
    TRY(fetch(&rows->offset, s->offset + at, n));
    TRY(fetch(&rows->code, s->code + at * plane, n * plane));
    if (s->low)
        TRY(fetch(&rows->low, s->low + at, n));
    rows->edge = (edge_t *)malloc((size_t)w->window_x * w->window_y * sizeof *rows->edge);
    if (!rows->edge)
        FAIL(STATUS_FAILED, "no memory for the edges of one target");
    return STATUS_OK;
}

status_t cuda_edges(backend_state_t *state, uint32_t pathway, uint32_t first, uint32_t count,
                    uint64_t *indptr, uint32_t *sources, int32_t *codes) {
    const device_t *d = &state->device;
    const pathway_t *w = &d->net.pathway[pathway];
    const population_t *from = &d->net.population[w->source];
    uint32_t nx = d->net.population[w->target].nx, stride = d->image[0][w->source].stride;
    uint32_t bands = d->synapses[pathway].bands;
    rows_t rows = {};
    status_t status = rows_fetch(d, pathway, first, count, sources != NULL, &rows);
    indptr[0] = 0;
    for (uint32_t t = 0; status == STATUS_OK && t < count; t++) {
        const uint64_t *start = rows.start + (uint64_t)t * bands;
        for (uint32_t band = 0; sources && band < bands; band++)
            for (uint64_t k = start[band]; k < start[band + 1]; k++) {
                uint64_t place = k - rows.start[0];
                uint32_t offset = band * BAND_SITES + rows.offset[place];
                edge_t *edge = &rows.edge[k - start[0]];
                edge->source = window_source(w, from, (first + t) % nx, (first + t) / nx,
                                             offset / stride, offset % stride);
                edge->code = stored_code(rows.code, rows.low, d->net.weight_bits, place);
            }
        edges_put(rows.edge, (uint32_t)(start[bands] - start[0]), t, indptr, sources, codes);
    }
    free(rows.start);
    free(rows.offset);
    free(rows.code);
    free(rows.low);
    free(rows.edge);
    return status;
}
