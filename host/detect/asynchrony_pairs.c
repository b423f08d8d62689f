#include <complex.h>
#include <fftw3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/detect/asynchrony_passes.h"

/* Frames in a plane that is twice the sheet where it has edges, so that no pair wraps. */
typedef struct {
    const field_t *field;
    const site_moments_t *moments;
    size_t py, px, bins, chunk;
    float *frames;       /* [chunk][ny][nx] */
    fftw_complex *plane; /* [chunk][py][px / 2 + 1], and as reals [chunk][py][2 (px / 2 + 1)] */
    double *power;       /* [py][px / 2 + 1]: sum of |transform|^2 */
    double *inverse;     /* [py][2 (px / 2 + 1)] */
    long *ring;          /* [py][px]; -1: the site itself, or no pair */
    fftw_plan forward, backward;
} work_t;

static void work_destroy(work_t *work) {
    free(work->frames);
    fftw_free(work->plane);
    free(work->power);
    fftw_free(work->inverse);
    free(work->ring);
    if (work->forward)
        fftw_destroy_plan(work->forward);
    if (work->backward)
        fftw_destroy_plan(work->backward);
}

static status_t work_create(const field_t *field, const site_moments_t *moments, work_t *work) {
    const grid_t *grid = &field->grid;
    *work = (work_t){.field = field, .moments = moments};
    work->py = grid->open && grid->ny > 1 ? 2 * grid->ny : grid->ny;
    work->px = grid->open && grid->nx > 1 ? 2 * grid->nx : grid->nx;
    work->bins = work->py * (work->px / 2 + 1);
    size_t bytes = work->bins * sizeof(fftw_complex) + moments->sites * sizeof(float);
    work->chunk = ASYNCHRONY_BLOCK_BYTES / bytes < 1 ? 1 : ASYNCHRONY_BLOCK_BYTES / bytes;
    work->frames = malloc(work->chunk * moments->sites * sizeof *work->frames);
    work->plane = fftw_alloc_complex(work->chunk * work->bins);
    work->power = malloc(work->bins * sizeof *work->power);
    work->inverse = fftw_alloc_real(2 * work->bins);
    work->ring = malloc(work->py * work->px * sizeof *work->ring);
    if (!work->frames || !work->plane || !work->power || !work->inverse || !work->ring)
        FAIL(STATUS_FAILED, "correlations: no memory for %zu x %zu sites", grid->ny, grid->nx);
    int py = (int)work->py, px = (int)work->px;
    unsigned flags = FFTW_ESTIMATE | FFTW_UNALIGNED;
    work->forward = fftw_plan_dft_r2c_2d(py, px, (double *)work->plane, work->plane, flags);
    work->backward =
        fftw_plan_dft_c2r_2d(py, px, (fftw_complex *)work->inverse, work->inverse, flags);
    if (!work->forward || !work->backward)
        FAIL(STATUS_FAILED, "correlations: no transform of %d x %d sites", py, px);
    return STATUS_OK;
}

/* values[sites] less the sites' means over their standard deviations; NULL: 1 where a site is used.
 */
static void place(const work_t *work, const float *values, double *plane) {
    size_t nx = work->field->grid.nx, padded = 2 * (work->px / 2 + 1);
    const site_moments_t *moments = work->moments;
    memset(plane, 0, 2 * work->bins * sizeof *plane);
    for (size_t i = 0; i < moments->sites; i++)
        if (moments->std[i] > 0.0)
            plane[i / nx * padded + i % nx] =
                values ? ((double)values[i] - moments->mean[i]) / moments->std[i] : 1.0;
}

static double square(double complex z) {
    return creal(z) * creal(z) + cimag(z) * cimag(z);
}

/* inverse[dy][dx]: sum over sites and frames of products that far apart. */
static void correlate(work_t *work) {
    double complex *z = (double complex *)work->inverse;
    for (size_t b = 0; b < work->bins; b++)
        z[b] = work->power[b] / (double)(work->py * work->px);
    fftw_execute(work->backward);
}

static status_t add_frames(work_t *work, size_t first, size_t n) {
    const field_t *field = work->field;
    size_t sites = work->moments->sites;
    TRY(field->read(field->context, first, n, 0, field->grid.ny, work->frames));
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
        fftw_complex *plane = work->plane + i * work->bins;
        place(work, work->frames + i * sites, (double *)plane);
        fftw_execute_dft_r2c(work->forward, (double *)plane, plane);
    }
#pragma omp parallel for schedule(static)
    for (size_t b = 0; b < work->bins; b++)
        for (size_t i = 0; i < n; i++)
            work->power[b] += square(work->plane[i * work->bins + b]);
    return STATUS_OK;
}

