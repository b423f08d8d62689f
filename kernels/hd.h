/* Code for both compilers: the only place that asks which one reads it. */
#ifndef BRISC_HD_H
#define BRISC_HD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <math.h>

#ifdef __CUDACC__
#define HD static __host__ __device__ __forceinline__
#define RESTRICT __restrict__
#else
#define HD static inline __attribute__((always_inline, unused))
#define RESTRICT restrict
#endif

HD uint32_t float_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

HD float float_from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

#endif
