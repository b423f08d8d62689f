/* The GPU's yardsticks: a copy within its memory, and cuSPARSE's CSR product in float32. */
#include "kernels/yardstick.h"

#include <cusparse.h>
#include <dlfcn.h>
#include <stdlib.h>

#include "kernels/cuda/device.h"

enum { PASSES = 10, MEGABYTES = 2048 };

/* Loaded at its first use, as cuSOLVER is (dense.cu). */
static struct {
    void *library;
    decltype(&cusparseCreate) Create;
    decltype(&cusparseDestroy) Destroy;
    decltype(&cusparseCreateCsr) CreateCsr;
    decltype(&cusparseCreateDnVec) CreateDnVec;
    decltype(&cusparseDestroySpMat) DestroySpMat;
    decltype(&cusparseDestroyDnVec) DestroyDnVec;
    decltype(&cusparseSpMV_bufferSize) SpMV_bufferSize;
    decltype(&cusparseSpMV) SpMV;
} cusparse;

struct yardstick {
    cusparseHandle_t handle;
    cusparseSpMatDescr_t matrix;
    cusparseDnVecDescr_t x, y;
    void *buffer;
    int *indptr, *index;
    float *value, *vector[2];
};

#define CUSPARSE(call)                                                                             \
    do {                                                                                           \
        cusparseStatus_t cusparse_status_ = (call);                                                \
        if (cusparse_status_ != CUSPARSE_STATUS_SUCCESS)                                           \
            FAIL(STATUS_FAILED, "cuSPARSE failed: status %d in %s", (int)cusparse_status_, #call); \
    } while (0)

template <typename F> static int found(const char *name, F *function) {
    *function = (F)dlsym(cusparse.library, name);
    return *function != NULL;
}

static status_t load() {
    if (cusparse.library)
        return STATUS_OK;
    char name[32];
    snprintf(name, sizeof name, "libcusparse.so.%d", CUSPARSE_VER_MAJOR);
    cusparse.library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (cusparse.library && found("cusparseCreate", &cusparse.Create) &&
        found("cusparseDestroy", &cusparse.Destroy) &&
        found("cusparseCreateCsr", &cusparse.CreateCsr) &&
        found("cusparseCreateDnVec", &cusparse.CreateDnVec) &&
        found("cusparseDestroySpMat", &cusparse.DestroySpMat) &&
        found("cusparseDestroyDnVec", &cusparse.DestroyDnVec) &&
        found("cusparseSpMV_bufferSize", &cusparse.SpMV_bufferSize) &&
        found("cusparseSpMV", &cusparse.SpMV))
        return STATUS_OK;
    cusparse.library = NULL;
    FAIL(STATUS_FAILED,
         "cuSPARSE cannot be loaded (%s); install the CUDA libraries of the version that brisc was "
         "built with, and name their folder in LD_LIBRARY_PATH",
         dlerror());
}

static status_t copies(char *from, char *to, size_t bytes, cudaEvent_t event[2], double *best) {
    CUDA(cudaEventCreate(&event[0]));
    CUDA(cudaEventCreate(&event[1]));
    *best = 0.0;
    for (int pass = 0; pass < PASSES; pass++) {
        float ms = 0.0f;
        CUDA(cudaEventRecord(event[0]));
        CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice));
        CUDA(cudaEventRecord(event[1]));
        CUDA(cudaEventSynchronize(event[1]));
        CUDA(cudaEventElapsedTime(&ms, event[0], event[1]));
        double rate = 2.0 * (double)bytes / (1e-3 * (double)ms);
        *best = rate > *best ? rate : *best;
    }
    return STATUS_OK;
}

static status_t bandwidth(int threads, double *bytes_per_s) {
    (void)threads;
    size_t bytes = (size_t)MEGABYTES << 19; /* read and written: MEGABYTES in all */
    char *from = NULL, *to = NULL;
    cudaEvent_t event[2] = {};
    status_t status = cuda_allocate(&from, bytes, "a copy");
    if (status == STATUS_OK)
        status = cuda_allocate(&to, bytes, "a copy");
    if (status == STATUS_OK)
        status = copies(from, to, bytes, event, bytes_per_s);
    for (cudaEvent_t e : event)
        if (e)
            cudaEventDestroy(e);
    cudaFree(from);
    cudaFree(to);
    return status;
}

