/* A target's exact integer sum over one pathway, by a warp: what steps and products share. */
#ifndef BRISC_CUDA_SUM_H
#define BRISC_CUDA_SUM_H

#include "kernels/cuda/device.h"

/* Synapses a lane has in flight: their loads are issued together, to hide the memory's latency. */
enum { IN_FLIGHT = 4 };

/* This lane's part of a target's sum over one pathway. */
template <uint32_t BITS>
static __device__ int64_t lane_sum(const synapses_t *s, uint32_t target, const int32_t *window) {
    const uint64_t *start = s->start + (uint64_t)target * s->bands;
    const uint16_t *offset = s->offset;
    const uint8_t *plane = s->code, *low = s->low;
    uint32_t bands = s->bands;
    int64_t sum = 0;
    for (uint32_t band = 0; band < bands; band++, window += BAND_SITES) {
        uint64_t at = start[band];
        uint32_t n = (uint32_t)(start[band + 1] - at);
        for (uint32_t first = 0; first < n; first += IN_FLIGHT * LANES)
            for (uint32_t j = 0; j < IN_FLIGHT; j++) {
                uint32_t k = first + j * LANES + lane_index();
                uint64_t place = at + (k < n ? k : n - 1);
                int32_t code = stored_code(plane, low, BITS, place);
                int64_t product = (int64_t)code * window[offset[place]];
                sum += k < n ? product : 0;
            }
    }
    return sum;
}

/* Target i's sum over pathway k, of weight codes times the codes in image[image], in every lane. */
template <uint32_t BITS>
static __device__ int64_t pathway_sum(const device_t *d, uint32_t k, uint32_t image, uint32_t i) {
    const pathway_t *w = &d->net.pathway[k];
    uint32_t nx = d->net.population[w->target].nx;
    const int32_t *window = window_of(&d->image[image][w->source], w, i % nx, i / nx);
    return warp_sum(lane_sum<BITS>(&d->synapses[k], i, window));
}

/* The place within population `*a` of neuron i, counted through the populations in order; `*a` is
 * net->populations where there are not so many. */
static inline __device__ uint32_t neuron_of(const network_t *net, uint64_t i, uint32_t *a) {
    for (*a = 0; *a < net->populations && i >= population_size(&net->population[*a]); (*a)++)
        i -= population_size(&net->population[*a]);
    return (uint32_t)i;
}

static inline uint64_t neurons_of(const network_t *net) {
    uint64_t neurons = 0;
    for (uint32_t a = 0; a < net->populations; a++)
        neurons += population_size(&net->population[a]);
    return neurons;
}

#endif
