/* A matrix known by its products, and the vectors that iterations on it start from. */
#ifndef BRISC_SPECTRUM_OPERATOR_H
#define BRISC_SPECTRUM_OPERATOR_H

#include "kernels/philox.h"
#include "kernels/status.h"

/* A real n x n matrix known by its products. */
typedef struct {
    size_t n;
    void *context;
    status_t (*apply)(void *context, const double *x, double *y); /* y = A x; x[n], y[n] */
} operator_t;

/* Element i of pseudo-random vector number `which`: uniform in (-1, 1), the same in every run. */
static inline double start_element(uint64_t which, uint64_t i) {
    return ldexp((double)philox_word(0, which, i) + 0.5, -31) - 1.0;
}

#endif
