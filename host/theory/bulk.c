/* Bulk of the spectrum: its radius from the variance of the weights. */
#include "host/theory/internal.h"

#include <lapacke.h>

status_t bulk_radius(uint32_t populations, const double variance[POPULATIONS_MAX][POPULATIONS_MAX],
                     const double *gain_square, double *radius) {
    enum { P = POPULATIONS_MAX };
    lapack_int n = (lapack_int)populations;
    double matrix[P * P], re[P], im[P], work[16 * P], none[1], largest = 0.0;
    for (uint32_t a = 0; a < populations; a++)
        for (uint32_t b = 0; b < populations; b++)
            matrix[b * populations + a] = variance[a][b] * gain_square[b];
    lapack_int info = LAPACKE_dgeev_work(LAPACK_COL_MAJOR, 'N', 'N', n, matrix, n, re, im, none, 1,
                                         none, 1, work, 16 * P);
    if (info != 0)
        FAIL(STATUS_FAILED, "the eigenvalues of the variance matrix did not converge");
    for (uint32_t k = 0; k < populations; k++)
        largest = fmax(largest, hypot(re[k], im[k]));
    *radius = sqrt(largest);
    return STATUS_OK;
}
