/* As much of CUDA as kernels/cuda uses, on a processor: its sources compile unchanged with a C++
 * compiler that finds this header first. A block's threads are coroutines, each with its own stack.
 * A warp's 32 lanes run one after the other from one warp-wide call to the next; so a lane that
 * skips one, or meets another call than its neighbours, is found, and memory shared without
 * __syncwarp shows (the lanes' order is reversed every time). A block's warps run one after the
 * other from one __syncthreads to the next, in an order that is reversed every time too. What it
 * cannot show: anything about the memory model between warps, and the device's own arithmetic.
 * Device memory is the host's: filled with rubbish when allocated, counted, failing on request.
 * Of the runtime it holds a caller to what a device would refuse: more shared memory than the
 * kernel was granted, a grid too large, anything but launches of loaded kernels into the stream
 * while a graph is recorded; and a call's failure stays the last error until it is read. */
#pragma once

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <functional>
#include <map>
#include <vector>

#define __global__
#define __device__
#define __shared__ thread_local /* one block at a time, on one thread */
#define __launch_bounds__(...)

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct alignas(16) int4 {
    int x, y, z, w;
};
static dim3 threadIdx, blockIdx;

/* Dynamic shared memory: what lies beyond a launch's part must stay as it is. */
enum { SIMT_SHARED = 256 * 1024 };
thread_local int4 shared_memory[SIMT_SHARED / sizeof(int4)];

/* Blocks, warps, lanes. */

enum { SIMT_LANES = 32, SIMT_WARPS = 8, SIMT_STACK = 1 << 16 };

struct simt_warp_t {
    ucontext_t start[SIMT_LANES];
    jmp_buf lane[SIMT_LANES];
    char stack[SIMT_LANES][SIMT_STACK];
    bool started[SIMT_LANES], done[SIMT_LANES];
    unsigned turn, running;
    struct {
        const char *call;
        uint64_t value[SIMT_LANES];
    } meeting[2]; /* this one, and the last, which slower lanes still read */
};
static struct {
    std::function<void()> body; /* of one thread */
    simt_warp_t warp[SIMT_WARPS], *at;
    jmp_buf scheduler;
    unsigned current, barriers;
} simt;

static inline void simt_require(bool condition, const char *message) {
    if (condition)
        return;
    fprintf(stderr, "simt: block %u, thread %u: %s\n", blockIdx.x, threadIdx.x, message);
    abort();
}

static inline void simt_leave() {
    if (_setjmp(simt.at->lane[simt.current]) == 0)
        _longjmp(simt.scheduler, 1);
}

/* Hands in a value and waits for all lanes; then value[lane] are theirs. */
static inline const uint64_t *simt_meet(const char *call, uint64_t value) {
    auto *meeting = &simt.at->meeting[simt.at->turn % 2];
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
        simt.at->done[simt.current] = true;
        simt_leave();
    }
}

/* Runs one lane to its next meeting or its end. */
static inline void simt_resume(unsigned lane) {
    simt_warp_t *warp = simt.at;
    simt.current = lane;
    threadIdx.x = (unsigned)(warp - simt.warp) * SIMT_LANES + lane;
    if (_setjmp(simt.scheduler) != 0)
        return;
    if (warp->started[lane])
        _longjmp(warp->lane[lane], 1);
    warp->started[lane] = true;
    getcontext(&warp->start[lane]);
    warp->start[lane].uc_stack.ss_sp = warp->stack[lane];
    warp->start[lane].uc_stack.ss_size = SIMT_STACK;
    makecontext(&warp->start[lane], simt_lane, 0);
    setcontext(&warp->start[lane]);
}

/* Runs a warp to its next __syncthreads (true) or its end. */
static inline bool simt_run(simt_warp_t *warp, unsigned lanes) {
    simt.at = warp;
    while (warp->running > 0) {
        warp->turn++;
        warp->meeting[warp->turn % 2].call = NULL;
        for (unsigned k = 0; k < lanes; k++) {
            unsigned lane = warp->turn % 2 ? lanes - 1 - k : k;
            if (warp->done[lane])
                continue;
            simt_resume(lane);
            warp->running -= warp->done[lane];
        }
        simt_require(warp->running == 0 || warp->running == lanes,
                     "some lanes have ended, others wait for the whole warp");
        const char *call = warp->meeting[warp->turn % 2].call;
        if (call && strcmp(call, "syncthreads") == 0)
            return true;
    }
    return false;
}

static inline void simt_block(unsigned threads) {
    unsigned warps = (threads + SIMT_LANES - 1) / SIMT_LANES;
    unsigned lanes = threads < SIMT_LANES ? threads : (unsigned)SIMT_LANES;
    simt_require(warps <= SIMT_WARPS && threads == (warps - 1) * SIMT_LANES + lanes,
                 "a block's size");
    for (unsigned k = 0; k < warps; k++) {
        memset(simt.warp[k].done, 0, sizeof simt.warp[k].done);
        simt.warp[k].running = lanes;
    }
    for (unsigned waiting = warps; waiting > 0; simt.barriers++) {
        waiting = 0;
        for (unsigned k = 0; k < warps; k++)
            waiting += simt_run(&simt.warp[simt.barriers % 2 ? warps - 1 - k : k], lanes);
        simt_require(waiting == 0 || waiting == warps,
                     "some warps have ended, others wait for the whole block");
    }
}

