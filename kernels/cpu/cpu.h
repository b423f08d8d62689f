/* The cpu backend's storage (beyond storage.h), shared by its build, step and edges.
 *
 * Core and tail. Where a pathway's probability is high (CORE_PROBABILITY), a window row's sites are
 * stored densely: a run of weight codes, 0 for no synapse, met with as many contiguous rates. The
 * other synapses follow as a list: a 16-bit offset into the window's part of the image, and a
 * code. The sum is an exact integer, so the split changes no bit.
 *
 * Unit. RUN_UNIT codes, as one vector takes them: their planes (storage.h) one after the other. In
 * the tail a unit follows its offsets.
 *
 * Record. One target's core units, then its tail's: one stream of memory, as the step reads it.
 *
 * Block. 64 consecutive targets' records of one pathway: what a thread builds, owns and sums. */
#ifndef BRISC_CPU_H
#define BRISC_CPU_H

#include "kernels/backend.h"
#include "kernels/draw.h"
#include "kernels/storage.h"

enum { BLOCK_TARGETS = 64, RUN_UNIT = 8, OFFSETS_BYTES = 2 * RUN_UNIT };
/* A run holds the columns of at least this probability, and at least this share of synapses. A
 * dense slot costs one weight, a listed synapse a weight and an index: at 16 bits they cost the
 * same memory at 0.5; summing a dense run is cheaper, so the best is lower. */
#define CORE_PROBABILITY 0.4

/* One class of targets (network.h) of a pathway. */
typedef struct {
    /* [slots / RUN_UNIT]: image sites from the window's first one to each RUN_UNIT slots' rates;
     * one flat list, as a loop over runs of several lengths is mispredicted at every end. */
    uint32_t *unit;
    uint32_t slots;
    uint32_t *row_first, *row_last; /* [window_y]: columns whose threshold is not 0 */
    uint32_t *core_first, *core_last,
        *core_slot; /* [window_y]: columns in the core; first's slot */
} window_class_t;

typedef struct {
    unsigned char *record; /* [targets] one after another: [slots / RUN_UNIT] units, then the tail:
                            * by band, then ascending, each band filled up with offsets 0 and codes
                            * 0 to whole units */
    uint32_t *tail_start;  /* [targets * bands + 1], in tail units */
    size_t bytes;          /* of the one allocation, which begins at `record` */
} block_t;

typedef struct {
    window_class_t *class_of; /* [classes_y][classes_x] */
    /* Of every target column and row: where its windows begin, in image sites, and its class. */
    uint32_t *column_start, *row_start, *column_class, *row_class;
    uint32_t slots; /* most slots of a class */
    uint32_t bands; /* of BAND_SITES image sites each, for tail offsets */
    uint32_t blocks;
    block_t *block;
} cpu_pathway_t;

typedef struct simd_ops simd_ops_t;

struct backend_state {
    network_t net;
    const simd_ops_t *simd;
    int threads;
    cpu_pathway_t pathway[PATHWAYS_MAX];
    image_t image[POPULATIONS_MAX]; /* of trial 0; image_bytes further, the next one's */
    float *h[POPULATIONS_MAX];      /* [trials][ny][nx] */
    int32_t *rate[POPULATIONS_MAX]; /* codes, [trials][ny][nx] */
    uint64_t saturated;
};

/* What is compiled once for each instruction set (simd_body.h). */
struct simd_ops {
    const char *name;
    /* words[4 n_blocks] = the Philox words of n_blocks consecutive blocks. */
    void (*words)(uint64_t seed, uint64_t sub, uint64_t first_block, uint32_t n_blocks,
                  uint32_t *words);
    /* cell[k] = the columns below n that the draws connect; returns how many. */
    uint32_t (*connected)(const uint32_t *words, const uint32_t *threshold, uint32_t n,
                          uint32_t *cell);
    /* sum[t] = sum over one block's synapses of code times rate code, in one trial. */
    void (*block_sums)(const backend_state_t *state, uint32_t trial, uint32_t pathway,
                       uint32_t block, int64_t *sum);
    /* One step of n <= BLOCK_TARGETS neurons: h in place, new rate codes; `words`: the noise's
     * random bits. Returns how many rates saturated. */
    uint32_t (*neurons)(const population_t *p, uint32_t rate_bits, uint32_t n,
                        const float *synaptic, const uint32_t *words, float *h, int32_t *rate);
};

