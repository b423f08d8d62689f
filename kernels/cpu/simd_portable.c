#define SIMD_OPS simd_portable
#define SIMD_NAME "portable"
#include "kernels/cpu/simd_body.h"
