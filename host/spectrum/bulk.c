#include "host/spectrum/bulk.h"

#include <math.h>
#include <stdlib.h>

/* Of the theory's table, linear in between; every COARSE-th is kept. */
enum { COARSE = 16, RADII = COARSE * (BULK_RADII - 1) + 1 };

static int ascending(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* F at r, from its values at k R / (RADII - 1). */
static double fraction_at(const double *fraction, double r_over_radius) {
    double at = r_over_radius * (RADII - 1);
    if (!(at < RADII - 1))
        return 1.0;
    size_t k = (size_t)at;
    return fraction[k] + (at - (double)k) * (fraction[k + 1] - fraction[k]);
}

/* r/R at which F = q; 0 where F is above q from the start. */
static double quantile_at(const double *fraction, double q) {
    size_t low = 0, high = RADII - 1;
    if (q <= fraction[0])
        return 0.0;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        *(fraction[middle] < q ? &low : &high) = middle;
    }
    double step = fraction[high] - fraction[low];
    return ((double)low + (step > 0.0 ? (q - fraction[low]) / step : 1.0)) / (RADII - 1);
}

static status_t compare(const theory_t *theory, const gain_bins_t *gains, const double *modulus,
                        size_t n, double *fraction, double *ratio, bulk_t *bulk) {
    double *radii = ratio; /* not needed at the same time */
    for (size_t k = 0; k < RADII; k++)
        radii[k] = theory->radius * (double)k / (RADII - 1);
    TRY(radial_distribution_bins(theory->populations, theory->variance, theory->size, gains, RADII,
                                 radii, fraction));
    for (size_t k = 0; k < BULK_RADII; k++)
        bulk->fraction_predicted[k] = fraction[COARSE * k];
    size_t ratios = 0;
    double zero = 1e-6 * theory->radius; /* silent neurons' eigenvalues: one step of F, at 0 */
    for (size_t k = 0; k < n; k++) {
        double f = fraction_at(fraction, modulus[k] / theory->radius);
        double below = modulus[k] > zero ? f - (double)k / (double)n : 0.0;
        bulk->ks = fmax(bulk->ks, fmax(below, (double)(k + 1) / (double)n - f));
        double quantile = quantile_at(fraction, ((double)k + 0.5) / (double)n);
        if (k >= n / 2 && quantile > 0.0)
            ratio[ratios++] = modulus[k] / quantile;
    }
    qsort(ratio, ratios, sizeof *ratio, ascending);
    bulk->radius = ratios > 0 ? ratio[ratios / 2] : 0.0;
    return STATUS_OK;
}

status_t bin_gains(const double *gain, size_t n, gain_bins_t *bins) {
    double *square = malloc(sizeof *square * (n + 1));
    if (!square)
        FAIL(STATUS_FAILED, "no memory for the gains of %zu neurons", n);
    for (size_t i = 0; i < n; i++)
        square[i] = gain[i] * gain[i];
    qsort(square, n, sizeof *square, ascending);
    bool alike = n < GAIN_BINS || square[n - 1] <= (1.0 + 1e-9) * square[0];
    *bins = (gain_bins_t){.bins = alike ? 1 : GAIN_BINS};
    for (uint32_t k = 0; k < bins->bins; k++) {
        size_t first = n * k / bins->bins, end = n * (k + 1) / bins->bins;
        for (size_t i = first; i < end; i++)
            bins->gain2[k] += square[i] / (double)(end - first);
        bins->share[k] = (double)(end - first) / (double)n;
    }
    free(square);
    return STATUS_OK;
}

status_t bulk_measure(const theory_t *theory, const gain_bins_t *gains, double *modulus, size_t n,
                      bulk_t *bulk) {
    qsort(modulus, n, sizeof *modulus, ascending);
    *bulk = (bulk_t){.count = n, .radius_predicted = theory->radius};
    if (n == 0)
        return STATUS_OK;
    bulk->largest = modulus[n - 1];
    if (theory->radius <= 0.0) /* no randomness: no disk to compare with */
        return STATUS_OK;
    double *fraction = malloc(sizeof *fraction * RADII);
    double *ratio = malloc(sizeof *ratio * (n > RADII ? n : RADII));
    status_t status = fraction && ratio ? compare(theory, gains, modulus, n, fraction, ratio, bulk)
                                        : status_fail(STATUS_FAILED, __FILE__, __LINE__,
                                                      "no memory for %zu eigenvalues", n);
    free(fraction);
    free(ratio);
    return status;
}
