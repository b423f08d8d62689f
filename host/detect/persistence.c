#define _GNU_SOURCE /* qsort_r */
#include "host/detect/persistence.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

enum { FILTER_SITES = 20 };
static const double lifetime_min = 0.02; /* share of the range */
static const uint32_t absent = UINT32_MAX;

static int compare_sites(const void *a, const void *b, void *context) {
    const double *values = context;
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    if (values[i] != values[j])
        return values[i] < values[j] ? -1 : 1;
    return i < j ? -1 : i > j;
}

/* Root of a site's component: its first site, the lowest. */
static uint32_t root(uint32_t *parent, uint32_t site) {
    while (parent[site] != site)
        site = parent[site] = parent[parent[site]];
    return site;
}

/* Sites enter in the order `sorted`; `rank` of a root decides which of two components is older. */
static double sweep(const double *values, size_t ny, size_t nx, const uint32_t *sorted,
                    uint32_t *parent) {
    uint32_t n = (uint32_t)(ny * nx), columns = (uint32_t)nx;
    double range = values[sorted[n - 1]] - values[sorted[0]], sum = range;
    for (uint32_t i = 0; i < n; i++)
        parent[i] = absent;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t site = sorted[k], x = site % columns, row = site - x;
        const uint32_t neighbours[4] = {
            row + (x + 1 == columns ? 0 : x + 1),
            row + (x == 0 ? columns - 1 : x - 1),
            (row + columns == n ? 0 : row + columns) + x,
            (row == 0 ? n - columns : row - columns) + x,
        };
        parent[site] = site;
        for (int d = 0; d < 4; d++) {
            if (parent[neighbours[d]] == absent)
                continue;
            uint32_t a = root(parent, site), b = root(parent, neighbours[d]);
            if (a == b)
                continue;
            if (compare_sites(&a, &b, (void *)values) > 0) {
                uint32_t older = b;
                b = a;
                a = older;
            }
            double lifetime = values[site] - values[b];
            if (lifetime >= lifetime_min * range)
                sum += lifetime;
            parent[b] = a;
        }
    }
    return sum;
}

status_t persistence_sublevel(const double *values, size_t ny, size_t nx, double *sum) {
    size_t n = ny * nx;
    if (n >= absent)
        FAIL(STATUS_FAILED, "persistence: %zu x %zu sites are too many (2^32 at most)", ny, nx);
    uint32_t *sorted = malloc(2 * n * sizeof *sorted);
    if (sorted == NULL)
        FAIL(STATUS_FAILED, "persistence: no memory for %zu x %zu sites", ny, nx);
    for (size_t i = 0; i < n; i++)
        sorted[i] = (uint32_t)i;
    qsort_r(sorted, n, sizeof *sorted, compare_sites, (void *)values);
    *sum = sweep(values, ny, nx, sorted, sorted + n);
    free(sorted);
    return STATUS_OK;
}

/* Periodic mean over 20 sites of each of n series of `length` values, `stride` apart; copy has room
 * for a series and 20 more. */
static void mean_filter(double *values, size_t n, size_t step, size_t length, size_t stride,
                        double *copy) {
    size_t window = length < FILTER_SITES ? length : FILTER_SITES;
    for (size_t s = 0; s < n; s++) {
        double *series = values + s * step;
        for (size_t i = 0; i < length; i++)
            copy[i] = series[i * stride];
        for (size_t i = 0; i < window; i++)
            copy[length + i] = copy[i];
        for (size_t i = 0; i < length; i++) {
            double sum = 0.0;
            for (size_t k = 0; k < window; k++)
                sum += copy[i + k];
            series[i * stride] = sum / (double)window;
        }
    }
}

status_t persistence_frame(const float *r, size_t ny, size_t nx, double *sum) {
    size_t n = ny * nx;
    double *z = malloc((n + (ny > nx ? ny : nx) + FILTER_SITES) * sizeof *z), mean = 0.0,
           variance = 0.0;
    if (z == NULL)
        FAIL(STATUS_FAILED, "persistence: no memory for %zu x %zu sites", ny, nx);
    for (size_t i = 0; i < n; i++)
        mean += (double)r[i] - (double)r[0];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++) {
        z[i] = (double)r[i] - (double)r[0] - mean;
        variance += z[i] * z[i];
    }
    variance /= (double)n;
    *sum = 0.0;
    status_t status = STATUS_OK;
    if (variance > 0.0) {
        for (size_t i = 0; i < n; i++)
            z[i] /= sqrt(variance);
        mean_filter(z, ny, nx, nx, 1, z + n);
        mean_filter(z, nx, 1, ny, nx, z + n);
        status = persistence_sublevel(z, ny, nx, sum);
    }
    free(z);
    return status;
}
