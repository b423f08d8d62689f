/* Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11),
 * addressed, never sequential: word n of stream `sub` under `seed` is word n%4 of the block with
 * counter {lo(n/4), hi(n/4), lo(sub), hi(sub)} and key {lo(seed), hi(seed)}: the words of cuRAND's
 * curandStatePhilox4_32_10 and of Random123's philox4x32 (tests/test_philox.c holds them together).
 */
#ifndef BRISC_PHILOX_H
#define BRISC_PHILOX_H

#include "kernels/hd.h"

#define PHILOX_ROUNDS 10
#define PHILOX_FACTOR_0 0xD2511F53u
#define PHILOX_FACTOR_1 0xCD9E8D57u
#define PHILOX_KEY_0 0x9E3779B9u
#define PHILOX_KEY_1 0xBB67AE85u

typedef struct {
    uint32_t word[4];
} philox_block_t;

HD philox_block_t philox_block(uint64_t seed, uint64_t sub, uint64_t block) {
    uint32_t c0 = (uint32_t)block, c1 = (uint32_t)(block >> 32);
    uint32_t c2 = (uint32_t)sub, c3 = (uint32_t)(sub >> 32);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)PHILOX_FACTOR_0 * c0;
        uint64_t p1 = (uint64_t)PHILOX_FACTOR_1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += PHILOX_KEY_0;
        k1 += PHILOX_KEY_1;
    }
    philox_block_t b;
    b.word[0] = c0;
    b.word[1] = c1;
    b.word[2] = c2;
    b.word[3] = c3;
    return b;
}

HD uint32_t philox_word(uint64_t seed, uint64_t sub, uint64_t n) {
    philox_block_t b = philox_block(seed, sub, n >> 2);
    switch (n & 3u) {
    case 0:
        return b.word[0];
    case 1:
        return b.word[1];
    case 2:
        return b.word[2];
    default:
        return b.word[3];
    }
}

/* What a stream is for: the top 8 bits of `sub`. The rest names whose it is. */
enum { PURPOSE_CONNECT = 1, PURPOSE_WEIGHT = 2, PURPOSE_NOISE = 3, PURPOSE_INITIAL = 4 };

/* n is the source neuron. */
HD uint64_t stream_of_synapses(uint32_t purpose, uint32_t target_population,
                               uint32_t source_population, uint32_t target) {
    return (uint64_t)purpose << 56 | (uint64_t)target_population << 44 |
           (uint64_t)source_population << 40 | target;
}
/* n is of_trial(trial, neuron). */
HD uint64_t stream_of_noise(uint32_t population, uint64_t step) {
    return (uint64_t)PURPOSE_NOISE << 56 | (uint64_t)population << 52 | (step & 0xfffffffffffffull);
}
HD uint64_t stream_of_initial(uint32_t population) {
    return (uint64_t)PURPOSE_INITIAL << 56 | (uint64_t)population << 52;
}
/* The word of a neuron (n) in a trial: that of trial 0 is n, and a block of four is one trial's. */
HD uint64_t of_trial(uint32_t trial, uint64_t n) {
    return (uint64_t)trial << 34 | n;
}

#endif
