#define SIMD_OPS simd_avx2
#define SIMD_NAME "avx2"
#define RUN_SUMS NULL
#include "kernels/cpu/simd_body.h"
