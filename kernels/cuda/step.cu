/* One step on the device: a warp adds up one target's inputs, then updates the neuron. */
#include "kernels/cuda/sum.h"
#include "models/rate.h"

/* A step of every neuron, all populations in one launch: reads image[from], writes the other.
 * Sums over a target's pathways in config order, each exact, added in double. */
template <uint32_t BITS>
static __global__ void __launch_bounds__(BLOCK_THREADS)
    step_kernel(const device_t *d, uint32_t from, uint64_t step) {
    const network_t *net = &d->net;
    uint32_t a, i = neuron_of(net, warp_index(), &a);
    if (a == net->populations)
        return;
    const population_t *p = &net->population[a];
    double input = 0.0;
    for (uint32_t k = 0; k < net->pathways; k++) {
        const pathway_t *w = &net->pathway[k];
        if (w->target == a)
            input += (double)pathway_sum<BITS>(d, k, from, i) *
                     pathway_unit(w, &net->population[w->source]);
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
    cudaLaunchConfig_t launch = launch_of(neurons_of(net));
    for (uint32_t k = 0; k < count; k++) {
        CUDA(cudaLaunchKernelEx(&launch, kernel, state->on_device, state->current, first_step + k));
        state->current = 1 - state->current;
    }
    CUDA(cudaDeviceSynchronize());
    return STATUS_OK;
}
