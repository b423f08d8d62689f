#include "kernels/cpu/runs.h"

#include <stdlib.h>

/* Sets in the order of their sizes, so that the step seldom guesses wrong what comes next. */
static size_t run_key(const shared_t *one) {
    static const uint8_t order[SETS] = {0, 1, 2, 5, 3, 6, 7, 11, 4, 8, 9, 12, 10, 13, 14, 15};
    return (size_t)one->site / BAND_SITES * SETS + order[one->set];
}

/* The sources of a group by site, each once: s->shared; returns how many. */
static size_t share(const uint32_t *shift, uint32_t stride, input_t *const *input,
                    const uint32_t *count, packer_t *s) {
    uint32_t at[GROUP_TARGETS] = {0};
    for (size_t n = 0;; n++) {
        uint32_t site[GROUP_TARGETS], least = UINT32_MAX;
        for (uint32_t t = 0; t < GROUP_TARGETS; t++) {
            const input_t *next = &input[t][at[t]];
            site[t] = at[t] < count[t] ? next->row * stride + shift[t] + next->column : UINT32_MAX;
            least = site[t] < least ? site[t] : least;
        }
        if (least == UINT32_MAX)
            return n;
        shared_t *to = &s->shared[n];
        *to = (shared_t){.site = least};
        for (uint32_t t = 0; t < GROUP_TARGETS; t++)
            if (site[t] == least) {
                to->set |= 1u << t;
                to->code[t] = input[t][at[t]++].code;
            }
    }
}

/* What each member's sum of a chunk is too large by, where its codes add up to `sum`: 2^31 for
 * every digit, less what the digits miss of the rate. */
static uint64_t chunk_rest(int32_t sum, uint32_t bits) {
    uint64_t one = 1 + (1 << 16), missed = 1 << 15;
    if (bits > 8) {
        one = 1 + (1 << DIGIT_BITS) + (1 << 2 * DIGIT_BITS);
        missed = (1 << (DIGIT_BITS - 1)) + (1 << (2 * DIGIT_BITS - 1));
    }
    return (one << 31) - missed * (uint64_t)(int64_t)sum;
}

/* What a chunk's codes of one target may add up to, without signs, so that 32 bits hold the sums of
 * their products with digits, within +-2^10; 8-bit codes' digits are within +-2^15, but no chunk of
 * them adds up to 2^16. */
enum { CODES_MOST = (1 << 21) - 1 };

/* How many of a run's sites make its first chunk. */
static uint32_t chunk_sites(const shared_t *from, size_t sites) {
    int32_t sum[GROUP_TARGETS] = {0};
    uint32_t n = 0;
    for (; n < sites && n < CHUNK_SITES; n++)
        for (uint32_t t = 0; t < GROUP_TARGETS; t++)
            if ((sum[t] += abs(from[n].code[t])) > CODES_MOST)
                return n;
    return n;
}

/* `from`: the run's sites; `head`: where the record begins. */
static int put_run(const shared_t *from, size_t sites, uint32_t bits, size_t head, packer_t *s) {
    for (uint32_t n; sites > 0; sites -= n, from += n) {
        uint32_t set = from->set;
        n = chunk_sites(from, sites);
        unsigned char *place = record_extend(s, chunk_bytes(set, n));
        if (!place)
            return 0;
        chunk_t *chunk = (void *)place;
        chunk->band = (uint16_t)(from->site / BAND_SITES);
        chunk->set = (uint8_t)set;
        chunk->sites = (uint8_t)n;
        for (uint32_t i = 0; i < n + n % 2; i++) {
            const shared_t *one = &from[i < n ? i : n - 1]; /* an odd last: times 0 */
            chunk_offsets(chunk, i / 2)[i % 2] = (uint16_t)(one->site % BAND_SITES);
            for (uint32_t t = 0, k = 0; t < GROUP_TARGETS; t++) {
                if (!(set >> t & 1) || i == n)
                    continue;
                chunk_codes(chunk, i / 2)[2 * k + i % 2] = (int16_t)one->code[t];
                chunk->sum[k++] += one->code[t];
            }
        }
        runs_t *runs = (void *)(s->record + head);
        for (uint32_t t = 0, k = 0; t < GROUP_TARGETS; t++)
            if (set >> t & 1)
                runs->rest[t] += chunk_rest(chunk->sum[k++], bits);
    }
    return 1;
}

int runs_put(uint32_t bands, const uint32_t *shift, uint32_t stride, uint32_t bits,
             input_t *const *input, const uint32_t *count, packer_t *s) {
    size_t keys = (size_t)bands * SETS, most = 0, head = s->used;
    for (uint32_t t = 0; t < GROUP_TARGETS; t++)
        most += count[t];
    if (most > s->shared_most) {
        free(s->shared);
        s->shared_most = most * 3 / 2;
        s->shared = malloc(2 * s->shared_most * sizeof *s->shared);
    }
    if ((most > 0 && !s->shared) || !record_extend(s, sizeof(runs_t)))
        return 0;
    size_t n = share(shift, stride, input, count, s);
    s->runs = s->shared + s->shared_most;
    memset(s->run_start, 0, (keys + 1) * sizeof *s->run_start);
    for (size_t k = 0; k < n; k++) /* counts, one place on; then starts; then, once placed, ends */
        s->run_start[run_key(&s->shared[k]) + 1]++;
    for (size_t k = 0; k < keys; k++)
        s->run_start[k + 1] += s->run_start[k];
    for (size_t k = 0; k < n; k++)
        s->runs[s->run_start[run_key(&s->shared[k])]++] = s->shared[k];
    for (size_t k = 0, first = 0; k < keys; first = s->run_start[k++])
        if (!put_run(s->runs + first, s->run_start[k] - first, bits, head, s))
            return 0;
    ((runs_t *)(s->record + head))->end = s->used - head;
    return record_extend(s, -s->used % 8) != NULL;
}

