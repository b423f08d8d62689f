/* The exact integer sums of a tile's targets over their pathways: what steps and products share. */
#ifndef BRISC_CUDA_SUM_H
#define BRISC_CUDA_SUM_H

#include "kernels/cuda/device.h"

/* Synapses or units a thread has in flight: their loads are issued together, to hide the memory's
 * latency. */
enum { IN_FLIGHT = 4 };

/* Codes from one of a target on. They are read once a step: they need not stay in the caches. */
typedef struct {
    const uint8_t *plane, *low;
} codes_t;

template <uint32_t BITS>
static __device__ codes_t codes_from(const uint8_t *plane, const uint8_t *low, uint64_t k) {
    codes_t codes = {held(plane + k * (BITS == 8 ? 1 : 2)), BITS == 24 ? held(low + k) : NULL};
    return codes;
}
template <uint32_t BITS> static __device__ int32_t streamed_code(const codes_t *c, uint32_t k) {
    if (BITS == 8)
        return __ldcs((const signed char *)c->plane + k);
    int32_t high = __ldcs((const short *)c->plane + k);
    return BITS == 16 ? high : (int32_t)((uint32_t)high << 8 | __ldcs(c->low + k));
}

/* The rates of one site. */
template <uint32_t W> struct alignas(W < 4 ? 4 * W : 16) rates_t { int32_t code[W]; };

template <uint32_t W>
static __device__ void add_products(int64_t sum[W], int32_t code, const int32_t *at) {
    rates_t<W> rates = *(const rates_t<W> *)at;
    for (uint32_t w = 0; w < W; w++)
        sum[w] = multiply_add(code, rates.code[w], sum[w]);
}

/* Adds this lane's part of a target's listed synapses. Offsets count in rows of 2^32 / reciprocal
 * sites; the rates' rows are `longer` by so many sites. */
template <uint32_t BITS, uint32_t W>
static __device__ void list_sum(const list_t *s, uint32_t target, const int32_t *window,
                                uint32_t longer, uint32_t reciprocal, int64_t sum[W]) {
    const uint64_t *start = s->start + (uint64_t)target * s->bands;
    for (uint32_t band = 0; band < s->bands; band++, window += (size_t)BAND_SITES * W) {
        uint64_t at = start[band];
        uint32_t n = (uint32_t)(start[band + 1] - at);
        const uint16_t *offset = held(s->offset + at);
        const codes_t codes = codes_from<BITS>(s->code, s->low, at);
        for (uint32_t first = 0; first < n; first += IN_FLIGHT * LANES) {
            int32_t code[IN_FLIGHT];
            uint32_t site[IN_FLIGHT];
            for (uint32_t j = 0; j < IN_FLIGHT; j++) { /* past the last one: that one again */
                uint32_t k = least(first + j * LANES + lane_index(), n - 1);
                site[j] = __ldcs(offset + k);
                code[j] = streamed_code<BITS>(&codes, k);
            }
            for (uint32_t j = 0; j < IN_FLIGHT; j++) {
                if (longer > 0)
                    site[j] += (uint32_t)((uint64_t)site[j] * reciprocal >> 32) * longer;
                bool inside = first + j * LANES + lane_index() < n;
                add_products<W>(sum, inside ? code[j] : 0, window + (size_t)site[j] * W);
            }
        }
    }
}

/* Adds this lane's part of a target's units. `part`: the rates of the target's near part, `stride`
 * sites from row to row. */
