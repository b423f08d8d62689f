/* The rate model, one neuron, one Euler-Maruyama step (Huang et al., NeurIPS 2025, eq. 1):
 *   tau dh = [-h + J r + I] dt + s sqrt(2 tau) dW,  r = phi(h);
 *   h <- h + delta (-h + J r + I) + s sqrt(2 delta) z,  delta = dt/tau. */
#ifndef BRISC_RATE_H
#define BRISC_RATE_H

#include "kernels/draw.h"

/* `synaptic`: J r; `z`: a standard normal (any value where the population has no noise). */
HD float rate_step(const population_t *p, float h, float synaptic, float z) {
    float drive = (synaptic + p->input) - h;
    float next = fmaf(p->delta, drive, h);
    return p->noise != 0.0f ? fmaf(p->noise, z, next) : next;
}

/* A rate as it is transmitted: the integer r 2^rate_shift (`unit` = 2^rate_shift), saturating at
 * `limit`, the largest float below 2^rate_bits. */
HD int32_t rate_code(float r, float unit, float limit) {
    float x = r * unit; /* exact: a power of two */
    x = x < -limit ? -limit : x > limit ? limit : x;
    return (int32_t)rintf(x);
}
HD float rate_unit(int32_t rate_shift) {
    return float_from_bits((uint32_t)(127 + rate_shift) << 23);
}
HD float rate_limit(uint32_t rate_bits) {
    return (float)(1u << rate_bits) * 0.99999994f;
}
HD uint32_t rate_saturates(float r, float unit, uint32_t rate_bits) {
    float x = r * unit, full = (float)(1u << rate_bits);
    return (uint32_t)(x > full) | (uint32_t)(x < -full);
}

/* J r of one pathway is unit times the integer sum of weight codes times rate codes. */
HD double pathway_unit(const pathway_t *w, const population_t *source) {
    uint64_t bits = (uint64_t)(1023 - source->rate_shift) << 52;
    double unit;
    memcpy(&unit, &bits, sizeof unit);
    return (double)w->scale * unit;
}

#endif
