/* Connectivity on the device: a warp draws the window of one target, 32 cells at a time in the
 * window's row-major order; once to count its inputs, again to store them. */
#include <cub/device/device_scan.cuh>

#include "kernels/cuda/device.h"

/* RULE_FIXED_INDEGREE: the inputs of a target are the cells whose key is below `cut`, and the first
 * `ties` of those where it is equal. */
typedef struct {
    uint32_t cut, ties;
    int64_t sum; /* of the inputs' codes, before recentring; 0 where there is none */
} choice_t;

/* The window of one target. */
typedef struct {
    const pathway_t *w;
    const population_t *from;
    const uint32_t *threshold; /* [cells] */
    uint64_t seed, stream;
    uint32_t target, ix, iy, stride, cells;
} window_t;

static __device__ window_t window_open(const device_t *d, uint32_t pathway, uint32_t target) {
    const pathway_t *w = &d->net.pathway[pathway];
    window_t v;
    v.w = w;
    v.from = &d->net.population[w->source];
    v.target = target;
    v.ix = target % d->net.population[w->target].nx;
    v.iy = target / d->net.population[w->target].nx;
    v.threshold = pathway_threshold(w, v.ix, v.iy);
    v.seed = d->net.seed;
    v.stream = stream_of_synapses(PURPOSE_CONNECT, w->target, w->source, target);
    v.stride = d->image[0][w->source].stride;
    v.cells = w->window_x * w->window_y;
    return v;
}

static __device__ uint32_t cell_offset(const window_t *v, uint32_t cell) {
    return cell / v->w->window_x * v->stride + cell % v->w->window_x;
}
static __device__ uint32_t cell_source(const window_t *v, uint32_t cell) {
    return window_source(v->w, v->from, v->ix, v->iy, cell / v->w->window_x, cell % v->w->window_x);
}
static __device__ uint32_t cell_word(const window_t *v, uint32_t cell) {
    return philox_word(v->seed, v->stream, cell_source(v, cell));
}
static __device__ uint32_t cell_key(const window_t *v, uint32_t cell) {
    uint32_t threshold = v->threshold[cell];
    return threshold == 0 ? UINT32_MAX : draw_key(cell_word(v, cell), threshold);
}
static __device__ int32_t cell_code(const device_t *d, const window_t *v, uint32_t cell) {
    float weight = draw_weight(v->w, d->table, v->seed, v->target, cell_source(v, cell));
    return weight_code(weight, v->w->scale, weight_code_max(d->net.weight_bits));
}

/* Lanes before this one among `votes`. */
static __device__ uint32_t votes_before(uint32_t votes) {
    return (uint32_t)__popc(votes & ((1u << lane_index()) - 1u));
}

/* Whether this lane's cell is an input. The warp's lanes hold 32 consecutive cells, ascending from
 * call to call; `ties` is what is left of the choice's. */
static __device__ bool cell_chosen(const window_t *v, uint32_t cell, uint32_t cut, uint32_t *ties) {
    bool inside = cell < v->cells;
    if (v->w->rule == RULE_BERNOULLI) {
        uint32_t threshold = inside ? v->threshold[cell] : 0;
        return threshold != 0 && draw_connects(cell_word(v, cell), threshold);
    }
    uint32_t key = inside ? cell_key(v, cell) : UINT32_MAX;
    uint32_t tied = __ballot_sync(ALL_LANES, inside && key == cut);
    bool chosen = inside && (key < cut || (key == cut && votes_before(tied) < *ties));
    uint32_t used = (uint32_t)__popc(tied);
    *ties -= used < *ties ? used : *ties;
    return chosen;
}

/* The `indegree`-th smallest key of the window, by radix selection: eight bits of it a pass, from
 * the highest. `count`: [256], shared by the warp. */
static __device__ choice_t choose(const window_t *v, uint32_t *count) {
    uint32_t prefix = 0, wanted = v->w->indegree;
    for (int shift = 24; shift >= 0; shift -= 8) {
        for (uint32_t digit = lane_index(); digit < 256; digit += LANES)
            count[digit] = 0;
        __syncwarp();
        for (uint32_t cell = lane_index(); cell < v->cells; cell += LANES) {
            uint32_t key = cell_key(v, cell);
            if ((uint64_t)key >> (shift + 8) == prefix)
                atomicAdd(&count[key >> shift & 255u], 1u);
        }
        __syncwarp();
        uint32_t digit = 0;
        while (wanted > count[digit])
            wanted -= count[digit++];
        prefix = prefix << 8 | digit;
        __syncwarp();
    }
    choice_t choice = {prefix, wanted, 0};
    return choice;
}

