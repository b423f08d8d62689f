/* How rates and synapses lie in memory, in every backend.
 *
 * Image. The rate codes of a population, with its rows and columns repeated around it as far as
 * any window reaches, so that the window of a target is at a fixed distance from its base site
 * and no index has to be wrapped.
 *
 * Offset. A source's place in its target's window: row * stride + column in the image. Its 16 low
 * bits are stored; the rest is the band, BAND_SITES sites each, that the synapse is listed under.
 *
 * Code. A synapse's integer weight: one plane of int8_t or int16_t, or, at 24 bits, a plane of
 * int16_t with the high 16 and one of uint8_t with the low 8. */
#ifndef BRISC_STORAGE_H
#define BRISC_STORAGE_H

#include "kernels/network.h"

enum { BAND_SITES = 65536 };

typedef struct {
    int32_t *code;     /* [height][stride] */
    int32_t left, top; /* the lattice's column and row of the first site; at most 0 */
    uint32_t width, height, stride;
} image_t;

/* The image of population b, without its memory: as far beyond the lattice as the widest window
 * that reads it. */
static inline image_t image_of(const network_t *net, uint32_t b) {
    const population_t *p = &net->population[b];
    int32_t left = 0, top = 0, right = (int32_t)p->nx, bottom = (int32_t)p->ny;
    for (uint32_t k = 0; k < net->pathways; k++) {
        const pathway_t *w = &net->pathway[k];
        if (w->source != b)
            continue;
        int32_t x_end = (int32_t)p->nx - 1 + w->offset_x + (int32_t)w->window_x;
        int32_t y_end = (int32_t)p->ny - 1 + w->offset_y + (int32_t)w->window_y;
        left = w->offset_x < left ? w->offset_x : left;
        top = w->offset_y < top ? w->offset_y : top;
        right = x_end > right ? x_end : right;
        bottom = y_end > bottom ? y_end : bottom;
    }
    image_t image;
    image.code = NULL;
    image.left = left;
    image.top = top;
    image.width = image.stride = (uint32_t)(right - left);
    image.height = (uint32_t)(bottom - top);
    return image;
}

static inline size_t image_sites(const image_t *image) {
    return (size_t)image->stride * image->height;
}

/* The image site that the window of target (ix, iy) begins at. */
HD const int32_t *window_of(const image_t *image, const pathway_t *w, uint32_t ix, uint32_t iy) {
    int64_t x = (int64_t)pathway_base_x(w, ix) + w->offset_x - image->left;
    int64_t y = (int64_t)pathway_base_y(w, iy) + w->offset_y - image->top;
    return image->code + y * image->stride + x;
}

/* The source neuron at (row, column) of the window of target (ix, iy); `from`: the source
 * population. */
HD uint32_t window_source(const pathway_t *w, const population_t *from, uint32_t ix, uint32_t iy,
                          uint32_t row, uint32_t column) {
    int32_t x = (int32_t)pathway_base_x(w, ix) + w->offset_x + (int32_t)column;
    int32_t y = (int32_t)pathway_base_y(w, iy) + w->offset_y + (int32_t)row;
    return wrapped(y, from->ny) * from->nx + wrapped(x, from->nx);
}

/* Bands of a pathway whose sources lie in `image`. */
static inline uint32_t window_bands(const pathway_t *w, const image_t *image) {
    return (uint32_t)(((uint64_t)w->window_y * image->stride + BAND_SITES - 1) / BAND_SITES);
}

static inline size_t code_size(uint32_t bits) { /* bytes a code in the first plane */
    return bits == 8 ? 1 : 2;
}
HD int32_t stored_code(const void *plane, const uint8_t *low, uint32_t bits, size_t k) {
    if (bits == 8)
        return ((const int8_t *)plane)[k];
    int32_t high = ((const int16_t *)plane)[k];
    return bits == 16 ? high : (int32_t)((uint32_t)high << 8 | low[k]);
}
HD void store_code(void *plane, uint8_t *low, uint32_t bits, size_t k, int32_t code) {
    if (bits == 8)
        ((int8_t *)plane)[k] = (int8_t)code;
    else if (bits == 16)
        ((int16_t *)plane)[k] = (int16_t)code;
    else {
        ((int16_t *)plane)[k] = (int16_t)(code >> 8);
        low[k] = (uint8_t)code;
    }
}

#ifdef __cplusplus
extern "C" {
#endif

/* Expected number of inputs of a target, averaged over its classes. */
double pathway_indegree(const pathway_t *w);
/* The t that a sum of independent draws of 0 or 1, of this variance, exceeds its mean by with a
 * probability of at most e^-80: P(sum >= mean + t) <= exp(-t^2/2 / (variance + t/3))
 * (S. Bernstein; e.g. G. Bennett, J. Am. Stat. Assoc. 57, 33 (1962)). */
double deviation_most(double variance);
/* What no target's number of inputs exceeds, but for that probability a target: mean and
 * deviation_most, and at most all reachable. */
uint32_t pathway_inputs_most(const pathway_t *w);
/* net->rate_bits, from weight_bits and the pathways' inputs_most. */
uint32_t rate_bits_choose(const network_t *net);
/* Probability that a target of class `class_index` gets an input from each window cell, pi[cells]:
 * the stored probability, or under RULE_FIXED_INDEGREE that of successive sampling. */
void pathway_inclusion(const pathway_t *w, size_t class_index, double *pi);
/* Successive sampling of `indegree` of n without replacement with weights p: pi_j = 1 - exp(-t
 * p_j), sum pi = indegree (B. Rosen, Ann. Math. Statist. 43, 373 (1972)), the limit of large
 * indegree. In place: p in, pi out. */
void inclusion_probabilities(uint32_t indegree, size_t n, double *p);

/* One input of a target, as `edges` gives it out. */
typedef struct {
    uint32_t source;
    int32_t code;
} edge_t;

/* Writes the n inputs of row t of a CSR block (backend.h, edges): sets indptr[t + 1]; where sources
 * is not NULL, sorts the inputs by source and fills sources and codes from indptr[t] on. */
void edges_put(edge_t *edge, uint32_t n, uint32_t t, uint64_t *indptr, uint32_t *sources,
               int32_t *codes);

#ifdef __cplusplus
}
#endif
#endif
