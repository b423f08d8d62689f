/* The stored synapses as rows, decoded on the host. */
#include <stdlib.h>

#include "kernels/cuda/device.h"

/* The host's copy of some targets' synapses of one pathway. */
typedef struct {
    list_t list;     /* from the first target on */
    bitmap_t bitmap; /* likewise; place: of all classes */
    edge_t *edge;    /* of one target */
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

static status_t codes_fetch(uint32_t bits, const uint8_t *code, const uint8_t *low, uint64_t first,
                            uint64_t n, uint8_t **code_copy, uint8_t **low_copy) {
    size_t plane = code_size(bits);
    TRY(fetch(code_copy, code + first * plane, n * plane));
    if (low)
        TRY(fetch(low_copy, low + first, n));
    return STATUS_OK;
}

static status_t rows_fetch(const device_t *d, uint32_t pathway, uint32_t first, uint32_t count,
                           bool synapses, rows_t *rows) {
    const pathway_t *w = &d->net.pathway[pathway];
    const list_t *s = &d->list[pathway];
    const bitmap_t *b = &d->bitmap[pathway];
    uint32_t bits = d->net.weight_bits;
    uint64_t starts = (uint64_t)count * s->bands;
    TRY(fetch(&rows->list.start, s->start + (uint64_t)first * s->bands, starts + 1));
    if (b->units > 0)
        TRY(fetch(&rows->bitmap.start, b->start + first, (uint64_t)count + 1));
    if (!synapses)
        return STATUS_OK;
    uint64_t at = rows->list.start[0], n = rows->list.start[starts] - at;
    TRY(fetch(&rows->list.offset, s->offset + at, n));
    TRY(codes_fetch(bits, s->code, s->low, at, n, &rows->list.code, &rows->list.low));
    if (b->units > 0) {
        at = rows->bitmap.start[0];
        n = rows->bitmap.start[count] - at;
        TRY(codes_fetch(bits, b->code, b->low, at, n, &rows->bitmap.code, &rows->bitmap.low));
        TRY(fetch(&rows->bitmap.mask, b->mask + (uint64_t)first * b->units,
                  (uint64_t)count * b->units));
        TRY(fetch(&rows->bitmap.place, b->place, (uint64_t)w->classes_x * w->classes_y * b->units));
    }
    rows->edge = (edge_t *)malloc((size_t)w->window_x * w->window_y * sizeof *rows->edge);
    if (!rows->edge)
        FAIL(STATUS_FAILED, "no memory for the edges of one target");
    return STATUS_OK;
}

static void rows_free(rows_t *rows) {
    free(rows->list.start);
    free(rows->list.offset);
    free(rows->list.code);
    free(rows->list.low);
    free(rows->bitmap.start);
    free(rows->bitmap.mask);
    free(rows->bitmap.place);
    free(rows->bitmap.code);
    free(rows->bitmap.low);
    free(rows->edge);
}

/* The listed synapses of row t, target (ix, iy), into edge; returns how many. */
static uint32_t list_edges(const device_t *d, uint32_t pathway, const rows_t *rows, uint32_t t,
                           uint32_t ix, uint32_t iy, edge_t *edge) {
    const pathway_t *w = &d->net.pathway[pathway];
    const population_t *from = &d->net.population[w->source];
    uint32_t stride = d->rates[0].image[w->source].stride, bands = d->list[pathway].bands, n = 0;
    const uint64_t *start = rows->list.start + (uint64_t)t * bands;
    for (uint32_t band = 0; band < bands; band++)
        for (uint64_t k = start[band]; k < start[band + 1]; k++, n++) {
            uint64_t place = k - rows->list.start[0];
            uint32_t offset = band * BAND_SITES + rows->list.offset[place];
            edge[n].source = window_source(w, from, ix, iy, offset / stride, offset % stride);
            edge[n].code = stored_code(rows->list.code, rows->list.low, d->net.weight_bits, place);
        }
    return n;
}

/* Those of its units. */
static uint32_t bitmap_edges(const device_t *d, uint32_t pathway, const rows_t *rows, uint32_t t,
                             uint32_t ix, uint32_t iy, edge_t *edge) {
    const pathway_t *w = &d->net.pathway[pathway];
    const bitmap_t *b = &d->bitmap[pathway];
    const population_t *from = &d->net.population[w->source];
    size_t class_index = (size_t)(iy % w->classes_y) * w->classes_x + ix % w->classes_x;
    uint64_t at = rows->bitmap.start[t] - rows->bitmap.start[0];
    uint32_t n = 0;
    for (uint32_t u = 0; u < b->units; u++) {
        uint32_t mask = rows->bitmap.mask[(uint64_t)t * b->units + u];
        uint32_t place = rows->bitmap.place[class_index * b->units + u];
        for (uint32_t cell = 0; cell < LANES; cell++) {
            if (!(mask >> cell & 1u))
                continue;
            uint32_t row = b->top + (place >> 16) + (cell >> b->columns_log2);
            uint32_t column = b->left + (place & 0xffffu) + cell % (1u << b->columns_log2);
            edge[n].source = window_source(w, from, ix, iy, row, column);
            edge[n].code =
                stored_code(rows->bitmap.code, rows->bitmap.low, d->net.weight_bits, at + n);
            n++;
        }
    }
    return n;
}

status_t cuda_edges(backend_state_t *state, uint32_t pathway, uint32_t first, uint32_t count,
                    uint64_t *indptr, uint32_t *sources, int32_t *codes) {
    const device_t *d = &state->device;
    uint32_t nx = d->net.population[d->net.pathway[pathway].target].nx;
    uint32_t bands = d->list[pathway].bands;
    bool units = d->bitmap[pathway].units > 0;
    rows_t rows = {};
    status_t status = rows_fetch(d, pathway, first, count, sources != NULL, &rows);
    indptr[0] = 0;
    for (uint32_t t = 0; status == STATUS_OK && t < count; t++) {
        uint32_t ix = (first + t) % nx, iy = (first + t) / nx, n;
        if (sources) {
            n = list_edges(d, pathway, &rows, t, ix, iy, rows.edge);
            n += units ? bitmap_edges(d, pathway, &rows, t, ix, iy, rows.edge + n) : 0;
        } else {
            const uint64_t *start = rows.list.start + (uint64_t)t * bands;
            n = (uint32_t)(start[bands] - start[0]);
            n += units ? (uint32_t)(rows.bitmap.start[t + 1] - rows.bitmap.start[t]) : 0;
        }
        edges_put(rows.edge, n, t, indptr, sources, codes);
    }
    rows_free(&rows);
    return status;
}