static inline void __syncthreads() {
    simt_meet("syncthreads", 0);
}
static inline unsigned __ballot_sync(unsigned mask, bool vote) {
    simt_require(mask == 0xffffffffu, "not a full mask");
    const uint64_t *votes = simt_meet("ballot", vote);
    unsigned all = 0;
    for (unsigned lane = 0; lane < SIMT_LANES; lane++)
        all |= (unsigned)votes[lane] << lane;
    return all;
}
template <typename T> static T simt_shuffle(unsigned mask, T x, unsigned from) {
    simt_require(mask == 0xffffffffu, "not a full mask");
    return (T)simt_meet("shuffle", (uint64_t)x)[from];
}
template <typename T> static T __shfl_xor_sync(unsigned mask, T x, int distance) {
    return simt_shuffle(mask, x, simt.current ^ (unsigned)distance);
}
template <typename T> static T __shfl_up_sync(unsigned mask, T x, unsigned distance) {
    return simt_shuffle(mask, x, simt.current - (simt.current < distance ? 0 : distance));
}
template <typename T> static T __shfl_sync(unsigned mask, T x, int lane) {
    return simt_shuffle(mask, x, (unsigned)lane % SIMT_LANES);
}
static inline void __syncwarp() {
    simt_meet("syncwarp", 0);
}
template <typename T> static T __ldcs(const T *x) {
    return *x;
}
static inline unsigned atomicOr(unsigned *x, unsigned bits) {
    unsigned before = *x;
    *x = before | bits;
    return before;
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

typedef enum { cudaSuccess, cudaErrorInvalidValue, cudaErrorMemoryAllocation } cudaError_t;
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost };
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
enum cudaDeviceAttr { cudaDevAttrMaxSharedMemoryPerBlockOptin };
/* A graph is its launches; a stream runs them at once, or records them. */
typedef std::vector<std::function<void()>> *cudaGraph_t, *cudaGraphExec_t;
struct simt_stream_t {
    cudaGraph_t recording;
};
typedef simt_stream_t *cudaStream_t;
struct cudaLaunchConfig_t {
    dim3 gridDim, blockDim;
    size_t dynamicSmemBytes;
    cudaStream_t stream;
};
struct cudaDeviceProp {
    char name[256];
    int major, minor;
};
struct cudaFuncAttributes {};

/* What a test sets and reads. */
static struct simt_device_t {
    size_t memory_free = (size_t)1 << 34;
    long allocations, allowed = -1;     /* living; how many more succeed, if not negative */
    uint64_t bytes;                     /* of all allocations so far */
    uint64_t living;                    /* bytes of living allocations */
    int shared = 227 * 1024;            /* bytes of shared memory a block may have */
    int shared_unasked = 48 * 1024;     /* of which without asking */
    long shared_used, graphs, launches; /* most bytes in a launch; graphs launched; kernels */
    cudaError_t error = cudaSuccess;    /* the last one */
    bool recording;                     /* a graph */
    std::map<void *, int> granted;      /* shared memory by kernel, of the loaded ones */
} simt_device;

static inline cudaError_t simt_error(cudaError_t error) {
    simt_device.error = error != cudaSuccess ? error : simt_device.error;
    return error;
}
static inline cudaError_t cudaPeekAtLastError() {
    return simt_device.error;
}
static inline cudaError_t cudaGetLastError() {
    cudaError_t error = simt_device.error;
    simt_device.error = cudaSuccess;
    return error;
}
static inline void simt_not_recording() {
    simt_require(!simt_device.recording, "not while a graph is recorded");
}
/* A kernel is loaded at its first use. */
static inline int *simt_granted(void *kernel) {
    auto found = simt_device.granted.find(kernel);
    if (found == simt_device.granted.end()) {
        simt_not_recording();
        found = simt_device.granted.insert({kernel, simt_device.shared_unasked}).first;
    }
    return &found->second;
}

