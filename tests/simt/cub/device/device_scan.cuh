/* The one CUB call of the cuda backend, for tests/simt. */
#pragma once

#include <cuda_runtime.h>

namespace cub {
struct DeviceScan {
    template <typename T>
    static cudaError_t ExclusiveSum(void *temporary, size_t &bytes, const T *in, T *out,
                                    int64_t n) {
        bytes = 1;
        T sum = 0;
        for (int64_t k = 0; temporary && k < n; k++) {
            T x = in[k];
            out[k] = sum;
            sum += x;
        }
        return cudaSuccess;
    }
};
} // namespace cub
