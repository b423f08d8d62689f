#define SIMD_OPS simd_avx512
#define SIMD_NAME "avx512"
#include "kernels/cpu/simd_body.h"
