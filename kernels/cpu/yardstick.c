/* The cpu's yardsticks: a read by all threads, and the plain loop over CSR. */
#include "kernels/yardstick.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu/cpu.h"

enum { PASSES = 4, MEGABYTES = 512 };

struct yardstick {
    uint32_t n;
    int threads;
    const uint64_t *indptr;
    const uint32_t *index;
    const float *value;
    float *x, *y;
};

static int threads_of(int threads) {
    return threads > 0 ? threads : omp_get_max_threads();
}

static status_t bandwidth(int threads, double *bytes_per_s) {
    size_t n = ((size_t)MEGABYTES << 20) / sizeof(uint64_t);
    uint64_t *memory = aligned_alloc(64, n * sizeof *memory), total = 0;
    double best = 0.0;
    if (!memory)
        FAIL(STATUS_FAILED, "no memory to measure its bandwidth with (%d MB)", MEGABYTES);
#pragma omp parallel for num_threads(threads_of(threads)) schedule(static)
    for (size_t i = 0; i < n; i++)
        memory[i] = i;
    for (int pass = 0; pass < PASSES; pass++) {
        double start = omp_get_wtime();
#pragma omp parallel for simd num_threads(threads_of(threads)) schedule(static) reduction(+ : total)
        for (size_t i = 0; i < n; i++)
            total += memory[i];
        double rate = (double)(n * sizeof *memory) / (omp_get_wtime() - start);
        best = rate > best ? rate : best;
    }
    free(memory);
    if (total != (uint64_t)PASSES * (n / 2) * (n - 1)) /* also keeps the reads */
        FAIL(STATUS_FAILED, "the memory does not hold what was written to it");
    *bytes_per_s = best;
    return STATUS_OK;
}

static void destroy(yardstick_t *yardstick) {
    if (yardstick) {
        free(yardstick->x);
        free(yardstick->y);
    }
    free(yardstick);
}

static status_t create(uint32_t n, const uint64_t *indptr, const uint32_t *index,
                       const float *value, int threads, yardstick_t **out) {
    yardstick_t *a = calloc(1, sizeof *a);
    *out = a;
    if (a) {
        *a = (yardstick_t){.n = n,
                           .threads = threads_of(threads),
                           .indptr = indptr,
                           .index = index,
                           .value = value};
        a->x = malloc(n * sizeof *a->x);
        a->y = malloc(n * sizeof *a->y);
    }
    if (!a || !a->x || !a->y) {
        destroy(a);
        FAIL(STATUS_FAILED, "no memory for two vectors of %u", n);
    }
    for (uint32_t i = 0; i < n; i++)
        a->x[i] = 1.0f / (float)(i + 1);
    return STATUS_OK;
}

static status_t product(yardstick_t *a, uint32_t count) {
    for (uint32_t k = 0; k < count; k++)
#pragma omp parallel for num_threads(a->threads) schedule(dynamic, 256)
        for (uint32_t row = 0; row < a->n; row++) {
            float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
            for (uint64_t e = a->indptr[row]; e < a->indptr[row + 1]; e++)
                sum += a->value[e] * a->x[a->index[e]];
            a->y[row] = sum;
        }
    return STATUS_OK;
}

const yardsticks_t cpu_yardsticks = {
    .name = "OpenMP loop over CSR float32",
    .bandwidth_name = "a read by all threads",
    .bandwidth = bandwidth,
    .create = create,
    .product = product,
    .destroy = destroy,
};
