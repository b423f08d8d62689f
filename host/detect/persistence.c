#define _GNU_SOURCE /* qsort_r */
#include "host/detect/persistence.h"

#include <math.h>
#include <stdbool.h>
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

void basins_destroy(basins_t *basins) {
    free(basins->basin);
    *basins = (basins_t){0};
}

static void keep(basins_t *basins, size_t site, double birth, double death) {
    if (!basins)
        return;
    if (basins->n == basins->room) {
        size_t room = 2 * basins->room + 16;
        basin_t *grown = realloc(basins->basin, room * sizeof *grown);
        basins->no_memory = basins->no_memory || !grown;
        if (!grown)
            return;
        basins->basin = grown;
        basins->room = room;
    }
    basins->basin[basins->n++] = (basin_t){.site = site, .birth = birth, .death = death};
}

/* The `count` sites with data enter in the order `sorted`; basins may be NULL. */
static double sweep(const double *values, const grid_t *grid, size_t count, const uint32_t *sorted,
                    uint32_t *parent, basins_t *basins) {
    uint32_t n = (uint32_t)grid_sites(grid), columns = (uint32_t)grid->nx;
    double range = values[sorted[count - 1]] - values[sorted[0]], sum = range;
    keep(basins, sorted[0], values[sorted[0]], values[sorted[count - 1]]);
    for (uint32_t i = 0; i < n; i++)
        parent[i] = absent;
    for (uint32_t k = 0; k < count; k++) {
        uint32_t site = sorted[k], x = site % columns, row = site - x;
        const bool edge[4] = {x + 1 == columns, x == 0, row + columns == n, row == 0};
        const uint32_t neighbours[4] = {
            row + (edge[0] ? 0 : x + 1),
            row + (edge[1] ? columns - 1 : x - 1),
            (edge[2] ? 0 : row + columns) + x,
            (edge[3] ? n - columns : row - columns) + x,
        };
        parent[site] = site;
        for (int d = 0; d < 4; d++) {
            if ((grid->open && edge[d]) || parent[neighbours[d]] == absent)
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
            if (lifetime >= lifetime_min * range) {
                sum += lifetime;
                keep(basins, b, values[b], values[site]);
            }
            parent[b] = a;
        }
    }
    for (uint32_t k = 1; k < count; k++) { /* parts that a mask has parted */
        double lifetime = values[sorted[count - 1]] - values[sorted[k]];
        if (parent[sorted[k]] == sorted[k] && lifetime >= lifetime_min * range) {
            sum += lifetime;
            keep(basins, sorted[k], values[sorted[k]], values[sorted[count - 1]]);
        }
    }
    return sum;
}

static status_t sublevel(const double *values, const grid_t *grid, double *sum, basins_t *basins) {
    size_t n = grid_sites(grid), count = 0;
    if (n >= absent)
        FAIL(STATUS_FAILED, "persistence: %zu x %zu sites are too many (2^32 at most)", grid->ny,
             grid->nx);
    uint32_t *sorted = malloc(2 * n * sizeof *sorted);
    if (sorted == NULL)
        FAIL(STATUS_FAILED, "persistence: no memory for %zu x %zu sites", grid->ny, grid->nx);
    for (size_t i = 0; i < n; i++)
        if (!grid->mask || grid->mask[i])
            sorted[count++] = (uint32_t)i;
    qsort_r(sorted, count, sizeof *sorted, compare_sites, (void *)values);
    *sum = count > 0 ? sweep(values, grid, count, sorted, sorted + n, basins) : 0.0;
    free(sorted);
    if (basins && basins->no_memory)
        FAIL(STATUS_FAILED, "persistence: no memory for %zu components", basins->n);
    return STATUS_OK;
}

