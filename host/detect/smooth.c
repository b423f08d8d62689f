#include "host/detect/smooth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/detect/analytic.h"

enum { SAMPLES = 8 };

/* Adds Re(conj(z) z') over pairs of sites that lie (dy, dx) apart, and counts them. */
static void add_pairs(const grid_t *grid, const float *const z[2], size_t dy, size_t dx,
                      double *sum, double *pairs) {
    size_t ny = grid->ny, nx = grid->nx;
    for (size_t y = 0; y < (grid->open ? ny - dy : ny); y++)
        for (size_t x = 0; x < (grid->open ? nx - dx : nx); x++) {
            size_t i = y * nx + x, j = (y + dy) % ny * nx + (x + dx) % nx;
            if (grid->mask && !(grid->mask[i] && grid->mask[j]))
                continue;
            *sum += (double)(z[0][i] * z[0][j]) + (double)(z[1][i] * z[1][j]);
            *pairs += 1.0;
        }
}

typedef struct {
    double sum[2][3], pairs[2][3]; /* [along y, along x][distance] */
    double mean_square, samples;   /* |mean over sites|^2 */
} covariance_t;

static void add_mean(const grid_t *grid, const float *const z[2], covariance_t *c) {
    double sum[2] = {0.0, 0.0}, n = 0.0;
    for (size_t i = 0; i < grid_sites(grid); i++) {
        sum[0] += (double)z[0][i]; /* 0 outside the mask */
        sum[1] += (double)z[1][i];
        n += !grid->mask || grid->mask[i] ? 1.0 : 0.0;
    }
    c->mean_square += (sum[0] * sum[0] + sum[1] * sum[1]) / (n * n);
    c->samples += 1.0;
}

static status_t add_samples(const field_t *field, band_t band, float *z, covariance_t *c) {
    size_t span = analytic_needs(band, field->frame_ms, 1), sites = grid_sites(&field->grid);
    size_t last = field->frames - span, n = last + 1 < SAMPLES ? last + 1 : SAMPLES;
    size_t size[2] = {field->grid.ny, field->grid.nx};
    const float *const parts[2] = {z, z + sites};
    for (size_t k = 0; k < n; k++) {
        analytic_t *analytic = NULL;
        TRY(analytic_create(field, band, n > 1 ? k * last / (n - 1) : 0, span, &analytic));
        status_t status = analytic_next(analytic, z, z + sites);
        analytic_destroy(analytic);
        TRY(status);
        add_mean(&field->grid, parts, c);
        for (size_t axis = 0; axis < 2; axis++)
            for (size_t d = 0; d < 3 && size[axis] >= 5; d++)
                add_pairs(&field->grid, parts, axis == 0 ? d : 0, axis == 1 ? d : 0,
                          &c->sum[axis][d], &c->pairs[axis][d]);
    }
    return STATUS_OK;
}

static void decide(const covariance_t *c, smooth_t *smooth) {
    double shared = 0.0, all = 0.0, steepness = 0.0, axes = 0.0;
    for (int axis = 0; axis < 2; axis++) {
        const double *pairs = c->pairs[axis], *sum = c->sum[axis];
        if (!(pairs[2] > 0.0))
            continue;
        double fall = (sum[1] / pairs[1] - sum[2] / pairs[2]) / 3.0;
        shared += sum[1] / pairs[1] + fall;
        all += sum[0] / pairs[0];
        steepness += fall > 0.0 ? 2.0 * fall : 0.0;
        axes += 1.0;
    }
    *smooth = (smooth_t){.rms = axes > 0.0 ? sqrt(all / axes) : 0.0};
    if (!(shared > 0.0)) /* patterns finer than two sites, or nothing but noise */
        return;
    smooth->in_phase = c->mean_square / c->samples * axes / shared;
    smooth->noise = fmax(0.0, all / shared - 1.0);
    smooth->wavenumber = sqrt(steepness * axes / shared);
    /* White noise of phase variance noise / 2, smoothed over s sites, has a gradient of variance
     * noise / (8 pi s^4), both components together. */
    double k = smooth->wavenumber, widest = 8.0;
    double range = k > 0.0 ? pow(smooth->noise / (8.0 * M_PI * 0.01 * k * k), 0.25) : widest;
    range = fmin(fmin(range, widest), k > 0.0 ? 1.0 / k : widest);
    smooth->range_sites = range >= 0.5 && smooth->noise > 0.0 ? range : 0.0;
}

