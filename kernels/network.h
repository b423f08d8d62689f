/* The network as a backend sees it: plain numbers, no names of config keys. Built by
 * host/pathway.c from the config; read by theory and by every backend.
 *
 * Geometry. Population a has ny_a x nx_a sites at cell centres ((ix+1/2)/nx, (iy+1/2)/ny) of the
 * unit torus; neuron i = iy nx + ix. Along x, with g = gcd(nx_a, nx_b), target column ix belongs
 * to class ix mod (nx_a/g) and has the base source column (ix / (nx_a/g)) (nx_b/g); the
 * connection probability depends on the class and on the offset of the source from the base
 * alone. Likewise along y. */
#ifndef BRISC_NETWORK_H
#define BRISC_NETWORK_H

#include "kernels/hd.h"
#include "models/gains.h"

enum { POPULATIONS_MAX = 8, PATHWAYS_MAX = POPULATIONS_MAX * POPULATIONS_MAX, TRIALS_MAX = 4096 };

typedef enum { RULE_BERNOULLI, RULE_FIXED_INDEGREE, RULE_KINDS } rule_t;
/* How synapses lie in memory (storage.h); no result depends on it. */
typedef enum { STORAGE_AUTO, STORAGE_LIST, STORAGE_BITMAP, STORAGE_KINDS } storage_t;
typedef enum { WEIGHTS_NORMAL, WEIGHTS_CONSTANT, WEIGHTS_LOGNORMAL, WEIGHTS_KINDS } weights_t;

typedef struct {
    uint32_t nx, ny;
    gain_t gain;
    float delta;        /* dt / tau */
    float noise;        /* s sqrt(2 dt / tau): standard deviation of one step's noise, in h */
    float input;        /* I: DC input, in h */
    int32_t rate_shift; /* a rate r is stored as the integer r 2^rate_shift, saturating */
} population_t;

typedef struct {
    uint32_t target, source;       /* population indices; its identity in every random draw */
    int32_t rule, weights;         /* rule_t, weights_t */
    uint32_t classes_x, classes_y; /* nx_a/g, ny_a/g */
    uint32_t shift_x, shift_y; /* nx_b/g, ny_b/g: base source site moves by this per class period */
    int32_t offset_x, offset_y;  /* first column, row of the window, from the base source site */
    uint32_t window_x, window_y; /* window's size, at most the source lattice's */
    /* Connection probability times 2^32, [classes_y][classes_x][window_y][window_x]; the draw u
     * of a pair connects it if u < threshold, or if threshold is UINT32_MAX (probability 1). */
    const uint32_t *threshold;
    uint32_t indegree;    /* RULE_FIXED_INDEGREE: inputs of every target */
    uint32_t inputs_most; /* what no target's number of inputs exceeds (kernels/storage.h) */
    /* Weight of one synapse, in h per unit rate: normal(mean, std); constant mean; lognormal:
     * sign(mean) exp(log_mean + log_std z). Stored as code * scale, code in [-code_max, code_max];
     * all weights zero: scale 0, codes 1. */
    float mean, std, log_mean, log_std;
    float scale;
} pathway_t;

typedef struct {
    uint32_t populations, pathways;
    population_t population[POPULATIONS_MAX];
    pathway_t pathway[PATHWAYS_MAX]; /* targets in config order, sources in config order within */
    uint64_t seed;
    uint32_t trials;      /* states side by side, at least 1 */
    uint32_t weight_bits; /* 8, 16, 24 */
    int32_t storage;      /* storage_t */
    /* |rate code| < 2^rate_bits: 31, or 26 with 24-bit weights; or as many fewer as keep a target's
     * sum over one pathway below 2^63, if all its codes are the largest (rate_bits_choose). */
    uint32_t rate_bits;
} network_t;

/* Greatest common divisor; of 0 and n: n. */
HD uint32_t common_divisor(uint32_t a, uint32_t b) {
    while (b) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

HD uint32_t population_size(const population_t *p) {
    return p->nx * p->ny;
}
/* Neurons of the populations before `population`; of all for net->populations. */
HD size_t neurons_before(const network_t *net, uint32_t population) {
    size_t n = 0;
    for (uint32_t a = 0; a < population; a++)
        n += population_size(&net->population[a]);
    return n;
}
HD int32_t weight_code_max(uint32_t weight_bits) {
    return (int32_t)((1u << (weight_bits - 1)) - 1);
}

/* Whether the weights of each target's inputs are shifted so that their mean is exact. A shift
 * would take lognormal ones past 0. */
HD int pathway_recentred(const pathway_t *w) {
    return w->rule == RULE_FIXED_INDEGREE && w->weights != WEIGHTS_LOGNORMAL && w->scale > 0.0f;
}

/* Window cell (wx, wy) of target site (ix, iy): the source site, wrapped on the torus. */
HD uint32_t wrapped(int32_t site, uint32_t n) {
    return (uint32_t)(site < 0 ? site + (int32_t)n : site >= (int32_t)n ? site - (int32_t)n : site);
}
HD uint32_t pathway_base_x(const pathway_t *w, uint32_t ix) {
    return ix / w->classes_x * w->shift_x;
}
HD uint32_t pathway_base_y(const pathway_t *w, uint32_t iy) {
    return iy / w->classes_y * w->shift_y;
}
HD uint32_t pathway_source_x(const pathway_t *w, uint32_t base_x, uint32_t wx, uint32_t nx) {
    return wrapped((int32_t)base_x + w->offset_x + (int32_t)wx, nx);
}
HD uint32_t pathway_source_y(const pathway_t *w, uint32_t base_y, uint32_t wy, uint32_t ny) {
    return wrapped((int32_t)base_y + w->offset_y + (int32_t)wy, ny);
}
HD const uint32_t *pathway_threshold(const pathway_t *w, uint32_t ix, uint32_t iy) {
    uint64_t class_index = (uint64_t)(iy % w->classes_y) * w->classes_x + ix % w->classes_x;
    return w->threshold + class_index * w->window_x * w->window_y;
}

#endif
