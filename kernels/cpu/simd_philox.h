/* Philox (philox.h) in vectors, a block a lane. */
#ifndef BRISC_SIMD_PHILOX_H
#define BRISC_SIMD_PHILOX_H

#include "kernels/philox.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
enum { PHILOX_LANES = 16 };
typedef __m512i words_t;

static inline void philox_multiply(__m512i c, uint32_t factor, __m512i *high, __m512i *low) {
    __m512i f = _mm512_set1_epi32((int)factor), even = _mm512_mul_epu32(c, f);
    __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(c, 32), f);
    *high = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
    *low = _mm512_mullo_epi32(c, f);
}
static inline __m512i xor_3(__m512i a, __m512i b, uint32_t c) {
    return _mm512_ternarylogic_epi32(a, b, _mm512_set1_epi32((int)c), 0x96);
}
static inline words_t words_of(uint32_t word) {
    return _mm512_set1_epi32((int)word);
}
/* word[PHILOX_LANES][4] from c[4] */
static inline void words_store(const words_t *c, uint32_t *word) {
    __m512i t0 = _mm512_unpacklo_epi32(c[0], c[1]), t1 = _mm512_unpackhi_epi32(c[0], c[1]);
    __m512i t2 = _mm512_unpacklo_epi32(c[2], c[3]), t3 = _mm512_unpackhi_epi32(c[2], c[3]);
    __m512i u0 = _mm512_unpacklo_epi64(t0, t2); /* blocks 0, 4, 8, 12 */
    __m512i u1 = _mm512_unpackhi_epi64(t0, t2); /* 1, 5, ... */
    __m512i u2 = _mm512_unpacklo_epi64(t1, t3);
    __m512i u3 = _mm512_unpackhi_epi64(t1, t3);
    t0 = _mm512_shuffle_i32x4(u0, u1, 0x44); /* 0, 4, 1, 5 */
    t1 = _mm512_shuffle_i32x4(u2, u3, 0x44);
    t2 = _mm512_shuffle_i32x4(u0, u1, 0xee);
    t3 = _mm512_shuffle_i32x4(u2, u3, 0xee);
    _mm512_storeu_si512(word, _mm512_shuffle_i32x4(t0, t1, 0x88));
    _mm512_storeu_si512(word + 16, _mm512_shuffle_i32x4(t0, t1, 0xdd));
    _mm512_storeu_si512(word + 32, _mm512_shuffle_i32x4(t2, t3, 0x88));
    _mm512_storeu_si512(word + 48, _mm512_shuffle_i32x4(t2, t3, 0xdd));
}
#elif defined(__AVX2__)
enum { PHILOX_LANES = 8 };
typedef __m256i words_t;

static inline void philox_multiply(__m256i c, uint32_t factor, __m256i *high, __m256i *low) {
    __m256i f = _mm256_set1_epi32((int)factor), even = _mm256_mul_epu32(c, f);
    __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(c, 32), f);
    *high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
    *low = _mm256_mullo_epi32(c, f);
}
static inline __m256i xor_3(__m256i a, __m256i b, uint32_t c) {
    return _mm256_xor_si256(_mm256_xor_si256(a, b), _mm256_set1_epi32((int)c));
}
static inline words_t words_of(uint32_t word) {
    return _mm256_set1_epi32((int)word);
}
static inline void words_store(const words_t *c, uint32_t *word) {
    __m256i t0 = _mm256_unpacklo_epi32(c[0], c[1]), t1 = _mm256_unpackhi_epi32(c[0], c[1]);
    __m256i t2 = _mm256_unpacklo_epi32(c[2], c[3]), t3 = _mm256_unpackhi_epi32(c[2], c[3]);
    __m256i u0 = _mm256_unpacklo_epi64(t0, t2); /* blocks 0, 4 */
    __m256i u1 = _mm256_unpackhi_epi64(t0, t2); /* 1, 5 */
    __m256i u2 = _mm256_unpacklo_epi64(t1, t3);
    __m256i u3 = _mm256_unpackhi_epi64(t1, t3);
    _mm256_storeu_si256((void *)word, _mm256_permute2x128_si256(u0, u1, 0x20));
    _mm256_storeu_si256((void *)(word + 8), _mm256_permute2x128_si256(u2, u3, 0x20));
    _mm256_storeu_si256((void *)(word + 16), _mm256_permute2x128_si256(u0, u1, 0x31));
    _mm256_storeu_si256((void *)(word + 24), _mm256_permute2x128_si256(u2, u3, 0x31));
}
#else
enum { PHILOX_LANES = 1 };

static inline void philox_lanes(uint64_t seed, uint64_t sub, uint64_t first, uint32_t *word) {
    philox_block_t block = philox_block(seed, sub, first);
    memcpy(word, block.word, sizeof block.word);
}
#endif

#if defined(__AVX2__)
/* philox.h's blocks first, first + 1, ...: word[PHILOX_LANES][4]. */
static inline void philox_lanes(uint64_t seed, uint64_t sub, uint64_t first, uint32_t *word) {
    uint32_t low[PHILOX_LANES], high[PHILOX_LANES];
    for (uint32_t l = 0; l < PHILOX_LANES; l++) {
        low[l] = (uint32_t)(first + l);
        high[l] = (uint32_t)((first + l) >> 32);
    }
    words_t c[4] = {words_of(0), words_of(0), words_of((uint32_t)sub),
                    words_of((uint32_t)(sub >> 32))};
    memcpy(&c[0], low, sizeof low);
    memcpy(&c[1], high, sizeof high);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < PHILOX_ROUNDS; round++, k0 += PHILOX_KEY_0, k1 += PHILOX_KEY_1) {
        words_t high0, low0, high1, low1;
        philox_multiply(c[0], PHILOX_FACTOR_0, &high0, &low0);
        philox_multiply(c[2], PHILOX_FACTOR_1, &high1, &low1);
        c[0] = xor_3(high1, c[1], k0);
        c[1] = low1;
        c[2] = xor_3(high0, c[3], k1);
        c[3] = low0;
    }
    words_store(c, word);
}
#endif

#endif
