/* Connectivity on the CPU: every thread draws, packs and owns whole blocks of targets. */
#include "kernels/cpu/runs.h"

#include <omp.h>
#include <stdlib.h>

typedef struct {
    uint32_t *word, *cell, *key, *sorted;
    input_t *input[GROUP_TARGETS]; /* of a group's targets, and how many */
    uint32_t count[GROUP_TARGETS];
    packer_t packer; /* the block so far */
    uint32_t start[BLOCK_GROUPS + 1];
    uint32_t *pieces; /* [BLOCK_TARGETS][bands] */
} scratch_t;

static void scratch_destroy(scratch_t *s) {
    free(s->word);
    free(s->cell);
    free(s->key);
    free(s->sorted);
    for (int t = 0; t < GROUP_TARGETS; t++)
        free(s->input[t]);
    packer_destroy(&s->packer);
    free(s->pieces);
}

static int scratch_create(const pathway_t *w, const cpu_pathway_t *p, scratch_t *s) {
    size_t cells = (size_t)w->window_x * w->window_y;
    int keys = w->rule == RULE_FIXED_INDEGREE;
    memset(s, 0, sizeof *s);
    int done = packer_create(w, p, &s->packer);
    s->word = malloc((w->window_x + 16) * sizeof *s->word);
    s->cell = malloc((w->window_x + 1) * sizeof *s->cell);
    s->pieces = malloc(((size_t)BLOCK_TARGETS * p->bands + 1) * sizeof *s->pieces);
    s->key = keys ? malloc(cells * sizeof *s->key) : NULL;
    s->sorted = keys ? malloc(cells * sizeof *s->sorted) : NULL;
    for (int t = 0; t < GROUP_TARGETS; t++)
        done = (s->input[t] = malloc(cells * sizeof *s->input[t])) && done;
    return done && s->word && s->cell && s->pieces && (!keys || (s->key && s->sorted));
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
                            const group_class_t *c, uint32_t target, scratch_t *s, input_t *input) {
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
            input[count++] = (input_t){row, x, row_source + column, 0};
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
                input[count++] = (input_t){row, x, source, 0};
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

static int build_group(const backend_state_t *state, uint32_t pathway, uint32_t first,
                       uint32_t *pieces, scratch_t *s, uint64_t *synapses, uint64_t *hash) {
    const pathway_t *w = &state->net.pathway[pathway];
    const cpu_pathway_t *p = &state->pathway[pathway];
    const population_t *to = &state->net.population[w->target];
    uint32_t stride = state->image[w->source].stride, bits = state->net.weight_bits;
    uint32_t ix = first % to->nx, iy = first / to->nx, members = group_targets(to, first);
    const group_class_t *c = &p->class_of[class_index(w, ix, iy)];
    uint32_t shift[GROUP_TARGETS] = {0};
    memset(s->count, 0, sizeof s->count);
    for (uint32_t t = 0; t < members; t++) {
        shift[t] = pathway_base_x(w, ix + t) - pathway_base_x(w, ix);
        s->count[t] = draw_inputs(state, w, c, first + t, s, s->input[t]);
        draw_codes(state, w, first + t, s->count[t], s->input[t]);
        for (uint32_t k = 0; k < s->count[t]; k++)
            *hash += hash_synapse(w->target, w->source, first + t, s->input[t][k].source,
                                  s->input[t][k].code);
        *synapses += s->count[t];
    }
    return pack_group(p, c, bits, stride, members, shift, s->input, s->count, pieces, &s->packer);
}

static int build_block(const backend_state_t *state, uint32_t pathway, uint32_t block,
                       arena_t *arena, scratch_t *s, uint64_t *synapses, uint64_t *hash) {
    const cpu_pathway_t *p = &state->pathway[pathway];
    const population_t *to = &state->net.population[state->net.pathway[pathway].target];
    uint32_t first = block_first(to, block), end = block_first(to, block + 1), groups = 0;
    s->packer.used = 0;
    for (uint32_t target = first; target < end; target += group_targets(to, target)) {
        s->start[groups++] = (uint32_t)s->packer.used;
        if (!build_group(state, pathway, target, s->pieces + (size_t)(target - first) * p->bands, s,
                         synapses, hash) ||
            s->packer.used > UINT32_MAX)
            return 0;
    }
    s->start[groups] = (uint32_t)s->packer.used;
    block_t *b = &p->block[block];
    size_t starts = (groups + 1) * sizeof *b->start;
    size_t pieces = (size_t)(end - first) * p->bands * sizeof *b->pieces;
    b->record = arena_take(arena, s->packer.used + starts + pieces + BEYOND_BYTES);
    if (!b->record)
        return 0;
    b->start = (uint32_t *)(b->record + s->packer.used);
    b->pieces = b->start + groups + 1;
    if (s->packer.used > 0)
        memcpy(b->record, s->packer.record, s->packer.used);
    memcpy(b->start, s->start, starts);
    memcpy(b->pieces, s->pieces, pieces);
    return 1;
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
    const population_t *to = &state->net.population[w->target];
    uint32_t stride = state->image[w->source].stride;
    uint32_t bands = window_bands(w, &state->image[w->source]);
    p->bands = state->summing.runs ? 0 : bands;
    p->run_bands = state->summing.runs ? bands : 0;
    p->blocks = blocks_of(to);
    p->block = calloc(p->blocks, sizeof *p->block);
    p->arena = calloc((size_t)state->threads, sizeof *p->arena);
    p->class_of = calloc((size_t)w->classes_x * w->classes_y, sizeof *p->class_of);
    if (!p->block || !p->arena || !p->class_of || !starts_create(state, pathway))
        return 0;
    for (uint32_t iy = 0; iy < w->classes_y; iy++)
        for (uint32_t ix = 0; ix < to->nx; ix += GROUP_TARGETS) {
            group_class_t *c = &p->class_of[class_index(w, ix, iy)];
            if (!c->row_unit && !group_class_create(&state->net, state->simd, w, ix, iy, stride, c))
                return 0;
        }
    return 1;
}

/* What the arena of these blocks never exceeds, but for a probability of e^-80: the expected
 * synapses, and as many more as storage.h's bound of a sum of independent draws allows, in the form
 * that takes the most memory. */
static size_t blocks_most(const backend_state_t *state, uint32_t pathway, uint32_t first,
                          uint32_t end) {
    const pathway_t *w = &state->net.pathway[pathway];
    const cpu_pathway_t *p = &state->pathway[pathway];
    const population_t *to = &state->net.population[w->target];
    double code = state->net.weight_bits / 8.0, synapses = 0.0, bytes = 0.0;
    if (p->run_bands > 0) /* each in a run alone, and its share of the chunks' heads */
        code = 2.2;
    uint32_t last = block_first(to, end), target = block_first(to, first);
    while (target < last) {
        uint32_t ix = target % to->nx, iy = target / to->nx, targets = group_targets(to, target);
        const group_class_t *c = &p->class_of[class_index(w, ix, iy)];
        synapses += targets * (c->in_units + c->listed);
        bytes +=
            (double)head_bytes(c, state->net.weight_bits) + 16.0 +
            p->run_bands * SETS * (double)chunk_bytes(15, 1) +
            targets * (c->in_units * code + (c->listed + p->bands * (PIECE - 1.0)) * (code + 2.0) +
                       p->bands * sizeof(uint32_t));
        target += targets;
    }
    bytes += (end - first) * ((BLOCK_GROUPS + 1) * sizeof(uint32_t) + BEYOND_BYTES + 64.0);
    return (size_t)(bytes + deviation_most(synapses) * (code + 2.0)) + 4096;
}

/* One thread's blocks of a pathway: draws and packs their inputs. */
static int build_share(const backend_state_t *state, uint32_t pathway, int thread,
                       uint64_t *synapses, uint64_t *hash) {
    const cpu_pathway_t *p = &state->pathway[pathway];
    arena_t *arena = &p->arena[thread];
    uint32_t first = share_first(p->blocks, thread, state->threads);
    uint32_t end = share_first(p->blocks, thread + 1, state->threads);
    scratch_t scratch;
    int done = first == end || arena_create(arena, blocks_most(state, pathway, first, end));
    done = scratch_create(&state->net.pathway[pathway], p, &scratch) && done;
    for (uint32_t b = first; b < end && done; b++)
        done = build_block(state, pathway, b, arena, &scratch, synapses, hash);
    scratch_destroy(&scratch);
    arena_trim(arena);
    return done;
}

static int pathway_build(backend_state_t *state, uint32_t pathway, uint64_t *synapses,
                         uint64_t *hash, uint64_t *bytes) {
    const cpu_pathway_t *p = &state->pathway[pathway];
    uint64_t count = 0, hashes = 0;
    int failed = 0;
#pragma omp parallel for num_threads(state->threads) schedule(static, 1)                           \
    reduction(+ : count, hashes, failed)
    for (int thread = 0; thread < state->threads; thread++)
        failed += !build_share(state, pathway, thread, &count, &hashes);
    *synapses = count;
    *hash += hashes;
    *bytes += p->blocks * sizeof(block_t);
    for (int thread = 0; thread < state->threads; thread++)
        *bytes += p->arena[thread].used;
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
        for (int thread = 0; p->arena && thread < state->threads; thread++)
            arena_destroy(&p->arena[thread]);
        free(p->arena);
        for (uint32_t c = 0; p->class_of && c < w->classes_x * w->classes_y; c++) {
            group_class_destroy(&p->class_of[c]);
        }
        free(p->block);
        free(p->class_of);
        free(p->column_start);
    }
}
