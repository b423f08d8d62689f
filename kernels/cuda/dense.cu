/* Dense eigenvalues by cuSOLVER's Xgeev, in float32 or float64. With every data type real it
 * follows LAPACK's geev: W = all real parts, then all imaginary parts; in VR a real eigenvalue's
 * vector is a column, a pair's two columns the real and the imaginary part (NVIDIA, cuSOLVER API
 * reference, cusolverDnXgeev). */
#include "kernels/cuda/dense.h"

#if CUDA_HAS_GEEV

#include <cusolverDn.h>
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/cuda/device.h"

/* The library's functions, loaded at their first use: linked, it and what it loads in turn would
 * cost every command 0.15 s and 260 MB. */
static struct {
    void *library; /* NULL before */
    decltype(&cusolverDnCreate) Create;
    decltype(&cusolverDnDestroy) Destroy;
    decltype(&cusolverDnCreateParams) CreateParams;
    decltype(&cusolverDnDestroyParams) DestroyParams;
    decltype(&cusolverDnXgeev_bufferSize) Xgeev_bufferSize;
    decltype(&cusolverDnXgeev) Xgeev;
} cusolver;

struct dense {
    uint32_t n;
    int single, with_vectors;
    double *im;   /* [n] on the host */
    void *vr;     /* [n][n] on the device, or NULL */
    char *column; /* [2][n] of the device's numbers on the host */
};

/* What a decomposition needs on the way. */
typedef struct {
    cusolverDnHandle_t handle;
    cusolverDnParams_t params;
    cudaDataType type;
    cusolverEigMode_t job;
    void *a, *w, *vr, *work, *host_work;
    int *info;
    size_t work_bytes, host_bytes;
} geev_t;

