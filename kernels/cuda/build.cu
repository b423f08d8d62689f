/* Connectivity on the device: a warp draws the window of one target, 32 cells at a time in the
 * window's row-major order; once to count its inputs and fill the masks, again to store codes and
 * offsets where they stay. */
#include <stdlib.h>

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
    const uint32_t *unit; /* [rows of units][units_across], of the target's class */
    uint32_t columns_log2, units_across, units_down;
} window_t;

/* What a pathway's kernels get. */
typedef struct {
    uint32_t pathway;
    choice_t *choice; /* [targets]; NULL under RULE_BERNOULLI */
    uint32_t *unit; /* [classes][window_y / unit's rows][window_x / unit's columns]: its number, or
                     * NO_UNIT; NULL where there are none */
    uint32_t *before; /* [FILL_TARGETS][units]: codes before a unit's, of a launch's targets */
    uint64_t *hash;
} drawing_t;
enum { FILL_TARGETS = 16384 };
#define NO_UNIT UINT32_MAX

static __device__ window_t window_open(const device_t *d, const drawing_t *g, uint32_t target) {
    const uint32_t pathway = g->pathway;
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
    v.stride = d->rates[0].image[w->source].stride;
    v.cells = w->window_x * w->window_y;
    v.columns_log2 = d->bitmap[pathway].columns_log2;
    v.units_across = w->window_x >> v.columns_log2;
    v.units_down = w->window_y * (1u << v.columns_log2) / LANES;
    size_t class_index = (size_t)(v.iy % w->classes_y) * w->classes_x + v.ix % w->classes_x;
    v.unit = g->unit ? g->unit + class_index * v.units_across * v.units_down : NULL;
    return v;
}

