#define SIMD_OPS simd_portable
#define SIMD_NAME "portable"
#define RUN_SUMS NULL
#include "kernels/cpu/simd_body.h"
