#include <math.h>
#include <stdlib.h>

#include "host/detect/asynchrony_passes.h"

enum { SOME = 512 }; /* sites that one thread adds up together */

typedef struct {
    float *block;         /* [chunk][ny][nx] */
    double *sum, *square; /* [sites], of differences from the first frame */
    float *origin;        /* [sites]: that */
    size_t chunk;
} work_t;

static status_t add_frames(const field_t *field, site_moments_t *moments, work_t *work,
                           size_t first, size_t n) {
    const grid_t *grid = &field->grid;
    size_t sites = moments->sites, broken = n;
    TRY(field->read(field->context, first, n, 0, grid->ny, work->block));
    for (size_t i = 0; i < sites && first == 0; i++)
        work->origin[i] = work->block[i];
#pragma omp parallel for schedule(static) reduction(min : broken)
    for (size_t t = 0; t < n; t++) {
        double mean = 0.0;
        for (size_t i = 0; i < sites; i++)
            if (grid_has(grid, i / grid->nx, i % grid->nx))
                mean += (double)work->block[t * sites + i] / (double)moments->data;
        moments->population[first + t] = mean;
        broken = !isfinite(mean) && t < broken ? t : broken;
    }
    if (broken < n)
        FAIL(STATUS_FAILED,
             "frame %zu from the onset holds a value that is not a number or infinite: "
             "correlations need complete frames (a mask may leave out sites without data)",
             first + broken);
#pragma omp parallel for schedule(static)
    for (size_t from = 0; from < sites; from += SOME)
        for (size_t t = 0; t < n; t++)
            for (size_t i = from; i < from + SOME && i < sites; i++) {
                double d = (double)work->block[t * sites + i] - (double)work->origin[i];
                work->sum[i] += d;
                work->square[i] += d * d;
            }
    return STATUS_OK;
}

static status_t measure(const field_t *field, site_moments_t *moments, work_t *work) {
    size_t sites = moments->sites;
    double frames = (double)field->frames;
    moments->mean = calloc(sites, sizeof *moments->mean);
    moments->std = calloc(sites, sizeof *moments->std);
    moments->population = calloc(field->frames, sizeof *moments->population);
    work->chunk = ASYNCHRONY_BLOCK_BYTES / (sites * sizeof(float));
    work->chunk = work->chunk < 1 ? 1 : work->chunk;
    work->block = malloc(work->chunk * sites * sizeof *work->block);
    work->sum = calloc(sites, sizeof *work->sum);
    work->square = calloc(sites, sizeof *work->square);
    work->origin = calloc(sites, sizeof *work->origin);
    if (!moments->mean || !moments->std || !moments->population || !work->block || !work->sum ||
        !work->square || !work->origin)
        FAIL(STATUS_FAILED, "correlations: no memory for %zu sites", sites);
    for (size_t i = 0; i < sites; i++)
        moments->data += grid_has(&field->grid, i / field->grid.nx, i % field->grid.nx);
    for (size_t first = 0; first < field->frames; first += work->chunk) {
        size_t left = field->frames - first;
        TRY(add_frames(field, moments, work, first, left < work->chunk ? left : work->chunk));
    }
    for (size_t i = 0; i < sites; i++) {
        if (!grid_has(&field->grid, i / field->grid.nx, i % field->grid.nx))
            continue;
        double mean = work->sum[i] / frames;
        double variance = work->square[i] / frames - mean * mean;
        moments->mean[i] = (double)work->origin[i] + mean;
        moments->std[i] = variance > 0.0 ? sqrt(variance) : 0.0;
        moments->used += variance > 0.0;
        moments->variance += fmax(variance, 0.0) / (double)moments->data;
    }
    return STATUS_OK;
}

void site_moments_destroy(site_moments_t *moments) {
    free(moments->mean);
    free(moments->std);
    free(moments->population);
    *moments = (site_moments_t){0};
}

status_t site_moments_create(const field_t *field, site_moments_t *moments) {
    work_t work = {0};
    *moments = (site_moments_t){.sites = grid_sites(&field->grid)};
    status_t status = measure(field, moments, &work);
    free(work.block);
    free(work.sum);
    free(work.square);
    free(work.origin);
    if (status != STATUS_OK)
        site_moments_destroy(moments);
    return status;
}