/* Adds inverse[dy][dx] to sum[rings]. */
static void add_rings(const work_t *work, double *sum) {
    size_t padded = 2 * (work->px / 2 + 1);
    for (size_t y = 0; y < work->py; y++)
        for (size_t x = 0; x < work->px; x++)
            if (work->ring[y * work->px + x] >= 0)
                sum[work->ring[y * work->px + x]] += work->inverse[y * padded + x];
}

static double distance_of(const work_t *work, size_t y, size_t x) {
    const grid_t *grid = &work->field->grid;
    return hypot(grid_way(0.0, (double)y, work->py, false) * grid->dy,
                 grid_way(0.0, (double)x, work->px, false) * grid->dx);
}

/* Every displacement's ring, those without a pair left out; distances, numbers of pairs. */
static status_t find_rings(work_t *work, site_pairs_t *pairs) {
    const grid_t *grid = &work->field->grid;
    size_t size = work->py * work->px, padded = 2 * (work->px / 2 + 1);
    double width = fmax(grid->ny > 1 ? grid->dy : 0.0, grid->nx > 1 ? grid->dx : 0.0);
    double most = hypot((double)(work->py / 2) * grid->dy, (double)(work->px / 2) * grid->dx);
    size_t rings = (size_t)(most / width + 0.5) + 1;
    pairs->distance = calloc(rings, sizeof *pairs->distance);
    pairs->pairs = calloc(rings, sizeof *pairs->pairs);
    pairs->block = calloc(ASYNCHRONY_BLOCKS * rings, sizeof *pairs->block);
    long *place_of = malloc(rings * sizeof *place_of);
    if (!pairs->distance || !pairs->pairs || !pairs->block || !place_of) {
        free(place_of);
        FAIL(STATUS_FAILED, "correlations: no memory for %zu distances", rings);
    }
    place(work, NULL, (double *)work->plane);
    fftw_execute_dft_r2c(work->forward, (double *)work->plane, work->plane);
    for (size_t b = 0; b < work->bins; b++)
        work->power[b] = square(work->plane[b]);
    correlate(work);
    for (size_t i = 0; i < size; i++) {
        size_t y = i / work->px, x = i % work->px;
        double count = rint(work->inverse[y * padded + x]), distance = distance_of(work, y, x);
        work->ring[i] = i > 0 && count > 0.0 ? (long)(distance / width + 0.5) : -1;
        if (work->ring[i] >= 0) {
            pairs->pairs[work->ring[i]] += count;
            pairs->distance[work->ring[i]] += count * distance;
        }
    }
    for (size_t k = 0; k < rings; k++)
        if (pairs->pairs[k] > 0.0) {
            size_t to = pairs->rings++;
            place_of[k] = (long)to;
            pairs->distance[to] = pairs->distance[k] / pairs->pairs[k];
            pairs->pairs[to] = pairs->pairs[k];
        }
    for (size_t i = 0; i < size; i++)
        work->ring[i] = work->ring[i] >= 0 ? place_of[work->ring[i]] : -1;
    free(place_of);
    return STATUS_OK;
}

static status_t measure(work_t *work, site_pairs_t *pairs) {
    size_t frames = work->field->frames;
    TRY(find_rings(work, pairs));
    for (size_t b = 0; b < ASYNCHRONY_BLOCKS; b++) {
        size_t start = b * frames / ASYNCHRONY_BLOCKS, end = (b + 1) * frames / ASYNCHRONY_BLOCKS;
        double *block = pairs->block + b * pairs->rings;
        memset(work->power, 0, work->bins * sizeof *work->power);
        for (size_t first = start, n; first < end; first += n) {
            n = end - first < work->chunk ? end - first : work->chunk;
            TRY(add_frames(work, first, n));
        }
        correlate(work);
        add_rings(work, block);
        double n = (double)frames / ASYNCHRONY_BLOCKS;
        pairs->square[b] = work->inverse[0] / (n * (double)work->moments->used);
        for (size_t k = 0; k < pairs->rings; k++)
            block[k] /= n * pairs->pairs[k];
    }
    return STATUS_OK;
}

void site_pairs_destroy(site_pairs_t *pairs) {
    free(pairs->distance);
    free(pairs->pairs);
    free(pairs->block);
    *pairs = (site_pairs_t){0};
}

status_t site_pairs_create(const field_t *field, const site_moments_t *moments,
                           site_pairs_t *pairs) {
    work_t work;
    *pairs = (site_pairs_t){0};
    status_t status = work_create(field, moments, &work);
    if (status == STATUS_OK)
        status = measure(&work, pairs);
    work_destroy(&work);
    if (status != STATUS_OK)
        site_pairs_destroy(pairs);
    return status;
}
