#include "kernels/dense.h"

#include <math.h>

status_t dense_check(const char *name, uint32_t n, uint64_t needed, uint64_t unused) {
    if (n > DENSE_N_MAX)
        FAIL(STATUS_FAILED,
             "all eigenvalues of %u neurons: %s takes matrices of at most %d rows; take a smaller "
             "lattice, or only the leading eigenvalues",
             n, name, DENSE_N_MAX);
    if (needed > unused)
        FAIL(STATUS_FAILED,
             "all eigenvalues of %u neurons: %s needs %.3f GB beside the matrix, %.3f GB are free; "
             "take a smaller lattice, only the leading eigenvalues, or another device",
             n, name, (double)needed * 1e-9, (double)unused * 1e-9);
    return STATUS_OK;
}

uint32_t dense_column(uint32_t n, const double *im, uint32_t i) {
    if (im[i] == 0.0)
        return i;
    if (im[i] > 0.0 && i + 1 < n && im[i + 1] < 0.0)
        return i;
    if (im[i] < 0.0 && i > 0 && im[i - 1] > 0.0)
        return i - 1;
    return UINT32_MAX;
}

int dense_unit(uint32_t n, double im, double *v) {
    double sum = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        v[n + i] = im == 0.0 ? 0.0 : im < 0.0 ? -v[n + i] : v[n + i];
        sum += v[i] * v[i] + v[n + i] * v[n + i];
    }
    int usable = sum > 0.0 && isfinite(sum);
    for (uint32_t i = 0; i < 2 * n; i++)
        v[i] = usable ? v[i] / sqrt(sum) : 0.0;
    return usable;
}
