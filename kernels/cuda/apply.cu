/* Y = J X on the device: each limb of a vector (limbs.h) goes into the image that no step reads at
 * present, and is summed as a step sums. */
#include "kernels/cuda/sum.h"
#include "kernels/limbs.h"

static __global__ void __launch_bounds__(BLOCK_THREADS)
    limb_kernel(const device_t *d, uint32_t image, limbs_t limbs, int limb, const double *x) {
    uint64_t thread = (uint64_t)blockIdx.x * BLOCK_THREADS + threadIdx.x;
    uint32_t a, i = neuron_of(&d->net, thread, &a);
    if (a < d->net.populations)
        image_put(&d->image[image][a], &d->net.population[a], i,
                  limb_code(&limbs, a, limb, x[thread]));
}

/* Adds to y, a target's pathways in config order. */
template <uint32_t BITS>
static __global__ void __launch_bounds__(BLOCK_THREADS)
    product_kernel(const device_t *d, uint32_t image, limbs_t limbs, int limb, double *y) {
    const network_t *net = &d->net;
    uint32_t a, i = neuron_of(net, warp_index(), &a);
    if (a == net->populations)
        return;
    double product = y[warp_index()];
    for (uint32_t k = 0; k < net->pathways; k++) {
        const pathway_t *w = &net->pathway[k];
        if (w->target == a)
            product +=
                limb_value(&limbs, w->source, limb, pathway_sum<BITS>(d, k, image, i), w->scale);
    }
    if (lane_index() == 0)
        y[warp_index()] = product;
}

/* One vector on the device: from x[neurons] to y[neurons]. */
static status_t product(backend_state_t *state, const limbs_t *limbs, const double *x, double *y) {
    const network_t *net = &state->device.net;
    void (*kernel)(const device_t *, uint32_t, limbs_t, int, double *) =
        net->weight_bits == 8    ? product_kernel<8>
        : net->weight_bits == 16 ? product_kernel<16>
                                 : product_kernel<24>;
    uint64_t neurons = neurons_of(net);
    uint32_t spare = 1 - state->current;
    cudaLaunchConfig_t put = launch_of_threads(neurons), sum = launch_of(neurons);
    CUDA(cudaMemset(y, 0, neurons * sizeof *y));
    for (int limb = 0; limb < LIMBS; limb++) {
        CUDA(cudaLaunchKernelEx(&put, limb_kernel, state->on_device, spare, *limbs, limb, x));
        CUDA(cudaLaunchKernelEx(&sum, kernel, state->on_device, spare, *limbs, limb, y));
    }
    return STATUS_OK;
}

status_t cuda_apply(backend_state_t *state, uint32_t vectors, const double *x, double *y) {
    uint64_t neurons = neurons_of(&state->device.net);
    if (!state->x)
        TRY(cuda_allocate(&state->x, neurons, "a vector"));
    if (!state->y)
        TRY(cuda_allocate(&state->y, neurons, "a vector"));
    for (uint32_t v = 0; v < vectors; v++, x += neurons, y += neurons) {
        limbs_t limbs;
        TRY(limbs_choose(&state->device.net, x, &limbs));
        CUDA(cudaMemcpy(state->x, x, neurons * sizeof *x, cudaMemcpyHostToDevice));
        TRY(product(state, &limbs, state->x, state->y));
        CUDA(cudaMemcpy(y, state->y, neurons * sizeof *y, cudaMemcpyDeviceToHost));
    }
    return STATUS_OK;
}