/* The unit that the cell belongs to, or NO_UNIT; *bit: the cell's in the mask. */
static __device__ uint32_t cell_unit(const window_t *v, uint32_t cell, uint32_t *bit) {
    uint32_t row = cell / v->w->window_x, column = cell % v->w->window_x;
    uint32_t rows_log2 = 5 - v->columns_log2;
    uint32_t down = row >> rows_log2, across = column >> v->columns_log2;
    *bit = (row % (1u << rows_log2)) << v->columns_log2 | column % (1u << v->columns_log2);
    bool inside = v->unit && down < v->units_down && across < v->units_across;
    return inside ? v->unit[down * v->units_across + across] : NO_UNIT;
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

/* Where a synapse is stored. */
enum { IN_LIST, IN_NEAR_LIST, IN_UNIT };
static __device__ int cell_storage(const device_t *d, uint32_t pathway, const window_t *v,
                                   uint32_t cell, uint32_t unit, uint32_t *near_offset) {
    const near_t *near = &d->near[pathway];
    uint32_t row = cell / v->w->window_x - near->top, column = cell % v->w->window_x - near->left;
    *near_offset = row * near->stride + column;
    if (unit != NO_UNIT)
        return IN_UNIT;
    bool inside = row < near->rows && column < near->columns;
    return inside && d->near_list[pathway].bands > 0 ? IN_NEAR_LIST : IN_LIST;
}

/* Adds up each target's listed inputs by band into list.start, [targets * bands], and into
 * near_list.start; sets the bits of the others in bitmap.mask and adds them up into bitmap.start
 * (all 0 before); fills choice[targets] under RULE_FIXED_INDEGREE. */
static __global__ void __launch_bounds__(BLOCK_THREADS)
    survey_kernel(const device_t *d, const drawing_t g) {
    __shared__ uint32_t count[BLOCK_WARPS][256];
    const pathway_t *w = &d->net.pathway[g.pathway];
    const list_t *list = &d->list[g.pathway];
    const bitmap_t *bitmap = &d->bitmap[g.pathway];
    uint64_t target = warp_index();
    if (target >= population_size(&d->net.population[w->target]))
        return;
    window_t v = window_open(d, &g, (uint32_t)target);
    choice_t chosen = {0, 0, 0};
    if (g.choice)
        chosen = choose(&v, count[threadIdx.x / LANES]);
    uint32_t ties = chosen.ties, in_units = 0, in_near_list = 0, near_offset;
    for (uint32_t first = 0; first < v.cells; first += LANES) {
        uint32_t cell = first + lane_index(), last = first + LANES - 1, bit = 0;
        bool input = cell_chosen(&v, cell, chosen.cut, &ties);
        if (input && pathway_recentred(w))
            chosen.sum += cell_code(d, &v, cell);
        uint32_t unit = input ? cell_unit(&v, cell, &bit) : NO_UNIT;
        if (unit != NO_UNIT) {
            atomicOr(&bitmap->mask[target * bitmap->units + unit], 1u << bit);
            in_units++;
        }
        int storage = cell_storage(d, g.pathway, &v, cell, unit, &near_offset);
        bool listed = input && storage == IN_LIST;
        in_near_list += input && storage == IN_NEAR_LIST;
        last = least(last, v.cells - 1);
        uint32_t last_band = cell_offset(&v, last) / BAND_SITES;
        for (uint32_t band = cell_offset(&v, first) / BAND_SITES; band <= last_band; band++) {
            uint32_t votes =
                __ballot_sync(ALL_LANES, listed && cell_offset(&v, cell) / BAND_SITES == band);
            if (lane_index() == 0)
                add_to(&list->start[target * list->bands + band], (uint64_t)__popc(votes));
        }
    }
    chosen.sum = warp_sum(chosen.sum);
    in_units = warp_sum(in_units);
    in_near_list = warp_sum(in_near_list);
    if (lane_index() == 0 && g.choice)
        g.choice[target] = chosen;
    if (lane_index() == 0 && bitmap->units > 0)
        bitmap->start[target] = in_units;
    if (lane_index() == 0 && d->near_list[g.pathway].bands > 0)
        d->near_list[g.pathway].start[target] = in_near_list;
}

/* before[units] of one target. */
static __device__ void units_before(const bitmap_t *b, uint64_t target, uint32_t *before) {
    uint32_t sum = 0;
    for (uint32_t first = 0; first < b->units; first += LANES) {
        uint32_t u = first + lane_index();
        uint32_t n = u < b->units ? (uint32_t)__popc(b->mask[target * b->units + u]) : 0;
        uint32_t earlier = warp_before(n);
        if (u < b->units)
            before[u] = sum + earlier;
        sum += warp_sum(n);
    }
    __syncwarp();
}

/* Stores the inputs of targets from first_target on, at most FILL_TARGETS; adds their hashes to
 * *g.hash. */
static __global__ void __launch_bounds__(BLOCK_THREADS)
    fill_kernel(const device_t *d, const drawing_t g, uint32_t first_target) {
    const pathway_t *w = &d->net.pathway[g.pathway];
    const list_t *list = &d->list[g.pathway];
    const bitmap_t *bitmap = &d->bitmap[g.pathway];
    uint64_t target = first_target + warp_index();
    if (target >= population_size(&d->net.population[w->target]) || warp_index() >= FILL_TARGETS)
        return;
    window_t v = window_open(d, &g, (uint32_t)target);
    choice_t chosen = {0, 0, 0};
    if (g.choice)
        chosen = g.choice[target];
    uint32_t *before = g.before + warp_index() * bitmap->units;
    units_before(bitmap, target, before);
    uint64_t at = list->start[target * list->bands], hashes = 0;
    const list_t *near_list = &d->near_list[g.pathway];
    uint64_t codes_at = bitmap->units > 0 ? bitmap->start[target] : 0;
    uint64_t near_at = near_list->bands > 0 ? near_list->start[target] : 0;
    uint32_t inputs = 0, bits = d->net.weight_bits, near_offset;
    for (uint32_t first = 0; first < v.cells; first += LANES) {
        uint32_t cell = first + lane_index(), bit = 0;
        bool input = cell_chosen(&v, cell, chosen.cut, &chosen.ties);
        uint32_t unit = input ? cell_unit(&v, cell, &bit) : NO_UNIT;
        uint32_t votes = __ballot_sync(ALL_LANES, input);
        int storage = cell_storage(d, g.pathway, &v, cell, unit, &near_offset);
        uint32_t listed = __ballot_sync(ALL_LANES, input && storage == IN_LIST);
        uint32_t near = __ballot_sync(ALL_LANES, input && storage == IN_NEAR_LIST);
        if (input) {
            int32_t code = cell_code(d, &v, cell);
            if (pathway_recentred(w))
                code = recentred_code(code, inputs + votes_before(votes), chosen.sum,
                                      recentred_sum(w), w->indegree, weight_code_max(bits));
            if (storage == IN_NEAR_LIST) {
                uint64_t place = near_at + votes_before(near);
                near_list->offset[place] = (uint16_t)near_offset;
                store_code(near_list->code, near_list->low, bits, place, code);
            } else if (storage == IN_LIST) {
                uint64_t place = at + votes_before(listed);
                list->offset[place] = (uint16_t)(cell_offset(&v, cell) % BAND_SITES);
                store_code(list->code, list->low, bits, place, code);
            } else {
                uint32_t mask = bitmap->mask[target * bitmap->units + unit];
                uint32_t rank = before[unit] + (uint32_t)__popc(mask & ((1u << bit) - 1u));
                store_code(bitmap->code, bitmap->low, bits, codes_at + rank, code);
            }
            hashes +=
                hash_synapse(w->target, w->source, (uint32_t)target, cell_source(&v, cell), code);
        }
        inputs += (uint32_t)__popc(votes);
        at += (uint32_t)__popc(listed);
        near_at += (uint32_t)__popc(near);
    }
    hashes = warp_sum(hashes);
    if (lane_index() == 0)
        add_to(g.hash, hashes);
}

/* What only the build needs, on the device. */
typedef struct {
    uint32_t *threshold[PATHWAYS_MAX];
    choice_t *choice[PATHWAYS_MAX]; /* NULL under RULE_BERNOULLI */
    uint32_t *unit[PATHWAYS_MAX];   /* NULL where all is listed */
    uint32_t *before;
    char *scan;
    uint64_t *hash;
} build_t;

static uint32_t targets_of(const network_t *net, uint32_t pathway) {
    return population_size(&net->population[net->pathway[pathway].target]);
}
static uint64_t starts_of(const device_t *d, uint32_t pathway) {
    return (uint64_t)targets_of(&d->net, pathway) * d->list[pathway].bands + 1;
}
static drawing_t drawing_of(const build_t *b, uint32_t k) {
    drawing_t g = {k, b->choice[k], b->unit[k], b->before, b->hash};
    return g;
}

/* `*memory` = a copy of n items. */
template <typename T>
static status_t copy_to_device(T **memory, const T *items, uint64_t n, const char *what) {
    TRY(cuda_allocate(memory, n, what));
    CUDA(cudaMemcpy(*memory, items, n * sizeof *items, cudaMemcpyHostToDevice));
    return STATUS_OK;
}
/* `*memory` = n zeros. */
template <typename T> static status_t zeros(T **memory, uint64_t n, const char *what) {
    TRY(cuda_allocate(memory, n, what));
    CUDA(cudaMemset(*memory, 0, n * sizeof **memory));
    return STATUS_OK;
}

/* The units' numbers by their place in the window, the inverse of `place`. */
static status_t unit_table(const pathway_t *w, const near_t *near, const bitmap_t *b,
                           const uint32_t *place, const uint32_t *count, uint32_t **table) {
    uint32_t rows_log2 = 5 - b->columns_log2;
    uint32_t across = w->window_x >> b->columns_log2, down = w->window_y >> rows_log2;
    size_t classes = (size_t)w->classes_x * w->classes_y, each = (size_t)across * down;
    uint32_t *unit = (uint32_t *)malloc(classes * each * sizeof *unit);
    if (!unit)
        FAIL(STATUS_FAILED, "no memory for the windows' units");
    memset(unit, 0xff, classes * each * sizeof *unit);
    for (size_t c = 0; c < classes; c++)
        for (uint32_t u = 0; u < count[c]; u++) {
            uint32_t row = (place[c * b->units + u] >> 16) + near->top;
            uint32_t column = (place[c * b->units + u] & 0xffffu) + near->left;
            unit[c * each + (size_t)(row >> rows_log2) * across + (column >> b->columns_log2)] = u;
        }
    status_t status = copy_to_device(table, unit, classes * each, "the windows' units");
    free(unit);
    return status;
}

static status_t near_create(device_t *d, uint32_t k, build_t *b, uint64_t *bytes) {
    const pathway_t *w = &d->net.pathway[k];
    bitmap_t *bitmap = &d->bitmap[k];
    uint64_t targets = targets_of(&d->net, k);
    units_t units;
    TRY(cuda_units_choose(&d->net, k, &units));
    *bitmap = units.bitmap;
    d->near[k] = units.near;
    d->near_list[k].bands = units.near_listed;
    uint64_t places = (uint64_t)w->classes_x * w->classes_y * bitmap->units;
    status_t status = STATUS_OK;
    if (bitmap->units > 0)
        status = unit_table(w, &units.near, bitmap, units.place, units.count, &b->unit[k]);
    if (bitmap->units > 0 && status == STATUS_OK)
        status = copy_to_device(&bitmap->place, units.place, places, "the windows' units");
    cuda_units_destroy(&units);
    TRY(status);
    if (d->near_list[k].bands > 0) {
        TRY(zeros(&d->near_list[k].start, targets + 1, "the targets' pointers"));
        *bytes += (targets + 1) * sizeof(uint64_t);
    }
    if (bitmap->units == 0)
        return STATUS_OK;
    *bytes += bitmap_fixed_bytes(bitmap, targets, places);
    TRY(zeros(&bitmap->start, targets + 1, "the targets' pointers"));
    return zeros(&bitmap->mask, targets * bitmap->units, "the targets' masks");
}

static status_t tables_create(backend_state_t *state, build_t *b, uint64_t *bytes) {
    device_t *d = &state->device;
    uint64_t most_units = 0;
    for (uint32_t k = 0; k < d->net.pathways; k++) {
        pathway_t *w = &d->net.pathway[k];
        size_t cells = (size_t)w->classes_x * w->classes_y * w->window_x * w->window_y;
        TRY(near_create(d, k, b, bytes)); /* from the host's thresholds */
        TRY(copy_to_device(&b->threshold[k], w->threshold, cells, "the probability tables"));
        w->threshold = b->threshold[k];
        list_t *list = &d->list[k];
        list->bands = window_bands(w, &d->rates[0].image[w->source]);
        TRY(zeros(&list->start, starts_of(d, k), "the targets' pointers"));
        *bytes += starts_of(d, k) * sizeof *list->start;
        if (w->rule == RULE_FIXED_INDEGREE)
            TRY(cuda_allocate(&b->choice[k], targets_of(&d->net, k), "the targets' inputs"));
        most_units = d->bitmap[k].units > most_units ? d->bitmap[k].units : most_units;
    }
    if (most_units > 0)
        TRY(cuda_allocate(&b->before, FILL_TARGETS * most_units, "the targets' inputs"));
    TRY(zeros(&b->hash, 1, "a hash"));
    return cuda_upload(state);
}

/* Counts in start[n] to places, in place; *sum: of all. Older CUBs count in int. */
static status_t prefix_sum(build_t *b, uint64_t *start, uint64_t n, uint64_t *sum) {
    size_t bytes = 0;
    if (n > INT32_MAX)
        FAIL(
            STATUS_FAILED,
            "%.3g pointers to the targets' synapses are more than the 2^31 - 1 that a GPU's prefix "
            "sum takes; take a smaller network or --backend cpu",
            (double)n);
    CUDA(cub::DeviceScan::ExclusiveSum(NULL, bytes, start, start, (int)n));
    TRY(cuda_allocate(&b->scan, bytes, "a prefix sum"));
    CUDA(cub::DeviceScan::ExclusiveSum(b->scan, bytes, start, start, (int)n));
    CUDA(cudaMemcpy(sum, start + n - 1, sizeof *sum, cudaMemcpyDeviceToHost));
    cudaError_t error = cudaFree(b->scan);
    b->scan = NULL;
    CUDA(error);
    return STATUS_OK;
}

/* Counts the inputs; turns the counts into places. */
static status_t survey(backend_state_t *state, uint32_t k, build_t *b, uint64_t *listed,
                       uint64_t *near, uint64_t *in_units) {
    const device_t *d = &state->device;
    uint64_t targets = targets_of(&d->net, k);
    cudaLaunchConfig_t launch = launch_of(targets);
    CUDA(cudaLaunchKernelEx(&launch, survey_kernel, (const device_t *)state->on_device,
                            drawing_of(b, k)));
    TRY(prefix_sum(b, d->list[k].start, starts_of(d, k), listed));
    if (d->near_list[k].bands > 0)
        TRY(prefix_sum(b, d->near_list[k].start, targets + 1, near));
    if (d->bitmap[k].units > 0)
        TRY(prefix_sum(b, d->bitmap[k].start, targets + 1, in_units));
    return STATUS_OK;
}

static status_t codes_allocate(uint32_t bits, uint64_t n, uint8_t **code, uint8_t **low) {
    TRY(cuda_allocate(code, n * code_size(bits), "the synapses"));
    if (bits == 24)
        TRY(cuda_allocate(low, n, "the synapses"));
    return STATUS_OK;
}
static status_t list_allocate(uint32_t bits, uint64_t n, list_t *list) {
    TRY(cuda_allocate(&list->offset, n, "the synapses"));
    return codes_allocate(bits, n, &list->code, &list->low);
}

static status_t fill(backend_state_t *state, uint32_t k, const build_t *b) {
    uint32_t targets = targets_of(&state->device.net, k);
    for (uint32_t first = 0; first < targets; first += FILL_TARGETS) {
        cudaLaunchConfig_t launch = launch_of(least(targets - first, FILL_TARGETS));
        CUDA(cudaLaunchKernelEx(&launch, fill_kernel, (const device_t *)state->on_device,
                                drawing_of(b, k), first));
    }
    return STATUS_OK;
}

static status_t build(backend_state_t *state, build_t *b, connectivity_t *c) {
    device_t *d = &state->device;
    uint32_t bits = d->net.weight_bits;
    uint64_t listed[PATHWAYS_MAX] = {}, near[PATHWAYS_MAX] = {}, in_units[PATHWAYS_MAX] = {};
    uint64_t bytes = 0;
    TRY(tables_create(state, b, &c->connectivity_bytes));
    for (uint32_t k = 0; k < d->net.pathways; k++) {
        TRY(survey(state, k, b, &listed[k], &near[k], &in_units[k]));
        c->synapses[k] = listed[k] + near[k] + in_units[k];
        bytes += d->bitmap[k].units > 0 ? bits / 8 : 0;
        bytes += (listed[k] + near[k]) * sizeof(uint16_t) + c->synapses[k] * (bits / 8);
    }
    TRY(cuda_require(bytes, "the synapses"));
    c->connectivity_bytes += bytes;
    for (uint32_t k = 0; k < d->net.pathways; k++) {
        bitmap_t *bitmap = &d->bitmap[k];
        TRY(list_allocate(bits, listed[k], &d->list[k]));
        if (d->near_list[k].bands > 0)
            TRY(list_allocate(bits, near[k], &d->near_list[k]));
        if (bitmap->units > 0)
            TRY(codes_allocate(bits, in_units[k] + 1, &bitmap->code, &bitmap->low)); /* sum.h */
    }
    TRY(cuda_upload(state));
    for (uint32_t k = 0; k < d->net.pathways; k++)
        TRY(fill(state, k, b));
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
        cudaFree(b.unit[k]);
    }
    cudaFree(b.before);
    cudaFree(b.scan);
    cudaFree(b.hash);
    return status;
}
