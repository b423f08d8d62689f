/* Runs: how a group's synapses lie where summing_of (layout.c) says so: by which of the group's
 * targets have the source. A run for every set of targets and band of the window (storage.h), in
 * chunks. A chunk stores its sites' offsets from the band's first and each target's codes, two
 * sites side by side: a site's rates in all trials are read and taken apart once for all targets.
 * Codes have 16 bits, 8-bit ones too. A record is runs_t, then chunks, by band and set, the sets of
 * one target first. */
#ifndef BRISC_RUNS_H
#define BRISC_RUNS_H

#include "kernels/cpu/pack.h"

enum {
    SETS = 1 << GROUP_TARGETS,
    CHUNK_SITES = 254 /* at most */
};

typedef struct {
    uint64_t end; /* of the record's chunks, in bytes from here */
    /* What sums of digits (simd_avx512.c) are too large by, modulo 2^64. */
    uint64_t rest[GROUP_TARGETS];
} runs_t;

/* Codes: int16 [(sites + 1) / 2][members][2], behind each pair's two offsets. */
typedef struct {
    uint16_t band;
    uint8_t set;   /* bit t: target t of the group is a member */
    uint8_t sites; /* an odd last one has a second, of code 0, at its side */
    int32_t sum[]; /* [members]: of the codes */
} chunk_t;

static inline uint32_t set_members(uint32_t set) {
    return (uint32_t)__builtin_popcount(set);
}
static inline uint32_t pair_bytes(uint32_t members) {
    return 4 + 4 * members;
}
static inline size_t chunk_bytes(uint32_t set, uint32_t sites) {
    return pair_bytes(set_members(set)) * (1 + (size_t)(sites + 1) / 2);
}
/* Of a pair of sites; the codes [members][2] follow. */
static inline uint16_t *chunk_offsets(const chunk_t *chunk, uint32_t pair) {
    return (uint16_t *)((unsigned char *)chunk +
                        pair_bytes(set_members(chunk->set)) * (size_t)(1 + pair));
}
static inline int16_t *chunk_codes(const chunk_t *chunk, uint32_t pair) {
    return (int16_t *)(chunk_offsets(chunk, pair) + 2);
}
static inline const chunk_t *chunks_first(const runs_t *runs) {
    return (const chunk_t *)(runs + 1);
}
static inline const chunk_t *chunk_next(const chunk_t *chunk) {
    return (const chunk_t *)((const unsigned char *)chunk + chunk_bytes(chunk->set, chunk->sites));
}
static inline const chunk_t *chunks_end(const runs_t *runs) {
    return (const chunk_t *)((const unsigned char *)runs + runs->end);
}

/* Appends a group's record; as pack_group. 0: no memory. */
int runs_put(uint32_t bands, const uint32_t *shift, uint32_t stride, uint32_t bits,
             input_t *const *input, const uint32_t *count, packer_t *s);
/* The inputs of the group's target `member`, whose window begins `shift` columns after the first;
 * returns how many. */
uint32_t runs_edges(const runs_t *runs, const pathway_t *w, const population_t *from, uint32_t ix,
                    uint32_t iy, uint32_t stride, uint32_t member, uint32_t shift, edge_t *edge);
/* Expected bytes of the record of the group whose first target is (ix, iy); 0: no memory. */
double runs_expected_bytes(const network_t *net, const pathway_t *w, uint32_t ix, uint32_t iy,
                           const image_t *image);
/* sum[targets] in one image, `rates`: from where the first target's window begins. */
void runs_image_sums(const runs_t *runs, const int32_t *rates, uint32_t targets, int64_t *sum);

#endif
