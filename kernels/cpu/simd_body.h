/* The loops that decide the speed, compiled once for each instruction set by simd_*.c, which
 * defines SIMD_OPS, SIMD_NAME and RUN_SUMS (or NULL). Everything here is exact or single-source:
 * the instruction set changes no bit. */
#include "kernels/cpu/runs.h"
#include "kernels/cpu/simd_philox.h"
#include "kernels/cpu/simd_vector.h"
#include "models/rate.h"

static void words(uint64_t seed, uint64_t sub, uint64_t first_block, uint32_t n_blocks,
                  uint32_t *out) {
    uint32_t k = 0, rest[4 * PHILOX_LANES];
    for (; k + PHILOX_LANES <= n_blocks; k += PHILOX_LANES)
        philox_lanes(seed, sub, first_block + k, out + 4 * (size_t)k);
    if (k < n_blocks) {
        philox_lanes(seed, sub, first_block + k, rest);
        memcpy(out + 4 * (size_t)k, rest, 4 * (size_t)(n_blocks - k) * sizeof *rest);
    }
}

static uint32_t connected(const uint32_t *word, const uint32_t *threshold, uint32_t n,
                          uint32_t *cell) {
    uint32_t count = 0;
    for (uint32_t k = 0; k < n; k++) {
        cell[count] = k;
        count += (uint32_t)draw_connects(word[k], threshold[k]);
    }
    return count;
}

/* sum[targets][BATCH] of one group; `rates`: [sites][BATCH], from where the first target's window
 * begins. */
static inline __attribute__((always_inline)) void
group_batch_sums(const cpu_pathway_t *p, const group_class_t *c, const unsigned char *record,
                 const uint32_t *pieces, const int32_t *rates, const uint32_t *column_start,
                 uint32_t targets, uint32_t bits, int64_t (*sum)[BATCH]) {
    const uint32_t *mask = (const uint32_t *)record;
    uint32_t codes = 0;
    for (uint32_t k = 0; k < c->units * GROUP_TARGETS; k++)
        codes += (uint32_t)__builtin_popcount(mask[k]);
    const unsigned char *plane = record + head_bytes(c, bits);
    const unsigned char *low = plane + codes * code_size(bits);
    batch_sum_t total[GROUP_TARGETS];
    for (uint32_t t = 0; t < GROUP_TARGETS; t++)
        total[t] = batch_zero();
    for (uint32_t k = 0, at = 0; k < c->units; k++) {
        const int32_t *unit = rates + (size_t)c->site[k] * BATCH;
        for (uint32_t t = 0; t < GROUP_TARGETS; t++) {
            batch_sum_t one = total[t];
            __builtin_prefetch(plane + at * code_size(bits) + AHEAD);
            for (uint32_t left = mask[k * GROUP_TARGETS + t]; left != 0; left &= left - 1) {
                int64_t code = stored_code(plane, low, bits, at++);
                one = batch_add(one, &code, unit + (uint32_t)__builtin_ctz(left) * BATCH);
            }
            total[t] = one;
        }
    }
    const unsigned char *piece = record + units_bytes(c, bits, codes);
    for (uint32_t t = 0; t < targets; t++) {
        const int32_t *window = rates + (size_t)(column_start[t] - column_start[0]) * BATCH;
        batch_sum_t one = total[t];
        for (uint32_t band = 0; band < p->bands; band++, window += (size_t)BAND_SITES * BATCH) {
            for (uint32_t k = 0; k < *pieces; k++, piece += piece_bytes(bits)) {
                int64_t code[PIECE]; /* in memory, where a multiplication can broadcast it from */
                __builtin_prefetch(piece + AHEAD);
                for (uint32_t i = 0; i < PIECE; i++)
                    code[i] = piece_code(piece, bits, i);
                for (uint32_t i = 0; i < PIECE; i++)
                    one = batch_add(one, &code[i],
                                    window + (size_t)((const uint16_t *)piece)[i] * BATCH);
            }
            pieces++;
        }
        batch_store(one, sum[t]);
    }
}

static inline __attribute__((always_inline)) void put_columns(const int32_t *const *row,
                                                              uint32_t column, uint32_t n,
                                                              uint32_t run_bits, int32_t *site) {
    uint32_t x = 0;
    for (; x + PUT_SITES <= n; x += PUT_SITES)
        batch_put(site + (size_t)x * BATCH, row, column + x, run_bits);
    if (x == n)
        return;
    int32_t rest[BATCH][PUT_SITES] = {{0}}, sites[PUT_SITES * BATCH];
    const int32_t *rows[BATCH];
    for (uint32_t k = 0; k < BATCH; k++) {
        memcpy(rest[k], row[k] + column + x, (n - x) * sizeof *rest[k]);
        rows[k] = rest[k];
    }
    batch_put(sites, rows, 0, run_bits);
    memcpy(site + (size_t)x * BATCH, sites, (size_t)(n - x) * BATCH * sizeof *sites);
}

