/* What is chosen on the host before a kernel runs: which cells of a window form units, how the
 * targets are divided into tiles, and the images. */
#include <stdlib.h>

#include "kernels/cuda/sum.h"

/* A unit holds at least so many expected synapses: few where bitmaps are asked for, for memory's
 * sake; else as many as make a step fastest by the count of kernels/NOTES.md. */
static double unit_least(int32_t storage) {
    return storage == STORAGE_BITMAP ? 4.0 : 16.0;
}

/* Expected synapses in the unit whose first cell is (row, column). */
static double unit_expects(const pathway_t *w, uint32_t columns_log2, const double *pi,
                           uint32_t row, uint32_t column) {
    uint32_t columns = 1u << columns_log2, rows = LANES >> columns_log2;
    double sum = 0.0;
    for (uint32_t y = row; y < row + rows; y++)
        for (uint32_t x = column; x < column + columns; x++)
            sum += pi[(size_t)y * w->window_x + x];
    return sum;
}

static uint32_t columns_log2_of(const pathway_t *w) {
    return w->window_y < 4 ? 5 : 3;
}

/* Units of one class into place (NULL: only counted). */
static uint32_t class_units(const pathway_t *w, const double *pi, double least_synapses,
                            uint32_t *place, double *expected) {
    uint32_t log2 = columns_log2_of(w), columns = 1u << log2, rows = LANES >> log2, units = 0;
    for (uint32_t y = 0; y + rows <= w->window_y; y += rows)
        for (uint32_t x = 0; x + columns <= w->window_x; x += columns) {
            double inside = unit_expects(w, log2, pi, y, x);
            if (inside < least_synapses)
                continue;
            if (place)
                place[units] = y << 16 | x;
            *expected += inside;
            units++;
        }
    return units;
}

/* Grows the rectangle to hold columns [x, x_end) of rows [y, y_end); empty: rows = 0. */
static void near_hold(near_t *near, uint32_t x, uint32_t y, uint32_t x_end, uint32_t y_end) {
    uint32_t right = near->rows ? near->left + near->columns : 0;
    uint32_t bottom = near->rows ? near->top + near->rows : 0;
    near->left = near->rows ? least(near->left, x) : x;
    near->top = near->rows ? least(near->top, y) : y;
    near->columns = (right > x_end ? right : x_end) - near->left;
    near->rows = (bottom > y_end ? bottom : y_end) - near->top;
}

/* The near part holds the cells that connect with at least this probability, and all units. */
static const double NEAR_PROBABILITY = 0.005;

static void class_near(const pathway_t *w, const double *pi, near_t *near) {
    for (uint32_t y = 0; y < w->window_y; y++)
        for (uint32_t x = 0; x < w->window_x; x++)
            if (pi[(size_t)y * w->window_x + x] >= NEAR_PROBABILITY)
                near_hold(near, x, y, x + 1, y + 1);
}

static double class_expected(const pathway_t *w, const double *pi, const near_t *part) {
    double sum = 0.0;
    for (uint32_t y = part->top; y < part->top + part->rows; y++)
        for (uint32_t x = part->left; x < part->left + part->columns; x++)
            sum += pi[(size_t)y * w->window_x + x];
    return sum;
}

static status_t choose(const pathway_t *w, bool bitmap, double least_synapses, double *pi,
                       units_t *v) {
    uint32_t classes = w->classes_x * w->classes_y;
    bitmap_t *b = &v->bitmap;
    b->columns_log2 = columns_log2_of(w);
    double unused = 0.0;
    for (uint32_t c = 0; c < classes; c++) {
        pathway_inclusion(w, c, pi);
        class_near(w, pi, &v->near);
        v->count[c] = bitmap ? class_units(w, pi, least_synapses, NULL, &unused) : 0;
        b->units = v->count[c] > b->units ? v->count[c] : b->units;
    }
    v->place = (uint32_t *)calloc((size_t)classes * b->units + 1, sizeof *v->place);
    if (!v->place)
        FAIL(STATUS_FAILED, "no memory for the windows' units");
    double in_near = 0.0;
    for (uint32_t c = 0; c < classes; c++) {
        uint32_t *place = v->place + (size_t)c * b->units;
        pathway_inclusion(w, c, pi);
        if (bitmap)
            class_units(w, pi, least_synapses, place, &v->in_units);
        for (uint32_t u = 0; u < v->count[c]; u++)
            near_hold(&v->near, place[u] & 0xffffu, place[u] >> 16,
                      (place[u] & 0xffffu) + (1u << b->columns_log2),
                      (place[u] >> 16) + (LANES >> b->columns_log2));
    }
    for (uint32_t c = 0; c < classes; c++) {
        pathway_inclusion(w, c, pi);
        in_near += class_expected(w, pi, &v->near) / classes;
        for (uint32_t u = 0; u < v->count[c]; u++)
            v->place[(size_t)c * b->units + u] -= v->near.top << 16 | v->near.left;
    }
    v->in_units /= classes;
    v->in_near_list = in_near - v->in_units;
    return STATUS_OK;
}

void cuda_units_destroy(units_t *v) {
    free(v->count);
    free(v->place);
    memset(v, 0, sizeof *v);
}

/* Most that the base source site moves within a tile of n targets. */
static uint32_t spread(uint32_t n, uint32_t targets, uint32_t classes, uint32_t shift) {
    uint32_t most = 0;
    for (uint32_t first = 0; first < targets; first += n) {
        uint32_t last = first + n < targets ? first + n - 1 : targets - 1;
        uint32_t moved = (last / classes - first / classes) * shift;
        most = moved > most ? moved : most;
    }
    return most;
}

/* Rows of the copy begin 8 or 24 sites apart, modulo 32, so that the 4 rows of a unit lie in
 * different banks. */
