/* simd_vector.h's operations in AVX-512. */
#ifndef BRISC_SIMD_VECTOR_AVX512_H
#define BRISC_SIMD_VECTOR_AVX512_H

#include <immintrin.h>

#define UNIT_8 5.0 /* see simd_ops; measured, NOTES.md */
#define UNIT_16 8.0

/* Units whose products one lane of digit_sum_t can add: two a unit, each at most 2^25. */
enum { UNITS_AT_ONCE = 31 };

typedef __m512i codes_t;     /* UNIT_SITES x int16 */
typedef __m512i digit_sum_t; /* 16 x int32 */
typedef __m512i vector_t;    /* 8 x int64 */

static inline codes_t unit_digits(const int16_t *digits) {
    return _mm512_loadu_si512(digits);
}
static inline codes_t unit_codes(const unsigned char *code, uint32_t mask, plane_t plane) {
    if (plane == PLANE_INT16)
        return _mm512_maskz_expand_epi16(mask, _mm512_loadu_si512(code));
    return _mm512_cvtepu8_epi16(
        _mm256_maskz_expand_epi8(mask, _mm256_loadu_si256((const void *)code)));
}
static inline digit_sum_t digit_zero(void) {
    return _mm512_setzero_si512();
}
static inline digit_sum_t digit_add(digit_sum_t sum, codes_t codes, codes_t digits) {
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(codes), "v"(digits));
    return sum;
}
static inline vector_t digit_wide(digit_sum_t sum) {
    return _mm512_add_epi64(_mm512_cvtepi32_epi64(_mm512_castsi512_si256(sum)),
                            _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(sum, 1)));
}

enum { BYTE_UNITS_AT_ONCE = 1 << 14 }; /* four products a unit, each below 2^15 */

typedef __m256i byte_codes_t;  /* UNIT_SITES x int8 */
typedef __m256i byte_digits_t; /* UNIT_SITES x uint8 */
typedef __m256i byte_sum_t;    /* 8 x int32 */

static inline byte_digits_t byte_digits(const unsigned char *digits) {
    return _mm256_loadu_si256((const void *)digits);
}
static inline byte_codes_t byte_codes(const unsigned char *code, uint32_t mask) {
    return _mm256_maskz_expand_epi8(mask, _mm256_loadu_si256((const void *)code));
}
static inline byte_sum_t byte_zero(void) {
    return _mm256_setzero_si256();
}
static inline byte_sum_t byte_add(byte_sum_t sum, byte_codes_t codes, byte_digits_t digits) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(digits), "v"(codes));
    return sum;
}
static inline vector_t byte_wide(byte_sum_t sum) {
    return _mm512_cvtepi32_epi64(sum);
}
static inline vector_t vector_shift(vector_t a, int bits) {
    return _mm512_slli_epi64(a, (unsigned)bits);
}

static inline vector_t vector_zero(void) {
    return _mm512_setzero_si512();
}
static inline vector_t vector_add(vector_t a, vector_t b) {
    return _mm512_add_epi64(a, b);
}
static inline int64_t vector_total(vector_t sum) {
    return _mm512_reduce_add_epi64(sum);
}

typedef struct {
    __m512i even, odd; /* 8 x int64: of trials 0, 2, ... and 1, 3, ... */
} batch_sum_t;

static inline batch_sum_t batch_zero(void) {
    return (batch_sum_t){_mm512_setzero_si512(), _mm512_setzero_si512()};
}
enum { PUT_SITES = 4 };

/* A batch's rates at PUT_SITES sites, from columns of its trials' rows. In runs they are words, of
 * 2^31 + rate for 16 bits of a code, of the rate, the low one less 2^15, for 8: in each 16 bytes,
 * the low ones of four trials, then their high ones; unpacking two sites' puts the low ones side by
 * side, and the high ones. */
static inline void batch_put(int32_t *site, const int32_t *const *row, uint32_t column,
                             uint32_t run_bits) {
    const __m512i order =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
    __m512i four[4]; /* columns of trials k, 4 + k, 8 + k, 12 + k */
    for (int k = 0; k < 4; k++) {
        four[k] = _mm512_castsi128_si512(_mm_loadu_si128((const void *)(row[k] + column)));
        four[k] =
            _mm512_inserti32x4(four[k], _mm_loadu_si128((const void *)(row[4 + k] + column)), 1);
        four[k] =
            _mm512_inserti32x4(four[k], _mm_loadu_si128((const void *)(row[8 + k] + column)), 2);
        four[k] =
            _mm512_inserti32x4(four[k], _mm_loadu_si128((const void *)(row[12 + k] + column)), 3);
    }
    __m512i a = _mm512_unpacklo_epi32(four[0], four[1]),
            b = _mm512_unpackhi_epi32(four[0], four[1]);
    __m512i c = _mm512_unpacklo_epi32(four[2], four[3]),
            d = _mm512_unpackhi_epi32(four[2], four[3]);
    const __m512i rates[PUT_SITES] = {_mm512_unpacklo_epi64(a, c), _mm512_unpackhi_epi64(a, c),
                                      _mm512_unpacklo_epi64(b, d), _mm512_unpackhi_epi64(b, d)};
    for (int k = 0; k < PUT_SITES; k++) {
        __m512i words =
            _mm512_xor_si512(rates[k], _mm512_set1_epi32(run_bits == 8 ? 1 << 15 : INT32_MIN));
        words = _mm512_shuffle_epi8(words, order);
        _mm512_storeu_si512(site + k * BATCH, run_bits > 0 ? words : rates[k]);
    }
}
static inline batch_sum_t batch_add(batch_sum_t sum, const int64_t *code, const int32_t *rate) {
    __m512i r = _mm512_loadu_si512(rate), c = _mm512_set1_epi64(*code);
    sum.even = _mm512_add_epi64(sum.even, _mm512_mul_epi32(c, r));
    sum.odd = _mm512_add_epi64(sum.odd, _mm512_mul_epi32(c, _mm512_srli_epi64(r, 32)));
    return sum;
}
static inline void batch_store(batch_sum_t sum, int64_t *total) {
    int64_t lane[2][BATCH / 2];
    _mm512_storeu_si512(lane[0], sum.even);
    _mm512_storeu_si512(lane[1], sum.odd);
    for (uint32_t l = 0; l < BATCH; l++)
        total[l] = lane[l % 2][l / 2];
}

#endif