/* Adds up each target's inputs by band into start (zero before), [targets * bands]; fills
 * choice[targets] under RULE_FIXED_INDEGREE. */
static __global__ void __launch_bounds__(BLOCK_THREADS)
    survey_kernel(const device_t *d, uint32_t pathway, uint64_t *start, choice_t *choice) {
    __shared__ uint32_t count[BLOCK_WARPS][256];
    const pathway_t *w = &d->net.pathway[pathway];
    uint64_t target = warp_index();
    if (target >= population_size(&d->net.population[w->target]))
        return;
    window_t v = window_open(d, pathway, (uint32_t)target);
    choice_t chosen = {0, 0, 0};
    if (choice)
        chosen = choose(&v, count[threadIdx.x / LANES]);
    uint32_t ties = chosen.ties;
    for (uint32_t first = 0; first < v.cells; first += LANES) {
        uint32_t cell = first + lane_index(), last = first + LANES - 1;
        bool input = cell_chosen(&v, cell, chosen.cut, &ties);
        if (input && pathway_recentred(w))
            chosen.sum += cell_code(d, &v, cell);
        last = last < v.cells ? last : v.cells - 1;
        uint32_t last_band = cell_offset(&v, last) / BAND_SITES;
        for (uint32_t band = cell_offset(&v, first) / BAND_SITES; band <= last_band; band++) {
            uint32_t votes =
                __ballot_sync(ALL_LANES, input && cell_offset(&v, cell) / BAND_SITES == band);
            if (lane_index() == 0)
                add_to(&start[target * d->synapses[pathway].bands + band], (uint64_t)__popc(votes));
        }
    }
    chosen.sum = warp_sum(chosen.sum);
    if (choice && lane_index() == 0)
        choice[target] = chosen;
}

/* Stores each target's inputs from start[target * bands] on; adds their hashes to `hash`. */
static __global__ void __launch_bounds__(BLOCK_THREADS)
    fill_kernel(const device_t *d, uint32_t pathway, const choice_t *choice, uint64_t *hash) {
    const pathway_t *w = &d->net.pathway[pathway];
    const synapses_t *s = &d->synapses[pathway];
    uint64_t target = warp_index();
    if (target >= population_size(&d->net.population[w->target]))
        return;
    window_t v = window_open(d, pathway, (uint32_t)target);
    choice_t chosen = {0, 0, 0};
    if (choice)
        chosen = choice[target];
    uint64_t at = s->start[target * s->bands], hashes = 0;
    uint32_t count = 0, bits = d->net.weight_bits;
    for (uint32_t first = 0; first < v.cells; first += LANES) {
        uint32_t cell = first + lane_index();
        bool input = cell_chosen(&v, cell, chosen.cut, &chosen.ties);
        uint32_t votes = __ballot_sync(ALL_LANES, input);
        if (input) {
            uint32_t rank = count + votes_before(votes);
            int32_t code = cell_code(d, &v, cell);
            if (pathway_recentred(w))
                code = recentred_code(code, rank, chosen.sum, recentred_sum(w), w->indegree,
                                      weight_code_max(bits));
            s->offset[at + rank] = (uint16_t)(cell_offset(&v, cell) % BAND_SITES);
            store_code(s->code, s->low, bits, at + rank, code);
            hashes +=
                hash_synapse(w->target, w->source, (uint32_t)target, cell_source(&v, cell), code);
        }
        count += (uint32_t)__popc(votes);
    }
    hashes = warp_sum(hashes);
    if (lane_index() == 0)
        add_to(hash, hashes);
}

/* What only the build needs, on the device. */
typedef struct {
    uint32_t *threshold[PATHWAYS_MAX];
    choice_t *choice[PATHWAYS_MAX]; /* NULL under RULE_BERNOULLI */
    char *scan;
    uint64_t *hash;
} build_t;

static uint32_t targets_of(const network_t *net, uint32_t pathway) {
    return population_size(&net->population[net->pathway[pathway].target]);
}
static uint64_t starts_of(const device_t *d, uint32_t pathway) {
    return (uint64_t)targets_of(&d->net, pathway) * d->synapses[pathway].bands + 1;
}