uint32_t runs_edges(const runs_t *runs, const pathway_t *w, const population_t *from, uint32_t ix,
                    uint32_t iy, uint32_t stride, uint32_t member, uint32_t shift, edge_t *edge) {
    uint32_t count = 0;
    for (const chunk_t *chunk = chunks_first(runs); chunk < chunks_end(runs);
         chunk = chunk_next(chunk)) {
        if (!(chunk->set >> member & 1))
            continue;
        uint32_t k = set_members(chunk->set & ((1u << member) - 1));
        for (uint32_t i = 0; i < chunk->sites; i++) {
            uint32_t offset = chunk_offsets(chunk, i / 2)[i % 2];
            uint32_t site = chunk->band * (uint32_t)BAND_SITES + offset - shift;
            edge[count++] = (edge_t){window_source(w, from, ix, iy, site / stride, site % stride),
                                     chunk_codes(chunk, i / 2)[2 * k + i % 2]};
        }
    }
    return count;
}

/* Of a chunk that is full, from the weights' mean size: rough, as chunks' heads are little. */
static uint32_t full_chunk_sites(const pathway_t *w, uint32_t bits) {
    double code = fmax(fabs((double)w->mean), (double)w->std) / fmax((double)w->scale, 1e-300);
    double sites = CODES_MOST / fmin(fmax(code, 1.0), weight_code_max(bits));
    return (uint32_t)fmin(sites, CHUNK_SITES);
}

double runs_expected_bytes(const network_t *net, const pathway_t *w, uint32_t ix, uint32_t iy,
                           const image_t *image) {
    uint32_t members = group_targets(&net->population[w->target], ix);
    uint32_t width = group_width(net, w, ix), bands = window_bands(w, image);
    size_t sites = (size_t)w->window_y * width, cells = (size_t)w->window_y * w->window_x;
    double *pi = malloc(cells * sizeof *pi), *p = calloc(GROUP_TARGETS * sites, sizeof *p);
    double *mean = calloc((size_t)bands * SETS, sizeof *mean), bytes = sizeof(runs_t);
    const uint32_t full = full_chunk_sites(w, net->weight_bits);
    int done = pi && p && mean;
    for (uint32_t t = 0; t < members && done; t++) {
        uint32_t shift = pathway_base_x(w, ix + t) - pathway_base_x(w, ix);
        pathway_inclusion(w, class_index(w, ix + t, iy), pi);
        for (uint32_t row = 0; row < w->window_y; row++)
            memcpy(p + t * sites + (size_t)row * width + shift, pi + (size_t)row * w->window_x,
                   w->window_x * sizeof *p);
    }
    for (size_t i = 0; i < sites && done; i++)
        for (uint32_t set = 1; set < SETS; set++) {
            double all = 1.0;
            for (uint32_t t = 0; t < GROUP_TARGETS; t++)
                all *= set >> t & 1 ? p[t * sites + i] : 1.0 - p[t * sites + i];
            mean[(i / width * image->stride + i % width) / BAND_SITES * SETS + set] += all;
        }
    for (size_t key = 0; key < (size_t)bands * SETS && done; key++)
        bytes += (double)pair_bytes(set_members(key % SETS)) *
                 (parts_expected(mean[key], full) + parts_expected(mean[key], 2));
    free(pi);
    free(p);
    free(mean);
    return done ? bytes : 0.0;
}

void runs_image_sums(const runs_t *runs, const int32_t *rates, uint32_t targets, int64_t *sum) {
    memset(sum, 0, targets * sizeof *sum);
    for (const chunk_t *chunk = chunks_first(runs); chunk < chunks_end(runs);
         chunk = chunk_next(chunk)) {
        const int32_t *band = rates + (size_t)chunk->band * BAND_SITES;
        uint32_t members = set_members(chunk->set), pairs = (chunk->sites + 1u) / 2;
        for (uint32_t k = 0, left = chunk->set; k < members; k++, left &= left - 1) {
            const uint16_t *at = chunk_offsets(chunk, 0);
            int64_t one = 0;
            for (uint32_t i = 0; i < pairs; i++, at += pair_bytes(members) / sizeof *at) {
                const int16_t *code = (const int16_t *)at + 2 + 2 * k;
                one += (int64_t)code[0] * band[at[0]] + (int64_t)code[1] * band[at[1]];
            }
            sum[__builtin_ctz(left)] += one;
        }
    }
}