template <uint32_t BITS, uint32_t W>
static __device__ void bitmap_sum(const bitmap_t *b, uint32_t target, uint32_t class_index,
                                  const int32_t *part, uint32_t stride, int64_t sum[W]) {
    const uint32_t units = b->units, lane = lane_index();
    const uint32_t *mask = b->mask + (uint64_t)target * units;
    const uint32_t *place = b->place + (uint64_t)class_index * units;
    codes_t codes = codes_from<BITS>(b->code, b->low, b->start[target]);
    part = held(part +
                ((size_t)(lane >> b->columns_log2) * stride + lane % (1u << b->columns_log2)) * W);
    for (uint32_t first = 0; first < units; first += LANES) {
        uint32_t u = first + lane, mine = 0, corner = 0;
        if (u < units) {
            mine = __ldcs(mask + u);
            corner = place[u];
        }
        uint32_t before = warp_before((uint32_t)__popc(mine));
        uint32_t packed = ((corner >> 16) * stride + corner % 65536) | before << SITE_BITS;
        uint32_t n = least(units - first, LANES);
        for (uint32_t next = 0; next < n; next += IN_FLIGHT) {
            int32_t code[IN_FLIGHT];
            uint32_t site[IN_FLIGHT], set[IN_FLIGHT];
            for (uint32_t j = 0; j < IN_FLIGHT; j++) { /* past the last one: masks 0 */
                set[j] = __shfl_sync(ALL_LANES, mine, (int)(next + j));
                uint32_t where = __shfl_sync(ALL_LANES, packed, (int)(next + j));
                site[j] = where % (1u << SITE_BITS);
                /* A lane that has none reads the next one's, or the spare one at the end. */
                code[j] = streamed_code<BITS>(&codes, (where >> SITE_BITS) + votes_before(set[j]));
            }
            for (uint32_t j = 0; j < IN_FLIGHT; j++)
                add_products<W>(sum, set[j] >> lane & 1u ? code[j] : 0, part + (size_t)site[j] * W);
        }
        uint32_t all = __shfl_sync(ALL_LANES, before + (uint32_t)__popc(mine), LANES - 1);
        codes = codes_from<BITS>(codes.plane, codes.low, all);
    }
}

/* Sums of W values over the warp: lane l gets that of value l % W. Each exchange halves the values
 * that a lane still has, then the lanes. */
template <uint32_t W> static __device__ int64_t warp_sums(int64_t sum[W]) {
    for (uint32_t half = W / 2; half > 0; half /= 2) {
        bool upper = lane_index() & half;
        for (uint32_t k = 0; k < half; k++) {
            int64_t give = upper ? sum[k] : sum[k + half];
            int64_t keep = upper ? sum[k + half] : sum[k];
            sum[k] = keep + __shfl_xor_sync(ALL_LANES, give, (int)half);
        }
    }
    for (uint32_t distance = W; distance < LANES; distance *= 2)
        sum[0] += __shfl_xor_sync(ALL_LANES, sum[0], (int)distance);
    return sum[0];
}

/* The block's tile. */
typedef struct {
    uint32_t population, x, y, nx, ny; /* its first target's column and row; its size */
} tile_t;

static inline __device__ tile_t tile_of(const network_t *net, const tiling_t *t, uint32_t block) {
    tile_t tile;
    uint32_t a = 0;
    while (block >= t->first_block[a + 1])
        a++;
    const population_t *p = &net->population[a];
    uint32_t across = (p->nx + TILE_X - 1) / TILE_X;
    block -= t->first_block[a];
    tile.population = a;
    tile.x = block % across * TILE_X;
    tile.y = block / across * t->tile_y;
    tile.nx = least(p->nx - tile.x, TILE_X);
    tile.ny = least(p->ny - tile.y, t->tile_y);
    return tile;
}

/* A column or row of a tile in one pathway: where its windows begin in the image, and its class. */
typedef struct {
    uint32_t site, class_index;
} axis_t;

/* A block's dynamic shared memory. */
typedef struct {
    int64_t *sums;    /* [TILE_X * tile_y][inputs][W]: targets iy * tile.nx + ix from the corner */
    axis_t *axis;     /* [inputs][TILE_X columns, then tile_y rows] */
    int32_t *patches; /* [sites][W]: the tiling's patches */
    uint32_t inputs;  /* pathways into the tile */
} shared_t;

HD size_t shared_bytes_before_patches(uint32_t tile_y, uint32_t inputs, uint32_t width) {
    return inputs *
           (TILE_X * tile_y * width * sizeof(int64_t) + (TILE_X + tile_y) * sizeof(axis_t));
}
static inline __device__ shared_t shared_of(const tiling_t *t, uint32_t population,
                                            uint32_t width) {
    extern __shared__ int4 shared_memory[];
    shared_t s;
    s.inputs = t->first_pathway[population + 1] - t->first_pathway[population];
    s.sums = (int64_t *)shared_memory;
    s.axis = (axis_t *)(s.sums + (size_t)TILE_X * t->tile_y * s.inputs * width);
    s.patches = (int32_t *)((char *)shared_memory +
                            shared_bytes_before_patches(t->tile_y, s.inputs, width));
    return s;
}

