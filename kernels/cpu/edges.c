/* The stored synapses as rows, for export and for tests. */
#include "kernels/cpu/runs.h"

#include <stdlib.h>

/* The inputs of one target, in storage order; returns how many. */
static uint32_t row_edges(const backend_state_t *state, uint32_t pathway, uint32_t target,
                          edge_t *edge) {
    const pathway_t *w = &state->net.pathway[pathway];
    const cpu_pathway_t *p = &state->pathway[pathway];
    const population_t *to = &state->net.population[w->target];
    const population_t *from = &state->net.population[w->source];
    uint32_t ix = target % to->nx, iy = target / to->nx, stride = state->image[w->source].stride;
    uint32_t member = ix % GROUP_TARGETS, bits = state->net.weight_bits, count = 0, codes = 0;
    uint32_t shift = pathway_base_x(w, ix) - pathway_base_x(w, ix - member);
    uint64_t group = (uint64_t)iy * groups_of_row(to) + ix / GROUP_TARGETS;
    const block_t *b = &p->block[group / BLOCK_GROUPS];
    const group_class_t *c = &p->class_of[class_index(w, ix - member, iy)];
    const unsigned char *record = b->record + b->start[group % BLOCK_GROUPS];
    const uint32_t *mask = (const uint32_t *)record; /* a record begins at a multiple of 8 */
    if (p->run_bands > 0)
        return runs_edges((const runs_t *)record, w, from, ix, iy, stride, member, shift, edge);
    for (uint32_t k = 0; k < c->units * GROUP_TARGETS; k++)
        codes += (uint32_t)__builtin_popcount(mask[k]);
    const unsigned char *plane = record + head_bytes(c, bits),
                        *low = plane + codes * code_size(bits);
    for (uint32_t k = 0, at = 0; k < c->units * GROUP_TARGETS; k++)
        for (uint32_t left = mask[k]; left != 0; left &= left - 1, at++) {
            if (k % GROUP_TARGETS != member)
                continue;
            uint32_t site = c->site[k / GROUP_TARGETS] + (uint32_t)__builtin_ctz(left) - shift;
            edge[count++] = (edge_t){window_source(w, from, ix, iy, site / stride, site % stride),
                                     stored_code(plane, low, bits, at)};
        }
    const unsigned char *piece = record + units_bytes(c, bits, codes);
    const uint32_t *pieces =
        b->pieces +
        (size_t)(target - member - block_first(to, (uint32_t)(group / BLOCK_GROUPS))) * p->bands;
    for (uint32_t k = 0; k < member * p->bands; k++)
        piece += *pieces++ * piece_bytes(bits);
    for (uint32_t band = 0; band < p->bands; band++)
        for (uint32_t k = 0; k < pieces[band]; k++, piece += piece_bytes(bits))
            for (uint32_t i = 0; i < PIECE; i++) {
                uint32_t offset = band * BAND_SITES + ((const uint16_t *)piece)[i];
                int32_t code = piece_code(piece, bits, i);
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