static void batch_row(const int32_t *const *row, uint32_t nx, uint32_t first, uint32_t width,
                      uint32_t run_bits, int32_t *site) {
    uint32_t n = nx < width ? nx : width, end = nx - first < n ? nx - first : n;
    put_columns(row, first, end, run_bits, site);
    put_columns(row, 0, n - end, run_bits, site + (size_t)end * BATCH);
    for (; n < width; n++) /* the lattice again */
        memcpy(site + (size_t)n * BATCH, site + (size_t)(n - nx) * BATCH, BATCH * sizeof *site);
}

static inline __attribute__((always_inline)) void
batch_sums_of(const backend_state_t *state, uint32_t k, uint32_t pathway, uint32_t block,
              int64_t (*sum)[BATCH], uint32_t bits) {
    const pathway_t *w = &state->net.pathway[pathway];
    const cpu_pathway_t *p = &state->pathway[pathway];
    const block_t *b = &p->block[block];
    const population_t *to = &state->net.population[w->target];
    const int32_t *rates = batch_codes(state, k, w->source);
    const uint32_t *pieces = b->pieces;
    uint32_t first = block_first(to, block), end = block_first(to, block + 1);
    for (uint32_t group = 0; first < end; group++) {
        uint32_t ix = first % to->nx, iy = first / to->nx, targets = group_targets(to, first);
        size_t site = (size_t)p->row_start[iy] + p->column_start[ix];
        if (p->run_bands > 0)
            state->simd->run_sums(b->record + b->start[group], rates + site * BATCH, targets, bits,
                                  sum);
        else
            group_batch_sums(p, &p->class_of[p->row_class[iy] + p->column_class[ix]],
                             b->record + b->start[group], pieces, rates + site * BATCH,
                             p->column_start + ix, targets, bits, sum);
        first += targets;
        sum += targets;
        pieces += (size_t)targets * p->bands;
    }
}

static void batch_sums(const backend_state_t *state, uint32_t k, uint32_t pathway, uint32_t block,
                       int64_t sum[BLOCK_TARGETS][BATCH]) {
    switch (state->net.weight_bits) {
    case 8:
        batch_sums_of(state, k, pathway, block, sum, 8);
        break;
    case 16:
        batch_sums_of(state, k, pathway, block, sum, 16);
        break;
    default:
        batch_sums_of(state, k, pathway, block, sum, 24);
    }
}

static void digits(uint32_t bits, const image_t *image, uint32_t row, const int32_t *RESTRICT code,
                   unsigned char *planes) {
    size_t sites = digit_sites(image), first = (size_t)row * image->stride;
    if (bits == 8) {
        unsigned char *RESTRICT d = planes + first;
        for (uint32_t plane = 0; plane < BYTES; plane++, d += sites)
#pragma omp simd
            for (uint32_t x = 0; x < image->width; x++)
                d[x] = (unsigned char)(((uint32_t)code[x] ^ 0x80000000u) >> 8 * plane);
        return;
    }
    const int32_t half = 1 << (DIGIT_BITS - 1), mask = (1 << DIGIT_BITS) - 1;
    int16_t *RESTRICT d = (int16_t *)planes + first;
#pragma omp simd
    for (uint32_t x = 0; x < image->width; x++) {
        int32_t r = code[x];
        for (uint32_t plane = 0; plane < DIGITS - 1; plane++) {
            int32_t carry = (r & mask) >= half;
            d[plane * sites + x] = (int16_t)((r & mask) - (carry << DIGIT_BITS));
            r = (r >> DIGIT_BITS) + carry;
        }
        d[(DIGITS - 1) * sites + x] = (int16_t)r;
    }
}

/* Adds to total[] what the units of one group hold of one plane; returns the plane's end. */
static inline __attribute__((always_inline)) const unsigned char *
add_units(const group_class_t *c, const uint32_t *mask, const unsigned char *code,
          const int16_t *digits, size_t sites, plane_t plane, vector_t total[GROUP_TARGETS]) {
    for (uint32_t first = 0; first < c->units; first += UNITS_AT_ONCE) {
        uint32_t end = c->units - first < UNITS_AT_ONCE ? c->units : first + UNITS_AT_ONCE;
        digit_sum_t sum[GROUP_TARGETS][DIGITS];
        for (uint32_t t = 0; t < GROUP_TARGETS; t++)
            for (uint32_t d = 0; d < DIGITS; d++)
                sum[t][d] = digit_zero();
        uint32_t k = first;
        do {
            const int16_t *at = digits + c->site[k];
            codes_t digit[DIGITS] = {unit_digits(at), unit_digits(at + sites),
                                     unit_digits(at + 2 * sites)};
            __builtin_prefetch(code + AHEAD);
            __builtin_prefetch(code + AHEAD + 64);
            for (uint32_t t = 0; t < GROUP_TARGETS; t++) {
                uint32_t which = mask[k * GROUP_TARGETS + t];
                codes_t codes = unit_codes(code, which, plane);
                code += (size_t)__builtin_popcount(which) * plane_code_bytes(plane);
                for (uint32_t d = 0; d < DIGITS; d++)
                    sum[t][d] = digit_add(sum[t][d], codes, digit[d]);
            }
        } while (++k < end);
        for (uint32_t t = 0; t < GROUP_TARGETS; t++)
            for (uint32_t d = 0; d < DIGITS; d++)
                total[t] =
                    vector_add(total[t], vector_shift(digit_wide(sum[t][d]), (int)d * DIGIT_BITS));
    }
    return code;
}

