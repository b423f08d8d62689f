#include <fftw3.h>
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/detect/passes.h"
#include "host/detect/persistence.h"

enum { NEIGHBOURHOOD = 11, PERSISTENCE_FRAMES = 50 };

/* What one frame gives; summed over frames in their order. */
typedef struct {
    double mean, mean_abs, variance, min, max;
    double local_synchrony, global_synchrony, moran, persistence;
    bool finite, memory;
} measures_t;

/* One frame's working space: the frame, its deviation from its mean (rows padded for the in-place
 * transform, then the transform), column sums. Both are 0 where there are no data. */
typedef struct {
    const grid_t *grid;
    size_t sites, padded; /* sites: with data */
    double neighbourhood;
    float *r;
    double *c;      /* [ny][padded] */
    double *column; /* 3 x [nx + NEIGHBOURHOOD] and 3 x [nx] */
} work_t;

static double ratio(double a, double b) {
    return b > 0.0 ? a / b : 0.0;
}

/* Moments; c = r - mean. Differences from the first site make a uniform frame's c exactly 0. */
static void moments(const work_t *w, measures_t *m) {
    const unsigned char *mask = w->grid->mask;
    size_t ny = w->grid->ny, nx = w->grid->nx, origin = 0;
    while (mask && !mask[origin])
        origin++;
    double first = (double)w->r[origin], sum = 0.0, sum_abs = 0.0, squares = 0.0;
    m->min = m->max = first;
    m->finite = true;
    for (size_t i = origin; i < ny * nx; i++) {
        if (mask && !mask[i])
            continue;
        double r = (double)w->r[i];
        m->finite = m->finite && isfinite(r);
        sum += r - first;
        sum_abs += fabs(r);
        m->min = r < m->min ? r : m->min;
        m->max = r > m->max ? r : m->max;
    }
    double n = (double)w->sites, offset = sum / n;
    for (size_t y = 0; y < ny; y++) {
        for (size_t x = 0; x < nx; x++) {
            double c = (double)w->r[y * nx + x] - first - offset;
            c = grid_has(w->grid, y, x) ? c : 0.0;
            w->c[y * w->padded + x] = c;
            squares += c * c;
        }
    }
    m->mean = first + offset;
    m->mean_abs = sum_abs / n;
    m->variance = squares / n;
    m->global_synchrony = ratio(fabs(m->mean), m->mean_abs);
}

static size_t window_of(size_t n, bool open) {
    return open || n > NEIGHBOURHOOD ? NEIGHBOURHOOD : n;
}

/* Mean number of sites with data in the neighbourhood of one, itself among them. */
static double neighbourhood_mean(const grid_t *grid) {
    size_t ny = grid->ny, nx = grid->nx, pairs = 0, row, column;
    size_t window_y = window_of(ny, grid->open), window_x = window_of(nx, grid->open);
    if (!grid->open && !grid->mask)
        return (double)(window_y * window_x);
    for (size_t y = 0; y < ny; y++)
        for (size_t x = 0; x < nx; x++)
            for (size_t k = 0; grid_has(grid, y, x) && k < window_y * window_x; k++)
                pairs += grid_around(y, k / window_x, ny, window_y, grid->open, &row) &&
                         grid_around(x, k % window_x, nx, window_x, grid->open, &column) &&
                         grid_has(grid, row, column);
    return (double)pairs / (double)grid_count(grid);
}

/* out[x] = sum of column[x .. x + window), column extended around `before` sites: periodically, or
 * by zeros. */
static void sum_row(double *column, size_t nx, size_t window, bool open, double *out) {
    size_t before = window / 2;
    memmove(column + before, column, nx * sizeof *column);
    for (size_t k = 0; k < before; k++)
        column[k] = open ? 0.0 : column[before + nx - before + k];
    for (size_t k = before + nx; k < nx + window - 1; k++)
        column[k] = open ? 0.0 : column[k - nx];
    memset(out, 0, nx * sizeof *out);
    for (size_t k = 0; k < window; k++)
        for (size_t x = 0; x < nx; x++)
            out[x] += column[x + k];
}

