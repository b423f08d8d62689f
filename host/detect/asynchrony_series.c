#include <complex.h>
#include <fftw3.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "host/detect/asynchrony_passes.h"

enum { BATCH = 16, LENGTH_MOST = 1024 };

typedef struct {
    const field_t *field;
    const site_moments_t *moments;
    site_series_t *series;
    size_t length, bins, rows, batches; /* rows read at once, and their batches of sites */
    double *window, norm; /* norm: power density from |transform|^2, one side of two */
    float *block;         /* [length][rows][nx] */
    double *sums;         /* [batches][bins + length + 1 + 1]: |windowed|^2; |padded|^2 of
                             normalized sites; squares */
    size_t sums_size;
    fftw_complex *transform; /* [threads][length + 1], and as reals */
    fftw_plan windowed, padded;
} work_t;

static void work_destroy(work_t *work) {
    free(work->window);
    free(work->block);
    free(work->sums);
    fftw_free(work->transform);
    if (work->windowed)
        fftw_destroy_plan(work->windowed);
    if (work->padded)
        fftw_destroy_plan(work->padded);
}

static status_t work_create(const field_t *field, const site_moments_t *moments,
                            site_series_t *series, work_t *work) {
    size_t length = series->length, row = length * field->grid.nx * sizeof(float);
    *work = (work_t){.field = field, .moments = moments, .series = series, .length = length};
    work->bins = length / 2 + 1;
    work->rows = ASYNCHRONY_BLOCK_BYTES / row < 1 ? 1 : ASYNCHRONY_BLOCK_BYTES / row;
    work->rows = work->rows < field->grid.ny ? work->rows : field->grid.ny;
    work->batches = (work->rows * field->grid.nx + BATCH - 1) / BATCH;
    work->sums_size = work->bins + length + 2;
    work->window = malloc(length * sizeof *work->window);
    work->block = malloc(work->rows * row);
    work->sums = malloc(work->batches * work->sums_size * sizeof *work->sums);
    work->transform = fftw_alloc_complex((size_t)omp_get_max_threads() * (length + 1));
    if (!work->window || !work->block || !work->sums || !work->transform)
        FAIL(STATUS_FAILED, "correlations: no memory for series of %zu frames", length);
    double squares = 0.0;
    for (size_t t = 0; t < length; t++) {
        double s = sin(M_PI * (double)t / (double)length);
        work->window[t] = s * s;
        squares += s * s * s * s;
    }
    work->norm = field->frame_ms * 1e-3 / squares;
    unsigned flags = FFTW_ESTIMATE | FFTW_UNALIGNED;
    double *in = (double *)work->transform;
    work->windowed = fftw_plan_dft_r2c_1d((int)length, in, work->transform, flags);
    work->padded = fftw_plan_dft_r2c_1d(2 * (int)length, in, work->transform, flags);
    if (!work->windowed || !work->padded)
        FAIL(STATUS_FAILED, "correlations: no transform of %zu frames", length);
    return STATUS_OK;
}

static double square(double complex z) {
    return creal(z) * creal(z) + cimag(z) * cimag(z);
}

/* power[bins] += |transform of window * (values[stride t] - mean)|^2. */
static void add_windowed(const work_t *work, const double *values, double *power) {
    fftw_complex *z = work->transform + (size_t)omp_get_thread_num() * (work->length + 1);
    double *in = (double *)z;
    for (size_t t = 0; t < work->length; t++)
        in[t] = work->window[t] * values[t];
    fftw_execute_dft_r2c(work->windowed, in, z);
    for (size_t k = 0; k < work->bins; k++)
        power[k] += square(z[k]);
}

static void add_padded(const work_t *work, const double *values, double scale, double *power) {
    fftw_complex *z = work->transform + (size_t)omp_get_thread_num() * (work->length + 1);
    double *in = (double *)z;
    for (size_t t = 0; t < work->length; t++)
        in[t] = values[t] * scale;
    memset(in + work->length, 0, work->length * sizeof *in);
    fftw_execute_dft_r2c(work->padded, in, z);
    for (size_t k = 0; k <= work->length; k++)
        power[k] += square(z[k]);
}

/* Sites [first, end) of the block's, whose first is `offset` in the grid. */
static void add_batch(const work_t *work, size_t offset, size_t first, size_t end, size_t sites,
                      double *sums) {
    const site_moments_t *moments = work->moments;
    double values[LENGTH_MOST];
    memset(sums, 0, work->sums_size * sizeof *sums);
    for (size_t s = first; s < end; s++) {
        size_t i = offset + s;
        if (!(moments->std[i] > 0.0))
            continue;
        for (size_t t = 0; t < work->length; t++) {
            values[t] = (double)work->block[t * sites + s] - moments->mean[i];
            sums[work->sums_size - 1] += values[t] * values[t];
        }
        add_windowed(work, values, sums);
        add_padded(work, values, 1.0 / moments->std[i], sums + work->bins);
    }
}

