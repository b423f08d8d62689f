/* simd_vector.h's operations in AVX2. */
#ifndef BRISC_SIMD_VECTOR_AVX2_H
#define BRISC_SIMD_VECTOR_AVX2_H

#include <immintrin.h>

#define UNIT_8 22.0
#define UNIT_16 22.0

enum { UNITS_AT_ONCE = 15 }; /* four products a unit in each lane of digit_sum_t */

typedef struct {
    __m256i half[2]; /* UNIT_SITES x int16 */
} codes_t;
typedef __m256i digit_sum_t; /* 8 x int32 */
typedef struct {
    __m256i half[2]; /* 4 x int64 each */
} vector_t;

static inline codes_t unit_digits(const int16_t *digits) {
    return (codes_t){{_mm256_loadu_si256((const void *)digits),
                      _mm256_loadu_si256((const void *)(digits + UNIT_SITES / 2))}};
}
/* The first codes of `next` go to the sites of the mask, of 8. */
static inline __m128i expand_8(__m128i next, uint32_t mask) {
    return _mm_shuffle_epi8(next, _mm_load_si128((const void *)expand_table[mask]));
}
/* The codes of 8 sites, as int16; bytes, if they are, are signed or not. */
static inline __m128i codes_8(const unsigned char **code, uint32_t mask, size_t bytes, int sign) {
    const unsigned char *at = *code;
    *code += (size_t)__builtin_popcount(mask) * bytes;
    if (bytes == 2)
        return expand_8(_mm_loadu_si128((const void *)at), mask);
    __m128i next = _mm_loadl_epi64((const void *)at);
    return expand_8(sign ? _mm_cvtepi8_epi16(next) : _mm_cvtepu8_epi16(next), mask);
}
static inline codes_t codes_32(const unsigned char *code, uint32_t mask, size_t bytes, int sign) {
    codes_t codes;
    for (int h = 0; h < 2; h++, mask >>= 16) {
        __m128i first = codes_8(&code, mask & 255, bytes, sign);
        codes.half[h] = _mm256_set_m128i(codes_8(&code, mask >> 8 & 255, bytes, sign), first);
    }
    return codes;
}
static inline codes_t unit_codes(const unsigned char *code, uint32_t mask, plane_t plane) {
    return codes_32(code, mask, plane_code_bytes(plane), 0);
}
static inline digit_sum_t digit_zero(void) {
    return _mm256_setzero_si256();
}
static inline digit_sum_t digit_add(digit_sum_t sum, codes_t codes, codes_t digits) {
    for (int h = 0; h < 2; h++)
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(codes.half[h], digits.half[h]));
    return sum;
}
static inline vector_t digit_wide(digit_sum_t sum) {
    return (vector_t){{_mm256_cvtepi32_epi64(_mm256_castsi256_si128(sum)),
                       _mm256_cvtepi32_epi64(_mm256_extracti128_si256(sum, 1))}};
}

static inline codes_t byte_digits(const unsigned char *digits) {
    const __m128i *at = (const void *)digits;
    return (codes_t){
        {_mm256_cvtepu8_epi16(_mm_loadu_si128(at)), _mm256_cvtepu8_epi16(_mm_loadu_si128(at + 1))}};
}
static inline codes_t byte_codes(const unsigned char *code, uint32_t mask) {
    return codes_32(code, mask, 1, 1);
}
static inline vector_t vector_shift(vector_t a, int bits) {
    return (vector_t){{_mm256_slli_epi64(a.half[0], bits), _mm256_slli_epi64(a.half[1], bits)}};
}
static inline vector_t vector_zero(void) {
    return (vector_t){{_mm256_setzero_si256(), _mm256_setzero_si256()}};
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

typedef struct {
    __m256i even[2], odd[2]; /* 4 x int64 each: of trials 0, 2, ... and 1, 3, ... */
} batch_sum_t;

static inline batch_sum_t batch_zero(void) {
    __m256i zero = _mm256_setzero_si256();
    return (batch_sum_t){{zero, zero}, {zero, zero}};
}
static inline batch_sum_t batch_add(batch_sum_t sum, const int64_t *code, const int32_t *rate) {
    __m256i c = _mm256_set1_epi64x(*code);
    for (int h = 0; h < 2; h++) {
        __m256i r = _mm256_loadu_si256((const void *)(rate + h * BATCH / 2));
        sum.even[h] = _mm256_add_epi64(sum.even[h], _mm256_mul_epi32(c, r));
        sum.odd[h] = _mm256_add_epi64(sum.odd[h], _mm256_mul_epi32(c, _mm256_srli_epi64(r, 32)));
    }
    return sum;
}
static inline void batch_store(batch_sum_t sum, int64_t *total) {
    int64_t lane[2][BATCH / 2];
    for (int h = 0; h < 2; h++) {
        _mm256_storeu_si256((void *)(lane[0] + 4 * h), sum.even[h]);
        _mm256_storeu_si256((void *)(lane[1] + 4 * h), sum.odd[h]);
    }
    for (uint32_t l = 0; l < BATCH; l++)
        total[l] = lane[l % 2][l / 2];
}

#endif
