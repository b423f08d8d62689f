/* Packing: a group's inputs into its record (cpu.h). */
#ifndef BRISC_PACK_H
#define BRISC_PACK_H

#include "kernels/cpu/cpu.h"

/* One input of a target: its window cell, its source, its code. */
typedef struct {
    uint32_t row, column;
    uint32_t source;
    int32_t code;
} input_t;

/* An image site that is a source of several targets, at least one: from the group's first window.
 */
typedef struct {
    uint32_t site, set;
    int32_t code[GROUP_TARGETS];
} shared_t;

typedef struct {
    unsigned char *record; /* of the block's groups so far */
    size_t used, capacity;
    uint32_t *unit_count;    /* [units][GROUP_TARGETS]: codes */
    shared_t *shared, *runs; /* of one group: by site; by run */
    size_t shared_most;
    size_t *run_start; /* [bands][SETS] */
} packer_t;

/* 0: no memory, here and below. */
int packer_create(const pathway_t *w, const cpu_pathway_t *p, packer_t *s);
void packer_destroy(packer_t *s);
/* Room for `bytes` more, zeroed, at the record's end; NULL: no memory. */
unsigned char *record_extend(packer_t *s, size_t bytes);
/* Appends a group's record; input[t][count[t]]: of each target, in the window's row-major order, of
 * which the order is lost; shift[t]: columns from the first window to a target's; pieces[targets]
 * [bands]. */
int pack_group(const cpu_pathway_t *p, const group_class_t *c, uint32_t bits, uint32_t stride,
               uint32_t members, const uint32_t *shift, input_t *const *input, uint32_t *count,
               uint32_t *pieces, packer_t *s);

#endif