/* The same of 8-bit codes, whose rates are 2^31 too large. */
static inline __attribute__((always_inline)) const unsigned char *
add_byte_units(const group_class_t *c, const uint32_t *mask, const unsigned char *code,
               const unsigned char *digits, size_t sites, vector_t total[GROUP_TARGETS]) {
    for (uint32_t first = 0; first < c->units; first += BYTE_UNITS_AT_ONCE) {
        uint32_t end =
            c->units - first < BYTE_UNITS_AT_ONCE ? c->units : first + BYTE_UNITS_AT_ONCE;
        byte_sum_t sum[GROUP_TARGETS][BYTES];
        for (uint32_t t = 0; t < GROUP_TARGETS; t++)
            for (uint32_t d = 0; d < BYTES; d++)
                sum[t][d] = byte_zero();
        uint32_t k = first;
        do {
            const unsigned char *at = digits + c->site[k];
            byte_digits_t digit[BYTES] = {byte_digits(at), byte_digits(at + sites),
                                          byte_digits(at + 2 * sites), byte_digits(at + 3 * sites)};
            __builtin_prefetch(code + AHEAD);
            for (uint32_t t = 0; t < GROUP_TARGETS; t++) {
                uint32_t which = mask[k * GROUP_TARGETS + t];
                byte_codes_t codes = byte_codes(code, which);
                code += __builtin_popcount(which);
                for (uint32_t d = 0; d < BYTES; d++)
                    sum[t][d] = byte_add(sum[t][d], codes, digit[d]);
            }
        } while (++k < end);
        for (uint32_t t = 0; t < GROUP_TARGETS; t++)
            for (uint32_t d = 0; d < BYTES; d++)
                total[t] = vector_add(total[t], vector_shift(byte_wide(sum[t][d]), (int)d * 8));
    }
    return code;
}

/* Adds a band's pieces; `rate`: the band's first site. */
static inline __attribute__((always_inline)) list_sum_t add_pieces(list_sum_t sum,
                                                                   const unsigned char *piece,
                                                                   const int32_t *rate,
                                                                   uint32_t pieces, uint32_t bits) {
    for (uint32_t k = 0; k < pieces; k++, piece += piece_bytes(bits)) {
        __builtin_prefetch(piece + AHEAD);
        sum = list_add(sum, piece + OFFSETS_BYTES, bits, rate, (const uint16_t *)piece);
    }
    return sum;
}

/* Where a pathway's windows of one trial lie. */
typedef struct {
    const int32_t *code;
    const unsigned char *digits;
    size_t sites;
} rates_t;

/* Sums of one group, sum[targets]; `site`: where its first target's window begins. */
static inline __attribute__((always_inline)) void
group_sums(const cpu_pathway_t *p, const group_class_t *c, const unsigned char *record,
           const uint32_t *pieces, rates_t rates, size_t site, const uint32_t *column_start,
           uint32_t targets, uint32_t bits, int64_t *sum) {
    vector_t total[GROUP_TARGETS];
    for (uint32_t t = 0; t < GROUP_TARGETS; t++)
        total[t] = vector_zero();
    const uint32_t *mask = (const uint32_t *)record;
    const unsigned char *at = record + head_bytes(c, bits);
    int64_t excess[GROUP_TARGETS] = {0};
    if (bits == 8) {
        const int32_t *codes = (const int32_t *)(record + masks_bytes(c));
        for (uint32_t t = 0; t < GROUP_TARGETS; t++)
            excess[t] = (int64_t)codes[t] * ((int64_t)1 << 31);
        at = add_byte_units(c, mask, at, rates.digits + site, rates.sites, total);
    } else {
        const int16_t *digits = (const int16_t *)rates.digits + site;
        at = add_units(c, mask, at, digits, rates.sites, PLANE_INT16, total);
        if (bits == 24) {
            for (uint32_t t = 0; t < GROUP_TARGETS; t++)
                total[t] = vector_shift(total[t], 8);
            at = add_units(c, mask, at, digits, rates.sites, PLANE_UINT8, total);
        }
    }
    at = record + ((size_t)(at - record) + 7) / 8 * 8;
    for (uint32_t t = 0; t < targets; t++) {
        const int32_t *window = rates.code + site + (column_start[t] - column_start[0]);
        list_sum_t list = list_zero();
        for (uint32_t band = 0; band < p->bands; band++, window += BAND_SITES) {
            list = add_pieces(list, at, window, *pieces, bits);
            at += *pieces++ * piece_bytes(bits);
        }
        sum[t] = vector_total(total[t]) + list_total(list) - excess[t];
    }
}

