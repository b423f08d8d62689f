/* Y = J X on the cpu: each limb of a vector (limbs.h) takes the rates' place in the images, and is
 * summed as the step sums. */
#include <stdlib.h>

#include "kernels/cpu/cpu.h"
#include "kernels/limbs.h"

/* `code`: scratch, of the largest population. */
static void put_limb(backend_state_t *state, const limbs_t *limbs, int limb, const double *x,
                     int32_t *code) {
    for (uint32_t a = 0; a < state->net.populations; a++) {
        uint32_t n = population_size(&state->net.population[a]);
#pragma omp parallel for num_threads(state->threads)
        for (uint32_t i = 0; i < n; i++)
            code[i] = limb_code(limbs, a, limb, x[i]);
        cpu_image_fill(state, 0, a, code);
        x += n;
    }
}

/* Whether a limb has a code that is not 0. Where the vector was rounded to its high limbs
 * (limb_high), the low ones take no sums, and the product half the time. */
static int limb_counts(const backend_state_t *state, const limbs_t *limbs, int limb,
                       const double *x) {
    int32_t any = 0;
    for (uint32_t a = 0; a < state->net.populations && !any; a++) {
        uint32_t n = population_size(&state->net.population[a]);
#pragma omp parallel for num_threads(state->threads) reduction(| : any)
        for (uint32_t i = 0; i < n; i++)
            any |= limb_code(limbs, a, limb, x[i]);
        x += n;
    }
    return any != 0;
}

/* Adds to y of one block of targets, pathways in config order. */
static void add_block(const backend_state_t *state, const limbs_t *limbs, int limb,
                      uint32_t population, uint32_t block, double *y) {
    int64_t sum[BLOCK_TARGETS];
    const population_t *to = &state->net.population[population];
    uint32_t targets = block_first(to, block + 1) - block_first(to, block);
    for (uint32_t k = 0; k < state->net.pathways; k++) {
        const pathway_t *w = &state->net.pathway[k];
        if (w->target != population)
            continue;
        state->simd->block_sums(state, 0, k, block, sum);
        for (uint32_t t = 0; t < targets; t++)
            y[t] += limb_value(limbs, w->source, limb, sum[t], w->scale);
    }
}

static void add_limb(const backend_state_t *state, const limbs_t *limbs, int limb, double *y) {
    for (uint32_t a = 0; a < state->net.populations; a++) {
        const population_t *to = &state->net.population[a];
#pragma omp parallel for num_threads(state->threads) schedule(dynamic, 4)
        for (uint32_t b = 0; b < blocks_of(to); b++)
            add_block(state, limbs, limb, a, b, y + block_first(to, b));
        y += population_size(to);
    }
}

status_t cpu_apply(backend_state_t *state, uint32_t vectors, const double *x, double *y) {
    const network_t *net = &state->net;
    size_t neurons = 0, largest = 0;
    for (uint32_t a = 0; a < net->populations; a++) {
        size_t n = population_size(&net->population[a]);
        neurons += n;
        largest = n > largest ? n : largest;
    }
    int32_t *code = malloc(largest * sizeof *code);
    if (!code)
        FAIL(STATUS_FAILED, "no memory for a vector of %zu neurons", largest);
    status_t status = STATUS_OK;
    for (uint32_t v = 0; v < vectors && status == STATUS_OK; v++, x += neurons, y += neurons) {
        limbs_t limbs;
        status = limbs_choose(net, x, &limbs);
        memset(y, 0, neurons * sizeof *y);
        for (int limb = 0; limb < LIMBS && status == STATUS_OK; limb++) {
            if (limb > 0 && !limb_counts(state, &limbs, limb, x))
                continue;
            put_limb(state, &limbs, limb, x, code);
            add_limb(state, &limbs, limb, y);
        }
    }
    free(code);
    for (uint32_t a = 0; a < net->populations && state->summing.singles > 0; a++)
        cpu_image_fill(state, 0, a,
                       state->rate[a] + state_at(state, state->summing.batches * BATCH, a));
    return status;
}
