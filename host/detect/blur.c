#include "host/detect/blur.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A site's own weight and the sum of squares along an axis, taps that wrap onto one another added.
 */
static status_t weigh(blur_t *s, size_t n, bool open) {
    size_t taps = 2 * s->reach + 1, length = open || n > taps ? taps : n;
    double *weight = calloc(length, sizeof *weight), squares = 0.0;
    if (!weight)
        FAIL(STATUS_FAILED, "smoothing: no memory");
    for (size_t k = 0; k < taps; k++)
        weight[k % length] += s->tap[k];
    for (size_t k = 0; k < length; k++)
        squares += weight[k] * weight[k];
    s->centre *= weight[s->reach % length];
    s->gain *= squares;
    free(weight);
    return STATUS_OK;
}

/* From the smoothed field of ones, before there is a share to divide by. */
static status_t weigh_share(blur_t *s) {
    size_t sites = grid_sites(&s->grid);
    double *room = malloc((sites + blur_room(s)) * sizeof *room);
    double *share = malloc(sites * sizeof *share);
    for (size_t i = 0; room && share && i < sites; i++)
        room[i] = 1.0;
    if (room && share)
        blur_apply(s, room, share, room + sites);
    free(room);
    if (!room || !share) {
        free(share);
        FAIL(STATUS_FAILED, "smoothing: no memory for %zu x %zu sites", s->grid.ny, s->grid.nx);
    }
    for (size_t i = 0; i < sites; i++)
        share[i] = sqrt(share[i]);
    s->share = share;
    return STATUS_OK;
}

status_t blur_create(const grid_t *grid, double range, blur_t *s) {
    assert(range > 0.0);
    *s = (blur_t){.grid = *grid, .reach = (size_t)ceil(3.0 * range), .centre = 1, .gain = 1};
    double sum = 0.0;
    s->tap = malloc((2 * s->reach + 1) * sizeof *s->tap);
    if (!s->tap)
        FAIL(STATUS_FAILED, "smoothing: no memory");
    for (size_t k = 0; k <= 2 * s->reach; k++) {
        double at = ((double)k - (double)s->reach) / range;
        sum += s->tap[k] = exp(-at * at / 2.0);
    }
    for (size_t k = 0; k <= 2 * s->reach; k++)
        s->tap[k] /= sum;
    if (grid->nx > 1)
        TRY(weigh(s, grid->nx, grid->open));
    if (grid->ny > 1)
        TRY(weigh(s, grid->ny, grid->open));
    return grid->open || grid->mask ? weigh_share(s) : STATUS_OK;
}

void blur_destroy(blur_t *s) {
    free(s->tap);
    free(s->share);
    *s = (blur_t){0};
}

size_t blur_room(const blur_t *s) {
    return grid_sites(&s->grid) + s->grid.nx + 2 * s->reach;
}

/* Where site i - reach of an axis of n sites is found; n: nowhere. */
static size_t source(size_t i, size_t reach, size_t n, bool open) {
    if (!open)
        return (i + n * (reach / n + 1) - reach) % n;
    return i >= reach && i - reach < n ? i - reach : n;
}

static void blur_rows(const blur_t *s, const double *values, double *out, double *line) {
    size_t ny = s->grid.ny, nx = s->grid.nx, reach = s->reach;
    for (size_t y = 0; y < ny; y++, out += nx) {
        if (nx == 1) {
            out[0] = grid_has(&s->grid, y, 0) ? values[y] : 0.0;
            continue;
        }
        for (size_t i = 0; i < nx + 2 * reach; i++) {
            size_t x = source(i, reach, nx, s->grid.open);
            line[i] = x < nx && grid_has(&s->grid, y, x) ? values[y * nx + x] : 0.0;
        }
        memset(out, 0, nx * sizeof *out);
        for (size_t k = 0; k <= 2 * reach; k++)
            for (size_t x = 0; x < nx; x++)
                out[x] += s->tap[k] * line[x + k];
    }
}

static void blur_columns(const blur_t *s, const double *values, double *out) {
    size_t ny = s->grid.ny, nx = s->grid.nx;
    if (ny == 1) {
        memcpy(out, values, nx * sizeof *out);
        return;
    }
    memset(out, 0, ny * nx * sizeof *out);
    for (size_t y = 0; y < ny; y++)
        for (size_t k = 0; k <= 2 * s->reach; k++) {
            size_t row = source(y + k, s->reach, ny, s->grid.open);
            for (size_t x = 0; row < ny && x < nx; x++)
                out[y * nx + x] += s->tap[k] * values[row * nx + x];
        }
}

void blur_apply(const blur_t *s, const double *values, double *smoothed, double *room) {
    size_t sites = grid_sites(&s->grid);
    blur_rows(s, values, room, room + sites);
    blur_columns(s, room, smoothed);
    for (size_t y = 0; s->share && y < s->grid.ny; y++)
        for (size_t x = 0; x < s->grid.nx; x++) {
            size_t i = y * s->grid.nx + x;
            smoothed[i] = grid_has(&s->grid, y, x) ? smoothed[i] / s->share[i] : 0.0;
        }
}
