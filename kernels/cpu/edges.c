/* The stored synapses as rows, for export and for tests. */
#include "kernels/cpu/cpu.h"

#include <stdlib.h>

/* The inputs of one target, in storage order; returns how many. */
static uint32_t row_edges(const backend_state_t *state, uint32_t pathway, uint32_t target,
                          edge_t *edge) {
    const pathway_t *w = &state->net.pathway[pathway];
    const cpu_pathway_t *p = &state->pathway[pathway];
    const population_t *to = &state->net.population[w->target];
    const population_t *from = &state->net.population[w->source];
    const block_t *b = &p->block[target / BLOCK_TARGETS];
    uint32_t t = target % BLOCK_TARGETS, bits = state->net.weight_bits, count = 0;
    uint32_t ix = target % to->nx, iy = target / to->nx, stride = state->image[w->source].stride;
    const window_class_t *c = &p->class_of[class_index(w, ix, iy)];
    unsigned char *unit = record_of(p, b, bits, t);
    for (uint32_t row = 0; row < w->window_y; row++)
        for (uint32_t x = c->core_first[row]; x < c->core_last[row]; x++) {
            uint32_t slot = c->core_slot[row] + x - c->core_first[row];
            int32_t code =
                unit_code(unit + slot / RUN_UNIT * unit_bytes(bits), bits, slot % RUN_UNIT);
            if (code)
                edge[count++] = (edge_t){window_source(w, from, ix, iy, row, x), code};
        }
    unit = record_tail(p, unit, bits);
    for (uint32_t band = 0; band < p->bands; band++)
        for (uint32_t k = b->tail_start[t * p->bands + band];
             k < b->tail_start[t * p->bands + band + 1];
             k++, unit += OFFSETS_BYTES + unit_bytes(bits))
            for (uint32_t i = 0; i < RUN_UNIT; i++) {
                uint32_t offset = band * BAND_SITES + ((const uint16_t *)unit)[i];
                int32_t code = unit_code(unit + OFFSETS_BYTES, bits, i);
                if (code)
                    edge[count++] = (edge_t){
                        window_source(w, from, ix, iy, offset / stride, offset % stride), code};
            }
    return count;
}

status_t cpu_edges(backend_state_t *state, uint32_t pathway, uint32_t first, uint32_t count,
                   uint64_t *indptr, uint32_t *sources, int32_t *codes) {
    const pathway_t *w = &state->net.pathway[pathway];
    edge_t *edge = malloc((size_t)w->window_x * w->window_y * sizeof *edge);
    if (!edge)
        FAIL(STATUS_FAILED, "no memory for the edges of one target");
    indptr[0] = 0;
    for (uint32_t t = 0; t < count; t++)
        edges_put(edge, row_edges(state, pathway, first + t, edge), t, indptr, sources, codes);
    free(edge);
    return STATUS_OK;
}
