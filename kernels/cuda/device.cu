/* What the cuda backend and its dense solver share: memory of the device. */
#include "kernels/cuda/device.h"

status_t cuda_require(uint64_t bytes, const char *what) {
    size_t unused = 0, total = 0;
    CUDA(cudaMemGetInfo(&unused, &total));
    if (bytes > unused)
        FAIL(STATUS_FAILED,
             "no GPU memory for %s: %.3f GB are needed, %.3f of %.3f GB are free; take a smaller "
             "network, network.weight_bits: 8, another GPU or --backend cpu: `brisc plan` says how "
             "much a network needs",
             what, (double)bytes * 1e-9, (double)unused * 1e-9, (double)total * 1e-9);
    return STATUS_OK;
}

status_t cuda_upload(backend_state_t *state) {
    CUDA(
        cudaMemcpy(state->on_device, &state->device, sizeof state->device, cudaMemcpyHostToDevice));
    return STATUS_OK;
}