static inline void simt_launch(const std::function<void()> &body, dim3 grid, dim3 block,
                               size_t shared) {
    char *memory = (char *)shared_memory;
    simt_device.launches++;
    simt_device.shared_used =
        (long)shared > simt_device.shared_used ? (long)shared : simt_device.shared_used;
    simt.body = body;
    size_t guard = SIMT_SHARED - shared < 4096 ? SIMT_SHARED - shared : 4096;
    for (blockIdx.y = 0; blockIdx.y < grid.y; blockIdx.y++)
        for (blockIdx.x = 0; blockIdx.x < grid.x; blockIdx.x++) {
            memset(memory, 0xa5, shared + guard);
            simt_block(block.x);
            for (size_t k = 0; k < guard; k++)
                simt_require(memory[shared + k] == (char)0xa5, "beyond the shared memory");
        }
}
template <typename... P, typename... A>
static cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *config, void (*kernel)(P...),
                                      A... arguments) {
    dim3 grid = config->gridDim, block = config->blockDim;
    size_t shared = config->dynamicSmemBytes;
    bool recorded = config->stream && config->stream->recording;
    simt_require(grid.x > 0 && grid.x < 1u << 31 && grid.y > 0 && grid.y < 1u << 16, "the grid");
    simt_require(recorded == simt_device.recording, "beside the stream that is recorded");
    if ((int)shared > *simt_granted((void *)kernel))
        return simt_error(cudaErrorInvalidValue);
    auto launch = [=]() { simt_launch([=]() { kernel(arguments...); }, grid, block, shared); };
    if (recorded)
        config->stream->recording->push_back(launch);
    else
        launch();
    return cudaSuccess;
}
template <typename T> static cudaError_t cudaMalloc(T **memory, size_t bytes) {
    simt_not_recording();
    *memory = NULL;
    if (bytes == 0)
        return cudaSuccess;
    if (simt_device.allowed == 0 || bytes > simt_device.memory_free)
        return simt_error(cudaErrorMemoryAllocation);
    simt_device.allowed -= simt_device.allowed > 0;
    simt_device.allocations++;
    simt_device.bytes += bytes;
    simt_device.living += bytes;
    size_t *whole = (size_t *)malloc(bytes + 17); /* its size, 16 bytes before */
    whole[0] = bytes;
    *memory = (T *)(whole + 2);
    memset((void *)*memory, 0xa5, bytes);
    return cudaSuccess;
}
static inline cudaError_t cudaFree(void *memory) {
    simt_not_recording();
    if (!memory)
        return cudaSuccess;
    size_t *whole = (size_t *)memory - 2;
    simt_device.allocations--;
    simt_device.living -= whole[0];
    free(whole);
    return cudaSuccess;
}
static inline cudaError_t cudaStreamCreate(cudaStream_t *stream) {
    if (simt_device.allowed == 0)
        return simt_error(cudaErrorMemoryAllocation);
    simt_device.allowed -= simt_device.allowed > 0;
    simt_device.allocations++;
    *stream = (cudaStream_t)calloc(1, sizeof **stream);
    return cudaSuccess;
}
static inline cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    simt_device.allocations--;
    free(stream);
    return cudaSuccess;
}
static inline cudaError_t cudaStreamSynchronize(cudaStream_t) {
    simt_not_recording();
    return cudaSuccess;
}
static inline cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
    simt_not_recording();
    simt_device.recording = true;
    stream->recording = new std::vector<std::function<void()>>;
    return cudaSuccess;
}
static inline cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) {
    *graph = stream->recording;
    stream->recording = NULL;
    simt_device.recording = false;
    return cudaSuccess;
}
static inline cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *exec, cudaGraph_t graph,
                                                        unsigned long long) {
    *exec = new std::vector<std::function<void()>>(*graph);
    return cudaSuccess;
}
static inline cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return cudaSuccess;
}
static inline cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
    delete exec;
    return cudaSuccess;
}
static inline cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t) {
    simt_device.graphs++;
    for (auto &launch : *exec)
        launch();
    return cudaSuccess;
}
template <typename K>
static cudaError_t cudaFuncSetAttribute(K *kernel, cudaFuncAttribute, int bytes) {
    if (bytes > simt_device.shared)
        return simt_error(cudaErrorInvalidValue);
    *simt_granted((void *)kernel) = bytes;
    return cudaSuccess;
}
static inline cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr, int) {
    *value = simt_device.shared;
    return cudaSuccess;
}
static inline cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind) {
    simt_not_recording();
    simt_require(to && from, "a copy from or to nowhere");
    memcpy(to, from, bytes);
    return cudaSuccess;
}
static inline cudaError_t cudaMemset(void *memory, int value, size_t bytes) {
    simt_not_recording();
    memset(memory, value, bytes);
    return cudaSuccess;
}
static inline cudaError_t cudaMemGetInfo(size_t *unused, size_t *total) {
    *unused = *total = simt_device.memory_free;
    return cudaSuccess;
}
static inline cudaError_t cudaDeviceSynchronize() {
    simt_not_recording();
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
template <typename K> static cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *, K *kernel) {
    simt_granted((void *)kernel);
    return cudaSuccess;
}
static inline const char *cudaGetErrorString(cudaError_t error) {
    return error == cudaSuccess             ? "no error"
           : error == cudaErrorInvalidValue ? "invalid argument"
                                            : "out of memory";
}
static inline const char *cudaGetErrorName(cudaError_t error) {
    return error == cudaSuccess             ? "cudaSuccess"
           : error == cudaErrorInvalidValue ? "cudaErrorInvalidValue"
                                            : "cudaErrorMemoryAllocation";
}
