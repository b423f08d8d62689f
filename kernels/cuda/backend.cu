/* The cuda backend: memory, state, and its instance of the interface. */
#include <stdio.h>
#include <stdlib.h>

#include "kernels/cuda/dense.h"
#include "kernels/cuda/device.h"
#include "models/rate.h"

/* Writes the image of one population from its potentials. */
static __global__ void __launch_bounds__(BLOCK_THREADS)
    image_kernel(const device_t *d, uint32_t population, uint32_t image) {
    const population_t *p = &d->net.population[population];
    uint64_t i = (uint64_t)blockIdx.x * BLOCK_THREADS + threadIdx.x;
    if (i >= population_size(p))
        return;
    float r = gain_rate(p->gain, d->h[population][i]);
    image_put(&d->image[image][population], p, (uint32_t)i,
              rate_code(r, rate_unit(p->rate_shift), rate_limit(d->net.rate_bits)));
}

static __global__ void __launch_bounds__(BLOCK_THREADS)
    rate_kernel(const device_t *d, uint32_t population) {
    const population_t *p = &d->net.population[population];
    uint64_t i = (uint64_t)blockIdx.x * BLOCK_THREADS + threadIdx.x;
    if (i < population_size(p))
        d->rate[i] = gain_rate(p->gain, d->h[population][i]);
}

static status_t available(char *device, size_t size) {
    int devices = 0;
    cudaError_t error = cudaGetDeviceCount(&devices);
    if (error != cudaSuccess || devices == 0)
        FAIL(STATUS_FAILED,
             "--backend cuda: no GPU can be used here (%s); see whether `nvidia-smi` lists one and "
             "what CUDA_VISIBLE_DEVICES says, or use --backend cpu",
             error != cudaSuccess ? cudaGetErrorString(error) : "none found");
    cudaDeviceProp properties;
    cudaFuncAttributes attributes;
    CUDA(cudaGetDeviceProperties(&properties, 0));
    error = cudaFuncGetAttributes(&attributes, rate_kernel);
    if (error != cudaSuccess)
        FAIL(STATUS_FAILED,
             "--backend cuda: this brisc has no code for %s, sm_%d%d (%s); build it with "
             "-DCMAKE_CUDA_ARCHITECTURES=%d%d, or use --backend cpu",
             properties.name, properties.major, properties.minor, cudaGetErrorString(error),
             properties.major, properties.minor);
    snprintf(device, size, "%s, sm_%d%d", properties.name, properties.major, properties.minor);
    return STATUS_OK;
}

static status_t memory_free(uint64_t *bytes) {
    size_t unused = 0, total = 0;
    CUDA(cudaMemGetInfo(&unused, &total));
    *bytes = unused;
    return STATUS_OK;
}

static status_t rates_changed(backend_state_t *state, uint32_t population) {
    cudaLaunchConfig_t launch =
        launch_of_threads(population_size(&state->device.net.population[population]));
    CUDA(cudaLaunchKernelEx(&launch, image_kernel, state->on_device, population, state->current));
    CUDA(cudaDeviceSynchronize());
    return STATUS_OK;
}

/* Every potential is 0 at first. */
static status_t state_create(backend_state_t *state, uint64_t *bytes) {
    device_t *d = &state->device;
    size_t largest = 0, table = NORMAL_NODES * sizeof *d->table;
    for (uint32_t b = 0; b < d->net.populations; b++) {
        size_t n = population_size(&d->net.population[b]);
        largest = n > largest ? n : largest;
        TRY(cuda_allocate(&d->h[b], n, "the potentials"));
        CUDA(cudaMemset(d->h[b], 0, n * sizeof *d->h[b]));
        *bytes += n * sizeof *d->h[b];
        for (int k = 0; k < 2; k++) {
            image_t *image = &d->image[k][b];
            *image = image_of(&d->net, b);
            TRY(cuda_allocate(&image->code, image_sites(image), "the rates"));
            *bytes += image_sites(image) * sizeof *image->code;
        }
    }
    TRY(cuda_allocate(&d->rate, largest, "the rates"));
    TRY(cuda_allocate(&d->saturated, 1, "a counter"));
    CUDA(cudaMemset(d->saturated, 0, sizeof *d->saturated));
    TRY(cuda_allocate(&d->table, NORMAL_NODES, "the normal table"));
    CUDA(cudaMemcpy(d->table, normal_table(), table, cudaMemcpyHostToDevice));
    TRY(cuda_allocate(&state->on_device, 1, "the network's numbers"));
    *bytes += largest * sizeof *d->rate + sizeof *d->saturated + table + sizeof state->device;
    return STATUS_OK;
}