/* Local synchrony and Moran's index: sums of r, |r| and c over the sites' neighbourhoods, each
 * added up afresh, so that a silent neighbourhood sums to exactly 0. Neighbourhoods of different
 * sizes: (N / sum of weights) sum_ij w_ij c_i c_j / sum_i c_i^2, w_ij = 1 for neighbours (Moran,
 * Biometrika 37, 1950; Cliff & Ord, Spatial Processes, 1981, eq. 1.44). */
static void neighbourhoods(const work_t *w, measures_t *m) {
    const grid_t *grid = w->grid;
    size_t ny = grid->ny, nx = grid->nx, row;
    size_t window_y = window_of(ny, grid->open), window_x = window_of(nx, grid->open);
    double *column[3], *box[3], synchrony = 0.0, product = 0.0;
    for (int k = 0; k < 3; k++) {
        column[k] = w->column + (size_t)k * (nx + NEIGHBOURHOOD);
        box[k] = w->column + 3 * (nx + NEIGHBOURHOOD) + (size_t)k * nx;
    }
    for (size_t y = 0; y < ny; y++) {
        memset(w->column, 0, 3 * (nx + NEIGHBOURHOOD) * sizeof *w->column);
        for (size_t k = 0; k < window_y; k++) {
            if (!grid_around(y, k, ny, window_y, grid->open, &row))
                continue;
            const float *r = w->r + row * nx;
            const double *c = w->c + row * w->padded;
            for (size_t x = 0; x < nx; x++) {
                column[0][x] += (double)r[x];
                column[1][x] += fabs((double)r[x]);
                column[2][x] += c[x];
            }
        }
        for (int k = 0; k < 3; k++)
            sum_row(column[k], nx, window_x, grid->open, box[k]);
        const double *c = w->c + y * w->padded;
        for (size_t x = 0; x < nx; x++) {
            if (!grid_has(grid, y, x))
                continue;
            synchrony += ratio(fabs(box[0][x]), box[1][x]);
            product += c[x] * box[2][x];
        }
    }
    double sites = (double)w->sites;
    m->local_synchrony = synchrony / sites;
    m->moran = ratio(product, w->neighbourhood * m->variance * sites);
}

static void measure(const work_t *w, fftw_plan plan, bool with_persistence, measures_t *m) {
    *m = (measures_t){.memory = true};
    for (size_t i = 0; w->grid->mask && i < grid_sites(w->grid); i++)
        if (!w->grid->mask[i])
            w->r[i] = 0.0f;
    moments(w, m);
    if (!m->finite)
        return;
    neighbourhoods(w, m);
    if (with_persistence)
        m->memory = persistence_frame(w->r, w->grid, &m->persistence) == STATUS_OK;
    fftw_execute_dft_r2c(plan, w->c, (fftw_complex *)w->c);
}

/* Frames with persistence: PERSISTENCE_FRAMES of them (all if there are fewer), evenly spaced. */
static bool has_persistence(size_t frame, size_t frames) {
    size_t n = frames < PERSISTENCE_FRAMES ? frames : PERSISTENCE_FRAMES;
    size_t k = (frame * n + frames - 1) / frames; /* the first k whose frame is not before */
    return k < n && k * frames / n == frame;
}

/* |n| at the peak of amplitude[ny][nx/2+1], n = 0 included (its value in amplitude[0]). */
static double peak_wavenumber(const double *amplitude, size_t ny, size_t nx) {
    size_t bins = nx / 2 + 1, peak = 0;
    for (size_t i = 1; i < ny * bins; i++)
        if (amplitude[i] > amplitude[peak])
            peak = i;
    size_t row = peak / bins;
    return hypot((double)(peak % bins), (double)(row <= ny / 2 ? row : ny - row));
}

/* Its largest value over its mean, both without n = 0; 0 where there is nothing else. */
static double contrast(const double *amplitude, size_t ny, size_t nx) {
    size_t bins = ny * (nx / 2 + 1);
    double sum = 0.0, peak = 0.0;
    for (size_t i = 1; i < bins; i++) {
        sum += amplitude[i];
        peak = amplitude[i] > peak ? amplitude[i] : peak;
    }
    return sum > 0.0 ? peak * (double)(bins - 1) / sum : 0.0;
}

