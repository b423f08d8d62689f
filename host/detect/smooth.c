#include "host/detect/smooth.h"

#include <math.h>
#include <stdlib.h>

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
            *sum += (double)z[0][i] * (double)z[0][j] + (double)z[1][i] * (double)z[1][j];
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