static void destroy(yardstick_t *a) {
    if (!a)
        return;
    if (a->matrix)
        cusparse.DestroySpMat(a->matrix);
    if (a->x)
        cusparse.DestroyDnVec(a->x);
    if (a->y)
        cusparse.DestroyDnVec(a->y);
    if (a->handle)
        cusparse.Destroy(a->handle);
    cudaFree(a->buffer);
    cudaFree(a->indptr);
    cudaFree(a->index);
    cudaFree(a->value);
    cudaFree(a->vector[0]);
    cudaFree(a->vector[1]);
    free(a);
}

static status_t fill(yardstick_t *a, uint32_t n, const uint64_t *indptr, const uint32_t *index,
                     const float *value, int *indptr_host) {
    uint64_t entries = indptr[n];
    const float one = 1.0f, zero = 0.0f;
    size_t bytes = 0;
    for (uint32_t i = 0; i <= n; i++)
        indptr_host[i] = (int)indptr[i];
    TRY(cuda_allocate(&a->indptr, n + 1, "the baseline's matrix"));
    TRY(cuda_allocate(&a->index, entries, "the baseline's matrix"));
    TRY(cuda_allocate(&a->value, entries, "the baseline's matrix"));
    TRY(cuda_allocate(&a->vector[0], n, "the baseline's vectors"));
    TRY(cuda_allocate(&a->vector[1], n, "the baseline's vectors"));
    CUDA(cudaMemcpy(a->indptr, indptr_host, (n + 1) * sizeof *a->indptr, cudaMemcpyHostToDevice));
    CUDA(cudaMemcpy(a->index, index, entries * sizeof *a->index, cudaMemcpyHostToDevice));
    CUDA(cudaMemcpy(a->value, value, entries * sizeof *a->value, cudaMemcpyHostToDevice));
    CUDA(cudaMemset(a->vector[0], 0, n * sizeof *a->vector[0]));
    CUSPARSE(cusparse.Create(&a->handle));
    CUSPARSE(cusparse.CreateCsr(&a->matrix, n, n, (int64_t)entries, a->indptr, a->index, a->value,
                                CUSPARSE_INDEX_32I, CUSPARSE_INDEX_32I, CUSPARSE_INDEX_BASE_ZERO,
                                CUDA_R_32F));
    CUSPARSE(cusparse.CreateDnVec(&a->x, n, a->vector[0], CUDA_R_32F));
    CUSPARSE(cusparse.CreateDnVec(&a->y, n, a->vector[1], CUDA_R_32F));
    CUSPARSE(cusparse.SpMV_bufferSize(a->handle, CUSPARSE_OPERATION_NON_TRANSPOSE, &one, a->matrix,
                                      a->x, &zero, a->y, CUDA_R_32F, CUSPARSE_SPMV_ALG_DEFAULT,
                                      &bytes));
    CUDA(cudaMalloc(&a->buffer, bytes + 1));
    return STATUS_OK;
}

static status_t create(uint32_t n, const uint64_t *indptr, const uint32_t *index,
                       const float *value, int threads, yardstick_t **out) {
    (void)threads;
    *out = NULL;
    TRY(load());
    if (indptr[n] > INT32_MAX)
        FAIL(STATUS_FAILED, "cuSPARSE's 32-bit CSR holds at most 2^31 - 1 synapses, not %llu",
             (unsigned long long)indptr[n]);
    yardstick_t *a = (yardstick_t *)calloc(1, sizeof *a);
    int *indptr_host = (int *)malloc(((size_t)n + 1) * sizeof *indptr_host);
    status_t status = STATUS_OK;
    if (!a || !indptr_host)
        status = status_fail(STATUS_FAILED, __FILE__, __LINE__, "no memory for the baseline");
    if (status == STATUS_OK)
        status = fill(a, n, indptr, index, value, indptr_host);
    free(indptr_host);
    if (status != STATUS_OK) {
        destroy(a);
        return status;
    }
    *out = a;
    return STATUS_OK;
}

static status_t product(yardstick_t *a, uint32_t count) {
    const float one = 1.0f, zero = 0.0f;
    for (uint32_t k = 0; k < count; k++)
        CUSPARSE(cusparse.SpMV(a->handle, CUSPARSE_OPERATION_NON_TRANSPOSE, &one, a->matrix, a->x,
                               &zero, a->y, CUDA_R_32F, CUSPARSE_SPMV_ALG_DEFAULT, a->buffer));
    CUDA(cudaDeviceSynchronize());
    return STATUS_OK;
}

extern "C" const yardsticks_t cuda_yardsticks = {
    "cuSPARSE CSR float32", "a copy within its memory", bandwidth, create, product, destroy,
};