status_t smooth_choose(const field_t *field, band_t band, smooth_t *smooth) {
    covariance_t covariance = {0};
    float *z = malloc(2 * grid_sites(&field->grid) * sizeof *z);
    if (!z)
        FAIL(STATUS_FAILED, "smoothing: no memory for a frame of %zu sites",
             grid_sites(&field->grid));
    status_t status = add_samples(field, band, z, &covariance);
    free(z);
    TRY(status);
    decide(&covariance, smooth);
    return STATUS_OK;
}

struct smoother {
    grid_t grid;
    long reach;
    float *tap;  /* [2 reach + 1] */
    float *norm; /* [ny][nx]: 1 / the weights that fall on sites, 0 outside the mask */
};

void smoother_destroy(smoother_t *smoother) {
    if (!smoother)
        return;
    free(smoother->tap);
    free(smoother->norm);
    free(smoother);
}

/* A place along an axis of n sites; -1 beyond an edge. */
static long place(long at, size_t n, bool open) {
    long size = (long)n;
    if (at >= 0 && at < size)
        return at;
    return open ? -1 : (at % size + size) % size;
}

static void blur(const smoother_t *s, float *frame, float *copy) {
    size_t ny = s->grid.ny, nx = s->grid.nx;
    memcpy(copy, frame, ny * nx * sizeof *copy);
#pragma omp parallel for schedule(static)
    for (size_t y = 0; y < ny; y++) {
        float *out = frame + y * nx;
        memset(out, 0, nx * sizeof *out);
        for (long k = -s->reach; k <= s->reach; k++) {
            long from = place((long)y + k, ny, s->grid.open);
            for (size_t x = 0; from >= 0 && x < nx; x++)
                out[x] += s->tap[k + s->reach] * copy[(size_t)from * nx + x];
        }
    }
    memcpy(copy, frame, ny * nx * sizeof *copy);
#pragma omp parallel for schedule(static)
    for (size_t y = 0; y < ny; y++) {
        float *out = frame + y * nx;
        const float *in = copy + y * nx;
        memset(out, 0, nx * sizeof *out);
        for (long k = -s->reach; k <= s->reach; k++) {
            float tap = s->tap[k + s->reach];
            long n = (long)nx,
                 begin = k < -n  ? n
                         : k < 0 ? -k
                                 : 0,
                 end = k > n   ? 0
                       : k > 0 ? n - k
                               : n;
            for (long x = begin; x < end; x++)
                out[x] += tap * in[x + k];
            for (long x = 0; x < begin && !s->grid.open; x++)
                out[x] += tap * in[place(x + k, nx, false)];
            for (long x = end; x < n && !s->grid.open; x++)
                out[x] += tap * in[place(x + k, nx, false)];
        }
    }
}

status_t smoother_create(const grid_t *grid, double range_sites, smoother_t **smoother) {
    size_t sites = grid_sites(grid);
    smoother_t *s = calloc(1, sizeof *s);
    if (!s)
        FAIL(STATUS_FAILED, "smoothing: no memory");
    *s = (smoother_t){.grid = *grid, .reach = (long)ceil(3.0 * range_sites)};
    s->tap = malloc((size_t)(2 * s->reach + 1) * sizeof *s->tap);
    s->norm = malloc(sites * sizeof *s->norm);
    float *copy = malloc(sites * sizeof *copy);
    if (!s->tap || !s->norm || !copy) {
        free(copy);
        smoother_destroy(s);
        FAIL(STATUS_FAILED, "smoothing: no memory for a frame of %zu sites", sites);
    }
    for (long k = -s->reach; k <= s->reach; k++)
        s->tap[k + s->reach] =
            s->reach ? (float)exp(-(double)(k * k) / (2.0 * range_sites * range_sites)) : 1.0f;
    for (size_t i = 0; i < sites; i++)
        s->norm[i] = !grid->mask || grid->mask[i] ? 1.0f : 0.0f;
    blur(s, s->norm, copy);
    for (size_t i = 0; i < sites; i++)
        s->norm[i] = !grid->mask || grid->mask[i] ? 1.0f / s->norm[i] : 0.0f;
    free(copy);
    *smoother = s;
    return STATUS_OK;
}

void smoother_apply(const smoother_t *smoother, float *frame, float *copy) {
    if (smoother->reach == 0)
        return;
    blur(smoother, frame, copy);
    for (size_t i = 0; i < grid_sites(&smoother->grid); i++)
        frame[i] *= smoother->norm[i];
}
