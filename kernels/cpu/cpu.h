/* The cpu backend's storage (beyond storage.h), shared by its build, step and edges.
 *
 * Group. GROUP_TARGETS consecutive targets of a lattice row (fewer at its end), whose windows
 * nearly coincide: they share the reads of rates.
 *
 * Units and list. Where a group's windows are dense, a window row is covered by units: UNIT_SITES
 * consecutive image sites, with a mask for every target of the group that says which of them are
 * its sources, and the codes of those in the order of the sites. The other synapses are a list: a
 * 16-bit offset into the window's part of the image, and a code, in pieces of PIECE, filled up with
 * offsets 0 and codes 0. The sum is an exact integer, so the split changes no bit.
 *
 * Digits. The units' rates are read in parts, so that their products with codes add up exactly in
 * 32 bits. For 16 bits of a code: rate = d0 + d1 2^11 + d2 2^22 with |d0|, |d1| <= 2^10 and |d2| <=
 * 2^9, three planes of int16; 63 products may be added. For 8-bit codes: the four bytes of rate +
 * 2^31, four planes; 2^16 products. What 2^31 adds is taken off by the sum of a target's codes.
 *
 * Record. One group's masks, [units][GROUP_TARGETS]; at 8 bits the sum of every target's codes in
 * units, int32 [GROUP_TARGETS]; codes, by unit, then target; up to the next
 * multiple of 8 bytes nothing; then every target's list, by band: one stream of memory, as the step
 * reads it. At 24 bits the low bytes of all codes of the units follow their high 16 bits.
 *
 * Batch. With several trials, BATCH of them are summed together: a synapse's code is met with the
 * rates of its source in all of them, which lie side by side. Trials of the rest, if they are too
 * few to be worth a batch, have an image and digits each. Where the instruction set reads runs
 * (runs.h), records of 8- and 16-bit codes are runs from RUNS_LEAST trials on, but for the smallest
 * memory, and all trials are in batches.
 *
 * Block. The records of BLOCK_GROUPS consecutive groups of one pathway: what a thread builds, owns
 * and sums. */
#ifndef BRISC_CPU_H
#define BRISC_CPU_H

#include "kernels/backend.h"
#include "kernels/cpu/arena.h"
#include "kernels/draw.h"
#include "kernels/storage.h"

enum {
    GROUP_TARGETS = 4,
    BLOCK_GROUPS = 16,
    BLOCK_TARGETS = GROUP_TARGETS * BLOCK_GROUPS,
    UNIT_SITES = 32,
    PIECE = 8,
    OFFSETS_BYTES = 2 * PIECE,
    DIGITS = 3,
    DIGIT_BITS = 11,
    BYTES = 4,
    BATCH = 16,
    BATCH_LEAST = 9,   /* trials worth a batch, of lists */
    RUNS_LEAST = 5,    /* of runs */
    BEYOND_BYTES = 256 /* what may be read beyond a block's record, of codes or offsets */
};

/* What the groups have in common whose first targets are of one class (network.h). */
typedef struct {
    uint32_t units;
    uint32_t *site; /* [units]: image sites from the first target's window to the unit, ascending */
    uint32_t *row_unit;             /* [window_y + 1]: the first unit of a window row */
    uint32_t *row_first, *row_last; /* [window_y]: columns outside have threshold 0 */
    double in_units, listed;        /* expected synapses of one target */
} group_class_t;

typedef struct {
    unsigned char *record; /* of the groups, one after another */
    uint32_t *start;       /* [groups + 1]: of a group's record, in bytes */
    uint32_t *pieces;      /* [targets][bands] */
} block_t;

typedef struct {
    group_class_t *class_of; /* [classes_y][classes_x], by the class of a group's first target */
    /* Of every target column and row: where its windows begin, in image sites, and its class. */
    uint32_t *column_start, *row_start, *column_class, *row_class;
    /* Of BAND_SITES image sites each, for the offsets of lists and runs; 0: there are none. */
    uint32_t bands, run_bands;
    uint32_t blocks;
    block_t *block;
    arena_t *arena; /* [threads]: what their shares of the blocks point into */
} cpu_pathway_t;

typedef struct simd_ops simd_ops_t;

/* How the trials are summed. */
typedef struct {
    int runs;
    uint32_t batches, singles; /* singles: the last trials, which have no batch */
    uint32_t images;           /* one a single; at least one, for products */
} summing_t;

