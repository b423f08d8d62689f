/* Connectivity on the CPU: every thread draws, packs and owns whole blocks of targets. */
#include "kernels/cpu/cpu.h"

#include <omp.h>
#include <stdlib.h>

static void *allocate(size_t bytes) {
    return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

/* One input of the target at hand: its window cell, its source, its code. */
typedef struct {
    uint32_t row, column;
    uint32_t source;
    int32_t code;
} input_t;

typedef struct {
    uint32_t *word, *cell, *key, *sorted;
    input_t *input;
    int32_t *core; /* [BLOCK_TARGETS][slots] */
    uint32_t *tail_offset;
    int32_t *tail_code;
    uint32_t *tail_start; /* [BLOCK_TARGETS * bands + 1], in units */
    size_t tail_capacity;
} scratch_t;

static void scratch_destroy(scratch_t *s) {
    free(s->word);
    free(s->cell);
    free(s->key);
    free(s->sorted);
    free(s->input);
    free(s->core);
    free(s->tail_offset);
    free(s->tail_code);
    free(s->tail_start);
}

static int scratch_create(const pathway_t *w, const cpu_pathway_t *p, scratch_t *s) {
    size_t cells = (size_t)w->window_x * w->window_y;
    int keys = w->rule == RULE_FIXED_INDEGREE;
    memset(s, 0, sizeof *s);
    s->word = malloc((w->window_x + 16) * sizeof *s->word);
    s->cell = malloc((w->window_x + 1) * sizeof *s->cell);
    s->input = malloc(cells * sizeof *s->input);
    s->core = malloc(((size_t)BLOCK_TARGETS * p->slots + 1) * sizeof *s->core);
    s->tail_start = malloc(((size_t)BLOCK_TARGETS * p->bands + 1) * sizeof *s->tail_start);
    s->key = keys ? malloc(cells * sizeof *s->key) : NULL;
    s->sorted = keys ? malloc(cells * sizeof *s->sorted) : NULL;
    return s->word && s->cell && s->input && s->core && s->tail_start &&
           (!keys || (s->key && s->sorted));
}

static int tail_reserve(scratch_t *s, size_t needed) {
    if (needed <= s->tail_capacity)
        return 1;
    size_t capacity = needed + needed / 2 + 1024;
    uint32_t *offset = realloc(s->tail_offset, capacity * sizeof *offset);
    if (offset)
        s->tail_offset = offset;
    int32_t *code = realloc(s->tail_code, capacity * sizeof *code);
    if (code)
        s->tail_code = code;
    if (!offset || !code)
        return 0;
    s->tail_capacity = capacity;
    return 1;
}

/* Words of the sources of one window row, columns first..last-1: word[column - first]. The row
 * wraps at most once around the torus. */
static const uint32_t *row_words(const backend_state_t *state, uint64_t sub, uint32_t row_source,
                                 uint32_t start_x, uint32_t nx, uint32_t first, uint32_t last,
                                 scratch_t *s) {
    uint32_t done = 0, total = last - first;
    uint32_t buffer[4 * 64 + 8];
    while (done < total) {
        uint32_t x = (start_x + first + done) % nx;
        uint32_t count = nx - x < total - done ? nx - x : total - done;
        uint32_t source = row_source + x, skip = source & 3u;
        count = count + skip > 256 ? 256 - skip : count;
        state->simd->words(state->net.seed, sub, source >> 2, (skip + count + 3) / 4, buffer);
        memcpy(s->word + done, buffer + skip, count * sizeof *buffer);
        done += count;
    }
    return s->word;
}

static int compare_keys(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The k-th smallest (k >= 1) of n keys, which are reordered: quickselect. */
static uint32_t select_key(uint32_t *key, size_t n, size_t k) {
    size_t low = 0, high = n;
    while (high - low > 32) {
        uint32_t pivot = key[low + (high - low) / 2];
        size_t less = low, equal = low, end = high;
        while (equal < end) { /* three-way partition */
            uint32_t x = key[equal];
            if (x < pivot) {
                key[equal++] = key[less];
                key[less++] = x;
            } else if (x > pivot) {
                key[equal] = key[--end];
                key[end] = x;
            } else
                equal++;
        }
        if (k - 1 < less)
            high = less;
        else if (k - 1 >= end)
            low = end;
        else
            return pivot;
    }
    qsort(key + low, high - low, sizeof *key, compare_keys);
    return key[k - 1];
}

/* All inputs of one target, in the window's row-major order; returns how many. */
static uint32_t draw_inputs(const backend_state_t *state, const pathway_t *w,
                            const window_class_t *c, uint32_t target, scratch_t *s) {
    const network_t *net = &state->net;
    const population_t *from = &net->population[w->source];
    uint32_t target_nx = net->population[w->target].nx;
    uint32_t ix = target % target_nx, iy = target / target_nx;
    const uint32_t *threshold = pathway_threshold(w, ix, iy);
    uint64_t sub = stream_of_synapses(PURPOSE_CONNECT, w->target, w->source, target);
    uint32_t start_x = wrapped((int32_t)pathway_base_x(w, ix) + w->offset_x, from->nx);
    int32_t base_y = (int32_t)pathway_base_y(w, iy) + w->offset_y;
    int fixed = w->rule == RULE_FIXED_INDEGREE;
    uint32_t count = 0;
    for (uint32_t row = 0; row < w->window_y; row++) {
        uint32_t first = c->row_first[row], last = c->row_last[row];
        uint32_t row_source = wrapped(base_y + (int32_t)row, from->ny) * from->nx;
        const uint32_t *row_threshold = threshold + (size_t)row * w->window_x;
        if (fixed)
            for (uint32_t x = 0; x < w->window_x; x++)
                s->key[(size_t)row * w->window_x + x] = UINT32_MAX;
        if (first >= last)
            continue;
        const uint32_t *word = row_words(state, sub, row_source, start_x, from->nx, first, last, s);
        if (fixed) {
            for (uint32_t x = first; x < last; x++)
                s->key[(size_t)row * w->window_x + x] = draw_key(word[x - first], row_threshold[x]);
            continue;
        }
        uint32_t found = state->simd->connected(word, row_threshold + first, last - first, s->cell);
        for (uint32_t k = 0; k < found; k++) {
            uint32_t x = first + s->cell[k], column = start_x + x;
            column -= column >= from->nx ? from->nx : 0;
            s->input[count++] = (input_t){row, x, row_source + column, 0};
        }
    }
    if (!fixed)
        return count;

    size_t cells = (size_t)w->window_x * w->window_y;
    memcpy(s->sorted, s->key, cells * sizeof *s->key);
    uint32_t cut = select_key(s->sorted, cells, w->indegree), below = 0;
    for (size_t k = 0; k < cells; k++)
        below += s->key[k] < cut;
    uint32_t ties = w->indegree - below;
    for (uint32_t row = 0; row < w->window_y; row++)
        for (uint32_t x = 0; x < w->window_x; x++) {
            uint32_t key = s->key[(size_t)row * w->window_x + x];
            if (key < cut || (key == cut && ties > 0)) {
                ties -= key == cut;
                uint32_t column = (start_x + x) % from->nx;
                uint32_t source = wrapped(base_y + (int32_t)row, from->ny) * from->nx + column;
                s->input[count++] = (input_t){row, x, source, 0};
            }
        }
    return count;
}

static void draw_codes(const backend_state_t *state, const pathway_t *w, uint32_t target,
                       uint32_t count, input_t *input) {
    const normal_node_t *table = normal_table();
    int32_t code_max = weight_code_max(state->net.weight_bits);
    int64_t sum = 0;
    for (uint32_t k = 0; k < count; k++) {
        float weight = draw_weight(w, table, state->net.seed, target, input[k].source);
        input[k].code = weight_code(weight, w->scale, code_max);
        sum += input[k].code;
    }
    if (pathway_recentred(w))
        for (uint32_t k = 0; k < count; k++)
            input[k].code =
                recentred_code(input[k].code, k, sum, recentred_sum(w), count, code_max);
}

/* Packs the scratch of one block into its one allocation. */
static int pack(const cpu_pathway_t *p, block_t *b, const scratch_t *s, uint32_t bits,
                uint32_t targets) {
    size_t unit = unit_bytes(bits), units = s->tail_start[(size_t)targets * p->bands];
    size_t starts = ((size_t)targets * p->bands + 1) * sizeof *b->tail_start;
    size_t records =
        (size_t)targets * p->slots / RUN_UNIT * unit + units * (OFFSETS_BYTES + unit) + 7;
    records = records / 8 * 8;
    b->bytes = records + starts + 64;
    b->record = allocate(b->bytes);
    if (!b->record)
        return 0;
    b->tail_start = (uint32_t *)(b->record + records);
    memcpy(b->tail_start, s->tail_start, starts);
    for (uint32_t t = 0; t < targets; t++) {
        unsigned char *to = record_of(p, b, bits, t);
        const int32_t *core = s->core + (size_t)t * p->slots;
        for (uint32_t k = 0; k < p->slots; k++)
            unit_put(to + k / RUN_UNIT * unit, bits, k % RUN_UNIT, core[k]);
        to = record_tail(p, to, bits);
        size_t first = s->tail_start[(size_t)t * p->bands] * (size_t)RUN_UNIT;
        size_t last = s->tail_start[(size_t)(t + 1) * p->bands] * (size_t)RUN_UNIT;
        for (size_t k = first; k < last; k += RUN_UNIT, to += OFFSETS_BYTES + unit)
            for (uint32_t i = 0; i < RUN_UNIT; i++) {
                ((uint16_t *)to)[i] = (uint16_t)(s->tail_offset[k + i] % BAND_SITES);
                unit_put(to + OFFSETS_BYTES, bits, i, s->tail_code[k + i]);
            }
    }
    return 1;
}

/* Ends a band at whole units. */
static uint32_t fill_up(scratch_t *s, uint32_t tail) {
    for (; tail % RUN_UNIT; tail++)
        s->tail_offset[tail] = (uint32_t)(s->tail_code[tail] = 0);
    return tail;
}

static int build_block(const backend_state_t *state, uint32_t pathway, uint32_t block, scratch_t *s,
                       uint64_t *synapses, uint64_t *hash) {
    const pathway_t *w = &state->net.pathway[pathway];
    const cpu_pathway_t *p = &state->pathway[pathway];
    uint32_t targets = block_targets(state, pathway, block), bits = state->net.weight_bits;
    uint32_t nx = state->net.population[w->target].nx, stride = state->image[w->source].stride;
    memset(s->core, 0, (size_t)targets * p->slots * sizeof *s->core);
    s->tail_start[0] = 0;
    uint32_t tail = 0;
    for (uint32_t t = 0; t < targets; t++) {
        uint32_t target = block * BLOCK_TARGETS + t;
        const window_class_t *c = &p->class_of[class_index(w, target % nx, target / nx)];
        uint32_t count = draw_inputs(state, w, c, target, s), band = 0;
        draw_codes(state, w, target, count, s->input);
        if (!tail_reserve(s, (size_t)tail + count + RUN_UNIT * (size_t)p->bands))
            return 0;
        for (uint32_t k = 0; k < count; k++) {
            input_t in = s->input[k];
            *hash += hash_synapse(w->target, w->source, target, in.source, in.code);
            if (in.column >= c->core_first[in.row] && in.column < c->core_last[in.row]) {
                uint32_t slot = c->core_slot[in.row] + in.column - c->core_first[in.row];
                s->core[(size_t)t * p->slots + slot] = in.code;
                continue;
            }
            uint32_t offset = in.row * stride + in.column;
            while (band < offset / BAND_SITES)
                s->tail_start[(size_t)t * p->bands + ++band] = (tail = fill_up(s, tail)) / RUN_UNIT;
            s->tail_offset[tail] = offset;
            s->tail_code[tail++] = in.code;
        }
        while (band < p->bands)
            s->tail_start[(size_t)t * p->bands + ++band] = (tail = fill_up(s, tail)) / RUN_UNIT;
        *synapses += count;
    }
    return pack(p, &p->block[block], s, bits, targets);
}

/* Divisions that the step need not repeat. */
static int starts_create(backend_state_t *state, uint32_t pathway) {
    const pathway_t *w = &state->net.pathway[pathway];
    cpu_pathway_t *p = &state->pathway[pathway];
    const population_t *to = &state->net.population[w->target];
    const image_t *image = &state->image[w->source];
    p->column_start = malloc(2 * ((size_t)to->nx + to->ny) * sizeof *p->column_start);
    if (!p->column_start)
        return 0;
    p->row_start = p->column_start + to->nx;
    p->column_class = p->row_start + to->ny;
    p->row_class = p->column_class + to->nx;
    for (uint32_t x = 0; x < to->nx; x++) {
        p->column_start[x] = (uint32_t)(window_of(image, w, x, 0) - window_of(image, w, 0, 0));
        p->column_class[x] = class_index(w, x, 0);
    }
    for (uint32_t y = 0; y < to->ny; y++) {
        p->row_start[y] = (uint32_t)(window_of(image, w, 0, y) - image->code);
        p->row_class[y] = class_index(w, 0, y);
    }
    return 1;
}

static int pathway_create(backend_state_t *state, uint32_t pathway) {
    const pathway_t *w = &state->net.pathway[pathway];
    cpu_pathway_t *p = &state->pathway[pathway];
    uint32_t stride = state->image[w->source].stride;
    uint32_t classes = w->classes_x * w->classes_y;
    p->bands = window_bands(w, &state->image[w->source]);
    p->blocks =
        (population_size(&state->net.population[w->target]) + BLOCK_TARGETS - 1) / BLOCK_TARGETS;
    p->block = calloc(p->blocks, sizeof *p->block);
    p->class_of = calloc(classes, sizeof *p->class_of);
    if (!p->block || !p->class_of)
        return 0;
    if (!starts_create(state, pathway))
        return 0;
    for (uint32_t k = 0; k < classes; k++) {
        if (!window_class_create(w, k, stride, &p->class_of[k]))
            return 0;
        p->slots = p->class_of[k].slots > p->slots ? p->class_of[k].slots : p->slots;
    }
    return 1;
}

/* Draws and packs all targets' inputs of one pathway; at the first failure no thread begins another
 * block. */
static int pathway_build(backend_state_t *state, uint32_t pathway, uint64_t *synapses,
                         uint64_t *hash, uint64_t *bytes) {
    const cpu_pathway_t *p = &state->pathway[pathway];
    uint64_t count = 0, hashes = 0, stored = 0;
    int failed = 0; /* in any thread */
#pragma omp parallel num_threads(state->threads) reduction(+ : count, hashes, stored)
    {
        scratch_t scratch;
        int stop = !scratch_create(&state->net.pathway[pathway], p, &scratch);
#pragma omp for schedule(dynamic, 4)
        for (uint32_t b = 0; b < p->blocks; b++) {
            int elsewhere;
#pragma omp atomic read
            elsewhere = failed;
            if (elsewhere)
                continue;
            stop = stop || !build_block(state, pathway, b, &scratch, &count, &hashes);
            if (stop) {
#pragma omp atomic write
                failed = 1;
            } else
                stored += p->block[b].bytes + sizeof(block_t);
        }
        scratch_destroy(&scratch);
    }
    *synapses = count;
    *hash += hashes;
    *bytes += stored;
    return !failed;
}

status_t cpu_build(backend_state_t *state, connectivity_t *connectivity) {
    for (uint32_t k = 0; k < state->net.pathways; k++) {
        if (!pathway_create(state, k))
            FAIL(STATUS_FAILED, "no memory for the connectivity's tables");
        if (!pathway_build(state, k, &connectivity->synapses[k], &connectivity->hash,
                           &connectivity->connectivity_bytes))
            FAIL(STATUS_FAILED,
                 "no memory for the connectivity (%.1f GB stored so far); take a smaller "
                 "network, or a machine with more memory: `brisc plan` says how much",
                 (double)connectivity->connectivity_bytes * 1e-9);
    }
    return STATUS_OK;
}

void cpu_build_destroy(backend_state_t *state) {
    for (uint32_t k = 0; k < state->net.pathways; k++) {
        cpu_pathway_t *p = &state->pathway[k];
        const pathway_t *w = &state->net.pathway[k];
        for (uint32_t b = 0; p->block && b < p->blocks; b++)
            free(p->block[b].record);
        for (uint32_t c = 0; p->class_of && c < w->classes_x * w->classes_y; c++) {
            window_class_destroy(&p->class_of[c]);
        }
        free(p->block);
        free(p->class_of);
        free(p->column_start);
    }
}
