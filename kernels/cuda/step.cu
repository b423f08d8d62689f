/* One step on the device: a warp adds up one target's inputs, then updates the neuron. */
#include "kernels/cuda/device.h"
#include "models/rate.h"

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

/* A step of every neuron, all populations in one launch: reads image[from], writes the other.
 * Sums over a target's pathways in config order, each exact, added in double. */
template <uint32_t BITS>
static __global__ void __launch_bounds__(BLOCK_THREADS)
    step_kernel(const device_t *d, uint32_t from, uint64_t step) {
    const network_t *net = &d->net;
    uint32_t a = 0;
    uint64_t warp = warp_index();
    while (a < net->populations && warp >= population_size(&net->population[a]))
        warp -= population_size(&net->population[a++]);
    if (a == net->populations)
        return;
    const population_t *p = &net->population[a];
    uint32_t i = (uint32_t)warp;
    double input = 0.0;
    for (uint32_t k = 0; k < net->pathways; k++) {
        const pathway_t *w = &net->pathway[k];
        if (w->target != a)
            continue;
        const int32_t *window = window_of(&d->image[from][w->source], w, i % p->nx, i / p->nx);
        int64_t sum = warp_sum(lane_sum<BITS>(&d->synapses[k], i, window));
        input += (double)sum * pathway_unit(w, &net->population[w->source]);
    }
    if (lane_index() != 0)
        return;
    float z = 0.0f;
    if (p->noise != 0.0f)
        z = normal_from_bits(d->table, philox_word(net->seed, stream_of_noise(a, step), i));
    float h = rate_step(p, d->h[a][i], (float)input, z);
    d->h[a][i] = h;
    float r = gain_rate(p->gain, h), unit = rate_unit(p->rate_shift);
    image_put(&d->image[1 - from][a], p, i, rate_code(r, unit, rate_limit(net->rate_bits)));
    if (rate_saturates(r, unit, net->rate_bits))
        add_to(d->saturated, 1);
}

status_t cuda_step(backend_state_t *state, uint64_t first_step, uint32_t count) {
    const network_t *net = &state->device.net;
    void (*kernel)(const device_t *, uint32_t, uint64_t) = net->weight_bits == 8 ? step_kernel<8>
                                                           : net->weight_bits == 16
                                                               ? step_kernel<16>
                                                               : step_kernel<24>;
    uint64_t neurons = 0;
    for (uint32_t a = 0; a < net->populations; a++)
        neurons += population_size(&net->population[a]);
    cudaLaunchConfig_t launch = launch_of(neurons);
    for (uint32_t k = 0; k < count; k++) {
        CUDA(cudaLaunchKernelEx(&launch, kernel, state->on_device, state->current, first_step + k));
        state->current = 1 - state->current;
    }
    CUDA(cudaDeviceSynchronize());
    return STATUS_OK;
}