struct backend_state {
    network_t net;
    const simd_ops_t *simd;
    int threads;
    cpu_pathway_t pathway[PATHWAYS_MAX];
    summing_t summing;
    image_t image[POPULATIONS_MAX];         /* [images] of image_bytes */
    unsigned char *digits[POPULATIONS_MAX]; /* [images][digits_bytes]: planes, as the image */
    int32_t *batch[POPULATIONS_MAX];        /* [batches][sites][BATCH], as batch_put has them */
    float *h[POPULATIONS_MAX];              /* [trials][ny][nx] */
    int32_t *rate[POPULATIONS_MAX];         /* codes, [trials][ny][nx] */
    uint64_t saturated;
};

/* What is compiled once for each instruction set (simd_body.h). */
struct simd_ops {
    const char *name;
    /* Listed synapses that take as long as one unit of a target: at 8 bits, and at more. */
    double unit_8, unit_16;
    /* words[4 n_blocks] = the Philox words of n_blocks consecutive blocks. */
    void (*words)(uint64_t seed, uint64_t sub, uint64_t first_block, uint32_t n_blocks,
                  uint32_t *words);
    /* cell[k] = the columns below n that the draws connect; returns how many. */
    uint32_t (*connected)(const uint32_t *words, const uint32_t *threshold, uint32_t n,
                          uint32_t *cell);
    /* sum[t] = sum over one block's synapses of code times rate code, in one image. */
    void (*block_sums)(const backend_state_t *state, uint32_t image, uint32_t pathway,
                       uint32_t block, int64_t *sum);
    /* The same in the trials of a batch. */
    void (*batch_sums)(const backend_state_t *state, uint32_t batch, uint32_t pathway,
                       uint32_t block, int64_t sum[BLOCK_TARGETS][BATCH]);
    /* The same of one group in runs, sum[targets]; `rates`: [sites][BATCH], from where the first
     * target's window begins. NULL: there are no runs. */
    void (*run_sums)(const unsigned char *record, const int32_t *rates, uint32_t targets,
                     uint32_t bits, int64_t (*sum)[BATCH]);
    /* One image row of a batch, site[width][BATCH]: of the trials' rows, row[BATCH][nx], whose
     * column `first` is the image's first, and which are wrapped; `run_bits`: as run_sums reads it
     * with codes of so many bits, or 0. */
    void (*batch_row)(const int32_t *const *row, uint32_t nx, uint32_t first, uint32_t width,
                      uint32_t run_bits, int32_t *site);
    /* The planes of digits of one image row = those of code[image->width]. */
    void (*digits)(uint32_t weight_bits, const image_t *image, uint32_t row, const int32_t *code,
                   unsigned char *digits);
    /* input[n] += unit sum[n] */
    void (*add_inputs)(uint32_t n, double unit, const int64_t *sum, double *input);
    /* One step of n <= BLOCK_TARGETS neurons: h in place, new rate codes; `words`: the noise's
     * random bits. Returns how many rates saturated. */
    uint32_t (*neurons)(const population_t *p, uint32_t rate_bits, uint32_t n,
                        const float *synaptic, const uint32_t *words, float *h, int32_t *rate);
};

/* expand_table[mask]: which bytes of 8 packed 16-bit codes go to the 8 sites of a mask. */
extern uint8_t expand_table[256][16];
extern const simd_ops_t simd_portable, simd_avx2, simd_avx512;
status_t simd_choose(int simd, const simd_ops_t **ops);

status_t cpu_build(backend_state_t *state, connectivity_t *connectivity);
status_t cpu_footprint(const network_t *net, uint64_t *connectivity_bytes, uint64_t *state_bytes);
/* Of the groups whose first target is (ix, iy); 0: no memory. */
int group_class_create(const network_t *net, const simd_ops_t *simd, const pathway_t *w,
                       uint32_t ix, uint32_t iy, uint32_t stride, group_class_t *c);
void group_class_destroy(group_class_t *c);
/* The mean of ceil(n / size) over a Poisson n: expected pieces, pairs or chunks. */
double parts_expected(double mean, uint32_t size);
summing_t summing_of(const network_t *net, const simd_ops_t *simd);
void cpu_build_destroy(backend_state_t *state);
status_t cpu_edges(backend_state_t *state, uint32_t pathway, uint32_t first, uint32_t count,
                   uint64_t *indptr, uint32_t *sources, int32_t *codes);
status_t cpu_create(const network_t *net, const backend_options_t *options, backend_state_t **state,
                    connectivity_t *connectivity);
status_t cpu_step(backend_state_t *state, uint64_t first_step, uint32_t count);
status_t cpu_apply(backend_state_t *state, uint32_t vectors, const double *x, double *y);
extern const dense_solver_t cpu_dense;
extern const yardsticks_t cpu_yardsticks;
/* One of the population's images = the codes rate[ny][nx]. */
void cpu_image_fill(backend_state_t *state, uint32_t image, uint32_t population,
                    const int32_t *rate);