typedef struct {
    size_t frames, chunk, sites;
    double neighbourhood;
    measures_t *measures; /* [frames] */
    float *buffer;        /* [chunk][ny][nx] */
    double *c;            /* [chunk][ny][padded] */
    double *columns;      /* [threads][6 (nx + NEIGHBOURHOOD)] */
    double *amplitude;    /* [ny][nx/2+1], summed over frames */
    fftw_plan plan;
} pass_t;

static void pass_destroy(pass_t *pass) {
    free(pass->measures);
    free(pass->buffer);
    fftw_free(pass->c);
    free(pass->columns);
    free(pass->amplitude);
    if (pass->plan != NULL)
        fftw_destroy_plan(pass->plan);
}

/* Frames that are measured at once. */
static size_t chunk_of(const field_t *field) {
    size_t padded = 2 * (field->grid.nx / 2 + 1);
    size_t chunk = ORDER_BUFFER_BYTES / (field->grid.ny * padded * sizeof(double));
    return chunk < 1 ? 1 : chunk > field->frames ? field->frames : chunk;
}

uint64_t order_spatial_memory(const field_t *field) {
    size_t sites = field->grid.ny * field->grid.nx, chunk = chunk_of(field);
    size_t threads = (size_t)omp_get_max_threads(), padded = 2 * (field->grid.nx / 2 + 1);
    size_t measured = threads < chunk ? threads : chunk; /* frames: those have persistence's */
    return (uint64_t)chunk * (sites * sizeof(float) + field->grid.ny * padded * sizeof(double)) +
           field->frames * sizeof(measures_t) +
           threads * 6 * (field->grid.nx + NEIGHBOURHOOD) * sizeof(double) +
           field->grid.ny * (field->grid.nx / 2 + 1) * sizeof(double) +
           measured * sites * PERSISTENCE_BYTES;
}

static status_t pass_create(const field_t *field, pass_t *pass) {
    size_t ny = field->grid.ny, nx = field->grid.nx, padded = 2 * (nx / 2 + 1),
           chunk = chunk_of(field);
    size_t threads = (size_t)omp_get_max_threads();
    *pass = (pass_t){.frames = field->frames,
                     .chunk = chunk,
                     .sites = grid_count(&field->grid),
                     .neighbourhood = neighbourhood_mean(&field->grid)};
    pass->measures = calloc(field->frames, sizeof *pass->measures);
    pass->buffer = malloc(chunk * ny * nx * sizeof *pass->buffer);
    pass->c = fftw_alloc_real(chunk * ny * padded);
    pass->columns = malloc(threads * 6 * (nx + NEIGHBOURHOOD) * sizeof *pass->columns);
    pass->amplitude = calloc(ny * (nx / 2 + 1), sizeof *pass->amplitude);
    if (pass->measures == NULL || pass->buffer == NULL || pass->c == NULL ||
        pass->columns == NULL || pass->amplitude == NULL)
        FAIL(STATUS_FAILED, "order parameters: no memory for frames of %zu x %zu sites", ny, nx);
    pass->plan = fftw_plan_dft_r2c_2d((int)ny, (int)nx, pass->c, (fftw_complex *)pass->c,
                                      FFTW_ESTIMATE | FFTW_UNALIGNED);
    if (pass->plan == NULL)
        FAIL(STATUS_FAILED, "order parameters: no transform of %zu x %zu sites", ny, nx);
    return STATUS_OK;
}

static status_t not_finite(const field_t *field, const float *frame, size_t t) {
    size_t i = 0, nx = field->grid.nx;
    while (i + 1 < grid_sites(&field->grid) && isfinite(frame[i]))
        i++;
    FAIL(STATUS_FAILED,
         "frame %zu from the onset holds %g at site (y %zu, x %zu): order parameters need complete "
         "frames; interpolate it, or mask the site with NaN in every frame",
         t, (double)frame[i], i / nx, i % nx);
}

