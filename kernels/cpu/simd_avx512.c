/* AVX-512, and the sums of runs, which only it reads. */
#include "kernels/cpu/runs.h"
#include "kernels/cpu/simd_vector.h"

/* A rate's digits. 8 bits of a code: its words, the low one less 2^15. 16 bits: 2^31 + rate = u0 +
 * u1 2^11 + u2 2^22; multiplied are u, but what fits in 32 bits are the sums of codes times u0 -
 * 2^10, u1 - 2^10 and u2 - 2^9. So a digit's sum begins at 2^31, which makes it positive, less
 * those codes' excess. runs_t.rest has what all that leaves. */
typedef struct {
    __m512i all, odd; /* 8 x int64: of trial 2k + 2^32 times that of 2k + 1; of 2k + 1 */
} run_sum_t;

static inline run_sum_t run_zero(void) {
    return (run_sum_t){_mm512_setzero_si512(), _mm512_setzero_si512()};
}
static inline __attribute__((always_inline)) void add_chunk_of(const chunk_t *chunk,
                                                               const int32_t *rates,
                                                               uint32_t members, uint32_t digits,
                                                               run_sum_t *total) {
    const __m512i mask = _mm512_set1_epi16((1 << DIGIT_BITS) - 1);
    const unsigned char *pair = (const unsigned char *)chunk + pair_bytes(members);
    const unsigned char *end = pair + pair_bytes(members) * (size_t)((chunk->sites + 1) / 2);
    __m512i sum[GROUP_TARGETS][DIGITS];
    for (uint32_t k = 0; k < members; k++) {
        uint32_t half = 1u << 31, codes = digits == DIGITS ? (uint32_t)chunk->sum[k] : 0;
        sum[k][0] = sum[k][1] = _mm512_set1_epi32((int)(half - (codes << (DIGIT_BITS - 1))));
        sum[k][2] = _mm512_set1_epi32((int)(half - (codes << (DIGIT_BITS - 2))));
    }
    for (; pair < end; pair += pair_bytes(members)) {
        const uint16_t *at = (const uint16_t *)pair;
        __m512i a = _mm512_load_si512(rates + (size_t)at[0] * BATCH);
        __m512i b = _mm512_load_si512(rates + (size_t)at[1] * BATCH);
        __m512i low = _mm512_unpacklo_epi16(a, b), high = _mm512_unpackhi_epi16(a, b);
        __m512i digit[DIGITS] = {low, high};
        if (digits == DIGITS) {
            __m512i middle = _mm512_shldi_epi16(high, low, 16 - DIGIT_BITS);
            digit[0] = _mm512_and_si512(low, mask);
            digit[1] = _mm512_and_si512(middle, mask);
            digit[2] = _mm512_srli_epi16(high, 2 * DIGIT_BITS - 16);
        }
        __builtin_prefetch(pair + AHEAD);
        if (members <= 2) {
            const uint16_t *later = (const uint16_t *)(pair + 8 * pair_bytes(members));
            __builtin_prefetch(rates + (size_t)later[0] * BATCH);
            __builtin_prefetch(rates + (size_t)later[1] * BATCH);
        }
        for (uint32_t k = 0; k < members; k++) {
            int32_t two;
            memcpy(&two, pair + 4 + 4 * k, sizeof two);
            for (uint32_t d = 0; d < digits; d++)
                sum[k][d] = digit_add(sum[k][d], _mm512_set1_epi32(two), digit[d]);
        }
    }
    for (uint32_t k = 0, left = chunk->set; k < members; k++, left &= left - 1) {
        run_sum_t *to = &total[__builtin_ctz(left)];
        for (uint32_t d = 0; d < digits; d++) {
            int place = (int)d * (digits == DIGITS ? DIGIT_BITS : 16);
            __m512i odd = _mm512_srli_epi64(sum[k][d], 32);
            to->all = _mm512_add_epi64(to->all, vector_shift(sum[k][d], place));
            to->odd = _mm512_add_epi64(to->odd, vector_shift(odd, place));
        }
    }
}
static inline void run_store(const run_sum_t *sum, uint64_t rest, int64_t *total) {
    __m512i less = _mm512_set1_epi64((int64_t)rest), even;
    even = _mm512_sub_epi64(sum->all, _mm512_slli_epi64(sum->odd, 32));
    batch_store((batch_sum_t){_mm512_sub_epi64(even, less), _mm512_sub_epi64(sum->odd, less)},
                total);
}

static inline __attribute__((always_inline)) void run_sums_of(const unsigned char *record,
                                                              const int32_t *rates,
                                                              uint32_t targets, uint32_t digits,
                                                              int64_t (*sum)[BATCH]) {
    const runs_t *runs = (const runs_t *)record;
    run_sum_t total[GROUP_TARGETS];
    for (uint32_t t = 0; t < GROUP_TARGETS; t++)
        total[t] = run_zero();
    for (const chunk_t *chunk = chunks_first(runs), *next; chunk < chunks_end(runs); chunk = next) {
        const int32_t *band = rates + (size_t)chunk->band * BAND_SITES * BATCH;
        next = chunk_next(chunk);
        for (uint32_t i = 0; i < 4; i++) {
            __builtin_prefetch(band + (size_t)chunk_offsets(next, i)[0] * BATCH);
            __builtin_prefetch(band + (size_t)chunk_offsets(next, i)[1] * BATCH);
        }
        switch (set_members(chunk->set)) {
        case 1:
            add_chunk_of(chunk, band, 1, digits, total);
            break;
        case 2:
            add_chunk_of(chunk, band, 2, digits, total);
            break;
        case 3:
            add_chunk_of(chunk, band, 3, digits, total);
            break;
        default:
            add_chunk_of(chunk, band, 4, digits, total);
        }
    }
    for (uint32_t t = 0; t < targets; t++)
        run_store(&total[t], runs->rest[t], sum[t]);
}

static void run_sums(const unsigned char *record, const int32_t *rates, uint32_t targets,
                     uint32_t bits, int64_t (*sum)[BATCH]) {
    if (bits == 8)
        run_sums_of(record, rates, targets, 2, sum);
    else
        run_sums_of(record, rates, targets, DIGITS, sum);
}

#define SIMD_OPS simd_avx512
#define SIMD_NAME "avx512"
#define RUN_SUMS run_sums
#include "kernels/cpu/simd_body.h"