#define CUSOLVER(call)                                                                             \
    do {                                                                                           \
        cusolverStatus_t cusolver_status_ = (call);                                                \
        if (cusolver_status_ != CUSOLVER_STATUS_SUCCESS)                                           \
            FAIL(STATUS_FAILED, "cuSOLVER failed: status %d in %s; if it persists, --backend cpu", \
                 (int)cusolver_status_, #call);                                                    \
    } while (0)

/* What the loader says when it finds no library, or an older one that lacks a function. */
static status_t not_loaded() {
    FAIL(STATUS_FAILED,
         "cuSOLVER cannot be loaded (%s); install the CUDA libraries of the version that brisc was "
         "built with, and name their folder in LD_LIBRARY_PATH",
         dlerror());
}

template <typename F> static status_t load_function(void *library, const char *name, F *function) {
    *function = (F)dlsym(library, name);
    return *function ? STATUS_OK : not_loaded();
}

static status_t load_functions(void *library) {
    TRY(load_function(library, "cusolverDnCreate", &cusolver.Create));
    TRY(load_function(library, "cusolverDnDestroy", &cusolver.Destroy));
    TRY(load_function(library, "cusolverDnCreateParams", &cusolver.CreateParams));
    TRY(load_function(library, "cusolverDnDestroyParams", &cusolver.DestroyParams));
    TRY(load_function(library, "cusolverDnXgeev_bufferSize", &cusolver.Xgeev_bufferSize));
    return load_function(library, "cusolverDnXgeev", &cusolver.Xgeev);
}

static status_t load() {
    char name[64];
    snprintf(name, sizeof name, "libcusolver.so.%d", CUSOLVER_VER_MAJOR);
    if (cusolver.library)
        return STATUS_OK;
    void *library = dlopen(name, RTLD_NOW);
    if (!library)
        return not_loaded();
    status_t status = load_functions(library);
    if (status == STATUS_OK)
        cusolver.library = library;
    else
        dlclose(library);
    return status;
}

static size_t number_size(int single) {
    return single ? sizeof(float) : sizeof(double);
}

static status_t geev_open(geev_t *g, int single, int with_vectors) {
    g->type = single ? CUDA_R_32F : CUDA_R_64F;
    g->job = with_vectors ? CUSOLVER_EIG_MODE_VECTOR : CUSOLVER_EIG_MODE_NOVECTOR;
    TRY(load());
    CUSOLVER(cusolver.Create(&g->handle));
    CUSOLVER(cusolver.CreateParams(&g->params));
    return STATUS_OK;
}

static void geev_close(geev_t *g) {
    cudaFree(g->a);
    cudaFree(g->w);
    cudaFree(g->vr);
    cudaFree(g->work);
    cudaFree(g->info);
    free(g->host_work);
    if (g->params)
        cusolver.DestroyParams(g->params);
    if (g->handle)
        cusolver.Destroy(g->handle);
}

/* Left vectors are not asked for: no VL. */
static status_t geev_work(geev_t *g, uint32_t n) {
    CUSOLVER(cusolver.Xgeev_bufferSize(g->handle, g->params, CUSOLVER_EIG_MODE_NOVECTOR, g->job, n,
                                       g->type, g->a, n, g->type, g->w, g->type, NULL, n, g->type,
                                       g->vr, n, g->type, &g->work_bytes, &g->host_bytes));
    return STATUS_OK;
}

/* A, VR and W, and the working memory. */
static uint64_t geev_bytes(const geev_t *g, uint32_t n, int single, int with_vectors) {
    uint64_t numbers = (uint64_t)n * n * (with_vectors ? 2 : 1) + 2 * (uint64_t)n;
    return numbers * number_size(single) + g->work_bytes + sizeof *g->info;
}

/* Asks for the sizes with a small array of the device in place of A, W and VR: none is read. */
static status_t geev_size(uint32_t n, int single, int with_vectors, uint64_t *bytes) {
    geev_t g = {};
    status_t status = geev_open(&g, single, with_vectors);
    if (status == STATUS_OK)
        status = cuda_allocate((char **)&g.a, 256, "a size");
    if (status == STATUS_OK) {
        g.w = g.a;
        g.vr = with_vectors ? g.a : NULL;
        status = geev_work(&g, n);
        g.w = g.vr = NULL;
    }
    *bytes = geev_bytes(&g, n, single, with_vectors);
    geev_close(&g);
    return status;
}

static status_t memory(uint32_t n, int single, uint64_t *bytes) {
    return geev_size(n, single, 1, bytes);
}

static void destroy(dense_t *dense) {
    if (!dense)
        return;
    cudaFree(dense->vr);
    free(dense->im);
    free(dense->column);
    free(dense);
}

/* Narrows n numbers in place: float k lies where double k / 2 was read before. */
static void narrow(double *matrix, uint64_t n) {
    for (uint64_t k = 0; k < n; k++) {
        float x = (float)matrix[k];
        memcpy((char *)matrix + k * sizeof x, &x, sizeof x);
    }
}
/* Number k of an array of the device's type. */
static double number(const void *array, int single, size_t k) {
    return single ? (double)((const float *)array)[k] : ((const double *)array)[k];
}

static status_t solve(geev_t *g, dense_t *dense, double *matrix, int *info) {
    uint32_t n = dense->n;
    uint64_t cells = (uint64_t)n * n, size = number_size(dense->single);
    TRY(geev_open(g, dense->single, dense->with_vectors));
    if (dense->single)
        narrow(matrix, cells);
    TRY(cuda_allocate((char **)&g->a, cells * size, "the matrix"));
    TRY(cuda_allocate((char **)&g->w, 2 * n * size, "the eigenvalues"));
    if (dense->with_vectors)
        TRY(cuda_allocate((char **)&g->vr, cells * size, "the eigenvectors"));
    TRY(cuda_allocate(&g->info, 1, "a counter"));
    TRY(geev_work(g, n));
    TRY(cuda_allocate((char **)&g->work, g->work_bytes + 1, "cuSOLVER's working memory"));
    g->host_work = malloc(g->host_bytes + 1);
    if (!g->host_work)
        FAIL(STATUS_FAILED, "no memory for cuSOLVER's %.3f GB on the host",
             (double)g->host_bytes * 1e-9);
    CUDA(cudaMemcpy(g->a, matrix, cells * size, cudaMemcpyHostToDevice));
    CUSOLVER(cusolver.Xgeev(g->handle, g->params, CUSOLVER_EIG_MODE_NOVECTOR, g->job, n, g->type,
                            g->a, n, g->type, g->w, g->type, NULL, n, g->type, g->vr, n, g->type,
                            g->work, g->work_bytes, g->host_work, g->host_bytes, g->info));
    CUDA(cudaDeviceSynchronize());
    CUDA(cudaMemcpy(info, g->info, sizeof *info, cudaMemcpyDeviceToHost));
    if (*info < 0)
        FAIL(STATUS_FAILED, "cuSOLVER's Xgeev refused its argument %d", -*info);
    CUDA(cudaMemcpy(dense->column, g->w, 2 * n * size, cudaMemcpyDeviceToHost));
    return STATUS_OK;
}

static status_t create(uint32_t n, double *matrix, int single, int with_vectors, double *re,
                       double *im, uint32_t *unconverged, dense_t **out) {
    TRY(dense_check("cuSOLVER", n, 0, 0)); /* n alone, which the next call relies on */
    size_t unused = 0, total = 0;
    uint64_t needed;
    TRY(geev_size(n, single, with_vectors, &needed));
    CUDA(cudaMemGetInfo(&unused, &total));
    TRY(dense_check("cuSOLVER", n, needed, unused));
    dense_t *dense = (dense_t *)calloc(1, sizeof *dense);
    if (!dense)
        FAIL(STATUS_FAILED, "no memory");
    dense->n = n;
    dense->single = single;
    dense->with_vectors = with_vectors;
    dense->im = (double *)malloc(n * sizeof(double));
    dense->column = (char *)malloc(2 * (size_t)n * sizeof(double));
    geev_t g = {};
    int info = 0;
    status_t status = STATUS_FAILED;
    if (dense->im && dense->column)
        status = solve(&g, dense, matrix, &info);
    else
        status_fail(status, __FILE__, __LINE__, "no memory for %u eigenvalues", n);
    if (status != STATUS_OK) {
        geev_close(&g);
        destroy(dense);
        return status;
    }
    dense->vr = g.vr;
    g.vr = NULL;
    geev_close(&g);
    /* info = i > 0: the first i eigenvalues did not converge, and there are no vectors. */
    for (uint32_t k = 0; k < n; k++) {
        bool found = (int)k >= info;
        re[k] = found ? number(dense->column, single, k) : NAN;
        im[k] = dense->im[k] = found ? number(dense->column, single, (size_t)n + k) : NAN;
    }
    if (info > 0) {
        cudaFree(dense->vr);
        dense->vr = NULL;
    }
    *unconverged = (uint32_t)info;
    *out = dense;
    return STATUS_OK;
}

static status_t vectors(dense_t *dense, uint32_t count, const uint32_t *index, double *v,
                        int *failed) {
    if (!dense->with_vectors)
        FAIL(STATUS_FAILED, "eigenvectors of a decomposition that was created without them");
    uint64_t n = dense->n, size = number_size(dense->single);
    for (uint32_t k = 0; k < count; k++, v += 2 * n) {
        uint32_t i = dense_column(dense->n, dense->im, index[k]);
        uint64_t numbers = i != UINT32_MAX && dense->im[i] != 0.0 ? 2 * n : n;
        memset(v, 0, 2 * n * sizeof *v);
        failed[k] = i == UINT32_MAX || !dense->vr;
        if (failed[k])
            continue;
        CUDA(cudaMemcpy(dense->column, (const char *)dense->vr + i * n * size, numbers * size,
                        cudaMemcpyDeviceToHost));
        for (uint64_t j = 0; j < numbers; j++)
            v[j] = number(dense->column, dense->single, j);
        failed[k] = !dense_unit(dense->n, dense->im[index[k]], v);
    }
    return STATUS_OK;
}

const dense_solver_t cuda_dense = {"cuSOLVER", DENSE_N_MAX, memory, create, vectors, destroy};

#endif