static status_t measure_chunk(const field_t *field, pass_t *pass, size_t first) {
    size_t ny = field->grid.ny, nx = field->grid.nx, bins = nx / 2 + 1, padded = 2 * bins;
    size_t n = field->frames - first < pass->chunk ? field->frames - first : pass->chunk;
    TRY(field->read(field->context, first, n, 0, ny, pass->buffer));
#pragma omp parallel for schedule(guided)
    for (size_t i = 0; i < n; i++) {
        size_t thread = (size_t)omp_get_thread_num();
        work_t w = {&field->grid,
                    pass->sites,
                    padded,
                    pass->neighbourhood,
                    pass->buffer + i * ny * nx,
                    pass->c + i * ny * padded,
                    pass->columns + thread * 6 * (nx + NEIGHBOURHOOD)};
        measure(&w, pass->plan, has_persistence(first + i, field->frames),
                &pass->measures[first + i]);
    }
    for (size_t i = 0; i < n; i++) {
        if (!pass->measures[first + i].finite)
            return not_finite(field, pass->buffer + i * ny * nx, first + i);
        if (!pass->measures[first + i].memory)
            FAIL(STATUS_FAILED, "order parameters: no memory for persistence");
    }
#pragma omp parallel for schedule(static)
    for (size_t bin = 0; bin < ny * bins; bin++)
        for (size_t i = 0; i < n; i++) {
            const double *z = pass->c + (i * ny * bins + bin) * 2;
            pass->amplitude[bin] += sqrt(z[0] * z[0] + z[1] * z[1]);
        }
    return STATUS_OK;
}

/* Means over frames; spatial spectrum's n = 0 from the frames' means, less their mean where the
 * field never changes sign. */
static void average(const field_t *field, const pass_t *pass, order_t *order) {
    double frames = (double)pass->frames, sites = (double)pass->sites;
    double variance = 0.0, global_variance = 0.0, persistence = 0.0, uniform = 0.0;
    double early = 0.0, late = 0.0; /* squared deviations in the first and last third */
    size_t third = pass->frames >= 3 ? pass->frames / 3 : 1;
    order->min = pass->measures[0].min;
    order->max = pass->measures[0].max;
    for (size_t t = 0; t < pass->frames; t++) {
        const measures_t *m = &pass->measures[t];
        order->mean += m->mean / frames;
        order->mean_activity += m->mean_abs / frames;
        order->local_synchrony += m->local_synchrony / frames;
        order->global_synchrony += m->global_synchrony / frames;
        order->moran += m->moran / frames;
        order->min = m->min < order->min ? m->min : order->min;
        order->max = m->max > order->max ? m->max : order->max;
        variance += m->variance / frames;
        persistence += m->persistence;
    }
    bool one_sign = order->min >= 0.0 || order->max <= 0.0;
    for (size_t t = 0; t < pass->frames; t++) {
        double mean = pass->measures[t].mean, deviation = mean - order->mean;
        global_variance += deviation * deviation / frames;
        uniform += sites * fabs(one_sign ? deviation : mean);
        if (t < third)
            early += pass->measures[t].variance + deviation * deviation;
        if (t >= pass->frames - third)
            late += pass->measures[t].variance + deviation * deviation;
    }
    order->trend = sqrt(ratio(late, early));
    order->neighbourhood = pass->neighbourhood;
    pass->amplitude[0] = uniform;
    order->spatial_std = sqrt(variance);
    order->global_std = sqrt(global_variance);
    order->persistence =
        persistence / (frames < PERSISTENCE_FRAMES ? frames : (double)PERSISTENCE_FRAMES);
    order->wavenumber = peak_wavenumber(pass->amplitude, field->grid.ny, field->grid.nx);
    order->spatial_contrast = contrast(pass->amplitude, field->grid.ny, field->grid.nx);
}

status_t order_spatial_pass(const field_t *field, order_t *order) {
    pass_t pass;
    status_t status = pass_create(field, &pass);
    for (size_t first = 0; status == STATUS_OK && first < field->frames; first += pass.chunk)
        status = measure_chunk(field, &pass, first);
    if (status == STATUS_OK)
        average(field, &pass, order);
    pass_destroy(&pass);
    return status;
}
