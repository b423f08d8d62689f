/* The one CUB call of the cuda backend, for tests/simt: as CUDA 11.8 has it, with a count in an
 * int; what it returns is the last error, whoever made it. */
#pragma once

#include <cuda_runtime.h>

namespace cub {
struct DeviceScan {
    template <typename T>
    static cudaError_t ExclusiveSum(void *temporary, size_t &bytes, const T *in, T *out, int n) {
        bytes = 1;
        T sum = 0;
        for (int k = 0; temporary && k < n; k++) {
            T x = in[k];
            out[k] = sum;
            sum += x;
        }
        return temporary ? cudaPeekAtLastError() : cudaSuccess;
    }
};
} // namespace cub
