/* Building the connectivity on the device: its memory, and the order of what draw.cu draws: counts,
 * the places that follow from them, synapses. */
#include <stdlib.h>

#include <cub/device/device_scan.cuh>

#include "kernels/cuda/draw.h"

/* What only the build needs, on the device. */
typedef struct {
    uint32_t *threshold[PATHWAYS_MAX];
    choice_t *choice[PATHWAYS_MAX]; /* NULL under RULE_BERNOULLI */
    uint32_t *unit[PATHWAYS_MAX];   /* NULL where all is listed */
    uint32_t *before;
    char *scan;
    uint64_t *hash;
} build_t;

static uint64_t starts_of(const device_t *d, uint32_t pathway) {
    return (uint64_t)pathway_targets(&d->net, pathway) * d->list[pathway].bands + 1;
}
static drawing_t drawing_of(const build_t *b, uint32_t k) {
    drawing_t g = {k, b->choice[k], b->unit[k], b->before, b->hash};
    return g;
}

/* `*memory` = a copy of n items. */
template <typename T>
static status_t copy_to_device(T **memory, const T *items, uint64_t n, const char *what) {
    TRY(cuda_allocate(memory, n, what));
    CUDA(cudaMemcpy(*memory, items, n * sizeof *items, cudaMemcpyHostToDevice));
    return STATUS_OK;
}
/* `*memory` = n zeros. */
template <typename T> static status_t zeros(T **memory, uint64_t n, const char *what) {
    TRY(cuda_allocate(memory, n, what));
    CUDA(cudaMemset(*memory, 0, n * sizeof **memory));
    return STATUS_OK;
}

/* The units' numbers by their place in the window, the inverse of `place`. */
static status_t unit_table(const pathway_t *w, const near_t *near, const bitmap_t *b,
                           const uint32_t *place, const uint32_t *count, uint32_t **table) {
    uint32_t rows_log2 = 5 - b->columns_log2;
    uint32_t across = w->window_x >> b->columns_log2, down = w->window_y >> rows_log2;
    size_t classes = (size_t)w->classes_x * w->classes_y, each = (size_t)across * down;
    uint32_t *unit = (uint32_t *)malloc(classes * each * sizeof *unit);
    if (!unit)
        FAIL(STATUS_FAILED, "no memory for the windows' units");
    memset(unit, 0xff, classes * each * sizeof *unit);
    for (size_t c = 0; c < classes; c++)
        for (uint32_t u = 0; u < count[c]; u++) {
            uint32_t row = (place[c * b->units + u] >> 16) + near->top;
            uint32_t column = (place[c * b->units + u] & 0xffffu) + near->left;
            unit[c * each + (size_t)(row >> rows_log2) * across + (column >> b->columns_log2)] = u;
        }
    status_t status = copy_to_device(table, unit, classes * each, "the windows' units");
    free(unit);
    return status;
}

static status_t near_create(device_t *d, uint32_t k, build_t *b, uint64_t *bytes) {
    const pathway_t *w = &d->net.pathway[k];
    bitmap_t *bitmap = &d->bitmap[k];
    uint64_t targets = pathway_targets(&d->net, k);
    units_t units;
    TRY(cuda_units_choose(&d->net, k, &units));
    *bitmap = units.bitmap;
    d->near[k] = units.near;
    d->near_list[k].bands = units.near_listed;
    uint64_t places = (uint64_t)w->classes_x * w->classes_y * bitmap->units;
    status_t status = STATUS_OK;
    if (bitmap->units > 0)
        status = unit_table(w, &units.near, bitmap, units.place, units.count, &b->unit[k]);
    if (bitmap->units > 0 && status == STATUS_OK)
        status = copy_to_device(&bitmap->place, units.place, places, "the windows' units");
    cuda_units_destroy(&units);
    TRY(status);
    if (d->near_list[k].bands > 0) {
        TRY(zeros(&d->near_list[k].start, targets + 1, "the targets' pointers"));
        *bytes += (targets + 1) * sizeof(uint64_t);
    }
    if (bitmap->units == 0)
        return STATUS_OK;
    *bytes += bitmap_fixed_bytes(bitmap, targets, places);
    TRY(zeros(&bitmap->start, targets + 1, "the targets' pointers"));
    return zeros(&bitmap->mask, targets * bitmap->units, "the targets' masks");
}

static status_t tables_create(backend_state_t *state, build_t *b, uint64_t *bytes) {
    device_t *d = &state->device;
    uint64_t most_units = 0;
    for (uint32_t k = 0; k < d->net.pathways; k++) {
        pathway_t *w = &d->net.pathway[k];
        size_t cells = (size_t)w->classes_x * w->classes_y * w->window_x * w->window_y;
        TRY(near_create(d, k, b, bytes)); /* from the host's thresholds */
        TRY(copy_to_device(&b->threshold[k], w->threshold, cells, "the probability tables"));
        w->threshold = b->threshold[k];
        list_t *list = &d->list[k];
        list->bands = window_bands(w, &d->rates[0].image[w->source]);
        TRY(zeros(&list->start, starts_of(d, k), "the targets' pointers"));
        *bytes += starts_of(d, k) * sizeof *list->start;
        if (w->rule == RULE_FIXED_INDEGREE)
            TRY(cuda_allocate(&b->choice[k], pathway_targets(&d->net, k), "the targets' inputs"));
        most_units = d->bitmap[k].units > most_units ? d->bitmap[k].units : most_units;
    }
    if (most_units > 0)
        TRY(cuda_allocate(&b->before, FILL_TARGETS * most_units, "the targets' inputs"));
    TRY(zeros(&b->hash, 1, "a hash"));
    return cuda_upload(state);
}

