/* Every random draw of the network and of its noise, as a function of (seed, whose, which): the
 * same on every device and for any number of threads. */
#ifndef BRISC_DRAW_H
#define BRISC_DRAW_H

#include "kernels/fmath.h"
#include "kernels/network.h"
#include "kernels/normal_table.h"
#include "kernels/philox.h"

/* Whether the draw u connects a pair of that threshold (network.h). */
HD int draw_connects(uint32_t u, uint32_t threshold) {
    return (u < threshold) | (threshold == UINT32_MAX);
}

/* Sampling key of a candidate input (RULE_FIXED_INDEGREE): the `indegree` smallest keys of a
 * target are its inputs, ties to the smaller window cell. -log(u)/p is exponential with rate p, so
 * the order is that of successive draws without replacement with probability proportional to p
 * (Efraimidis, Spirakis, Inf. Process. Lett. 97 (2006) 181-185). Ordered as the bits of a positive
 * float; UINT32_MAX where p = 0. */
HD uint32_t draw_key(uint32_t u, uint32_t threshold) {
    if (threshold == 0)
        return UINT32_MAX;
    /* u + 1/2 by halves: (2u+1) 2^-33, exactly representable after rounding to float. */
    float uniform = ((float)u + 0.5f) * 0x1p-32f;
    uniform = uniform < 0.99999994f ? uniform : 0.99999994f;
    float rate = (float)threshold * 0x1p-32f;
    return float_bits(-fm_log(uniform) / rate);
}

/* A lognormal weight, from a normal z. */
HD float lognormal_weight(const pathway_t *w, float z) {
    float size = fm_exp(fmaf(w->log_std, z, w->log_mean));
    return w->mean < 0.0f ? -size : size;
}

/* A synapse's weight in h per unit rate, before quantization. */
HD float draw_weight(const pathway_t *w, const normal_node_t *table, uint64_t seed, uint32_t target,
                     uint32_t source) {
    if (w->weights == WEIGHTS_CONSTANT || (w->weights == WEIGHTS_NORMAL && w->std == 0.0f))
        return w->mean;
    uint64_t sub = stream_of_synapses(PURPOSE_WEIGHT, w->target, w->source, target);
    float z = normal_from_bits(table, philox_word(seed, sub, source));
    if (w->weights == WEIGHTS_NORMAL)
        return fmaf(w->std, z, w->mean);
    return lognormal_weight(w, z);
}

/* The integer nearest to x (halves away from 0), at most +-max. */
HD int32_t clamp_code(float x, int32_t max) {
    float m = (float)max;
    x = x < -m ? -m : x > m ? m : x;
    return (int32_t)(x < 0.0f ? x - 0.5f : x + 0.5f);
}

/* A weight's integer code; its value is code * scale. Never 0, so that a stored synapse can be told
 * from none: what rounds to 0 becomes +-1 by its sign. All weights zero: scale 0, codes 1. */
HD int32_t weight_code(float weight, float scale, int32_t code_max) {
    int32_t code = scale > 0.0f ? clamp_code(weight / scale, code_max) : 0;
    return code != 0 ? code : weight < 0.0f ? -1 : 1;
}

/* One of `count` inputs of a target of a recentred pathway: the inputs' codes are shifted so
 * that they sum to round(count mean/scale), as near to the exact mean as integers come (but for
 * those that would become 0: they become 1 and -1 in turn). `rank` is the input's place in the
 * window's row-major order, `sum` the sum of the unshifted codes. Codes that the shift would take
 * beyond their range are clamped. */
HD int32_t recentred_code(int32_t code, uint32_t rank, int64_t sum, int64_t wanted, uint32_t count,
                          int32_t code_max) {
    int64_t excess = wanted - sum;
    int64_t each = excess / (int64_t)count; /* toward 0 */
    int64_t left = excess - each * (int64_t)count;
    int64_t shifted = code + each;
    if ((int64_t)rank < (left < 0 ? -left : left))
        shifted += left < 0 ? -1 : 1;
    if (shifted == 0)
        shifted = rank & 1u ? -1 : 1;
    return (int32_t)(shifted > code_max ? code_max : shifted < -code_max ? -code_max : shifted);
}
HD int64_t recentred_sum(const pathway_t *w) {
    return (int64_t)llrint((double)w->indegree * ((double)w->mean / (double)w->scale));
}

/* 64-bit mixing for hashes that do not depend on order: they are sums of hash_mix over items. The
 * finalizer of splitmix64 (Steele, Lea, Flood, OOPSLA 2014). */
HD uint64_t hash_mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}
HD uint64_t hash_synapse(uint32_t target_population, uint32_t source_population, uint32_t target,
                         uint32_t source, int32_t code) {
    uint64_t who =
        (uint64_t)(target_population * POPULATIONS_MAX + source_population) << 32 | target;
    return hash_mix(hash_mix(who) ^ ((uint64_t)source << 32 | (uint32_t)code));
}
HD uint64_t hash_state(uint32_t trial, uint32_t population, uint32_t neuron, float h) {
    return hash_mix((uint64_t)trial << 44 ^ (uint64_t)population << 40 ^ (uint64_t)neuron << 32 ^
                    hash_mix((uint64_t)neuron << 32 | float_bits(h)));
}

#endif
