/* The loops that decide the speed, compiled once for each instruction set by simd_*.c, which
 * defines SIMD_OPS and SIMD_NAME. Everything here is exact or single-source: the instruction set
 * changes no bit. */
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/simd_vector.h"
#include "models/rate.h"

/* Bytes ahead of a streaming read that are asked for: far enough to hide memory's latency, where
 * the hardware's own prefetcher loses a stream among the scattered reads of the rates (measured on
 * a virtual Zen 5 core: 1.9 cycles a synapse without, 1.1 with). */
enum { AHEAD = 4096 };

static void words(uint64_t seed, uint64_t sub, uint64_t first_block, uint32_t n_blocks,
                  uint32_t *out) {
#pragma omp simd
    for (uint32_t k = 0; k < n_blocks; k++) {
        philox_block_t b = philox_block(seed, sub, first_block + k);
        out[4 * k] = b.word[0];
        out[4 * k + 1] = b.word[1];
        out[4 * k + 2] = b.word[2];
        out[4 * k + 3] = b.word[3];
    }
}

static uint32_t connected(const uint32_t *word, const uint32_t *threshold, uint32_t n,
                          uint32_t *cell) {
    uint32_t count = 0;
    for (uint32_t k = 0; k < n; k++) {
        cell[count] = k;
        count += (uint32_t)draw_connects(word[k], threshold[k]);
    }
    return count;
}

/* Sum over the core of one target. Four sums, as one would be a chain of additions. */
static inline __attribute__((always_inline)) vector_t
core_sum(const window_class_t *c, const unsigned char *unit, const int32_t *window, uint32_t bits) {
    vector_t sum[4] = {vector_zero(), vector_zero(), vector_zero(), vector_zero()};
    for (uint32_t k = 0; k < c->slots / RUN_UNIT; k += 4)
        for (uint32_t j = 0; j < 4; j++, unit += unit_bytes(bits))
            sum[j] = vector_multiply_add(sum[j], vector_codes(unit, bits),
                                         vector_rates(window + c->unit[k + j]));
    return vector_add(vector_add(sum[0], sum[1]), vector_add(sum[2], sum[3]));
}

/* Adds a band's `units` of the tail; `rate`: the band's first site. */
static inline __attribute__((always_inline)) vector_t tail_sum(vector_t sum,
                                                               const unsigned char *unit,
                                                               const int32_t *rate, uint32_t units,
                                                               uint32_t bits) {
    for (uint32_t k = 0; k < units; k++, unit += OFFSETS_BYTES + unit_bytes(bits))
        sum = vector_multiply_add(sum, vector_codes(unit + OFFSETS_BYTES, bits),
                                  vector_listed_rates(rate, (const uint16_t *)unit));
    return sum;
}

static inline __attribute__((always_inline)) void block_sums_of(const backend_state_t *state,
                                                                uint32_t trial, uint32_t pathway, uint32_t block,
                                                                int64_t *sum, uint32_t bits) {
    const pathway_t *w = &state->net.pathway[pathway];
    const cpu_pathway_t *p = &state->pathway[pathway];
    const block_t *b = &p->block[block];
    const image_t *image = &state->image[w->source];
    uint32_t nx = state->net.population[w->target].nx;
    uint32_t targets = block_targets(state, pathway, block);
    uint32_t ix = block * BLOCK_TARGETS % nx, iy = block * BLOCK_TARGETS / nx;
    for (uint32_t t = 0; t < targets; t++) {
        const int32_t *window = image_codes(image, trial) + p->row_start[iy] + p->column_start[ix];
        const window_class_t *c = &p->class_of[p->row_class[iy] + p->column_class[ix]];
        unsigned char *record = record_of(p, b, bits, t), *end = record_of(p, b, bits, t + 1);
        for (const unsigned char *at = record; at < end; at += 64)
            __builtin_prefetch(at + AHEAD);
        vector_t total = core_sum(c, record, window, bits);
        const unsigned char *unit = record_tail(p, record, bits);
        for (uint32_t band = 0; band < p->bands; band++) {
            const uint32_t *start = b->tail_start + (size_t)t * p->bands + band;
            total = tail_sum(total, unit, window + (size_t)band * BAND_SITES, start[1] - start[0],
                             bits);
            unit += (start[1] - start[0]) * (OFFSETS_BYTES + unit_bytes(bits));
        }
        sum[t] = vector_total(total);
        if (++ix == nx) {
            ix = 0;
            iy++;
        }
    }
}

static void block_sums(const backend_state_t *state, uint32_t trial, uint32_t pathway,
                       uint32_t block, int64_t *sum) {
    switch (state->net.weight_bits) {
    case 8:
        block_sums_of(state, trial, pathway, block, sum, 8);
        break;
    case 16:
        block_sums_of(state, trial, pathway, block, sum, 16);
        break;
    default:
        block_sums_of(state, trial, pathway, block, sum, 24);
    }
}

static inline __attribute__((always_inline)) uint32_t
neurons_of(population_t p, int32_t gain_kind, uint32_t rate_bits, uint32_t n,
           const float *RESTRICT synaptic, const uint32_t *RESTRICT words, float *RESTRICT h,
           int32_t *RESTRICT rate) {
    float unit = rate_unit(p.rate_shift), limit = rate_limit(rate_bits), z[BLOCK_TARGETS] = {0};
    uint32_t saturated = 0;
    if (p.noise != 0.0f) {
        const normal_node_t *table = normal_table();
#pragma omp simd
        for (uint32_t k = 0; k < n; k++)
            z[k] = normal_from_bits(table, words[k]);
    }
    p.gain.kind = gain_kind; /* a constant here, so that the loop vectorizes */
    for (uint32_t k = 0; k < n; k++) {
        h[k] = rate_step(&p, h[k], synaptic[k], z[k]);
        float r = gain_rate(p.gain, h[k]);
        rate[k] = rate_code(r, unit, limit);
        saturated += rate_saturates(r, unit, rate_bits);
    }
    return saturated;
}

static uint32_t neurons(const population_t *p, uint32_t rate_bits, uint32_t n,
                        const float *synaptic, const uint32_t *words, float *h, int32_t *rate) {
    switch (p->gain.kind) {
    case GAIN_TANH:
        return neurons_of(*p, GAIN_TANH, rate_bits, n, synaptic, words, h, rate);
    case GAIN_SIGMOID:
        return neurons_of(*p, GAIN_SIGMOID, rate_bits, n, synaptic, words, h, rate);
    default:
        return neurons_of(*p, p->gain.kind, rate_bits, n, synaptic, words, h, rate);
    }
}

const simd_ops_t SIMD_OPS = {SIMD_NAME, words, connected, block_sums, neurons};
