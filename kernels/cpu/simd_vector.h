/* What is written for each instruction set: a unit's codes times digits, added in 32 bits, and a
 * piece's codes times listed rates, added in 64 bits; both exactly. SIMD intrinsics are here, in
 * simd_philox.h and simd_avx512.c only. Listed rates are read one by one: the gather instructions
 * of AVX2 and AVX-512 took twice as long (virtual Zen 4 and Zen 5). Products into sums are in
 * assembly, as gcc 12 otherwise copies most sums to other registers and back in every unit (6 % of
 * a step). */
#ifndef BRISC_SIMD_VECTOR_H
#define BRISC_SIMD_VECTOR_H

#include "kernels/cpu/cpu.h"

/* Bytes ahead of a streaming read that are asked for: far enough to hide memory's latency, where
 * the hardware's own prefetcher loses a stream among the scattered reads of the rates (measured on
 * a virtual Zen 5 core: 1.9 cycles a synapse without, 1.1 with). */
enum { AHEAD = 2048 };

/* What a plane of codes holds: storage.h's first plane at 16 and 24 bits, the second at 24 bits. */
typedef enum { PLANE_INT16, PLANE_UINT8 } plane_t;

static inline size_t plane_code_bytes(plane_t plane) {
    return plane == PLANE_INT16 ? 2 : 1;
}

#if defined(__AVX512F__)
#include "kernels/cpu/simd_vector_avx512.h"
#else
#if defined(__AVX2__)
#include "kernels/cpu/simd_vector_avx2.h"
#else
#include "kernels/cpu/simd_vector_portable.h"
#endif

/* Bytes are summed as digits are, their products below 2^15, not 2^25. */
enum { BYTE_UNITS_AT_ONCE = UNITS_AT_ONCE << 8 };
typedef codes_t byte_codes_t, byte_digits_t;
typedef digit_sum_t byte_sum_t;

static inline byte_sum_t byte_zero(void) {
    return digit_zero();
}
static inline byte_sum_t byte_add(byte_sum_t sum, byte_codes_t codes, byte_digits_t digits) {
    return digit_add(sum, codes, digits);
}
static inline vector_t byte_wide(byte_sum_t sum) {
    return digit_wide(sum);
}

enum { PUT_SITES = 1 };

static inline void batch_put(int32_t *site, const int32_t *const *row, uint32_t column,
                             uint32_t run_bits) {
    (void)run_bits;
    for (uint32_t k = 0; k < BATCH; k++)
        site[k] = row[k][column];
}
#endif

/* Lists. AVX-512 takes them in halves of its registers too: 12 % faster (virtual Zen 4). */
#if defined(__AVX2__)
typedef struct {
    __m256i half[2]; /* 4 x int64 each */
} list_sum_t;

static inline list_sum_t list_zero(void) {
    return (list_sum_t){{_mm256_setzero_si256(), _mm256_setzero_si256()}};
}
static inline __m256i piece_codes_4(const unsigned char *code, size_t k, uint32_t bits) {
    int32_t four;
    if (bits == 8) {
        memcpy(&four, code + k, sizeof four);
        return _mm256_cvtepi8_epi64(_mm_cvtsi32_si128(four));
    }
    __m256i high = _mm256_cvtepi16_epi64(_mm_loadl_epi64((const void *)(code + 2 * k)));
    if (bits == 16)
        return high;
    memcpy(&four, code + 2 * PIECE + k, sizeof four);
    return _mm256_or_si256(_mm256_slli_epi64(high, 8),
                           _mm256_cvtepu8_epi64(_mm_cvtsi32_si128(four)));
}
static inline list_sum_t list_add(list_sum_t sum, const unsigned char *code, uint32_t bits,
                                  const int32_t *rate, const uint16_t *at) {
    for (size_t h = 0; h < 2; h++, at += 4) {
        __m128i rates = _mm_setr_epi32(rate[at[0]], rate[at[1]], rate[at[2]], rate[at[3]]);
        __m256i products =
            _mm256_mul_epi32(piece_codes_4(code, 4 * h, bits), _mm256_cvtepi32_epi64(rates));
        sum.half[h] = _mm256_add_epi64(sum.half[h], products);
    }
    return sum;
}
static inline int64_t list_total(list_sum_t sum) {
    int64_t lane[4];
    _mm256_storeu_si256((void *)lane, _mm256_add_epi64(sum.half[0], sum.half[1]));
    return lane[0] + lane[1] + lane[2] + lane[3];
}
#else
typedef struct {
    int64_t lane[PIECE];
} list_sum_t;

static inline list_sum_t list_zero(void) {
    return (list_sum_t){{0}};
}
static inline list_sum_t list_add(list_sum_t sum, const unsigned char *code, uint32_t bits,
                                  const int32_t *rate, const uint16_t *at) {
    for (uint32_t l = 0; l < PIECE; l++)
        sum.lane[l] +=
            (int64_t)stored_code(code, code + PIECE * code_size(bits), bits, l) * rate[at[l]];
    return sum;
}
static inline int64_t list_total(list_sum_t sum) {
    int64_t total = 0;
    for (uint32_t l = 0; l < PIECE; l++)
        total += sum.lane[l];
    return total;
}
#endif
#endif
