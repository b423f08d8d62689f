#include "kernels/cpu/pack.h"
#include "kernels/cpu/runs.h"

#include <stdlib.h>

int packer_create(const pathway_t *w, const cpu_pathway_t *p, packer_t *s) {
    size_t units = 0;
    memset(s, 0, sizeof *s);
    for (uint32_t k = 0; k < w->classes_x * w->classes_y; k++)
        units = p->class_of[k].units > units ? p->class_of[k].units : units;
    s->unit_count = malloc((units + 1) * GROUP_TARGETS * sizeof *s->unit_count);
    s->run_start = malloc(((size_t)p->run_bands * SETS + 1) * sizeof *s->run_start);
    return s->unit_count && s->run_start;
}

void packer_destroy(packer_t *s) {
    free(s->record);
    free(s->unit_count);
    free(s->shared);
    free(s->run_start);
}

unsigned char *record_extend(packer_t *s, size_t bytes) {
    if (!s->record || s->used + bytes > s->capacity) {
        size_t capacity = (s->used + bytes) * 3 / 2 + 4096;
        unsigned char *record = realloc(s->record, capacity);
        if (!record)
            return NULL;
        s->record = record;
        s->capacity = capacity;
    }
    unsigned char *place = s->record + s->used;
    memset(place, 0, bytes);
    s->used += bytes;
    return place;
}

/* The unit that holds the input of a target whose window begins `shift` columns after the group's;
 * UINT32_MAX: it is listed. */
static uint32_t unit_of(const group_class_t *c, uint32_t stride, uint32_t shift,
                        const input_t *input) {
    uint32_t site = input->row * stride + shift + input->column;
    for (uint32_t k = c->row_unit[input->row]; k < c->row_unit[input->row + 1]; k++)
        if (site >= c->site[k] && site < c->site[k] + UNIT_SITES)
            return k;
    return UINT32_MAX;
}

/* Masks and codes of one group. The inputs that it does not hold move to the front of each
 * target's, which are then the listed ones. */
static int put_units(const group_class_t *c, const uint32_t *shift, uint32_t stride, uint32_t bits,
                     input_t *const *inputs, uint32_t *count, packer_t *s) {
    uint32_t all = c->units * GROUP_TARGETS, codes = 0, listed[GROUP_TARGETS] = {0};
    memset(s->unit_count, 0, all * sizeof *s->unit_count);
    for (uint32_t t = 0; t < GROUP_TARGETS; t++)
        for (uint32_t k = 0; k < count[t]; k++) {
            uint32_t unit = unit_of(c, stride, shift[t], &inputs[t][k]);
            if (unit != UINT32_MAX) {
                s->unit_count[unit * GROUP_TARGETS + t]++;
                codes++;
            }
        }
    unsigned char *mask = record_extend(s, units_bytes(c, bits, codes));
    if (!mask)
        return 0;
    unsigned char *plane = mask + head_bytes(c, bits), *low = plane + codes * code_size(bits);
    for (uint32_t k = 0, place = 0; k < all; k++) { /* counts become places */
        uint32_t held = s->unit_count[k];
        s->unit_count[k] = place;
        place += held;
    }
    for (uint32_t t = 0; t < GROUP_TARGETS; t++) {
        input_t *input = inputs[t];
        int32_t sum = 0;
        for (uint32_t k = 0; k < count[t]; k++) {
            uint32_t unit = unit_of(c, stride, shift[t], &input[k]);
            if (unit == UINT32_MAX) {
                input[listed[t]++] = input[k];
                continue;
            }
            uint32_t slot = unit * GROUP_TARGETS + t, word;
            uint32_t bit = input[k].row * stride + shift[t] + input[k].column - c->site[unit];
            memcpy(&word, mask + 4 * (size_t)slot, sizeof word);
            word |= 1u << bit;
            memcpy(mask + 4 * (size_t)slot, &word, sizeof word);
            store_code(plane, low, bits, s->unit_count[slot]++, input[k].code);
            sum += bits == 8 ? input[k].code : 0;
        }
        if (bits == 8)
            memcpy(mask + masks_bytes(c) + t * sizeof sum, &sum, sizeof sum);
        count[t] = listed[t];
    }
    return 1;
}

/* One target's list; pieces[bands]. */
static int put_list(const input_t *input, uint32_t count, uint32_t stride, uint32_t bands,
                    uint32_t bits, uint32_t *pieces, packer_t *s) {
    for (uint32_t band = 0, k = 0; band < bands; band++) {
        uint32_t first = k;
        while (k < count && (input[k].row * stride + input[k].column) / BAND_SITES == band)
            k++;
        pieces[band] = (k - first + PIECE - 1) / PIECE;
        unsigned char *piece = record_extend(s, pieces[band] * piece_bytes(bits));
        if (!piece)
            return 0;
        for (uint32_t i = 0; i < k - first; i++) {
            unsigned char *to = piece + i / PIECE * piece_bytes(bits), *plane = to + OFFSETS_BYTES;
            uint32_t offset = input[first + i].row * stride + input[first + i].column;
            ((uint16_t *)to)[i % PIECE] = (uint16_t)(offset % BAND_SITES);
            store_code(plane, plane + PIECE * code_size(bits), bits, i % PIECE,
                       input[first + i].code);
        }
    }
    return 1;
}

int pack_group(const cpu_pathway_t *p, const group_class_t *c, uint32_t bits, uint32_t stride,
               uint32_t members, const uint32_t *shift, input_t *const *input, uint32_t *count,
               uint32_t *pieces, packer_t *s) {
    if (p->run_bands > 0)
        return runs_put(p->run_bands, shift, stride, bits, input, count, s);
    int done = put_units(c, shift, stride, bits, input, count, s);
    for (uint32_t t = 0; t < members && done; t++)
        done = put_list(input[t], count[t], stride, p->bands, bits, pieces + t * p->bands, s);
    return done && record_extend(s, -s->used % 8) != NULL;
}