static status_t tables_create(backend_state_t *state, build_t *b) {
    device_t *d = &state->device;
    for (uint32_t k = 0; k < d->net.pathways; k++) {
        pathway_t *w = &d->net.pathway[k];
        size_t cells = (size_t)w->classes_x * w->classes_y * w->window_x * w->window_y;
        TRY(cuda_allocate(&b->threshold[k], cells, "the probability tables"));
        CUDA(cudaMemcpy(b->threshold[k], w->threshold, cells * sizeof *w->threshold,
                        cudaMemcpyHostToDevice));
        w->threshold = b->threshold[k];
        synapses_t *s = &d->synapses[k];
        s->bands = window_bands(w, &d->image[0][w->source]);
        TRY(cuda_allocate(&s->start, starts_of(d, k), "the targets' pointers"));
        CUDA(cudaMemset(s->start, 0, starts_of(d, k) * sizeof *s->start));
        if (w->rule == RULE_FIXED_INDEGREE)
            TRY(cuda_allocate(&b->choice[k], targets_of(&d->net, k), "the targets' inputs"));
    }
    TRY(cuda_allocate(&b->hash, 1, "a hash"));
    CUDA(cudaMemset(b->hash, 0, sizeof *b->hash));
    return cuda_upload(state);
}

/* Counts the inputs, turns the counts into places (in place). */
static status_t survey(backend_state_t *state, uint32_t k, build_t *b, uint64_t *synapses) {
    device_t *d = &state->device;
    uint64_t *start = d->synapses[k].start, starts = starts_of(d, k);
    cudaLaunchConfig_t launch = launch_of(targets_of(&d->net, k));
    CUDA(cudaLaunchKernelEx(&launch, survey_kernel, state->on_device, k, start, b->choice[k]));
    size_t bytes = 0;
    CUDA(cub::DeviceScan::ExclusiveSum(NULL, bytes, start, start, (int64_t)starts));
    TRY(cuda_allocate(&b->scan, bytes, "a prefix sum"));
    CUDA(cub::DeviceScan::ExclusiveSum(b->scan, bytes, start, start, (int64_t)starts));
    CUDA(cudaMemcpy(synapses, start + starts - 1, sizeof *synapses, cudaMemcpyDeviceToHost));
    cudaError_t error = cudaFree(b->scan);
    b->scan = NULL;
    CUDA(error);
    return STATUS_OK;
}

static status_t build(backend_state_t *state, build_t *b, connectivity_t *c) {
    device_t *d = &state->device;
    uint32_t bits = d->net.weight_bits, low_size = bits == 24 ? 1 : 0;
    uint64_t synapses = 0;
    TRY(tables_create(state, b));
    for (uint32_t k = 0; k < d->net.pathways; k++) {
        TRY(survey(state, k, b, &c->synapses[k]));
        synapses += c->synapses[k];
        c->connectivity_bytes += starts_of(d, k) * sizeof(uint64_t);
    }
    uint64_t bytes = synapses * (sizeof(uint16_t) + code_size(bits) + low_size);
    TRY(cuda_require(bytes, "the synapses"));
    c->connectivity_bytes += bytes;
    for (uint32_t k = 0; k < d->net.pathways; k++) {
        synapses_t *s = &d->synapses[k];
        uint64_t n = c->synapses[k];
        TRY(cuda_allocate(&s->offset, n, "the synapses"));
        TRY(cuda_allocate(&s->code, n * code_size(bits), "the synapses"));
        if (low_size)
            TRY(cuda_allocate(&s->low, n, "the synapses"));
    }
    TRY(cuda_upload(state));
    for (uint32_t k = 0; k < d->net.pathways; k++) {
        cudaLaunchConfig_t launch = launch_of(targets_of(&d->net, k));
        CUDA(cudaLaunchKernelEx(&launch, fill_kernel, state->on_device, k, b->choice[k], b->hash));
    }
    CUDA(cudaMemcpy(&c->hash, b->hash, sizeof c->hash, cudaMemcpyDeviceToHost));
    for (uint32_t k = 0; k < d->net.pathways; k++)
        d->net.pathway[k].threshold = NULL;
    return cuda_upload(state);
}

status_t cuda_build(backend_state_t *state, connectivity_t *connectivity) {
    build_t b = {};
    status_t status = build(state, &b, connectivity);
    for (uint32_t k = 0; k < PATHWAYS_MAX; k++) {
        cudaFree(b.threshold[k]);
        cudaFree(b.choice[k]);
    }
    cudaFree(b.scan);
    cudaFree(b.hash);
    return status;
}