status_t persistence_sublevel(const double *values, const grid_t *grid, double *sum) {
    return sublevel(values, grid, sum, NULL);
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

/* Sum over the places of 20 around each that the axis has, of each of its series. */
static void sum_filter(double *values, const grid_t *grid, bool along_y, double *copy) {
    size_t length = along_y ? grid->ny : grid->nx, n = along_y ? grid->nx : grid->ny, place;
    size_t stride = along_y ? grid->nx : 1, step = along_y ? 1 : grid->nx;
    size_t window = grid->open || length > FILTER_SITES ? FILTER_SITES : length;
    for (size_t s = 0; s < n; s++) {
        double *series = values + s * step;
        for (size_t i = 0; i < length; i++)
            copy[i] = series[i * stride];
        for (size_t i = 0; i < length; i++) {
            double sum = 0.0;
            for (size_t k = 0; k < window; k++)
                sum += grid_around(i, k, length, window, grid->open, &place) ? copy[place] : 0.0;
            series[i * stride] = sum;
        }
    }
}

/* Mean of the sites with data around each; z[ny][nx] is 0 at the others. count has room for as
 * many, copy for a side. */
static void cut_filter(double *z, const grid_t *grid, double *count, double *copy) {
    size_t n = grid_sites(grid);
    for (size_t i = 0; i < n; i++)
        count[i] = !grid->mask || grid->mask[i] ? 1.0 : 0.0;
    for (int along_y = 0; along_y < 2; along_y++) {
        sum_filter(z, grid, along_y, copy);
        sum_filter(count, grid, along_y, copy);
    }
    for (size_t i = 0; i < n; i++)
        z[i] = count[i] > 0.0 ? z[i] / count[i] : 0.0;
}

/* z[ny][nx] = r less its mean, 0 where there are no data; its mean square. */
static double deviations(const float *r, const grid_t *grid, double *z) {
    size_t n = grid_sites(grid), origin = 0;
    double count = (double)grid_count(grid), mean = 0.0, variance = 0.0;
    while (grid->mask && origin + 1 < n && !grid->mask[origin])
        origin++;
    for (size_t i = 0; i < n; i++) {
        z[i] = !grid->mask || grid->mask[i] ? (double)r[i] - (double)r[origin] : 0.0;
        mean += z[i];
    }
    mean /= count;
    for (size_t i = 0; i < n; i++) {
        z[i] -= !grid->mask || grid->mask[i] ? mean : 0.0;
        variance += z[i] * z[i];
    }
    return variance / count;
}

/* The window of site i is [i, i + 20) on a whole torus, [i - 10, i + 10) on a part. */
static double middle(size_t i, size_t length, bool whole) {
    double window = length < FILTER_SITES ? (double)length : (double)FILTER_SITES;
    return whole ? fmod((double)i + (window - 1.0) / 2.0, (double)length)
                 : fmax((double)i - 0.5, 0.0);
}

static void place(basins_t *basins, const grid_t *grid, bool whole) {
    for (size_t k = 0; basins && k < basins->n; k++) {
        basin_t *basin = &basins->basin[k];
        basin->x = middle(basin->site % grid->nx, grid->nx, whole);
        basin->y = middle(basin->site / grid->nx, grid->ny, whole);
    }
}

status_t persistence_basins(const float *r, const grid_t *grid, double *sum, basins_t *basins) {
    size_t ny = grid->ny, nx = grid->nx, n = ny * nx;
    bool whole = !grid->open && !grid->mask;
    double *z = malloc(((whole ? 1 : 2) * n + (ny > nx ? ny : nx) + FILTER_SITES) * sizeof *z);
    if (z == NULL)
        FAIL(STATUS_FAILED, "persistence: no memory for %zu x %zu sites", ny, nx);
    double variance = deviations(r, grid, z);
    *sum = 0.0;
    status_t status = STATUS_OK;
    if (variance > 0.0) {
        for (size_t i = 0; i < n; i++)
            z[i] /= sqrt(variance);
        if (whole) {
            mean_filter(z, ny, nx, nx, 1, z + n);
            mean_filter(z, nx, 1, ny, nx, z + n);
        } else {
            cut_filter(z, grid, z + n, z + 2 * n);
        }
        status = sublevel(z, grid, sum, basins);
        place(basins, grid, whole);
    }
    free(z);
    return status;
}

status_t persistence_frame(const float *r, const grid_t *grid, double *sum) {
    return persistence_basins(r, grid, sum, NULL);
}
