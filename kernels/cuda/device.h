/* The cuda backend's storage, what its kernels share, and how a CUDA call fails. Kernels use full
 * warps and few intrinsics, so that tests/simt can run the same sources on a processor.
 *
 * List. A target's synapses by ascending offset: a 16-bit offset into the window's part of the
 * image, and a code (kernels/storage.h).
 *
 * Near part. The rectangle of a window outside which hardly any synapse is. What a tile of targets
 * reads of it is copied to shared memory, with a row length of its own; so the synapses in it have
 * a list of their own, whose offsets count in that row length.
 *
 * Bitmap. Where a window is dense, its cells form units of 32: 8 columns x 4 rows, or 32 columns
 * of a window of fewer rows. Which ones is the same for all targets of a class. A target stores a
 * 32-bit mask a unit, bit l for cell l in row-major order, and the codes of the cells that are set,
 * unit after unit. What lies outside the units is listed.
 *
 * Lanes. States side by side (trials, or the limbs of vectors) share one pass over the synapses:
 * the codes of a site's `width` rates, 1, 2, 4 or 8, lie together in the image; wider batches take
 * several passes, each with images of its own. */
#ifndef BRISC_CUDA_DEVICE_H
#define BRISC_CUDA_DEVICE_H

#include <cuda_runtime.h>

#include "kernels/backend.h"
#include "kernels/draw.h"
#include "kernels/storage.h"

enum { LANES = 32, BLOCK_WARPS = 4, BLOCK_THREADS = BLOCK_WARPS * LANES, WIDTH_MOST = 8 };
#define ALL_LANES 0xffffffffu

typedef struct {
    uint64_t *start; /* [targets * bands + 1]: where a target's band begins */
    uint16_t *offset;
    uint8_t *code, *low; /* the planes of storage.h; low: NULL but for 24 bits */
    uint32_t bands;
} list_t;

typedef struct {
    uint32_t units;        /* of the class that has most; 0: all is listed */
    uint32_t columns_log2; /* of a unit: 3 or 5 */
    uint32_t *place;       /* [classes][units]: row << 16 | column in the near part */
    uint64_t *start;       /* [targets + 1]: where a target's codes begin */
    uint32_t *mask;        /* [targets][units] */
    uint8_t *code, *low;
} bitmap_t;

typedef struct {
    uint32_t top, left, rows, columns; /* in the window */
    uint32_t stride;                   /* sites from row to row of the copy */
    uint32_t reciprocal;               /* 2^32 / stride, rounded up */
} near_t;

/* The images of some lanes: image[b].code is [passes][sites][width]. */
typedef struct {
    image_t image[POPULATIONS_MAX];
    uint32_t width;
} images_t;

/* What a kernel sees; every pointer is the device's. */
typedef struct {
    network_t net; /* its thresholds are there while the connectivity is built, then NULL */
    near_t near[PATHWAYS_MAX];
    bitmap_t bitmap[PATHWAYS_MAX];
    list_t near_list[PATHWAYS_MAX]; /* bands: 1, or 0 where the near part is too large for it */
    list_t list[PATHWAYS_MAX];      /* all others */
    images_t rates[2];              /* a step reads one and writes the other */
    float *h[POPULATIONS_MAX];      /* [trials][ny][nx] */
    float *rate;                    /* of the largest population, for get_rate */
    normal_node_t *table;
    uint64_t *saturated;
    uint64_t *step; /* the next one's number */
} device_t;

/* How a launch of tile kernels divides the targets: a block takes a tile, TILE_X columns and tile_y
 * rows of one population, and copies to shared memory what the tile reads of the windows' near
 * parts. */
enum { TILE_X = 8, TILE_WARPS = 8, TILE_THREADS = TILE_WARPS * LANES };
enum { SITE_BITS = 22 }; /* of a unit's place in an image (sum.h) */
#define IN_IMAGE UINT32_MAX
typedef struct {
    uint32_t tile_y, blocks, shared_bytes;
    uint32_t first_block[POPULATIONS_MAX + 1], first_pathway[POPULATIONS_MAX + 1];
    uint32_t patch[PATHWAYS_MAX]; /* where a pathway's copy begins, in sites, or IN_IMAGE */
} tiling_t;

typedef struct apply_memory apply_memory_t; /* apply.cu */

struct backend_state {
    device_t device;     /* the host's copy */
    device_t *on_device; /* the device's copy of it */
    uint32_t current;    /* which of `rates` holds the present ones */
    tiling_t tiling;     /* of a step */
    cudaStream_t stream;
    cudaGraphExec_t graph; /* GRAPH_STEPS steps from rates[0] on; NULL before the first */
    apply_memory_t *apply; /* NULL before the first apply */
};

/* Runs a call of the CUDA runtime; a failure says which call and why. It is then forgotten: CUB
 * returns the last error, whoever made it. */
