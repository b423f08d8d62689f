/* What is written for each instruction set: a unit's codes times digits, added in 32 bits, and a
 * piece's codes times listed rates, added in 64 bits; both exactly. The only place with SIMD
 * intrinsics. Listed rates are read one by one: the gather instructions of AVX2 and AVX-512 took
 * twice as long (virtual Zen 4 and Zen 5). Products into sums are in assembly, as gcc 12 otherwise
 * copies most sums to other registers and back in every unit (6 % of a step). */
#ifndef BRISC_SIMD_VECTOR_H
#define BRISC_SIMD_VECTOR_H

#include "kernels/cpu/cpu.h"

/* What a plane of codes holds: storage.h's first plane at 16 and 24 bits, the second at 24 bits. */
typedef enum { PLANE_INT16, PLANE_UINT8 } plane_t;

static inline size_t plane_code_bytes(plane_t plane) {
    return plane == PLANE_INT16 ? 2 : 1;
}

#if defined(__AVX512F__)
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

/* A batch's rates at PUT_SITES sites, from columns of its trials' rows; as the words of 2^31 +
 * rate: in each 16 bytes, the low ones of four trials, then their high ones. Unpacking two sites'
 * puts the low ones side by side, and the high ones. */
static inline void batch_put(int32_t *site, const int32_t *const *row, uint32_t column) {
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
        __m512i r = _mm512_xor_si512(rates[k], _mm512_set1_epi32(INT32_MIN));
        _mm512_storeu_si512(site + k * BATCH, _mm512_shuffle_epi8(r, order));
    }
}
static inline __m512i batch_rates(const int32_t *site) {
    const __m512i order =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15));
    return _mm512_xor_si512(_mm512_shuffle_epi8(_mm512_loadu_si512(site), order),
                            _mm512_set1_epi32(INT32_MIN));
}
static inline batch_sum_t batch_add(batch_sum_t sum, const int64_t *code, const int32_t *rate) {
    __m512i r = batch_rates(rate), c = _mm512_set1_epi64(*code);
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

/* Runs: 2^31 + rate = u0 + u1 2^11 + u2 2^22. Multiplied are u, but what fits in 32 bits are the
 * sums of codes times u0 - 2^10, u1 - 2^10 and u2 - 2^9: so a digit's sum begins at 2^31, which
 * makes it positive, less those codes' excess. run_rest (cpu.h) has what that leaves. */
typedef struct {
    __m512i all, odd; /* 8 x int64: of trial 2k + 2^32 times that of 2k + 1; of 2k + 1 */
} run_sum_t;

static inline run_sum_t run_zero(void) {
    return (run_sum_t){_mm512_setzero_si512(), _mm512_setzero_si512()};
}
static inline __attribute__((always_inline)) void
add_chunk_of(const chunk_t *chunk, const int32_t *rates, uint32_t members, run_sum_t *total) {
    const __m512i mask = _mm512_set1_epi16((1 << DIGIT_BITS) - 1);
    const unsigned char *pair = (const unsigned char *)chunk + pair_bytes(members);
    const unsigned char *end = pair + pair_bytes(members) * (size_t)((chunk->sites + 1) / 2);
    __m512i sum[GROUP_TARGETS][DIGITS];
    for (uint32_t k = 0; k < members; k++) {
        __m512i codes = _mm512_set1_epi32(chunk->sum[k]), half = _mm512_set1_epi32(INT32_MIN);
        sum[k][0] = sum[k][1] = _mm512_sub_epi32(half, _mm512_slli_epi32(codes, DIGIT_BITS - 1));
        sum[k][2] = _mm512_sub_epi32(half, _mm512_slli_epi32(codes, DIGIT_BITS - 2));
    }
    for (; pair < end; pair += pair_bytes(members)) {
        const uint16_t *at = (const uint16_t *)pair;
        __m512i a = _mm512_load_si512(rates + (size_t)at[0] * BATCH);
        __m512i b = _mm512_load_si512(rates + (size_t)at[1] * BATCH);
        __m512i low = _mm512_unpacklo_epi16(a, b), high = _mm512_unpackhi_epi16(a, b);
        __m512i middle = _mm512_shldi_epi16(high, low, 16 - DIGIT_BITS);
        __m512i digit[DIGITS] = {_mm512_and_si512(low, mask), _mm512_and_si512(middle, mask),
                                 _mm512_srli_epi16(high, 2 * DIGIT_BITS - 16)};
        __builtin_prefetch(pair + 2048);
        if (members <= 2) {
            const uint16_t *later = (const uint16_t *)(pair + 8 * pair_bytes(members));
            __builtin_prefetch(rates + (size_t)later[0] * BATCH);
            __builtin_prefetch(rates + (size_t)later[1] * BATCH);
        }
        for (uint32_t k = 0; k < members; k++) {
            int32_t two;
            memcpy(&two, pair + 4 + 4 * k, sizeof two);
            for (uint32_t d = 0; d < DIGITS; d++)
                sum[k][d] = digit_add(sum[k][d], _mm512_set1_epi32(two), digit[d]);
        }
    }
    for (uint32_t k = 0, left = chunk->set; k < members; k++, left &= left - 1) {
        run_sum_t *to = &total[__builtin_ctz(left)];
        for (int d = 0; d < DIGITS; d++) {
            __m512i odd = _mm512_srli_epi64(sum[k][d], 32);
            to->all = _mm512_add_epi64(to->all, vector_shift(sum[k][d], d * DIGIT_BITS));
            to->odd = _mm512_add_epi64(to->odd, vector_shift(odd, d * DIGIT_BITS));
        }
    }
}
static inline void run_shift(run_sum_t *sum, int bits) {
    *sum = (run_sum_t){vector_shift(sum->all, bits), vector_shift(sum->odd, bits)};
}
static inline void run_store(const run_sum_t *sum, uint64_t rest, int64_t *total) {
    __m512i less = _mm512_set1_epi64((int64_t)rest), even;
    even = _mm512_sub_epi64(sum->all, _mm512_slli_epi64(sum->odd, 32));
    batch_store((batch_sum_t){_mm512_sub_epi64(even, less), _mm512_sub_epi64(sum->odd, less)},
                total);
}

#elif defined(__AVX2__)
#include <immintrin.h>

#define UNIT_8 22.0
#define UNIT_16 22.0

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
static inline void run_shift(batch_sum_t *sum, int bits) {
    for (int h = 0; h < 2; h++) {
        sum->even[h] = _mm256_slli_epi64(sum->even[h], bits);
        sum->odd[h] = _mm256_slli_epi64(sum->odd[h], bits);
    }
}

#else

#define UNIT_8 (UNIT_SITES + 1.0) /* never */
#define UNIT_16 UNIT_8

enum { PHILOX_LANES = 1 };

static inline void philox_lanes(uint64_t seed, uint64_t sub, uint64_t first, uint32_t *word) {
    philox_block_t block = philox_block(seed, sub, first);
    memcpy(word, block.word, sizeof block.word);
}

enum { UNITS_AT_ONCE = 31, LANES = UNIT_SITES / 2 };

typedef struct {
    int16_t lane[UNIT_SITES];
} codes_t;
typedef struct {
    int32_t lane[LANES];
} digit_sum_t;
typedef struct {
    int64_t lane[PIECE];
} vector_t;

static inline codes_t unit_digits(const int16_t *digits) {
    codes_t d;
    memcpy(d.lane, digits, sizeof d.lane);
    return d;
}
static inline codes_t unit_codes(const unsigned char *code, uint32_t mask, plane_t plane) {
    codes_t codes = {{0}};
    for (; mask != 0; mask &= mask - 1, code += plane_code_bytes(plane))
        codes.lane[__builtin_ctz(mask)] =
            plane == PLANE_INT16 ? *(const int16_t *)code : (int16_t)*code;
    return codes;
}
static inline digit_sum_t digit_zero(void) {
    return (digit_sum_t){{0}};
}
static inline digit_sum_t digit_add(digit_sum_t sum, codes_t codes, codes_t digits) {
    for (size_t l = 0; l < LANES; l++)
        sum.lane[l] +=
            codes.lane[2 * l] * digits.lane[2 * l] + codes.lane[2 * l + 1] * digits.lane[2 * l + 1];
    return sum;
}
static inline vector_t digit_wide(digit_sum_t sum) {
    vector_t w;
    for (size_t l = 0; l < PIECE; l++)
        w.lane[l] = (int64_t)sum.lane[l] + sum.lane[l + PIECE];
    return w;
}

static inline codes_t byte_digits(const unsigned char *digits) {
    codes_t d;
    for (size_t l = 0; l < UNIT_SITES; l++)
        d.lane[l] = digits[l];
    return d;
}
static inline codes_t byte_codes(const unsigned char *code, uint32_t mask) {
    codes_t codes = {{0}};
    for (; mask != 0; mask &= mask - 1, code++)
        codes.lane[__builtin_ctz(mask)] = *(const int8_t *)code;
    return codes;
}
static inline vector_t vector_shift(vector_t a, int bits) {
    for (size_t l = 0; l < PIECE; l++)
        a.lane[l] *= (int64_t)1 << bits;
    return a;
}
static inline vector_t vector_zero(void) {
    return (vector_t){{0}};
}
static inline vector_t vector_add(vector_t a, vector_t b) {
    for (size_t l = 0; l < PIECE; l++)
        a.lane[l] += b.lane[l];
    return a;
}
static inline int64_t vector_total(vector_t sum) {
    int64_t total = 0;
    for (size_t l = 0; l < PIECE; l++)
        total += sum.lane[l];
    return total;
}

typedef struct {
    int64_t lane[BATCH];
} batch_sum_t;

static inline batch_sum_t batch_zero(void) {
    return (batch_sum_t){{0}};
}
static inline batch_sum_t batch_add(batch_sum_t sum, const int64_t *code, const int32_t *rate) {
    for (size_t l = 0; l < BATCH; l++)
        sum.lane[l] += *code * rate[l];
    return sum;
}
static inline void batch_store(batch_sum_t sum, int64_t *total) {
    memcpy(total, sum.lane, sizeof sum.lane);
}
static inline void run_shift(batch_sum_t *sum, int bits) {
    for (size_t l = 0; l < BATCH; l++)
        sum->lane[l] *= (int64_t)1 << bits;
}

#endif

#if !defined(__AVX512F__) /* bytes are summed as digits are, their products below 2^15, not 2^25   \
                           */
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
#endif

#if !defined(__AVX512F__)
enum { PUT_SITES = 1 };

static inline void batch_put(int32_t *site, const int32_t *const *row, uint32_t column) {
    for (uint32_t k = 0; k < BATCH; k++)
        site[k] = row[k][column];
}

typedef batch_sum_t run_sum_t;

static inline run_sum_t run_zero(void) {
    return batch_zero();
}
static inline __attribute__((always_inline)) void
add_chunk_of(const chunk_t *chunk, const int32_t *rates, uint32_t members, run_sum_t *total) {
    for (uint32_t k = 0, left = chunk->set; k < members; k++, left &= left - 1) {
        const uint16_t *pair = chunk_offsets(chunk, 0);
        batch_sum_t sum = total[__builtin_ctz(left)];
        for (uint32_t i = 0; i < chunk->sites; i++) {
            const uint16_t *at = pair + i / 2 * (pair_bytes(members) / sizeof *pair) + i % 2;
            int64_t code = (int16_t)at[2 + 2 * k];
            sum = batch_add(sum, &code, rates + (size_t)*at * BATCH);
        }
        total[__builtin_ctz(left)] = sum;
    }
}
static inline void run_store(const run_sum_t *sum, uint64_t rest, int64_t *total) {
    (void)rest;
    batch_store(*sum, total);
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