static void near_stride(const pathway_t *w, const population_t *targets, near_t *near) {
    near->stride = near->columns + spread(TILE_X, targets->nx, w->classes_x, w->shift_x);
    while (near->stride % 16 != 8)
        near->stride++;
    near->reciprocal = (uint32_t)(((uint64_t)1 << 32) / near->stride + 1);
}

status_t cuda_units_choose(const network_t *net, uint32_t pathway, units_t *v) {
    const pathway_t *w = &net->pathway[pathway];
    image_t image = image_of(net, w->source);
    memset(v, 0, sizeof *v);
    if (w->window_x < 65536 && w->window_y < 65536) {
        double *pi = (double *)malloc((size_t)w->window_x * w->window_y * sizeof *pi);
        v->count = (uint32_t *)calloc((size_t)w->classes_x * w->classes_y, sizeof *v->count);
        status_t status = STATUS_OK;
        if (!pi || !v->count)
            status = status_fail(STATUS_FAILED, __FILE__, __LINE__, "no memory for a window");
        if (status == STATUS_OK)
            status = choose(w, net->storage != STORAGE_LIST, unit_least(net->storage), pi, v);
        free(pi);
        /* A part too large for SITE_BITS is as good as none. */
        if (status != STATUS_OK || (uint64_t)v->near.rows * image.stride >> SITE_BITS)
            cuda_units_destroy(v);
        TRY(status);
    }
    if (v->near.rows > 0) {
        near_stride(w, &net->population[w->target], &v->near);
        v->near_listed = (uint64_t)v->near.rows * v->near.stride <= BAND_SITES;
    }
    if (!v->near_listed)
        v->in_near_list = 0.0;
    v->in_list = pathway_indegree(w) - v->in_units - v->in_near_list;
    return STATUS_OK;
}

/* Patches for that tile_y, in the order of pathways, as long as a block's fit in `most` bytes;
 * *all: every one does. */
static void patches_choose(const device_t *d, uint32_t width, uint32_t most, tiling_t *t,
                           bool *all) {
    const network_t *net = &d->net;
    t->shared_bytes = 0;
    *all = true;
    for (uint32_t a = 0; a < net->populations; a++) {
        const population_t *p = &net->population[a];
        uint32_t inputs = t->first_pathway[a + 1] - t->first_pathway[a], sites = 0;
        size_t bytes = shared_bytes_before_patches(t->tile_y, inputs, width);
        *all = *all && bytes <= most;
        for (uint32_t k = t->first_pathway[a]; k < t->first_pathway[a + 1]; k++) {
            const pathway_t *w = &net->pathway[k];
            const near_t *near = &d->near[k];
            t->patch[k] = IN_IMAGE;
            if (near->rows == 0)
                continue;
            uint64_t size = (uint64_t)near->stride *
                            (near->rows + spread(t->tile_y, p->ny, w->classes_y, w->shift_y));
            if (bytes + (sites + size) * width * sizeof(int32_t) > most) {
                *all = false;
                continue;
            }
            t->patch[k] = sites;
            sites += (uint32_t)size;
        }
        bytes += sites * width * sizeof(int32_t);
        t->shared_bytes = bytes > t->shared_bytes ? (uint32_t)bytes : t->shared_bytes;
    }
}

void cuda_tiling(const device_t *d, uint32_t width, uint32_t shared_most, tiling_t *t) {
    /* Three blocks a multiprocessor, two, one. */
    const uint32_t budget[3] = {72 * 1024, 110 * 1024, shared_most}, tile_y_least = 4;
    const uint32_t blocks_wanted = 512; /* a few for each multiprocessor */
    const network_t *net = &d->net;
    bool all = false;
    memset(t, 0, sizeof *t);
    for (uint32_t a = 0; a < net->populations; a++) {
        t->first_pathway[a + 1] = t->first_pathway[a];
        for (uint32_t k = 0; k < net->pathways; k++)
            t->first_pathway[a + 1] += net->pathway[k].target == a;
    }
    size_t tall = neurons_before(net, net->populations) / (16 * TILE_X);
    for (uint32_t n = 0; n < 3 && !all; n++) {
        uint32_t most = budget[n] < shared_most ? budget[n] : shared_most;
        for (t->tile_y = tall < blocks_wanted ? 16 : 32; t->tile_y > tile_y_least && !all;) {
            t->tile_y /= 2;
            patches_choose(d, width, most, t, &all);
        }
    }
    for (uint32_t a = 0; a < net->populations; a++) {
        const population_t *p = &net->population[a];
        uint32_t across = (p->nx + TILE_X - 1) / TILE_X;
        t->first_block[a + 1] = t->first_block[a] + across * ((p->ny + t->tile_y - 1) / t->tile_y);
    }
    t->blocks = t->first_block[net->populations];
}

status_t cuda_shared_most(uint32_t *bytes) {
    int value = 0;
    CUDA(cudaDeviceGetAttribute(&value, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0));
    *bytes = (uint32_t)value;
    return STATUS_OK;
}

status_t cuda_images_create(const network_t *net, uint32_t passes, uint32_t width, images_t *images,
                            uint64_t *bytes) {
    images->width = width;
    for (uint32_t b = 0; b < net->populations; b++) {
        image_t *image = &images->image[b];
        *image = image_of(net, b);
        uint64_t codes = image_sites(image) * (uint64_t)passes * width;
        TRY(cuda_allocate(&image->code, codes, "the rates"));
        CUDA(cudaMemset(image->code, 0, codes * sizeof *image->code));
        *bytes += codes * sizeof *image->code;
    }
    return STATUS_OK;
}

void cuda_images_destroy(images_t *images) {
    for (uint32_t b = 0; b < POPULATIONS_MAX; b++)
        cudaFree(images->image[b].code);
}