#define CUDA(call)                                                                                 \
    do {                                                                                           \
        cudaError_t cuda_error_ = (call);                                                          \
        if (cuda_error_ != cudaSuccess) {                                                          \
            (void)cudaGetLastError();                                                              \
            FAIL(STATUS_FAILED, "the GPU failed: %s (%s) in %s; if it persists, --backend cpu",    \
                 cudaGetErrorString(cuda_error_), cudaGetErrorName(cuda_error_), #call);           \
        }                                                                                          \
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

/* How a pathway is stored, on the host, and where a target's synapses are expected to lie (class
 * average). */
typedef struct {
    near_t near;
    bitmap_t bitmap;         /* without its arrays */
    bool near_listed;        /* there is a near list */
    uint32_t *count, *place; /* [classes]; as the bitmap's */
    double in_units, in_near_list, in_list;
} units_t;
status_t cuda_units_choose(const network_t *net, uint32_t pathway, units_t *units);
void cuda_units_destroy(units_t *units);
/* Bytes of a bitmap but for its codes. */
static inline uint64_t bitmap_fixed_bytes(const bitmap_t *b, uint64_t targets, uint64_t places) {
    return (targets * b->units + places) * sizeof(uint32_t) + (targets + 1) * sizeof(uint64_t);
}
/* The tiles for kernels of that width; at most `shared_most` bytes of shared memory a block. */
void cuda_tiling(const device_t *d, uint32_t width, uint32_t shared_most, tiling_t *tiling);
status_t cuda_shared_most(uint32_t *bytes);
/* Loads the kernel, and lets its launches have up to so many bytes. That is the kernel's own limit,
 * not the state's, of which there may be several: so all give it the device's. */
template <typename K> status_t cuda_allow_shared(K *kernel, uint32_t most) {
    CUDA(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)most));
    return STATUS_OK;
}

/* Images of `passes` passes of `width` lanes, all codes 0; adds their size to *bytes. */
status_t cuda_images_create(const network_t *net, uint32_t passes, uint32_t width, images_t *images,
                            uint64_t *bytes);
void cuda_images_destroy(images_t *images);

status_t cuda_build(backend_state_t *state, connectivity_t *connectivity);
status_t cuda_step_create(backend_state_t *state); /* when rates and connectivity are there */
status_t cuda_step(backend_state_t *state, uint64_t first_step, uint32_t count);
status_t cuda_edges(backend_state_t *state, uint32_t pathway, uint32_t first, uint32_t count,
                    uint64_t *indptr, uint32_t *sources, int32_t *codes);
status_t cuda_apply(backend_state_t *state, uint32_t vectors, const double *x, double *y);
void cuda_apply_destroy(apply_memory_t *memory);

/* The width for that many lanes, and the passes. */
static inline uint32_t width_of(uint32_t lanes) {
    uint32_t width = 1;
    while (width < lanes && width < WIDTH_MOST)
        width *= 2;
    return width;
}
static inline uint32_t passes_of(uint32_t lanes, uint32_t width) {
    return (lanes + width - 1) / width;
}

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

HD uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}
static inline __device__ uint32_t lane_index() {
    return threadIdx.x % LANES;
}
static inline __device__ uint64_t warp_index() {
    return (uint64_t)blockIdx.x * BLOCK_WARPS + threadIdx.x / LANES;
}
static inline __device__ uint64_t thread_index() {
    return (uint64_t)blockIdx.x * BLOCK_THREADS + threadIdx.x;
}
/* The sum over a warp, in every lane; exact for integers. */
template <typename T> __device__ T warp_sum(T x) {
    for (int distance = LANES / 2; distance > 0; distance /= 2)
        x += __shfl_xor_sync(ALL_LANES, x, distance);
    return x;
}
/* The sum over the lanes before this one. */
static inline __device__ uint32_t warp_before(uint32_t x) {
    uint32_t sum = x;
    for (uint32_t distance = 1; distance < LANES; distance *= 2) {
        uint32_t other = __shfl_up_sync(ALL_LANES, sum, distance);
        sum += lane_index() >= distance ? other : 0;
    }
    return sum - x;
}
/* Lanes before this one among `votes`. */
static inline __device__ uint32_t votes_before(uint32_t votes) {
    return (uint32_t)__popc(votes & ((1u << lane_index()) - 1u));
}
/* What needs the device's own words: a line into L2; sum + a b in one instruction, where the
 * compiler takes four; a pointer to be held in registers as it is, where the compiler adds its
 * parts anew for every access. */
static inline __device__ void prefetch_l2(const void *address) {
#ifdef __CUDA_ARCH__
    asm volatile("prefetch.global.L2 [%0];" ::"l"(address));
#else
    (void)address;
#endif
}
static inline __device__ int64_t multiply_add(int32_t a, int32_t b, int64_t sum) {
#ifdef __CUDA_ARCH__
    asm("mad.wide.s32 %0, %1, %2, %0;" : "+l"(sum) : "r"(a), "r"(b));
    return sum;
#else
    return sum + (int64_t)a * b;
#endif
}
template <typename T> __device__ T *held(T *pointer) {
#ifdef __CUDA_ARCH__
    asm("" : "+l"(pointer));
#endif
    return pointer;
}
static inline __device__ void add_to(uint64_t *sum, uint64_t x) {
    static_assert(sizeof(unsigned long long) == sizeof(uint64_t), "atomicAdd's 64-bit type");
    atomicAdd((unsigned long long *)sum, (unsigned long long)x);
}

HD size_t lane_site(const image_t *image, uint32_t width, uint32_t lane) {
    return (size_t)image->stride * image->height * (lane / width) * width + lane % width;
}
/* Writes the code of neuron i's rate in one lane wherever the image shows the neuron. */
static inline __device__ void image_put(const images_t *images, uint32_t population,
                                        const population_t *p, uint32_t lane, uint32_t i,
                                        int32_t code) {
    const image_t *image = &images->image[population];
    int32_t *codes = image->code + lane_site(image, images->width, lane);
    uint32_t first_x = (i % p->nx + (uint32_t)-image->left) % p->nx;
    uint32_t first_y = (i / p->nx + (uint32_t)-image->top) % p->ny;
    for (uint32_t y = first_y; y < image->height; y += p->ny)
        for (uint32_t x = first_x; x < image->width; x += p->nx)
            codes[((size_t)y * image->stride + x) * images->width] = code;
}

#endif
