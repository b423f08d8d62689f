/* RUN_UNIT = 8 weight codes times 8 rates, contiguous or listed, added exactly in 64-bit lanes: the
 * only place with SIMD intrinsics. Listed rates are read one by one: the gather instructions of
 * AVX2 and AVX-512 took twice as long (virtual Zen 5). */
#ifndef BRISC_SIMD_VECTOR_H
#define BRISC_SIMD_VECTOR_H

#include "kernels/cpu/cpu.h"

#if defined(__AVX512F__)
#include <immintrin.h>

typedef __m512i vector_t; /* 8 x int64 */

static inline vector_t vector_zero(void) {
    return _mm512_setzero_si512();
}
static inline vector_t vector_codes(const unsigned char *unit, uint32_t bits) {
    if (bits == 8)
        return _mm512_cvtepi8_epi64(_mm_loadl_epi64((const void *)unit));
    vector_t high = _mm512_cvtepi16_epi64(_mm_loadu_si128((const void *)unit));
    if (bits == 16)
        return high;
    return _mm512_or_si512(_mm512_slli_epi64(high, 8), _mm512_cvtepu8_epi64(_mm_loadl_epi64(
                                                           (const void *)(unit + 2 * RUN_UNIT))));
}
static inline vector_t vector_rates(const int32_t *rate) {
    return _mm512_cvtepi32_epi64(_mm256_loadu_si256((const void *)rate));
}
static inline vector_t vector_listed_rates(const int32_t *rate, const uint16_t *at) {
    return _mm512_cvtepi32_epi64(_mm256_setr_epi32(rate[at[0]], rate[at[1]], rate[at[2]],
                                                   rate[at[3]], rate[at[4]], rate[at[5]],
                                                   rate[at[6]], rate[at[7]]));
}
static inline vector_t vector_multiply_add(vector_t sum, vector_t codes, vector_t rates) {
    return _mm512_add_epi64(sum, _mm512_mul_epi32(codes, rates));
}
static inline vector_t vector_add(vector_t a, vector_t b) {
    return _mm512_add_epi64(a, b);
}
static inline int64_t vector_total(vector_t sum) {
    return _mm512_reduce_add_epi64(sum);
}

#elif defined(__AVX2__)
#include <immintrin.h>

typedef struct {
    __m256i half[2]; /* 4 x int64 each */
} vector_t;

static inline vector_t vector_zero(void) {
    return (vector_t){{_mm256_setzero_si256(), _mm256_setzero_si256()}};
}
static inline __m256i vector_codes_4(const unsigned char *unit, size_t k, uint32_t bits) {
    int32_t four;
    if (bits == 8) {
        memcpy(&four, unit + k, sizeof four);
        return _mm256_cvtepi8_epi64(_mm_cvtsi32_si128(four));
    }
    __m256i high = _mm256_cvtepi16_epi64(_mm_loadl_epi64((const void *)(unit + 2 * k)));
    if (bits == 16)
        return high;
    memcpy(&four, unit + 2 * RUN_UNIT + k, sizeof four);
    return _mm256_or_si256(_mm256_slli_epi64(high, 8),
                           _mm256_cvtepu8_epi64(_mm_cvtsi32_si128(four)));
}
static inline vector_t vector_codes(const unsigned char *unit, uint32_t bits) {
    return (vector_t){{vector_codes_4(unit, 0, bits), vector_codes_4(unit, 4, bits)}};
}
static inline vector_t vector_rates(const int32_t *rate) {
    return (vector_t){{_mm256_cvtepi32_epi64(_mm_loadu_si128((const void *)rate)),
                       _mm256_cvtepi32_epi64(_mm_loadu_si128((const void *)(rate + 4)))}};
}
static inline vector_t vector_listed_rates(const int32_t *rate, const uint16_t *at) {
    __m128i low = _mm_setr_epi32(rate[at[0]], rate[at[1]], rate[at[2]], rate[at[3]]);
    __m128i high = _mm_setr_epi32(rate[at[4]], rate[at[5]], rate[at[6]], rate[at[7]]);
    return (vector_t){{_mm256_cvtepi32_epi64(low), _mm256_cvtepi32_epi64(high)}};
}
static inline vector_t vector_multiply_add(vector_t sum, vector_t codes, vector_t rates) {
    for (int h = 0; h < 2; h++)
        sum.half[h] = _mm256_add_epi64(sum.half[h], _mm256_mul_epi32(codes.half[h], rates.half[h]));
    return sum;
}
static inline vector_t vector_add(vector_t a, vector_t b) {
    for (int h = 0; h < 2; h++)
        a.half[h] = _mm256_add_epi64(a.half[h], b.half[h]);
    return a;
}
static inline int64_t vector_total(vector_t sum) {
    int64_t lane[4];
    _mm256_storeu_si256((void *)lane, _mm256_add_epi64(sum.half[0], sum.half[1]));
    return lane[0] + lane[1] + lane[2] + lane[3];
}

#else

typedef struct {
    int64_t lane[RUN_UNIT];
} vector_t;

static inline vector_t vector_zero(void) {
    return (vector_t){{0}};
}
static inline vector_t vector_codes(const unsigned char *unit, uint32_t bits) {
    vector_t w;
    for (uint32_t l = 0; l < RUN_UNIT; l++)
        w.lane[l] = unit_code(unit, bits, l);
    return w;
}
static inline vector_t vector_rates(const int32_t *rate) {
    vector_t r;
    for (size_t l = 0; l < RUN_UNIT; l++)
        r.lane[l] = rate[l];
    return r;
}
static inline vector_t vector_listed_rates(const int32_t *rate, const uint16_t *at) {
    vector_t r;
    for (size_t l = 0; l < RUN_UNIT; l++)
        r.lane[l] = rate[at[l]];
    return r;
}
static inline vector_t vector_multiply_add(vector_t sum, vector_t codes, vector_t rates) {
    for (size_t l = 0; l < RUN_UNIT; l++)
        sum.lane[l] += codes.lane[l] * rates.lane[l];
    return sum;
}
static inline vector_t vector_add(vector_t a, vector_t b) {
    for (size_t l = 0; l < RUN_UNIT; l++)
        a.lane[l] += b.lane[l];
    return a;
}
static inline int64_t vector_total(vector_t sum) {
    int64_t total = 0;
    for (size_t l = 0; l < RUN_UNIT; l++)
        total += sum.lane[l];
    return total;
}

#endif
#endif
