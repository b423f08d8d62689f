/* The cuda backend's storage, what its kernels share, and how a CUDA call fails. A kernel gives a
 * warp to every target; full warps only, no barriers between them, few intrinsics, so that
 * tests/simt can run the same sources on a processor. */
#ifndef BRISC_CUDA_DEVICE_H
#define BRISC_CUDA_DEVICE_H

#include <cuda_runtime.h>

#include "kernels/backend.h"
#include "kernels/draw.h"
#include "kernels/storage.h"

enum { LANES = 32, BLOCK_WARPS = 4, BLOCK_THREADS = BLOCK_WARPS * LANES };
#define ALL_LANES 0xffffffffu

/* The synapses of one pathway: by target, then ascending offset. */
typedef struct {
    uint64_t *start; /* [targets * bands + 1]: where a target's band begins */
    uint16_t *offset;
    uint8_t *code, *low; /* the planes of storage.h; low: NULL but for 24 bits */
    uint32_t bands;
} synapses_t;

/* What a kernel sees; every pointer is the device's. */
typedef struct {
    network_t net; /* its thresholds are there while the connectivity is built, then NULL */
    synapses_t synapses[PATHWAYS_MAX];
    image_t image[2][POPULATIONS_MAX]; /* a step reads one and writes the other */
    float *h[POPULATIONS_MAX];
    float *rate; /* of the largest population, for get_rate */
    normal_node_t *table;
    uint64_t *saturated;
} device_t;

struct backend_state {
    device_t device;     /* the host's copy */
    device_t *on_device; /* the device's copy of it */
    uint32_t current;    /* the image that holds the present rates */
    double *x, *y;       /* [neurons] on the device; NULL before the first apply */
};

/* Runs a call of the CUDA runtime; a failure says which call and why. */
#define CUDA(call)                                                                                 \
    do {                                                                                           \
        cudaError_t cuda_error_ = (call);                                                          \
        if (cuda_error_ != cudaSuccess)                                                            \
            FAIL(STATUS_FAILED, "the GPU failed: %s (%s) in %s; if it persists, --backend cpu",    \
                 cudaGetErrorString(cuda_error_), cudaGetErrorName(cuda_error_), #call);           \
    } while (0)

/* Fails, naming both numbers, where the device has fewer than `bytes` bytes free for `what`. */
status_t cuda_require(uint64_t bytes, const char *what);
/* `*memory` = n items on the device. */
template <typename T> status_t cuda_allocate(T **memory, uint64_t n, const char *what) {
    TRY(cuda_require(n * sizeof(T), what));
    CUDA(cudaMalloc(memory, n * sizeof(T)));
    return STATUS_OK;
}
#ifndef CUDA_YARDSTICKS /* an emulated build has none */
extern "C" const yardsticks_t cuda_yardsticks;
#define CUDA_YARDSTICKS (&cuda_yardsticks)
#endif

/* Copies the host's device_t to the device. */
status_t cuda_upload(backend_state_t *state);

status_t cuda_build(backend_state_t *state, connectivity_t *connectivity);
status_t cuda_step(backend_state_t *state, uint64_t first_step, uint32_t count);
status_t cuda_edges(backend_state_t *state, uint32_t pathway, uint32_t first, uint32_t count,
                    uint64_t *indptr, uint32_t *sources, int32_t *codes);
status_t cuda_apply(backend_state_t *state, uint32_t vectors, const double *x, double *y);

/* A launch of `warps` warps on the default stream. */
static inline cudaLaunchConfig_t launch_of(uint64_t warps) {
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3((uint32_t)((warps + BLOCK_WARPS - 1) / BLOCK_WARPS));
    config.blockDim = dim3(BLOCK_THREADS);
    return config;
}
static inline cudaLaunchConfig_t launch_of_threads(uint64_t threads) {
    return launch_of((threads + LANES - 1) / LANES);
}

static inline __device__ uint32_t lane_index() {
    return threadIdx.x % LANES;
}
static inline __device__ uint64_t warp_index() {
    return (uint64_t)blockIdx.x * BLOCK_WARPS + threadIdx.x / LANES;
}
/* The sum over a warp, in every lane; exact for integers. */
template <typename T> __device__ T warp_sum(T x) {
    for (int distance = LANES / 2; distance > 0; distance /= 2)
        x += __shfl_xor_sync(ALL_LANES, x, distance);
    return x;
}
static inline __device__ void add_to(uint64_t *sum, uint64_t x) {
    static_assert(sizeof(unsigned long long) == sizeof(uint64_t), "atomicAdd's 64-bit type");
    atomicAdd((unsigned long long *)sum, (unsigned long long)x);
}

/* Writes the code of a neuron's rate wherever the image shows the neuron. */
static inline __device__ void image_put(const image_t *image, const population_t *p, uint32_t i,
                                        int32_t code) {
    uint32_t first_x = (i % p->nx + (uint32_t)-image->left) % p->nx;
    uint32_t first_y = (i / p->nx + (uint32_t)-image->top) % p->ny;
    for (uint32_t y = first_y; y < image->height; y += p->ny)
        for (uint32_t x = first_x; x < image->width; x += p->nx)
            image->code[(size_t)y * image->stride + x] = code;
}

#endif
