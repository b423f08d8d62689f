/* Whether this toolkit's cuSOLVER has the general eigensolver: from 11.7.1 (CUDA 12.6.2) on. */
#ifndef BRISC_CUDA_DENSE_H
#define BRISC_CUDA_DENSE_H

#include <cusolver_common.h>

#include "kernels/dense.h"

#define CUDA_HAS_GEEV (CUSOLVER_VERSION >= 11701)
#if CUDA_HAS_GEEV
extern const dense_solver_t cuda_dense;
#define CUDA_DENSE (&cuda_dense)
#else
#define CUDA_DENSE NULL
#endif

#endif