static inline __attribute__((always_inline)) void block_sums_of(const backend_state_t *state,
                                                                uint32_t k, uint32_t pathway,
                                                                uint32_t block, int64_t *sum,
                                                                uint32_t bits) {
    const pathway_t *w = &state->net.pathway[pathway];
    const cpu_pathway_t *p = &state->pathway[pathway];
    const block_t *b = &p->block[block];
    const image_t *image = &state->image[w->source];
    const population_t *to = &state->net.population[w->target];
    const rates_t rates = {image_codes(image, k), image_digits(state, k, w->source),
                           digit_sites(image)};
    const uint32_t *pieces = b->pieces;
    uint32_t first = block_first(to, block), end = block_first(to, block + 1);
    uint32_t ix = first % to->nx, iy = first / to->nx;
    for (uint32_t group = 0; first < end; group++) {
        uint32_t targets = group_targets(to, first);
        size_t site = (size_t)p->row_start[iy] + p->column_start[ix];
        if (p->run_bands > 0)
            runs_image_sums((const runs_t *)(b->record + b->start[group]), rates.code + site,
                            targets, sum);
        else
            group_sums(p, &p->class_of[p->row_class[iy] + p->column_class[ix]],
                       b->record + b->start[group], pieces, rates, site, p->column_start + ix,
                       targets, bits, sum);
        first += targets;
        sum += targets;
        pieces += (size_t)targets * p->bands;
        ix += targets;
        if (ix == to->nx) {
            ix = 0;
            iy++;
        }
    }
}

static void block_sums(const backend_state_t *state, uint32_t k, uint32_t pathway, uint32_t block,
                       int64_t *sum) {
    switch (state->net.weight_bits) {
    case 8:
        block_sums_of(state, k, pathway, block, sum, 8);
        break;
    case 16:
        block_sums_of(state, k, pathway, block, sum, 16);
        break;
    default:
        block_sums_of(state, k, pathway, block, sum, 24);
    }
}

static void add_inputs(uint32_t n, double unit, const int64_t *RESTRICT sum,
                       double *RESTRICT input) {
    for (uint32_t k = 0; k < n; k++)
        input[k] += (double)sum[k] * unit;
}

static inline __attribute__((always_inline)) uint32_t
neurons_of(population_t p, int32_t gain_kind, uint32_t rate_bits, uint32_t n,
           const float *RESTRICT synaptic, const uint32_t *RESTRICT words, float *RESTRICT h,
           int32_t *RESTRICT rate) {
    float unit = rate_unit(p.rate_shift), limit = rate_limit(rate_bits), z[BLOCK_TARGETS] = {0};
    uint32_t saturated = 0;
    if (p.noise != 0.0f) {
        const normal_node_t *table = normal_table();
#pragma omp simd
        for (uint32_t k = 0; k < n; k++)
            z[k] = normal_from_bits(table, words[k]);
    }
    p.gain.kind = gain_kind; /* a constant here, so that the loop vectorizes */
    for (uint32_t k = 0; k < n; k++) {
        h[k] = rate_step(&p, h[k], synaptic[k], z[k]);
        float r = gain_rate(p.gain, h[k]);
        rate[k] = rate_code(r, unit, limit);
        saturated += rate_saturates(r, unit, rate_bits);
    }
    return saturated;
}

static uint32_t neurons(const population_t *p, uint32_t rate_bits, uint32_t n,
                        const float *synaptic, const uint32_t *words, float *h, int32_t *rate) {
    switch (p->gain.kind) {
    case GAIN_TANH:
        return neurons_of(*p, GAIN_TANH, rate_bits, n, synaptic, words, h, rate);
    case GAIN_SIGMOID:
        return neurons_of(*p, GAIN_SIGMOID, rate_bits, n, synaptic, words, h, rate);
    default:
        return neurons_of(*p, p->gain.kind, rate_bits, n, synaptic, words, h, rate);
    }
}

const simd_ops_t SIMD_OPS = {SIMD_NAME,  UNIT_8,   UNIT_16,   words,  connected,  block_sums,
                             batch_sums, RUN_SUMS, batch_row, digits, add_inputs, neurons};