static void destroy(backend_state_t *state) {
    if (!state)
        return;
    device_t *d = &state->device;
    for (uint32_t k = 0; k < PATHWAYS_MAX; k++) {
        cudaFree(d->synapses[k].start);
        cudaFree(d->synapses[k].offset);
        cudaFree(d->synapses[k].code);
        cudaFree(d->synapses[k].low);
    }
    for (uint32_t a = 0; a < POPULATIONS_MAX; a++) {
        cudaFree(d->image[0][a].code);
        cudaFree(d->image[1][a].code);
        cudaFree(d->h[a]);
    }
    cudaFree(d->rate);
    cudaFree(d->table);
    cudaFree(d->saturated);
    cudaFree(state->on_device);
    cudaFree(state->x);
    cudaFree(state->y);
    free(state);
}

static status_t footprint(const network_t *net, uint64_t *connectivity_bytes,
                          uint64_t *state_bytes) {
    double bytes = 0.0;
    uint64_t largest = 0;
    *state_bytes = NORMAL_NODES * sizeof(normal_node_t) + sizeof(device_t) + sizeof(uint64_t);
    for (uint32_t k = 0; k < net->pathways; k++) {
        const pathway_t *w = &net->pathway[k];
        image_t image = image_of(net, w->source);
        double targets = population_size(&net->population[w->target]);
        bytes += pathway_indegree(w) * targets * (sizeof(uint16_t) + net->weight_bits / 8.0) +
                 (targets * window_bands(w, &image) + 1.0) * sizeof(uint64_t);
    }
    for (uint32_t a = 0; a < net->populations; a++) {
        image_t image = image_of(net, a);
        uint64_t n = population_size(&net->population[a]);
        largest = n > largest ? n : largest;
        *state_bytes += n * sizeof(float) + 2 * image_sites(&image) * sizeof(int32_t);
    }
    *state_bytes += largest * sizeof(float);
    *connectivity_bytes = (uint64_t)bytes;
    return STATUS_OK;
}

static status_t fill(backend_state_t *state, connectivity_t *connectivity) {
    TRY(state_create(state, &connectivity->state_bytes));
    TRY(cuda_build(state, connectivity));
    for (uint32_t a = 0; a < state->device.net.populations; a++)
        TRY(rates_changed(state, a));
    return STATUS_OK;
}

static status_t create(const network_t *net, const backend_options_t *options,
                       backend_state_t **out, connectivity_t *connectivity) {
    (void)options; /* the cpu's */
    backend_state_t *state = (backend_state_t *)calloc(1, sizeof *state);
    if (!state)
        FAIL(STATUS_FAILED, "no memory");
    memset(connectivity, 0, sizeof *connectivity);
    state->device.net = *net;
    status_t status = fill(state, connectivity);
    if (status != STATUS_OK) {
        destroy(state);
        return status;
    }
    *out = state;
    return STATUS_OK;
}

static status_t put_state(backend_state_t *state, uint32_t trial, uint32_t population,
                          const float *h) {
    (void)trial;
    const device_t *d = &state->device;
    CUDA(cudaMemcpy(d->h[population], h,
                    population_size(&d->net.population[population]) * sizeof *h,
                    cudaMemcpyHostToDevice));
    return rates_changed(state, population);
}

static status_t get_state(backend_state_t *state, uint32_t trial, uint32_t population, float *h) {
    (void)trial;
    const device_t *d = &state->device;
    CUDA(cudaMemcpy(h, d->h[population],
                    population_size(&d->net.population[population]) * sizeof *h,
                    cudaMemcpyDeviceToHost));
    return STATUS_OK;
}

static status_t get_rate(backend_state_t *state, uint32_t trial, uint32_t population,
                         float *rate) {
    (void)trial;
    const device_t *d = &state->device;
    uint32_t n = population_size(&d->net.population[population]);
    cudaLaunchConfig_t launch = launch_of_threads(n);
    CUDA(cudaLaunchKernelEx(&launch, rate_kernel, state->on_device, population));
    CUDA(cudaMemcpy(rate, d->rate, n * sizeof *rate, cudaMemcpyDeviceToHost));
    return STATUS_OK;
}

static status_t saturated(backend_state_t *state, uint64_t *count) {
    CUDA(cudaMemcpy(count, state->device.saturated, sizeof *count, cudaMemcpyDeviceToHost));
    return STATUS_OK;
}

extern "C" const backend_t backend_cuda = {
    "cuda",    available,  memory_free, footprint,  create,
    destroy,   put_state,  get_state,   get_rate,   cuda_step,
    saturated, cuda_edges, cuda_apply,  CUDA_DENSE, CUDA_YARDSTICKS,
};