/* Counts in start[n] to places, in place; *sum: of all. Older CUBs count in int. */
static status_t prefix_sum(build_t *b, uint64_t *start, uint64_t n, uint64_t *sum) {
    size_t bytes = 0;
    if (n > INT32_MAX)
        FAIL(
            STATUS_FAILED,
            "%.3g pointers to the targets' synapses are more than the 2^31 - 1 that a GPU's prefix "
            "sum takes; take a smaller network or --backend cpu",
            (double)n);
    CUDA(cub::DeviceScan::ExclusiveSum(NULL, bytes, start, start, (int)n));
    TRY(cuda_allocate(&b->scan, bytes, "a prefix sum"));
    CUDA(cub::DeviceScan::ExclusiveSum(b->scan, bytes, start, start, (int)n));
    CUDA(cudaMemcpy(sum, start + n - 1, sizeof *sum, cudaMemcpyDeviceToHost));
    cudaError_t error = cudaFree(b->scan);
    b->scan = NULL;
    CUDA(error);
    return STATUS_OK;
}

/* Counts the inputs; turns the counts into places. */
static status_t survey(backend_state_t *state, uint32_t k, build_t *b, uint64_t *listed,
                       uint64_t *near, uint64_t *in_units) {
    const device_t *d = &state->device;
    uint64_t targets = pathway_targets(&d->net, k);
    TRY(cuda_survey(state, drawing_of(b, k)));
    TRY(prefix_sum(b, d->list[k].start, starts_of(d, k), listed));
    if (d->near_list[k].bands > 0)
        TRY(prefix_sum(b, d->near_list[k].start, targets + 1, near));
    if (d->bitmap[k].units > 0)
        TRY(prefix_sum(b, d->bitmap[k].start, targets + 1, in_units));
    return STATUS_OK;
}

static status_t codes_allocate(uint32_t bits, uint64_t n, uint8_t **code, uint8_t **low) {
    TRY(cuda_allocate(code, n * code_size(bits), "the synapses"));
    if (bits == 24)
        TRY(cuda_allocate(low, n, "the synapses"));
    return STATUS_OK;
}
static status_t list_allocate(uint32_t bits, uint64_t n, list_t *list) {
    TRY(cuda_allocate(&list->offset, n, "the synapses"));
    return codes_allocate(bits, n, &list->code, &list->low);
}

static status_t build(backend_state_t *state, build_t *b, connectivity_t *c) {
    device_t *d = &state->device;
    uint32_t bits = d->net.weight_bits;
    uint64_t listed[PATHWAYS_MAX] = {}, near[PATHWAYS_MAX] = {}, in_units[PATHWAYS_MAX] = {};
    uint64_t bytes = 0;
    TRY(tables_create(state, b, &c->connectivity_bytes));
    for (uint32_t k = 0; k < d->net.pathways; k++) {
        TRY(survey(state, k, b, &listed[k], &near[k], &in_units[k]));
        c->synapses[k] = listed[k] + near[k] + in_units[k];
        bytes += d->bitmap[k].units > 0 ? bits / 8 : 0;
        bytes += (listed[k] + near[k]) * sizeof(uint16_t) + c->synapses[k] * (bits / 8);
    }
    TRY(cuda_require(bytes, "the synapses"));
    c->connectivity_bytes += bytes;
    for (uint32_t k = 0; k < d->net.pathways; k++) {
        bitmap_t *bitmap = &d->bitmap[k];
        TRY(list_allocate(bits, listed[k], &d->list[k]));
        if (d->near_list[k].bands > 0)
            TRY(list_allocate(bits, near[k], &d->near_list[k]));
        if (bitmap->units > 0)
            TRY(codes_allocate(bits, in_units[k] + 1, &bitmap->code, &bitmap->low)); /* sum.h */
    }
    TRY(cuda_upload(state));
    for (uint32_t k = 0; k < d->net.pathways; k++)
        TRY(cuda_fill(state, drawing_of(b, k)));
    CUDA(cudaMemcpy(&c->hash, b->hash, sizeof c->hash, cudaMemcpyDeviceToHost));
    for (uint32_t k = 0; k < d->net.pathways; k++)
        d->net.pathway[k].threshold = NULL;
    return cuda_upload(state);
}

status_t cuda_build(backend_state_t *state, connectivity_t *connectivity) {
    build_t b = {};
    status_t status = build(state, &b, connectivity);
    for (uint32_t k = 0; k < PATHWAYS_MAX; k++) {
        cudaFree(b.threshold[k]);
        cudaFree(b.choice[k]);
        cudaFree(b.unit[k]);
    }
    cudaFree(b.before);
    cudaFree(b.scan);
    cudaFree(b.hash);
    return status;
}
