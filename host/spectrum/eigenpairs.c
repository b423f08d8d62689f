#include "host/spectrum/eigenpairs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

status_t eigenpairs_create(size_t n, uint32_t count, eigenpairs_t *pairs) {
    *pairs = (eigenpairs_t){.count = count,
                            .re = calloc(count + 1, sizeof *pairs->re),
                            .im = calloc(count + 1, sizeof *pairs->im),
                            .residual = calloc(count + 1, sizeof *pairs->residual),
                            .converged = calloc(count + 1, sizeof *pairs->converged),
                            .vectors = calloc(2 * n * count + 1, sizeof *pairs->vectors)};
    if (pairs->re && pairs->im && pairs->residual && pairs->converged && pairs->vectors)
        return STATUS_OK;
    eigenpairs_destroy(pairs);
    FAIL(STATUS_FAILED, "no memory for %u eigenvectors of %zu neurons (%.2f GB); ask for fewer",
         count, n, 16e-9 * (double)n * count);
}

void eigenpairs_destroy(eigenpairs_t *pairs) {
    free(pairs->re);
    free(pairs->im);
    free(pairs->residual);
    free(pairs->converged);
    free(pairs->vectors);
    memset(pairs, 0, sizeof *pairs);
}

status_t eigenpairs_residuals(const operator_t *op, eigenpairs_t *pairs) {
    double *image = malloc(sizeof *image * 2 * op->n);
    if (!image)
        FAIL(STATUS_FAILED, "no memory for a vector of %zu neurons", op->n);
    status_t status = STATUS_OK;
    for (uint32_t k = 0; status == STATUS_OK && k < pairs->count; k++) {
        const double *re = pairs->vectors + 2 * op->n * k, *im = re + op->n;
        double squares = 0.0;
        status = op->apply(op->context, re, image);
        pairs->products++;
        memset(image + op->n, 0, sizeof *image * op->n);
        if (status == STATUS_OK && pairs->im[k] != 0.0) {
            status = op->apply(op->context, im, image + op->n);
            pairs->products++;
        }
        for (size_t i = 0; i < op->n; i++) {
            double x = image[i] - (pairs->re[k] * re[i] - pairs->im[k] * im[i]);
            double y = image[op->n + i] - (pairs->re[k] * im[i] + pairs->im[k] * re[i]);
            squares += x * x + y * y;
        }
        pairs->residual[k] = sqrt(squares);
    }
    free(image);
    return status;
}
