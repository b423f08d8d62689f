/* Drawing a pathway's synapses: what build.cu gives, and what draw.cu does with it. */
#ifndef BRISC_CUDA_DRAW_H
#define BRISC_CUDA_DRAW_H

#include "kernels/cuda/device.h"

/* RULE_FIXED_INDEGREE: the inputs of a target are the cells whose key is below `cut`, and the first
 * `ties` of those where it is equal. */
typedef struct {
    uint32_t cut, ties;
    int64_t sum; /* of the inputs' codes, before recentring; 0 where there is none */
} choice_t;

/* What a pathway's kernels get. */
typedef struct {
    uint32_t pathway;
    choice_t *choice; /* [targets]; NULL under RULE_BERNOULLI */
    uint32_t *unit; /* [classes][window_y / unit's rows][window_x / unit's columns]: its number, or
                     * NO_UNIT; NULL where there are none */
    uint32_t *before; /* [FILL_TARGETS][units]: codes before a unit's, of a launch's targets */
    uint64_t *hash;
} drawing_t;
enum { FILL_TARGETS = 16384 };
#define NO_UNIT UINT32_MAX

static inline uint32_t pathway_targets(const network_t *net, uint32_t pathway) {
    return population_size(&net->population[net->pathway[pathway].target]);
}

/* Adds up each target's listed inputs by band into list.start, [targets * bands], and into
 * near_list.start; sets the bits of the others in bitmap.mask and adds them up into bitmap.start
 * (all 0 before); fills choice[targets] under RULE_FIXED_INDEGREE. */
status_t cuda_survey(const backend_state_t *state, drawing_t g);
/* Stores the inputs of all targets; adds their hashes to *g.hash. */
status_t cuda_fill(const backend_state_t *state, drawing_t g);

#endif
