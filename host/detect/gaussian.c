#include "host/detect/gaussian.h"

#include <stdlib.h>
#include <string.h>

static status_t weigh(gaussian_t *g, int axis, size_t n, double range) {
    size_t reach = n > 1 ? (size_t)ceil(3.0 * range) : 0, taps = 2 * reach + 1;
    size_t window = g->grid.open || taps < n ? taps : n;
    double *weight = calloc(window, sizeof *weight), sum = 0.0, squares = 0.0;
    g->window[axis] = window;
    g->tap[axis] = malloc(window * sizeof *g->tap[axis]);
    if (!weight || !g->tap[axis]) {
        free(weight);
        FAIL(STATUS_FAILED, "smoothing: no memory");
    }
    for (size_t k = 0; k < taps; k++) {
        double at = reach ? ((double)k - (double)reach) / range : 0.0, w = exp(-at * at / 2.0);
        weight[(k + reach * window - reach + window / 2) % window] += w; /* its own at window / 2 */
        sum += w;
    }
    for (size_t k = 0; k < window; k++) {
        g->tap[axis][k] = (float)(weight[k] / sum);
        squares += weight[k] / sum * weight[k] / sum;
    }
    g->own *= weight[window / 2] / sum;
    g->squares *= squares;
    free(weight);
    return STATUS_OK;
}

/* From the smoothed field of ones, while there is no factor yet. */
static status_t set_factor(gaussian_t *g, gaussian_kind_t kind) {
    size_t sites = grid_sites(&g->grid);
    float *factor = malloc(sites * sizeof *factor), *copy = malloc(sites * sizeof *copy);
    for (size_t i = 0; factor && i < sites; i++)
        factor[i] = !g->grid.mask || g->grid.mask[i] ? 1.0f : 0.0f;
    if (factor && copy)
        gaussian_apply(g, factor, copy);
    bool there = factor && copy;
    free(copy);
    g->factor = factor;
    if (!there)
        FAIL(STATUS_FAILED, "smoothing: no memory for a frame of %zu sites", sites);
    for (size_t i = 0; i < sites; i++) {
        float weight = kind == GAUSSIAN_NOISE ? sqrtf(factor[i]) : factor[i];
        factor[i] = !g->grid.mask || g->grid.mask[i] ? 1.0f / weight : 0.0f;
    }
    return STATUS_OK;
}

status_t gaussian_create(const grid_t *grid, double range_y, double range_x, gaussian_kind_t kind,
                         gaussian_t *gaussian) {
    *gaussian = (gaussian_t){.grid = *grid, .own = 1.0, .squares = 1.0};
    TRY(weigh(gaussian, 0, grid->ny, range_y));
    TRY(weigh(gaussian, 1, grid->nx, range_x));
    return kind != GAUSSIAN_SUM && (grid->open || grid->mask) ? set_factor(gaussian, kind)
                                                              : STATUS_OK;
}

void gaussian_destroy(gaussian_t *gaussian) {
    free(gaussian->tap[0]);
    free(gaussian->tap[1]);
    free(gaussian->factor);
    *gaussian = (gaussian_t){0};
}

/* out[x] += weight * in[x + shift], |shift| <= n; nothing beyond an open edge. */
static void add_shifted(const float *in, long shift, long n, bool open, float weight, float *out) {
    long first = shift < 0 ? -shift : 0, end = shift > 0 ? n - shift : n;
    for (long x = first; x < end; x++)
        out[x] += weight * in[x + shift];
    if (open)
        return;
    for (long x = 0; x < first; x++)
        out[x] += weight * in[x + shift + n];
    for (long x = end; x < n; x++)
        out[x] += weight * in[x + shift - n];
}

void gaussian_apply(const gaussian_t *g, float *frame, float *copy) {
    const grid_t *grid = &g->grid;
    size_t ny = grid->ny, nx = grid->nx;
    if (g->window[0] == 1 && g->window[1] == 1)
        return;
#pragma omp parallel for schedule(static)
    for (size_t y = 0; y < ny; y++) {
        memset(copy + y * nx, 0, nx * sizeof *copy);
        for (size_t k = 0; k < g->window[1]; k++) {
            long shift = (long)k - (long)(g->window[1] / 2);
            if (labs(shift) < (long)nx)
                add_shifted(frame + y * nx, shift, (long)nx, grid->open, g->tap[1][k],
                            copy + y * nx);
        }
    }
#pragma omp parallel for schedule(static)
    for (size_t y = 0; y < ny; y++) {
        float *out = frame + y * nx;
        memset(out, 0, nx * sizeof *out);
        for (size_t k = 0, from; k < g->window[0]; k++)
            if (grid_around(y, k, ny, g->window[0], grid->open, &from))
                add_shifted(copy + from * nx, 0, (long)nx, true, g->tap[0][k], out);
        for (size_t x = 0; g->factor && x < nx; x++)
            out[x] *= g->factor[y * nx + x];
    }
}