extern const simd_ops_t simd_portable, simd_avx2, simd_avx512;
status_t simd_choose(int simd, const simd_ops_t **ops);

status_t cpu_build(backend_state_t *state, connectivity_t *connectivity);
status_t cpu_footprint(const network_t *net, uint64_t *connectivity_bytes, uint64_t *state_bytes);
int window_class_create(const pathway_t *w, uint32_t index, uint32_t stride, window_class_t *c);
void window_class_destroy(window_class_t *c);
void cpu_build_destroy(backend_state_t *state);
status_t cpu_edges(backend_state_t *state, uint32_t pathway, uint32_t first, uint32_t count,
                   uint64_t *indptr, uint32_t *sources, int32_t *codes);
status_t cpu_create(const network_t *net, const backend_options_t *options, backend_state_t **state,
                    connectivity_t *connectivity);
status_t cpu_step(backend_state_t *state, uint64_t first_step, uint32_t count);
status_t cpu_apply(backend_state_t *state, uint32_t vectors, const double *x, double *y);
extern const dense_solver_t cpu_dense;
extern const yardsticks_t cpu_yardsticks;
/* The population's image in one trial = the codes rate[ny][nx]. */
void cpu_image_fill(backend_state_t *state, uint32_t trial, uint32_t population,
                    const int32_t *rate);
void cpu_rates_changed(backend_state_t *state, uint32_t trial, uint32_t population); /* from h */

/* A run may reach past the last row by less than RUN_UNIT sites, and be read beyond that. */
static inline size_t image_bytes(const image_t *image) {
    return (image_sites(image) + 2 * RUN_UNIT + 15) / 16 * 16 * sizeof *image->code;
}
static inline int32_t *image_codes(const image_t *image, uint32_t trial) {
    return image->code + trial * (image_bytes(image) / sizeof *image->code);
}
static inline size_t state_at(const backend_state_t *state, uint32_t trial, uint32_t population) {
    return (size_t)trial * population_size(&state->net.population[population]);
}

static inline uint32_t block_targets(const backend_state_t *state, uint32_t pathway,
                                     uint32_t block) {
    uint32_t n = population_size(&state->net.population[state->net.pathway[pathway].target]);
    return n - block * BLOCK_TARGETS < BLOCK_TARGETS ? n - block * BLOCK_TARGETS : BLOCK_TARGETS;
}

static inline size_t unit_bytes(uint32_t bits) {
    return RUN_UNIT * bits / 8;
}
static inline int32_t unit_code(const unsigned char *unit, uint32_t bits, uint32_t k) {
    return stored_code(unit, unit + RUN_UNIT * code_size(bits), bits, k);
}
static inline void unit_put(unsigned char *unit, uint32_t bits, uint32_t k, int32_t code) {
    store_code(unit, unit + RUN_UNIT * code_size(bits), bits, k, code);
}
/* The first core unit of target t of a block (its end, for t = targets); the tail's first unit's
 * offsets. */
static inline unsigned char *record_of(const cpu_pathway_t *p, const block_t *b, uint32_t bits,
                                       uint32_t t) {
    return b->record + (size_t)t * (p->slots / RUN_UNIT) * unit_bytes(bits) +
           (size_t)b->tail_start[(size_t)t * p->bands] * (OFFSETS_BYTES + unit_bytes(bits));
}
static inline unsigned char *record_tail(const cpu_pathway_t *p, unsigned char *record,
                                         uint32_t bits) {
    return record + p->slots / RUN_UNIT * unit_bytes(bits);
}

static inline uint32_t class_index(const pathway_t *w, uint32_t ix, uint32_t iy) {
    return iy % w->classes_y * w->classes_x + ix % w->classes_x;
}

#endif