/* total[sums_size] of all sites in one block of time. */
static status_t add_block(work_t *work, size_t block, double *total) {
    const field_t *field = work->field;
    size_t nx = field->grid.nx;
    memset(total, 0, work->sums_size * sizeof *total);
    for (size_t row = 0; row < field->grid.ny; row += work->rows) {
        size_t rows = field->grid.ny - row < work->rows ? field->grid.ny - row : work->rows;
        size_t sites = rows * nx, batches = (sites + BATCH - 1) / BATCH;
        TRY(field->read(field->context, block * work->length, work->length, row, rows,
                        work->block));
#pragma omp parallel for schedule(static)
        for (size_t b = 0; b < batches; b++) {
            size_t end = (b + 1) * BATCH < sites ? (b + 1) * BATCH : sites;
            add_batch(work, row * nx, b * BATCH, end, sites, work->sums + b * work->sums_size);
        }
        for (size_t b = 0; b < batches; b++)
            for (size_t k = 0; k < work->sums_size; k++)
                total[k] += work->sums[b * work->sums_size + k];
    }
    return STATUS_OK;
}

/* The mean coefficient at each lag from the padded power, by the number of products. */
static void autocorrelate(const work_t *work, const double *power, fftw_plan inverse,
                          fftw_complex *z, double *out) {
    for (size_t k = 0; k <= work->length; k++)
        z[k] = power[k] / (2.0 * (double)work->length);
    fftw_execute(inverse);
    for (size_t lag = 0; lag < work->length; lag++)
        out[lag] =
            ((double *)z)[lag] / ((double)work->moments->used * (double)(work->length - lag));
}

static double one_sided(const work_t *work, size_t k) {
    return work->norm * (k == 0 || 2 * k == work->length ? 1.0 : 2.0);
}

/* Welch's, segments that overlap by half. */
static void population_spectrum(const work_t *work) {
    const site_moments_t *moments = work->moments;
    site_series_t *series = work->series;
    size_t length = work->length, step = length / 2, segments = 0;
    double mean = 0.0, values[LENGTH_MOST];
    for (size_t t = 0; t < work->field->frames; t++)
        mean += moments->population[t] / (double)work->field->frames;
    for (size_t first = 0; first + length <= work->field->frames; first += step, segments++) {
        for (size_t t = 0; t < length; t++)
            values[t] = moments->population[first + t] - mean;
        add_windowed(work, values, series->population);
    }
    for (size_t k = 0; k < work->bins; k++)
        series->population[k] *= one_sided(work, k) / (double)segments;
    for (size_t b = 0; b < series->blocks; b++)
        for (size_t t = 0; t < length; t++)
            series->together[b] +=
                pow(moments->population[b * length + t] - mean, 2.0) / (double)length;
}

static status_t measure(work_t *work, double *total, fftw_complex *z, fftw_plan inverse) {
    site_series_t *series = work->series;
    double data = (double)work->moments->data;
    for (size_t b = 0; b < series->blocks; b++) {
        TRY(add_block(work, b, total));
        autocorrelate(work, total + work->bins, inverse, z,
                      series->autocorrelation + b * work->length);
        series->variance[b] = total[work->sums_size - 1] / (data * (double)work->length);
        for (size_t k = 0; k < work->bins; k++)
            series->site[k] += total[k] * one_sided(work, k) / (data * (double)series->blocks);
    }
    population_spectrum(work);
    return STATUS_OK;
}

static status_t measure_all(work_t *work) {
    double *total = malloc(work->sums_size * sizeof *total);
    fftw_complex *z = fftw_alloc_complex(work->length + 1);
    fftw_plan inverse =
        z ? fftw_plan_dft_c2r_1d(2 * (int)work->length, z, (double *)z, FFTW_ESTIMATE) : NULL;
    status_t status = total && inverse
                          ? measure(work, total, z, inverse)
                          : status_fail(STATUS_FAILED, __FILE__, __LINE__,
                                        "correlations: no memory for %zu lags", work->length);
    if (inverse)
        fftw_destroy_plan(inverse);
    fftw_free(z);
    free(total);
    return status;
}

void site_series_destroy(site_series_t *series) {
    free(series->autocorrelation);
    free(series->site);
    free(series->population);
    free(series->variance);
    free(series->together);
    *series = (site_series_t){0};
}

status_t site_series_create(const field_t *field, const site_moments_t *moments,
                            site_series_t *series) {
    size_t length = field->frames / 5 < LENGTH_MOST ? field->frames / 5 : LENGTH_MOST;
    length -= length % 2;
    *series = (site_series_t){.length = length, .blocks = field->frames / length};
    series->autocorrelation = calloc(series->blocks * length, sizeof(double));
    series->site = calloc(length / 2 + 1, sizeof(double));
    series->population = calloc(length / 2 + 1, sizeof(double));
    series->variance = calloc(series->blocks, sizeof(double));
    series->together = calloc(series->blocks, sizeof(double));
    work_t work = {0};
    status_t status = STATUS_OK;
    if (!series->autocorrelation || !series->site || !series->population || !series->variance ||
        !series->together)
        status = status_fail(STATUS_FAILED, __FILE__, __LINE__,
                             "correlations: no memory for %zu lags", length);
    if (status == STATUS_OK)
        status = work_create(field, moments, series, &work);
    if (status == STATUS_OK)
        status = measure_all(&work);
    work_destroy(&work);
    if (status != STATUS_OK)
        site_series_destroy(series);
    return status;
}