static __device__ void axis_fill(const pathway_t *w, const image_t *image, const tiling_t *t,
                                 const tile_t *tile, axis_t *axis) {
    for (uint32_t i = threadIdx.x; i < TILE_X + t->tile_y; i += TILE_THREADS)
        if (i < TILE_X) {
            uint32_t x = tile->x + i;
            axis[i].site = pathway_base_x(w, x) + (uint32_t)(w->offset_x - image->left);
            axis[i].class_index = x % w->classes_x;
        } else {
            uint32_t y = tile->y + i - TILE_X;
            axis[i].site = pathway_base_y(w, y) + (uint32_t)(w->offset_y - image->top);
            axis[i].class_index = y % w->classes_y * w->classes_x;
        }
}

/* Copies what the tile's targets read of one pathway's near part. */
template <uint32_t W>
static __device__ void patch_load(const int32_t *codes, uint32_t stride, const near_t *near,
                                  const tile_t *tile, const axis_t *axis, int32_t *patch) {
    const axis_t *x = axis, *y = axis + TILE_X;
    uint32_t n = (x[tile->nx - 1].site - x[0].site + near->columns) * W;
    uint32_t rows = y[tile->ny - 1].site - y[0].site + near->rows;
    codes += ((size_t)(y[0].site + near->top) * stride + x[0].site + near->left) * W;
    for (uint32_t row = threadIdx.x / LANES; row < rows; row += TILE_WARPS)
        for (uint32_t i = lane_index(); i < n; i += LANES)
            patch[row * near->stride * W + i] = codes[(size_t)row * stride * W + i];
}

/* The sums of the target at (x, y) of the tile over pathway k: lane l gets that of state l % W.
 * `codes`: the image. */
template <uint32_t BITS, uint32_t W>
static __device__ int64_t target_sums(const device_t *d, const tiling_t *t, uint32_t k,
                                      const tile_t *tile, uint32_t x, uint32_t y,
                                      const axis_t *axis, const int32_t *patches,
                                      const int32_t *codes, uint32_t stride) {
    const near_t *near = &d->near[k];
    const axis_t ax = axis[x], ay = axis[TILE_X + y];
    uint32_t target = (tile->y + y) * d->net.population[tile->population].nx + tile->x + x;
    int64_t sum[W];
    for (uint32_t s = 0; s < W; s++)
        sum[s] = 0;
    const int32_t *window = codes + ((size_t)ay.site * stride + ax.site) * W, *part = patches;
    uint32_t longer = 0;
    if (t->patch[k] != IN_IMAGE)
        part +=
            (t->patch[k] + (ay.site - axis[TILE_X].site) * near->stride + ax.site - axis[0].site) *
            W;
    else {
        part = window + ((size_t)near->top * stride + near->left) * W;
        longer = stride - near->stride;
    }
    if (d->bitmap[k].units > 0)
        bitmap_sum<BITS, W>(&d->bitmap[k], target, ay.class_index + ax.class_index, part,
                            near->stride + longer, sum);
    for (uint32_t l = 0; l < 2; l++)
        list_sum<BITS, W>(l == 0 ? &d->near_list[k] : &d->list[k], target, l == 0 ? part : window,
                          l == 0 ? longer : 0, near->reciprocal, sum);
    return warp_sums<W>(sum);
}

static inline __device__ void prefetch(const void *memory, size_t bytes) {
    const char *at = (const char *)memory;
    const size_t line = 128, before = (size_t)at % line;
    for (size_t k = 0; k < before + bytes; k += line)
        prefetch_l2(at - before + k);
}

/* Asks for the synapses of one target, so that they are in L2 when their turn comes: a lane for
 * each list and bitmap. */
