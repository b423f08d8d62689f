/* Where things lie: images, window classes, and from them the memory that a network takes. */
#include "kernels/cpu/cpu.h"

#include <stdlib.h>

/* Where the class's thresholds are not 0, and which of its cells form the core. */
int window_class_create(const pathway_t *w, uint32_t index, uint32_t stride, window_class_t *c) {
    const uint32_t *threshold = w->threshold + (size_t)index * w->window_x * w->window_y;
    const uint32_t dense = (uint32_t)(CORE_PROBABILITY * 4294967296.0);
    uint32_t rows = w->window_y;
    uint32_t units = 0, most = rows * (w->window_x / RUN_UNIT + 1) + 4;
    c->unit = malloc(most * sizeof *c->unit);
    c->row_first = malloc(5 * (size_t)rows * sizeof *c->row_first);
    if (!c->unit || !c->row_first)
        return 0;
    c->row_last = c->row_first + rows;
    c->core_first = c->row_last + rows;
    c->core_last = c->core_first + rows;
    c->core_slot = c->core_last + rows;
    for (uint32_t row = 0; row < rows; row++) {
        const uint32_t *t = threshold + (size_t)row * w->window_x;
        uint32_t first = w->window_x, last = 0, core = w->window_x, end = 0;
        for (uint32_t x = 0; x < w->window_x; x++) {
            if (t[x] > 0) {
                first = first < x ? first : x;
                last = x + 1;
            }
            if (t[x] >= dense) {
                core = core < x ? core : x;
                end = x + 1;
            }
        }
        c->row_first[row] = first;
        c->row_last[row] = last;
        c->core_first[row] = c->core_last[row] = 0;
        c->core_slot[row] = c->slots;
        if (core >= end)
            continue;
        uint32_t length = (end - core + RUN_UNIT - 1) / RUN_UNIT * RUN_UNIT;
        uint32_t early = (length - (end - core)) / 2; /* fill the run up on both sides */
        core -= early < core ? early : core;
        double filled = 0.0; /* the run's expected synapses */
        for (uint32_t x = core; x < core + length && x < w->window_x; x++)
            filled += (double)t[x] * 0x1p-32;
        if (filled < CORE_PROBABILITY * length)
            continue;
        c->core_first[row] = core;
        c->core_last[row] = core + length < w->window_x ? core + length : w->window_x;
        for (uint32_t x = 0; x < length; x += RUN_UNIT)
            c->unit[units++] = row * stride + core + x;
        c->slots += length;
    }
    for (; units % 4; c->slots += RUN_UNIT)
        c->unit[units++] = 0;
    return 1;
}

void window_class_destroy(window_class_t *c) {
    free(c->unit);
    free(c->row_first);
}

/* Synapses of one target expected outside the core; `pi`: scratch, [window_y][window_x]. */
static double expected_tail(const pathway_t *w, uint32_t index, const window_class_t *c,
                            double *pi) {
    double tail = 0.0;
    pathway_inclusion(w, index, pi);
    for (uint32_t row = 0; row < w->window_y; row++, pi += w->window_x)
        for (uint32_t x = 0; x < w->window_x; x++)
            if (x < c->core_first[row] || x >= c->core_last[row])
                tail += pi[x];
    return tail;
}

status_t cpu_footprint(const network_t *net, uint64_t *connectivity_bytes, uint64_t *state_bytes) {
    double bytes = 0.0, code = net->weight_bits / 8.0;
    *state_bytes = 0;
    for (uint32_t k = 0; k < net->pathways; k++) {
        const pathway_t *w = &net->pathway[k];
        image_t image = image_of(net, w->source);
        double targets = population_size(&net->population[w->target]);
        uint32_t classes = w->classes_x * w->classes_y, slots = 0;
        double tail = 0.0, *pi = malloc((size_t)w->window_x * w->window_y * sizeof *pi);
        int failed = pi == NULL;
        for (uint32_t i = 0; i < classes && !failed; i++) {
            window_class_t c = {0};
            failed = !window_class_create(w, i, image.stride, &c);
            if (!failed)
                tail += expected_tail(w, i, &c, pi) / classes;
            slots = c.slots > slots ? c.slots : slots;
            window_class_destroy(&c);
        }
        free(pi);
        if (failed)
            FAIL(STATUS_FAILED, "no memory for the window of a pathway");
        double bands = window_bands(w, &image);
        double filled = tail + bands * (RUN_UNIT - 1) / 2.0;
        bytes += targets * (slots * code + filled * (code + 2.0) + bands * 4.0) +
                 targets / BLOCK_TARGETS * (sizeof(block_t) + 128.0);
    }
    for (uint32_t a = 0; a < net->populations; a++) {
        image_t image = image_of(net, a);
        *state_bytes +=
            net->trials * (image_bytes(&image) + 8ull * population_size(&net->population[a]));
    }
    *connectivity_bytes = (uint64_t)bytes;
    return STATUS_OK;
}