void cpu_rates_changed(backend_state_t *state, uint32_t trial, uint32_t population); /* from h */

/* Lists' pieces and units may be read, times code 0, beyond the last site. */
static inline size_t image_bytes(const image_t *image) {
    return (image_sites(image) + 15) / 16 * 16 * sizeof *image->code;
}
static inline size_t digit_sites(const image_t *image) {
    return (image_sites(image) + UNIT_SITES + 31) / 32 * 32;
}
static inline size_t batch_bytes(const image_t *image) {
    return image_sites(image) * BATCH * sizeof(int32_t);
}
static inline int32_t *image_codes(const image_t *image, uint32_t trial) {
    return image->code + trial * (image_bytes(image) / sizeof *image->code);
}
static inline size_t state_at(const backend_state_t *state, uint32_t trial, uint32_t population) {
    return (size_t)trial * population_size(&state->net.population[population]);
}

static inline int32_t *batch_codes(const backend_state_t *state, uint32_t batch,
                                   uint32_t population) {
    return state->batch[population] + batch * image_sites(&state->image[population]) * BATCH;
}
static inline size_t digits_bytes(const image_t *image, uint32_t bits) {
    return digit_sites(image) * (bits == 8 ? BYTES : DIGITS * sizeof(int16_t));
}
static inline unsigned char *image_digits(const backend_state_t *state, uint32_t trial,
                                          uint32_t population) {
    return state->digits[population] +
           trial * digits_bytes(&state->image[population], state->net.weight_bits);
}

static inline uint32_t groups_of_row(const population_t *p) {
    return (p->nx + GROUP_TARGETS - 1) / GROUP_TARGETS;
}
static inline uint32_t blocks_of(const population_t *p) {
    return (uint32_t)(((uint64_t)groups_of_row(p) * p->ny + BLOCK_GROUPS - 1) / BLOCK_GROUPS);
}
/* The first target of a group (in no group: the end), and how many it has. */
static inline uint32_t group_first(const population_t *p, uint64_t group) {
    uint64_t row = groups_of_row(p);
    return group < row * p->ny ? (uint32_t)(group / row * p->nx + group % row * GROUP_TARGETS)
                               : population_size(p);
}
static inline uint32_t group_targets(const population_t *p, uint32_t first) {
    uint32_t left = p->nx - first % p->nx;
    return left < GROUP_TARGETS ? left : GROUP_TARGETS;
}
/* Columns of the windows of the group that begins at column ix. */
static inline uint32_t group_width(const network_t *net, const pathway_t *w, uint32_t ix) {
    uint32_t last = ix + group_targets(&net->population[w->target], ix) - 1;
    return w->window_x + pathway_base_x(w, last) - pathway_base_x(w, ix);
}
static inline uint32_t block_first(const population_t *p, uint32_t block) {
    return group_first(p, (uint64_t)block * BLOCK_GROUPS);
}

/* Blocks, or anything else in a row, are shared out to threads: the first of one thread's. */
static inline uint32_t share_first(uint32_t items, int thread, int threads) {
    return (uint32_t)((uint64_t)items * (uint64_t)thread / (uint64_t)threads);
}

static inline size_t piece_bytes(uint32_t bits) {
    return OFFSETS_BYTES + PIECE * bits / 8;
}
static inline int32_t piece_code(const unsigned char *piece, uint32_t bits, uint32_t k) {
    const unsigned char *plane = piece + OFFSETS_BYTES;
    return stored_code(plane, plane + PIECE * code_size(bits), bits, k);
}

static inline size_t masks_bytes(const group_class_t *c) {
    return c->units * GROUP_TARGETS * sizeof(uint32_t);
}
/* Of masks and, at 8 bits, the sums of codes. */
static inline size_t head_bytes(const group_class_t *c, uint32_t bits) {
    return masks_bytes(c) + (bits == 8 ? GROUP_TARGETS * sizeof(int32_t) : 0);
}
/* Of the head and `codes` codes: where the lists begin. */
static inline size_t units_bytes(const group_class_t *c, uint32_t bits, size_t codes) {
    return (head_bytes(c, bits) + codes * bits / 8 + 7) / 8 * 8;
}

static inline uint32_t class_index(const pathway_t *w, uint32_t ix, uint32_t iy) {
    return iy % w->classes_y * w->classes_x + ix % w->classes_x;
}

#endif
