/* The cuda backend: memory, state, and its instance of the interface. */
#include <stdio.h>
#include <stdlib.h>

#include "kernels/cuda/dense.h"
#include "kernels/cuda/device.h"
#include "models/rate.h"

/* The rates of population a in one trial, from its potentials, into the present images. */
static __global__ void __launch_bounds__(BLOCK_THREADS)
    image_kernel(const device_t *d, uint32_t a, uint32_t trial, uint32_t present) {
    const population_t *p = &d->net.population[a];
    uint64_t i = thread_index();
    if (i >= population_size(p))
        return;
    float r = gain_rate(p->gain, d->h[a][(size_t)trial * population_size(p) + i]);
    image_put(&d->rates[present], a, p, trial, (uint32_t)i,
              rate_code(r, rate_unit(p->rate_shift), rate_limit(d->net.rate_bits)));
}

static __global__ void __launch_bounds__(BLOCK_THREADS)
    rate_kernel(const device_t *d, uint32_t a, uint32_t trial) {
    const population_t *p = &d->net.population[a];
    uint64_t i = thread_index();
    if (i < population_size(p))
        d->rate[i] = gain_rate(p->gain, d->h[a][(size_t)trial * population_size(p) + i]);
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

static status_t rates_changed(backend_state_t *state, uint32_t trial, uint32_t population) {
    cudaLaunchConfig_t launch =
        launch_of_threads(population_size(&state->device.net.population[population]));
    CUDA(cudaLaunchKernelEx(&launch, image_kernel, (const device_t *)state->on_device, population,
                            trial, state->current));
    CUDA(cudaDeviceSynchronize());
    return STATUS_OK;
}

/* Every potential is 0 at first. */
static status_t state_create(backend_state_t *state, uint64_t *bytes) {
    device_t *d = &state->device;
    uint32_t width = width_of(d->net.trials);
    size_t largest = 0, table = NORMAL_NODES * sizeof *d->table;
    for (uint32_t b = 0; b < d->net.populations; b++) {
        size_t n = population_size(&d->net.population[b]), all = d->net.trials * n;
        largest = n > largest ? n : largest;
        TRY(cuda_allocate(&d->h[b], all, "the potentials"));
        CUDA(cudaMemset(d->h[b], 0, all * sizeof *d->h[b]));
        *bytes += all * sizeof *d->h[b];
    }
    for (int k = 0; k < 2; k++)
        TRY(cuda_images_create(&d->net, passes_of(d->net.trials, width), width, &d->rates[k],
                               bytes));
    TRY(cuda_allocate(&d->rate, largest, "the rates"));
    TRY(cuda_allocate(&d->step, 1, "a counter"));
    TRY(cuda_allocate(&d->saturated, 1, "a counter"));
    CUDA(cudaMemset(d->saturated, 0, sizeof *d->saturated));
    TRY(cuda_allocate(&d->table, NORMAL_NODES, "the normal table"));
    CUDA(cudaMemcpy(d->table, normal_table(), table, cudaMemcpyHostToDevice));
    TRY(cuda_allocate(&state->on_device, 1, "the network's numbers"));
    *bytes += largest * sizeof *d->rate + sizeof *d->step + sizeof *d->saturated + table +
              sizeof state->device;
    return STATUS_OK;
}

static void destroy(backend_state_t *state) {
    if (!state)
        return;
    device_t *d = &state->device;
    for (uint32_t k = 0; k < PATHWAYS_MAX; k++) {
        for (list_t *list : {&d->list[k], &d->near_list[k]}) {
            cudaFree(list->start);
            cudaFree(list->offset);
            cudaFree(list->code);
            cudaFree(list->low);
        }
        cudaFree(d->bitmap[k].place);
        cudaFree(d->bitmap[k].start);
        cudaFree(d->bitmap[k].mask);
        cudaFree(d->bitmap[k].code);
        cudaFree(d->bitmap[k].low);
    }
    for (uint32_t a = 0; a < POPULATIONS_MAX; a++)
        cudaFree(d->h[a]);
    cuda_images_destroy(&d->rates[0]);
    cuda_images_destroy(&d->rates[1]);
    cudaFree(d->rate);
    cudaFree(d->table);
    cudaFree(d->saturated);
    cudaFree(d->step);
    cudaFree(state->on_device);
    cuda_apply_destroy(state->apply);
    if (state->graph)
        cudaGraphExecDestroy(state->graph);
    if (state->stream)
        cudaStreamDestroy(state->stream);
    free(state);
}

static status_t footprint(const network_t *net, uint64_t *connectivity_bytes,
                          uint64_t *state_bytes) {
    double bytes = 0.0, code = net->weight_bits / 8.0;
    uint64_t largest = 0, width = width_of(net->trials), passes = passes_of(net->trials, width);
    *state_bytes = NORMAL_NODES * sizeof(normal_node_t) + sizeof(device_t) + 2 * sizeof(uint64_t);
    for (uint32_t k = 0; k < net->pathways; k++) {
        const pathway_t *w = &net->pathway[k];
        image_t image = image_of(net, w->source);
        uint64_t targets = population_size(&net->population[w->target]);
        units_t units;
        TRY(cuda_units_choose(net, k, &units));
        uint32_t n = units.bitmap.units;
        if (n > 0)
            bytes += (double)bitmap_fixed_bytes(&units.bitmap, targets,
                                                (uint64_t)w->classes_x * w->classes_y * n);
        bytes += (double)targets *
                     (units.in_units * code + (units.in_near_list + units.in_list) * (code + 2.0)) +
                 (double)(targets * window_bands(w, &image) + 1) * sizeof(uint64_t);
        bytes += units.near_listed ? (double)(targets + 1) * sizeof(uint64_t) : 0.0;
        cuda_units_destroy(&units);
    }
    for (uint32_t a = 0; a < net->populations; a++) {
        image_t image = image_of(net, a);
        uint64_t n = population_size(&net->population[a]);
        largest = n > largest ? n : largest;
        *state_bytes += n * net->trials * sizeof(float) +
                        2 * image_sites(&image) * passes * width * sizeof(int32_t);
    }
    *state_bytes += largest * sizeof(float);
    *connectivity_bytes = (uint64_t)bytes;
    return STATUS_OK;
}

static status_t fill(backend_state_t *state, connectivity_t *connectivity) {
    TRY(state_create(state, &connectivity->state_bytes));
    TRY(cuda_build(state, connectivity));
    TRY(cuda_step_create(state));
    for (uint32_t trial = 0; trial < state->device.net.trials; trial++)
        for (uint32_t a = 0; a < state->device.net.populations; a++)
            TRY(rates_changed(state, trial, a));
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

/* The potentials of one population in one trial. */
static float *potentials(const device_t *d, uint32_t trial, uint32_t population) {
    return d->h[population] + (size_t)trial * population_size(&d->net.population[population]);
}

static status_t put_state(backend_state_t *state, uint32_t trial, uint32_t population,
                          const float *h) {
    const device_t *d = &state->device;
    CUDA(cudaMemcpy(potentials(d, trial, population), h,
                    population_size(&d->net.population[population]) * sizeof *h,
                    cudaMemcpyHostToDevice));
    return rates_changed(state, trial, population);
}

static status_t get_state(backend_state_t *state, uint32_t trial, uint32_t population, float *h) {
    const device_t *d = &state->device;
    CUDA(cudaMemcpy(h, potentials(d, trial, population),
                    population_size(&d->net.population[population]) * sizeof *h,
                    cudaMemcpyDeviceToHost));
    return STATUS_OK;
}

static status_t get_rate(backend_state_t *state, uint32_t trial, uint32_t population, float *rate) {
    const device_t *d = &state->device;
    uint32_t n = population_size(&d->net.population[population]);
    cudaLaunchConfig_t launch = launch_of_threads(n);
    CUDA(cudaLaunchKernelEx(&launch, rate_kernel, (const device_t *)state->on_device, population,
                            trial));
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
