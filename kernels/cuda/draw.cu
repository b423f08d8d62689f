/* Connectivity on the device: a warp draws the window of one target, 32 cells at a time in the
 * window's row-major order; once to count its inputs and fill the masks, again to store codes and
 * offsets where they stay. */
#include "kernels/cuda/draw.h"

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

/* cuda_survey, a warp a target. */
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

status_t cuda_survey(const backend_state_t *state, drawing_t g) {
    const device_t *d = state->on_device;
    cudaLaunchConfig_t launch = launch_of(pathway_targets(&state->device.net, g.pathway));
    CUDA(cudaLaunchKernelEx(&launch, survey_kernel, d, g));
    return STATUS_OK;
}

status_t cuda_fill(const backend_state_t *state, drawing_t g) {
    const device_t *d = state->on_device;
    uint32_t targets = pathway_targets(&state->device.net, g.pathway);
    for (uint32_t first = 0; first < targets; first += FILL_TARGETS) {
        cudaLaunchConfig_t launch = launch_of(least(targets - first, FILL_TARGETS));
        CUDA(cudaLaunchKernelEx(&launch, fill_kernel, d, g, first));
    }
    return STATUS_OK;
}
