/* Y = J X on the device: the limbs of up to four vectors (limbs.h) are states side by side, summed
 * in one pass over the synapses as a step sums. */
#include <stdlib.h>

#include "kernels/cuda/sum.h"
#include "kernels/limbs.h"

/* What apply keeps from its first call on. */
struct apply_memory {
    uint32_t vectors; /* at once */
    images_t images;  /* state limb + LIMBS v: a limb of vector v */
    tiling_t tiling;
    double *x, *y;  /* [vectors][neurons] */
    limbs_t *limbs; /* [vectors] */
};

static __global__ void __launch_bounds__(BLOCK_THREADS)
    limb_kernel(const device_t *d, const images_t images, const limbs_t *limbs, uint64_t neurons,
                const double *x) {
    uint64_t thread = thread_index(), v = blockIdx.y;
    uint32_t a, i = neuron_of(&d->net, thread, &a);
    for (uint32_t limb = 0; limb < LIMBS && a < d->net.populations; limb++)
        image_put(&images, a, &d->net.population[a], (uint32_t)v * LIMBS + limb, i,
                  limb_code(&limbs[v], a, (int)limb, x[v * neurons + thread]));
}

/* y = 0 + limbs in order, and within each the target's pathways in config order. */
template <uint32_t BITS, uint32_t W>
static __global__ void __launch_bounds__(TILE_THREADS, tiles_at_once(W))
    product_kernel(const device_t *d, const tiling_t t, const images_t images, const limbs_t *limbs,
                   uint32_t vectors, double *y) {
    const network_t *net = &d->net;
    tile_sums<BITS, W>(d, &t, &images);
    const tile_t tile = tile_of(net, &t, blockIdx.x);
    const shared_t s = shared_of(&t, tile.population, W);
    uint32_t targets = tile.nx * tile.ny, nx = net->population[tile.population].nx;
    size_t first = neurons_before(net, tile.population);
    size_t neurons = neurons_before(net, net->populations);
    for (uint32_t n = threadIdx.x; n < targets * vectors; n += TILE_THREADS) {
        uint32_t target = n % targets, v = n / targets;
        const int64_t *sum = s.sums + target * s.inputs * W + v * LIMBS;
        double product = 0.0;
        for (uint32_t limb = 0; limb < LIMBS; limb++)
            for (uint32_t k = 0; k < s.inputs; k++) {
                const pathway_t *w = &net->pathway[t.first_pathway[tile.population] + k];
                product += limb_value(&limbs[v], w->source, (int)limb, sum[k * W + limb], w->scale);
            }
        y[v * neurons + first + (tile.y + target / tile.nx) * nx + tile.x + target % tile.nx] =
            product;
    }
}

typedef void (*product_kernel_t)(const device_t *, const tiling_t, const images_t, const limbs_t *,
                                 uint32_t, double *);
template <uint32_t BITS> static product_kernel_t product_kernel_of_width(uint32_t width) {
    return width == 2   ? product_kernel<BITS, 2>
           : width == 4 ? product_kernel<BITS, 4>
                        : product_kernel<BITS, 8>;
}
static product_kernel_t product_kernel_of(uint32_t bits, uint32_t width) {
    return bits == 8    ? product_kernel_of_width<8>(width)
           : bits == 16 ? product_kernel_of_width<16>(width)
                        : product_kernel_of_width<24>(width);
}

void cuda_apply_destroy(apply_memory_t *m) {
    if (!m)
        return;
    cuda_images_destroy(&m->images);
    cudaFree(m->x);
    cudaFree(m->y);
    cudaFree(m->limbs);
    free(m);
}

static status_t fill(const backend_state_t *state, uint32_t vectors, apply_memory_t *m) {
    const network_t *net = &state->device.net;
    uint64_t neurons = neurons_before(net, net->populations), bytes = 0;
    uint32_t width = width_of(LIMBS * vectors), most;
    m->vectors = width / LIMBS;
    TRY(cuda_images_create(net, 1, width, &m->images, &bytes));
    TRY(cuda_allocate(&m->x, m->vectors * neurons, "vectors"));
    TRY(cuda_allocate(&m->y, m->vectors * neurons, "vectors"));
    TRY(cuda_allocate(&m->limbs, m->vectors, "vectors"));
    TRY(cuda_shared_most(&most));
    cuda_tiling(&state->device, width, most, &m->tiling);
    return cuda_allow_shared(product_kernel_of(net->weight_bits, width), most);
}

/* Memory for so many vectors at once, at most WIDTH_MOST / LIMBS. */
static status_t reserve(backend_state_t *state, uint32_t vectors) {
    vectors = least(vectors, WIDTH_MOST / LIMBS);
    if (state->apply && state->apply->vectors >= vectors)
        return STATUS_OK;
    cuda_apply_destroy(state->apply);
    state->apply = NULL;
    apply_memory_t *m = (apply_memory_t *)calloc(1, sizeof *m);
    if (!m)
        FAIL(STATUS_FAILED, "no memory");
    status_t status = fill(state, vectors, m);
    if (status != STATUS_OK) {
        cuda_apply_destroy(m);
        return status;
    }
    state->apply = m;
    return STATUS_OK;
}

/* x, y: the host's, of `vectors` <= apply->vectors vectors. */
static status_t product_of(backend_state_t *state, uint32_t vectors, const double *x, double *y) {
    const apply_memory_t *m = state->apply;
    const network_t *net = &state->device.net;
    uint64_t neurons = neurons_before(net, net->populations);
    limbs_t limbs[WIDTH_MOST / LIMBS];
    for (uint32_t v = 0; v < vectors; v++)
        TRY(limbs_choose(net, x + v * neurons, &limbs[v]));
    CUDA(cudaMemcpy(m->limbs, limbs, vectors * sizeof *limbs, cudaMemcpyHostToDevice));
    CUDA(cudaMemcpy(m->x, x, vectors * neurons * sizeof *x, cudaMemcpyHostToDevice));
    cudaLaunchConfig_t put = launch_of_threads(neurons);
    put.gridDim.y = vectors;
    cudaLaunchConfig_t sum = launch_of_tiles(&m->tiling, 1, NULL);
    const device_t *d = state->on_device;
    CUDA(cudaLaunchKernelEx(&put, limb_kernel, d, m->images, (const limbs_t *)m->limbs, neurons,
                            (const double *)m->x));
    CUDA(cudaLaunchKernelEx(&sum, product_kernel_of(net->weight_bits, m->images.width), d,
                            m->tiling, m->images, (const limbs_t *)m->limbs, vectors, m->y));
    CUDA(cudaMemcpy(y, m->y, vectors * neurons * sizeof *y, cudaMemcpyDeviceToHost));
    return STATUS_OK;
}

status_t cuda_apply(backend_state_t *state, uint32_t vectors, const double *x, double *y) {
    uint64_t neurons = neurons_before(&state->device.net, state->device.net.populations);
    if (vectors > 0)
        TRY(reserve(state, vectors));
    while (vectors > 0) {
        uint32_t n = least(vectors, state->apply->vectors);
        TRY(product_of(state, n, x, y));
        vectors -= n;
        x += n * neurons;
        y += n * neurons;
    }
    return STATUS_OK;
}
