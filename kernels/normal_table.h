/* Standard normals from 32 random bits: the inverse of the cumulative distribution, linear between
 * the nodes of a table that is fine in both tails. One bit is the sign; the other 31 give a tail
 * probability u in (0, 1/2], whose leading zeros pick an octave and whose next 6 bits pick one of
 * 64 intervals in it. |z| <= 6.24; the interpolation is within 1.3e-5 of the exact inverse
 * (measured in tests/test_normal.c). 16 KB. */
#ifndef BRISC_NORMAL_TABLE_H
#define BRISC_NORMAL_TABLE_H

#include "kernels/hd.h"

enum {
    NORMAL_OCTAVES = 31,
    NORMAL_INTERVALS = 64,
    NORMAL_NODES = NORMAL_OCTAVES * NORMAL_INTERVALS
};

typedef struct {
    float value, slope; /* at the interval's left end; over the whole interval */
} normal_node_t;

HD int leading_zeros(uint32_t x) { /* x > 0 */
#ifdef __CUDA_ARCH__
    return __clz((int)x);
#else
    return __builtin_clz(x);
#endif
}

HD float normal_from_bits(const normal_node_t *table, uint32_t bits) {
    uint32_t tail = (bits & 0x7fffffffu) | 1u;       /* odd: never 0; u = tail 2^-32 */
    int octave = leading_zeros(tail) - 1;            /* 0: u in [1/4, 1/2) */
    uint32_t fraction = (tail << (octave + 1)) << 1; /* what follows the leading one */
    uint32_t interval = fraction >> 26;
    float within = (float)((fraction << 6) >> 8) * 0x1p-24f;
    normal_node_t node = table[octave * NORMAL_INTERVALS + (int)interval];
    float z = fmaf(within, node.slope, node.value);
    return bits >> 31 ? z : -z;
}

#ifdef __cplusplus
extern "C" {
#endif

/* The table, the same bits everywhere: built once, before the first use by any thread. */
const normal_node_t *normal_table(void);

#ifdef __cplusplus
}
#endif
#endif
