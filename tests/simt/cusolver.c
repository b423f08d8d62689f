/* cuSOLVER's general eigensolver by LAPACK's, with NVIDIA's interface (cuSOLVER API reference,
 * cusolverDnXgeev), as a shared library for kernels/cuda/dense.cu to load. Device memory is the
 * host's; what the reference forbids is refused, and both working memories are written all over. */
#include <cusolverDn.h>

#include <lapacke.h>
#include <stdlib.h>
#include <string.h>

static cusolver_emulation_t emulation = {0, -1, 0};

cusolver_emulation_t *cusolver_emulation(void) {
    return &emulation;
}

static void *object_create(void) {
    if (emulation.allowed == 0)
        return NULL;
    emulation.allowed -= emulation.allowed > 0;
    emulation.objects++;
    return malloc(1);
}

static cusolverStatus_t object_destroy(void *object) {
    if (!object)
        return CUSOLVER_STATUS_INVALID_VALUE;
    emulation.objects--;
    free(object);
    return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnCreate(cusolverDnHandle_t *handle) {
    *handle = object_create();
    return *handle ? CUSOLVER_STATUS_SUCCESS : CUSOLVER_STATUS_ALLOC_FAILED;
}
cusolverStatus_t cusolverDnDestroy(cusolverDnHandle_t handle) {
    return object_destroy(handle);
}
cusolverStatus_t cusolverDnCreateParams(cusolverDnParams_t *params) {
    *params = object_create();
    return *params ? CUSOLVER_STATUS_SUCCESS : CUSOLVER_STATUS_ALLOC_FAILED;
}
cusolverStatus_t cusolverDnDestroyParams(cusolverDnParams_t params) {
    return object_destroy(params);
}

/* LAPACK's xgeev; with a work_length of -1 its answer is in work[0]. */
static int geev(cudaDataType type, char job, int64_t n, void *a, void *w, void *vr, int64_t ldvr,
                void *work, lapack_int work_length) {
    lapack_int order = (lapack_int)n, ld = (lapack_int)ldvr;
    if (type == CUDA_R_32F)
        return (int)LAPACKE_sgeev_work(LAPACK_COL_MAJOR, 'N', job, order, a, order, w,
                                       (float *)w + n, NULL, 1, vr, ld, work, work_length);
    return (int)LAPACKE_dgeev_work(LAPACK_COL_MAJOR, 'N', job, order, a, order, w, (double *)w + n,
                                   NULL, 1, vr, ld, work, work_length);
}

cusolverStatus_t cusolverDnXgeev_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params,
                                            cusolverEigMode_t jobvl, cusolverEigMode_t jobvr,
                                            int64_t n, cudaDataType type_a, const void *a,
                                            int64_t lda, cudaDataType type_w, const void *w,
                                            cudaDataType type_vl, const void *vl, int64_t ldvl,
                                            cudaDataType type_vr, const void *vr, int64_t ldvr,
                                            cudaDataType compute, size_t *device_bytes,
                                            size_t *host_bytes) {
    int with_vectors = jobvr == CUSOLVER_EIG_MODE_VECTOR;
    double none[2], size = 0.0;
    if (!handle || !params || jobvl != CUSOLVER_EIG_MODE_NOVECTOR || vl || ldvl < 1 || n < 1 ||
        !a || lda != n || !w || !vr != !with_vectors || ldvr < (with_vectors ? n : 1) ||
        type_w != type_a || type_vl != type_a || type_vr != type_a || compute != type_a)
        return CUSOLVER_STATUS_INVALID_VALUE;
    if (geev(type_a, with_vectors ? 'V' : 'N', n, none, none, none, ldvr, &size, -1) != 0)
        return CUSOLVER_STATUS_INVALID_VALUE;
    float single;
    memcpy(&single, &size, sizeof single);
    *device_bytes =
        type_a == CUDA_R_32F ? (size_t)single * sizeof single : (size_t)size * sizeof size;
    *host_bytes = 64;
    return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnXgeev(cusolverDnHandle_t handle, cusolverDnParams_t params,
                                 cusolverEigMode_t jobvl, cusolverEigMode_t jobvr, int64_t n,
                                 cudaDataType type_a, void *a, int64_t lda, cudaDataType type_w,
                                 void *w, cudaDataType type_vl, void *vl, int64_t ldvl,
                                 cudaDataType type_vr, void *vr, int64_t ldvr, cudaDataType compute,
                                 void *device_work, size_t device_bytes, void *host_work,
                                 size_t host_bytes, int *info) {
    size_t device_needed, host_needed;
    cusolverStatus_t status = cusolverDnXgeev_bufferSize(
        handle, params, jobvl, jobvr, n, type_a, a, lda, type_w, w, type_vl, vl, ldvl, type_vr, vr,
        ldvr, compute, &device_needed, &host_needed);
    if (status != CUSOLVER_STATUS_SUCCESS)
        return status;
    if (device_bytes < device_needed || host_bytes < host_needed)
        return CUSOLVER_STATUS_INVALID_VALUE;
    memset(device_work, 0xff, device_bytes);
    memset(host_work, 0xff, host_bytes);
    size_t number = type_a == CUDA_R_32F ? sizeof(float) : sizeof(double);
    *info = geev(type_a, jobvr == CUSOLVER_EIG_MODE_VECTOR ? 'V' : 'N', n, a, w, vr, ldvr,
                 device_work, (lapack_int)(device_bytes / number));
    *info = emulation.info ? emulation.info : *info;
    return CUSOLVER_STATUS_SUCCESS;
}
