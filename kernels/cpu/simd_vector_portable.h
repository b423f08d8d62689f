/* simd_vector.h's operations without instructions of one processor. */
#ifndef BRISC_SIMD_VECTOR_PORTABLE_H
#define BRISC_SIMD_VECTOR_PORTABLE_H

#define UNIT_8 (UNIT_SITES + 1.0) /* never */
#define UNIT_16 UNIT_8

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

#endif
