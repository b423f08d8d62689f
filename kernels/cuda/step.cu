/* A step on the device, one kernel: the sums of a tile's targets by warps, then their neurons by
 * threads. Many steps are one graph, which takes the step's number from the device's memory. */
#include "kernels/cuda/sum.h"
#include "models/rate.h"

enum { GRAPH_STEPS = 16 }; /* even: the graph begins and ends with the present rates in rates[0] */

/* Neuron i of population a in one trial: its potential in place, its next rate into images[1 -
 * from]. The pathways' sums, each exact, are added in double, in config order. */
static __device__ void neuron_step(const device_t *d, uint32_t from, uint64_t step, uint32_t a,
                                   uint32_t trial, uint32_t i, uint32_t first_pathway,
                                   uint32_t inputs, const int64_t *sum, uint32_t width) {
    const network_t *net = &d->net;
    const population_t *p = &net->population[a];
    double input = 0.0;
    for (uint32_t k = 0; k < inputs; k++) {
        const pathway_t *w = &net->pathway[first_pathway + k];
        input += (double)sum[k * width] * pathway_unit(w, &net->population[w->source]);
    }
    float z = 0.0f;
    if (p->noise != 0.0f)
        z = normal_from_bits(d->table,
                             philox_word(net->seed, stream_of_noise(a, step), of_trial(trial, i)));
    float *h = d->h[a] + (size_t)trial * population_size(p) + i;
    *h = rate_step(p, *h, (float)input, z);
    float r = gain_rate(p->gain, *h), unit = rate_unit(p->rate_shift);
    image_put(&d->rates[1 - from], a, p, trial, i, rate_code(r, unit, rate_limit(net->rate_bits)));
    if (rate_saturates(r, unit, net->rate_bits))
        add_to(d->saturated, 1);
}

/* Step number *d->step + ahead, of every neuron and trial: reads rates[from], writes the other. */
template <uint32_t BITS, uint32_t W>
static __global__ void __launch_bounds__(TILE_THREADS, tiles_at_once(W))
    step_kernel(const device_t *d, const tiling_t t, uint32_t from, uint32_t ahead) {
    tile_sums<BITS, W>(d, &t, &d->rates[from]);
    const tile_t tile = tile_of(&d->net, &t, blockIdx.x);
    const shared_t s = shared_of(&t, tile.population, W);
    uint32_t targets = tile.nx * tile.ny, nx = d->net.population[tile.population].nx;
    for (uint32_t n = threadIdx.x; n < targets * W; n += TILE_THREADS) {
        uint32_t target = n % targets, state = n / targets, trial = blockIdx.y * W + state;
        uint32_t i = (tile.y + target / tile.nx) * nx + tile.x + target % tile.nx;
        if (trial < d->net.trials)
            neuron_step(d, from, *d->step + ahead, tile.population, trial, i,
                        t.first_pathway[tile.population], s.inputs,
                        s.sums + target * s.inputs * W + state, W);
    }
}

static __global__ void advance_kernel(uint64_t *step, uint32_t count) {
    *step += count;
}

typedef void (*step_kernel_t)(const device_t *, const tiling_t, uint32_t, uint32_t);
template <uint32_t BITS> static step_kernel_t step_kernel_of_width(uint32_t width) {
    return width == 1   ? step_kernel<BITS, 1>
           : width == 2 ? step_kernel<BITS, 2>
           : width == 4 ? step_kernel<BITS, 4>
                        : step_kernel<BITS, 8>;
}
static step_kernel_t step_kernel_of(uint32_t bits, uint32_t width) {
    return bits == 8    ? step_kernel_of_width<8>(width)
           : bits == 16 ? step_kernel_of_width<16>(width)
                        : step_kernel_of_width<24>(width);
}

/* Puts `count` steps and the advance of the step's number into the stream. */
static status_t enqueue(backend_state_t *state, uint32_t count) {
    const device_t *d = &state->device;
    uint32_t width = d->rates[0].width;
    step_kernel_t kernel = step_kernel_of(d->net.weight_bits, width);
    cudaLaunchConfig_t launch =
        launch_of_tiles(&state->tiling, passes_of(d->net.trials, width), state->stream);
    for (uint32_t k = 0; k < count; k++) {
        CUDA(cudaLaunchKernelEx(&launch, kernel, (const device_t *)state->on_device, state->tiling,
                                state->current, k));
        state->current = 1 - state->current;
    }
    cudaLaunchConfig_t one = {};
    one.gridDim = dim3(1);
    one.blockDim = dim3(1);
    one.stream = state->stream;
    CUDA(cudaLaunchKernelEx(&one, advance_kernel, d->step, count));
    return STATUS_OK;
}

/* Records GRAPH_STEPS steps; nothing runs. */
static status_t graph_create(backend_state_t *state) {
    cudaGraph_t graph = NULL;
    CUDA(cudaStreamBeginCapture(state->stream, cudaStreamCaptureModeThreadLocal));
    status_t status = enqueue(state, GRAPH_STEPS);
    cudaError_t error = cudaStreamEndCapture(state->stream, &graph);
    if (status == STATUS_OK && error == cudaSuccess)
        error = cudaGraphInstantiateWithFlags(&state->graph, graph, 0);
    if (graph)
        cudaGraphDestroy(graph);
    TRY(status);
    CUDA(error);
    return STATUS_OK;
}

status_t cuda_step_create(backend_state_t *state) {
    const device_t *d = &state->device;
    uint32_t most, width = d->rates[0].width;
    TRY(cuda_shared_most(&most));
    cuda_tiling(d, width, most, &state->tiling);
    TRY(cuda_allow_shared(step_kernel_of(d->net.weight_bits, width), most));
    cudaFuncAttributes unused; /* loads it: nothing is to be loaded while a graph is recorded */
    CUDA(cudaFuncGetAttributes(&unused, advance_kernel));
    CUDA(cudaStreamCreate(&state->stream));
    return STATUS_OK;
}

status_t cuda_step(backend_state_t *state, uint64_t first_step, uint32_t count) {
    CUDA(cudaMemcpy(state->device.step, &first_step, sizeof first_step, cudaMemcpyHostToDevice));
    if (count > 0 && state->current == 1) {
        TRY(enqueue(state, 1));
        count--;
    }
    if (count >= GRAPH_STEPS && !state->graph)
        TRY(graph_create(state));
    for (; count >= GRAPH_STEPS; count -= GRAPH_STEPS)
        CUDA(cudaGraphLaunch(state->graph, state->stream));
    if (count > 0)
        TRY(enqueue(state, count));
    CUDA(cudaStreamSynchronize(state->stream));
    return STATUS_OK;
}