static inline __device__ void target_prefetch(const device_t *d, uint32_t first_pathway,
                                              uint32_t inputs, uint64_t target) {
    const size_t size = d->net.weight_bits == 8 ? 1 : 2;
    for (uint32_t i = lane_index(); i < inputs * 3; i += LANES) {
        const uint32_t k = first_pathway + i / 3;
        const bitmap_t *bitmap = &d->bitmap[k];
        const list_t *list = i % 3 == 0 ? &d->near_list[k] : &d->list[k];
        if (i % 3 == 2 && bitmap->units > 0) {
            uint64_t from = bitmap->start[target], to = bitmap->start[target + 1];
            prefetch(bitmap->mask + target * bitmap->units, bitmap->units * sizeof(uint32_t));
            prefetch(bitmap->code + from * size, (to - from) * size);
        } else if (i % 3 < 2 && list->bands > 0) {
            const uint64_t *start = list->start + target * list->bands;
            uint64_t from = start[0], to = start[list->bands];
            prefetch(list->offset + from, (to - from) * sizeof(uint16_t));
            prefetch(list->code + from * size, (to - from) * size);
        }
    }
}

/* Fills the sums of the block's tile, in the states of pass blockIdx.y. */
template <uint32_t BITS, uint32_t W>
static __device__ void tile_sums(const device_t *d, const tiling_t *t, const images_t *images) {
    const tile_t tile = tile_of(&d->net, t, blockIdx.x);
    const shared_t s = shared_of(t, tile.population, W);
    const uint32_t first = t->first_pathway[tile.population], each = TILE_X + t->tile_y;
    const uint32_t nx = d->net.population[tile.population].nx, targets = tile.nx * tile.ny;
    uint32_t n = threadIdx.x / LANES; /* the warp's target in the tile */
    if (n < targets)
        target_prefetch(d, first, s.inputs, (tile.y + n / tile.nx) * nx + tile.x + n % tile.nx);
    for (uint32_t i = 0; i < s.inputs; i++) {
        const pathway_t *w = &d->net.pathway[first + i];
        axis_fill(w, &images->image[w->source], t, &tile, s.axis + i * each);
    }
    __syncthreads();
    for (uint32_t i = 0; i < s.inputs; i++) {
        const image_t *image = &images->image[d->net.pathway[first + i].source];
        if (t->patch[first + i] != IN_IMAGE)
            patch_load<W>(image->code + lane_site(image, W, blockIdx.y * W), image->stride,
                          &d->near[first + i], &tile, s.axis + i * each,
                          s.patches + (size_t)t->patch[first + i] * W);
    }
    __syncthreads();
    for (; n < targets; n += TILE_WARPS) {
        uint32_t next = n + TILE_WARPS;
        if (next < targets)
            target_prefetch(d, first, s.inputs,
                            (tile.y + next / tile.nx) * nx + tile.x + next % tile.nx);
        for (uint32_t i = 0; i < s.inputs; i++) {
            const image_t *image = &images->image[d->net.pathway[first + i].source];
            int64_t sum = target_sums<BITS, W>(
                d, t, first + i, &tile, n % tile.nx, n / tile.nx, s.axis + i * each, s.patches,
                image->code + lane_site(image, W, blockIdx.y * W), image->stride);
            if (lane_index() < W)
                s.sums[(n * s.inputs + i) * W + lane_index()] = sum;
        }
    }
    __syncthreads();
}

/* Blocks that a multiprocessor is to hold: as many as the kernel's registers allow without spills
 * (65,536 of them: 64, 80, 128 a thread). */
static constexpr int tiles_at_once(uint32_t width) {
    return width == 1 ? 4 : width == 2 ? 3 : 2;
}

/* A launch of tile kernels, a block a tile and pass. */
static inline cudaLaunchConfig_t launch_of_tiles(const tiling_t *t, uint32_t passes,
                                                 cudaStream_t stream) {
    cudaLaunchConfig_t config = {};
    config.stream = stream;
    config.gridDim = dim3(t->blocks, passes);
    config.blockDim = dim3(TILE_THREADS);
    config.dynamicSmemBytes = t->shared_bytes;
    return config;
}

/* The place within population `*a` of neuron i, counted through the populations in order; `*a` is
 * net->populations where there are not so many. */
static inline __device__ uint32_t neuron_of(const network_t *net, uint64_t i, uint32_t *a) {
    for (*a = 0; *a < net->populations && i >= population_size(&net->population[*a]); (*a)++)
        i -= population_size(&net->population[*a]);
    return (uint32_t)i;
}

#endif
