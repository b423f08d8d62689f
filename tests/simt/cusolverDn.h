/* As much of cuSOLVER as kernels/cuda/dense.cu uses; cusolver.c has it over LAPACK. Read by C and
 * C++. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    CUSOLVER_STATUS_SUCCESS = 0,
    CUSOLVER_STATUS_ALLOC_FAILED = 2,
    CUSOLVER_STATUS_INVALID_VALUE = 3,
} cusolverStatus_t;
typedef enum { CUSOLVER_EIG_MODE_NOVECTOR, CUSOLVER_EIG_MODE_VECTOR } cusolverEigMode_t;
typedef enum { CUDA_R_32F, CUDA_R_64F } cudaDataType;
typedef struct cusolverDnContext *cusolverDnHandle_t;
typedef struct cusolverDnParams *cusolverDnParams_t;

cusolverStatus_t cusolverDnCreate(cusolverDnHandle_t *handle);
cusolverStatus_t cusolverDnDestroy(cusolverDnHandle_t handle);
cusolverStatus_t cusolverDnCreateParams(cusolverDnParams_t *params);
cusolverStatus_t cusolverDnDestroyParams(cusolverDnParams_t params);
cusolverStatus_t cusolverDnXgeev_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params,
                                            cusolverEigMode_t jobvl, cusolverEigMode_t jobvr,
                                            int64_t n, cudaDataType type_a, const void *a,
                                            int64_t lda, cudaDataType type_w, const void *w,
                                            cudaDataType type_vl, const void *vl, int64_t ldvl,
                                            cudaDataType type_vr, const void *vr, int64_t ldvr,
                                            cudaDataType compute, size_t *device_bytes,
                                            size_t *host_bytes);
cusolverStatus_t cusolverDnXgeev(cusolverDnHandle_t handle, cusolverDnParams_t params,
                                 cusolverEigMode_t jobvl, cusolverEigMode_t jobvr, int64_t n,
                                 cudaDataType type_a, void *a, int64_t lda, cudaDataType type_w,
                                 void *w, cudaDataType type_vl, void *vl, int64_t ldvl,
                                 cudaDataType type_vr, void *vr, int64_t ldvr, cudaDataType compute,
                                 void *device_work, size_t device_bytes, void *host_work,
                                 size_t host_bytes, int *info);

/* What a test sets and reads. */
typedef struct {
    long objects, allowed; /* handles and parameters: living; how many more are made, if >= 0 */
    int info;              /* not 0: Xgeev says this, having computed all the same */
} cusolver_emulation_t;
cusolver_emulation_t *cusolver_emulation(void);

#ifdef __cplusplus
}
#endif
