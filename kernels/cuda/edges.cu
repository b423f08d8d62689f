/* The stored synapses as rows, decoded on the host. */
#include <stdlib.h>

#include "kernels/cuda/device.h"

/* The host's copy of some targets' synapses of one pathway. */
typedef struct {
    list_t list[2];  /* list, near_list: from the first target on */
    bitmap_t bitmap; /* likewise; place: of all classes */
    edge_t *edge;    /* of one target */
} rows_t;

/* `*copy` = a host copy of n items of the device's array. */
template <typename T> static status_t fetch(T **copy, const T *array, uint64_t n) {
    *copy = (T *)malloc((n + 1) * sizeof(T));
    if (!*copy)
        FAIL(STATUS_FAILED, "no memory for %.1f MB of synapses; ask for fewer targets at a time",
             (double)(n * sizeof(T)) * 1e-6);
    if (n > 0) /* else there may be no array */
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

static status_t list_fetch(uint32_t bits, const list_t *s, uint32_t first, uint32_t count,
                           bool synapses, list_t *copy) {
    uint64_t starts = (uint64_t)count * s->bands;
    copy->bands = s->bands;
    if (s->bands == 0)
        return STATUS_OK;
    TRY(fetch(&copy->start, s->start + (uint64_t)first * s->bands, starts + 1));
    uint64_t at = copy->start[0], n = copy->start[starts] - at;
    if (!synapses)
        return STATUS_OK;
    TRY(fetch(&copy->offset, s->offset + at, n));
    return codes_fetch(bits, s->code, s->low, at, n, &copy->code, &copy->low);
}

static status_t rows_fetch(const device_t *d, uint32_t pathway, uint32_t first, uint32_t count,
                           bool synapses, rows_t *rows) {
    const pathway_t *w = &d->net.pathway[pathway];
    const bitmap_t *b = &d->bitmap[pathway];
    uint32_t bits = d->net.weight_bits;
    TRY(list_fetch(bits, &d->list[pathway], first, count, synapses, &rows->list[0]));
    TRY(list_fetch(bits, &d->near_list[pathway], first, count, synapses, &rows->list[1]));
    if (b->units > 0)
        TRY(fetch(&rows->bitmap.start, b->start + first, (uint64_t)count + 1));
    if (!synapses)
        return STATUS_OK;
    if (b->units > 0) {
        uint64_t at = rows->bitmap.start[0], n = rows->bitmap.start[count] - at;
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
    for (list_t &list : rows->list) {
        free(list.start);
        free(list.offset);
        free(list.code);
        free(list.low);
    }
    free(rows->bitmap.start);
    free(rows->bitmap.mask);
    free(rows->bitmap.place);
    free(rows->bitmap.code);
    free(rows->bitmap.low);
    free(rows->edge);
}

/* The synapses of row t, target (ix, iy), in one list, whose offsets count from (top, left) of the
 * window in rows of `stride`; returns how many. */
static uint32_t list_edges(const device_t *d, uint32_t pathway, const list_t *list, uint32_t t,
                           const near_t *near, uint32_t ix, uint32_t iy, edge_t *edge) {
    const pathway_t *w = &d->net.pathway[pathway];
    const population_t *from = &d->net.population[w->source];
    const uint64_t *start = list->start + (uint64_t)t * list->bands;
    uint32_t n = 0;
    for (uint32_t band = 0; band < list->bands; band++)
        for (uint64_t k = start[band]; k < start[band + 1]; k++, n++) {
            uint64_t place = k - list->start[0];
            uint32_t offset = band * BAND_SITES + list->offset[place];
            edge[n].source = window_source(w, from, ix, iy, near->top + offset / near->stride,
                                           near->left + offset % near->stride);
            edge[n].code = stored_code(list->code, list->low, d->net.weight_bits, place);
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
            uint32_t row = d->near[pathway].top + (place >> 16) + (cell >> b->columns_log2);
            uint32_t column =
                d->near[pathway].left + (place & 0xffffu) + cell % (1u << b->columns_log2);
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
    bool units = d->bitmap[pathway].units > 0;
    near_t window = {}; /* what the list's offsets count in */
    window.stride = d->rates[0].image[d->net.pathway[pathway].source].stride;
    const near_t *part[2] = {&window, &d->near[pathway]};
    rows_t rows = {};
    status_t status = rows_fetch(d, pathway, first, count, sources != NULL, &rows);
    indptr[0] = 0;
    for (uint32_t t = 0; status == STATUS_OK && t < count; t++) {
        uint32_t ix = (first + t) % nx, iy = (first + t) / nx, n = 0;
        for (int l = 0; l < 2; l++) {
            const list_t *list = &rows.list[l];
            const uint64_t *start = list->start + (uint64_t)t * list->bands;
            if (sources)
                n += list_edges(d, pathway, list, t, part[l], ix, iy, rows.edge + n);
            else if (list->bands > 0)
                n += (uint32_t)(start[list->bands] - start[0]);
        }
        if (units && sources)
            n += bitmap_edges(d, pathway, &rows, t, ix, iy, rows.edge + n);
        else if (units)
            n += (uint32_t)(rows.bitmap.start[t + 1] - rows.bitmap.start[t]);
        edges_put(rows.edge, n, t, indptr, sources, codes);
    }
    rows_free(&rows);
    return status;
}
