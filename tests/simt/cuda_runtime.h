/* As much of CUDA as kernels/cuda uses, on a processor: its sources compile unchanged with a C++
 * compiler that finds this header first. A warp's 32 lanes are coroutines, each with its own stack,
 * that run one after the other from one warp-wide call to the next; so a lane that skips one, or
 * meets another call than its neighbours, is found, and memory shared without __syncwarp shows (the
 * lanes' order is reversed every time). What it cannot show: anything about the memory model
 * between warps, which here run one after the other, and the device's own arithmetic. Device memory
 * is the host's: filled with rubbish when allocated, counted, failing on request. */
#pragma once

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <functional>

#define __global__
#define __device__
#define __shared__ static
#define __launch_bounds__(threads)

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
static dim3 threadIdx, blockIdx;

/* Warps. */

enum { SIMT_LANES = 32, SIMT_STACK = 1 << 16 };

static struct {
    std::function<void()> body; /* of one lane */
    ucontext_t start[SIMT_LANES], home;
    jmp_buf scheduler, lane[SIMT_LANES];
    char stack[SIMT_LANES][SIMT_STACK];
    bool started[SIMT_LANES], done[SIMT_LANES];
    unsigned current, turn;
    struct {
        const char *call;
        uint64_t value[SIMT_LANES];
    } meeting[2]; /* this one, and the last, which slower lanes still read */
} simt;

static inline void simt_require(bool condition, const char *message) {
    if (condition)
        return;
    fprintf(stderr, "simt: block %u, lane %u: %s\n", blockIdx.x, simt.current, message);
    abort();
}

static inline void simt_leave() {
    unsigned lane = simt.current;
    if (_setjmp(simt.lane[lane]) == 0)
        _longjmp(simt.scheduler, 1);
}

/* Hands in a value and waits for all lanes; then value[lane] are theirs. */
static inline const uint64_t *simt_meet(const char *call, uint64_t value) {
    auto *meeting = &simt.meeting[simt.turn % 2];
    if (!meeting->call)
        meeting->call = call;
    simt_require(strcmp(meeting->call, call) == 0, "the warp's lanes meet in different calls");
    meeting->value[simt.current] = value;
    simt_leave();
    return meeting->value;
}

static inline void simt_lane() {
    for (;;) { /* a kernel after the other, on the same stack */
        simt.body();
        simt.done[simt.current] = true;
        simt_leave();
    }
}

/* Runs one lane to its next meeting or its end. */
static inline void simt_resume(unsigned lane) {
    simt.current = lane;
    threadIdx.x = threadIdx.x / SIMT_LANES * SIMT_LANES + lane;
    if (_setjmp(simt.scheduler) != 0)
        return;
    if (simt.started[lane])
        _longjmp(simt.lane[lane], 1);
    simt.started[lane] = true;
    getcontext(&simt.start[lane]);
    simt.start[lane].uc_stack.ss_sp = simt.stack[lane];
    simt.start[lane].uc_stack.ss_size = SIMT_STACK;
    makecontext(&simt.start[lane], simt_lane, 0);
    setcontext(&simt.start[lane]);
}

static inline void simt_warp() {
    memset(simt.done, 0, sizeof simt.done);
    for (unsigned running = SIMT_LANES; running > 0; simt.turn++) {
        simt.meeting[simt.turn % 2].call = NULL;
        for (unsigned k = 0; k < SIMT_LANES; k++) {
            unsigned lane = simt.turn % 2 ? SIMT_LANES - 1 - k : k;
            if (simt.done[lane])
                continue;
            simt_resume(lane);
            running -= simt.done[lane];
        }
        simt_require(running == 0 || running == SIMT_LANES,
                     "some lanes have ended, others wait for the whole warp");
    }
}

static inline unsigned __ballot_sync(unsigned mask, bool vote) {
    simt_require(mask == 0xffffffffu, "not a full mask");
    const uint64_t *votes = simt_meet("ballot", vote);
    unsigned all = 0;
    for (unsigned lane = 0; lane < SIMT_LANES; lane++)
        all |= (unsigned)votes[lane] << lane;
    return all;
}
template <typename T> static T __shfl_xor_sync(unsigned mask, T x, int distance) {
    simt_require(mask == 0xffffffffu, "not a full mask");
    unsigned from = simt.current ^ (unsigned)distance;
    return (T)simt_meet("shuffle", (uint64_t)x)[from];
}
static inline void __syncwarp() {
    simt_meet("syncwarp", 0);
}
template <typename T> static T atomicAdd(T *sum, T x) {
    T before = *sum;
    *sum = before + x;
    return before;
}
static inline int __popc(unsigned x) {
    return __builtin_popcount(x);
}

/* The runtime. */

typedef enum { cudaSuccess, cudaErrorMemoryAllocation } cudaError_t;
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost };
struct cudaLaunchConfig_t {
    dim3 gridDim, blockDim;
};
struct cudaDeviceProp {
    char name[256];
    int major, minor;
};
struct cudaFuncAttributes {};

/* What a test sets and reads. */
static struct {
    size_t memory_free = (size_t)1 << 34;
    long allocations, allowed = -1; /* living; how many more succeed, if not negative */
    uint64_t bytes;                 /* of all allocations so far */
} simt_device;

template <typename... P, typename... A>
static cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *config, void (*kernel)(P...),
                                      A... arguments) {
    simt.body = [=]() { kernel(arguments...); };
    for (blockIdx.x = 0; blockIdx.x < config->gridDim.x; blockIdx.x++)
        for (unsigned first = 0; first < config->blockDim.x; first += SIMT_LANES) {
            threadIdx.x = first;
            simt_warp();
        }
    return cudaSuccess;
}
template <typename T> static cudaError_t cudaMalloc(T **memory, size_t bytes) {
    *memory = NULL;
    if (simt_device.allowed == 0 || bytes > simt_device.memory_free)
        return cudaErrorMemoryAllocation;
    simt_device.allowed -= simt_device.allowed > 0;
    simt_device.allocations++;
    simt_device.bytes += bytes;
    *memory = (T *)malloc(bytes + 1);
    memset((void *)*memory, 0xa5, bytes);
    return cudaSuccess;
}
static inline cudaError_t cudaFree(void *memory) {
    simt_device.allocations -= memory != NULL;
    free(memory);
    return cudaSuccess;
}
static inline cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind) {
    memcpy(to, from, bytes);
    return cudaSuccess;
}
static inline cudaError_t cudaMemset(void *memory, int value, size_t bytes) {
    memset(memory, value, bytes);
    return cudaSuccess;
}
static inline cudaError_t cudaMemGetInfo(size_t *unused, size_t *total) {
    *unused = *total = simt_device.memory_free;
    return cudaSuccess;
}
static inline cudaError_t cudaDeviceSynchronize() {
    return cudaSuccess;
}
static inline cudaError_t cudaGetDeviceCount(int *devices) {
    *devices = 1;
    return cudaSuccess;
}
static inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int) {
    *properties = {"emulated", 0, 0};
    return cudaSuccess;
}
template <typename K> static cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *, K *) {
    return cudaSuccess;
}
static inline const char *cudaGetErrorString(cudaError_t error) {
    return error == cudaSuccess ? "no error" : "out of memory";
}
static inline const char *cudaGetErrorName(cudaError_t error) {
    return error == cudaSuccess ? "cudaSuccess" : "cudaErrorMemoryAllocation";
}
