#include <fftw3.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "host/detect/passes.h"

enum { BATCH = 16, LONG_SERIES = 1 << 16 }; /* sites transformed together; one by one if long */

/* Sums over one batch of sites; added up in the batches' order. */
typedef struct {
    double cv, variance, deviation_squared; /* deviation: of the site's mean from the field's */
    size_t with_cv;
} sums_t;

typedef struct {
    const field_t *field;
    size_t rows, columns;                 /* sites of a block: whole rows, or a part of one row */
    size_t row_at, column_at, columns_at; /* of the block that was read last */
    size_t batch, bins, threads;
    double mean;  /* the field's */
    float *block; /* [frames][rows][columns] */
    float *row;   /* where columns < nx: [row_frames][nx] */
    size_t row_frames;
    sums_t *sums;          /* [batches of a block] */
    double *amplitudes;    /* [batches of a block][bins] */
    double *amplitude;     /* [bins], summed over sites */
    double *series;        /* [threads][batch][frames] */
    fftw_complex *spectra; /* [threads][batch][bins] */
    fftw_plan plan;
} pass_t;

static void pass_destroy(pass_t *pass) {
    free(pass->block);
    free(pass->row);
    free(pass->sums);
    free(pass->amplitudes);
    free(pass->amplitude);
    fftw_free(pass->series);
    fftw_free(pass->spectra);
    if (pass->plan != NULL)
        fftw_destroy_plan(pass->plan);
}

/* How the field is cut into blocks. */
static pass_t pass_of(const field_t *field, double mean) {
    size_t frames = field->frames, room = ORDER_BUFFER_BYTES / sizeof(float);
    size_t sites = room / frames < 1 ? 1 : room / frames; /* of a block */
    pass_t pass = {.field = field, .bins = frames / 2 + 1, .mean = mean};
    pass.batch = frames < LONG_SERIES ? BATCH : 1;
    pass.threads = (size_t)omp_get_max_threads();
    pass.columns = sites < field->grid.nx ? sites : field->grid.nx;
    pass.rows = sites / field->grid.nx < 1 ? 1 : sites / field->grid.nx;
    pass.rows = pass.rows > field->grid.ny ? field->grid.ny : pass.rows;
    pass.row_frames = room / field->grid.nx < 1 ? 1 : room / field->grid.nx;
    return pass;
}

uint64_t order_temporal_memory(const field_t *field) {
    pass_t pass = pass_of(field, 0.0);
    size_t sites = pass.rows * pass.columns, batches = (sites + pass.batch - 1) / pass.batch;
    size_t row = pass.columns < field->grid.nx ? pass.row_frames * field->grid.nx : 0;
    return (uint64_t)(field->frames * sites + row) * sizeof(float) + batches * sizeof(sums_t) +
           (batches + 1) * pass.bins * sizeof(double) +
           pass.threads * pass.batch *
               (field->frames * sizeof(double) + pass.bins * sizeof(fftw_complex));
}

static status_t pass_create(const field_t *field, double mean, pass_t *pass) {
    size_t frames = field->frames;
    *pass = pass_of(field, mean);
    size_t batches = (pass->rows * pass->columns + pass->batch - 1) / pass->batch;
    pass->block = malloc(frames * pass->rows * pass->columns * sizeof *pass->block);
    if (pass->columns < field->grid.nx)
        pass->row = malloc(pass->row_frames * field->grid.nx * sizeof *pass->row);
    pass->sums = malloc(batches * sizeof *pass->sums);
    pass->amplitudes = malloc(batches * pass->bins * sizeof *pass->amplitudes);
    pass->amplitude = calloc(pass->bins, sizeof *pass->amplitude);
    pass->series = fftw_alloc_real(pass->threads * pass->batch * frames);
    pass->spectra = fftw_alloc_complex(pass->threads * pass->batch * pass->bins);
    if (pass->block == NULL || (pass->columns < field->grid.nx && pass->row == NULL) ||
        pass->sums == NULL || pass->amplitudes == NULL || pass->amplitude == NULL ||
        pass->series == NULL || pass->spectra == NULL)
        FAIL(STATUS_FAILED, "order parameters: no memory for series of %zu frames", frames);
    int length = (int)frames;
    pass->plan = fftw_plan_many_dft_r2c(1, &length, (int)pass->batch, pass->series, NULL, 1, length,
                                        pass->spectra, NULL, 1, (int)pass->bins,
                                        FFTW_ESTIMATE | FFTW_UNALIGNED);
    if (pass->plan == NULL)
        FAIL(STATUS_FAILED, "order parameters: no transform of %zu frames", frames);
    return STATUS_OK;
}

/* block[frames][n_rows][n_columns] of the sites from (first_row, first_column) on. */
static status_t read_block(pass_t *pass, size_t first_row, size_t n_rows, size_t first_column,
                           size_t n_columns) {
    const field_t *field = pass->field;
    pass->row_at = first_row;
    pass->column_at = first_column;
    pass->columns_at = n_columns;
    if (pass->row == NULL)
        return field->read(field->context, 0, field->frames, first_row, n_rows, pass->block);
    for (size_t first = 0; first < field->frames; first += pass->row_frames) {
        size_t left = field->frames - first, n = left < pass->row_frames ? left : pass->row_frames;
        TRY(field->read(field->context, first, n, first_row, 1, pass->row));
        for (size_t t = 0; t < n; t++)
            for (size_t x = 0; x < n_columns; x++)
                pass->block[(first + t) * n_columns + x] =
                    pass->row[t * field->grid.nx + first_column + x];
    }
    return STATUS_OK;
}

/* series[frames] of one site less its mean; differences from the first frame make a constant
 * series exactly 0. */
static void take_site(const pass_t *pass, const float *values, size_t sites, double *series,
                      sums_t *sums) {
    size_t frames = pass->field->frames;
    double first = (double)values[0], offset = 0.0, variance = 0.0;
    for (size_t t = 0; t < frames; t++) {
        series[t] = (double)values[t * sites] - first;
        offset += series[t];
    }
    offset /= (double)frames;
    for (size_t t = 0; t < frames; t++) {
        series[t] -= offset;
        variance += series[t] * series[t];
    }
    variance /= (double)frames;
    double mean = first + offset;
    sums->variance += variance;
    sums->deviation_squared += (mean - pass->mean) * (mean - pass->mean);
    if (mean != 0.0) {
        sums->cv += sqrt(variance) / fabs(mean);
        sums->with_cv++;
    }
}

static bool has_data(const pass_t *pass, size_t site) {
    return grid_has(&pass->field->grid, pass->row_at + site / pass->columns_at,
                    pass->column_at + site % pass->columns_at);
}

/* Sites [first, end) of a block of `sites`: their sums and summed amplitude spectrum. */
static void take_batch(const pass_t *pass, size_t first, size_t end, size_t sites, sums_t *sums,
                       double *amplitude) {
    size_t frames = pass->field->frames, thread = (size_t)omp_get_thread_num();
    double *series = pass->series + thread * pass->batch * frames;
    fftw_complex *spectra = pass->spectra + thread * pass->batch * pass->bins;
    *sums = (sums_t){0};
    for (size_t s = first; s < first + pass->batch; s++) {
        double *one = series + (s - first) * frames;
        if (s < end && has_data(pass, s))
            take_site(pass, pass->block + s, sites, one, sums);
        else
            for (size_t t = 0; t < frames; t++)
                one[t] = 0.0;
    }
    fftw_execute_dft_r2c(pass->plan, series, spectra);
    for (size_t bin = 0; bin < pass->bins; bin++) {
        amplitude[bin] = 0.0;
        for (size_t s = 0; s < end - first; s++) {
            const double *z = spectra[s * pass->bins + bin];
            amplitude[bin] += sqrt(z[0] * z[0] + z[1] * z[1]);
        }
    }
}

static void take_block(pass_t *pass, size_t sites, sums_t *total) {
    size_t batches = (sites + pass->batch - 1) / pass->batch;
#pragma omp parallel for schedule(dynamic)
    for (size_t b = 0; b < batches; b++) {
        size_t first = b * pass->batch, end = first + pass->batch;
        take_batch(pass, first, end < sites ? end : sites, sites, &pass->sums[b],
                   pass->amplitudes + b * pass->bins);
    }
    for (size_t b = 0; b < batches; b++) {
        total->cv += pass->sums[b].cv;
        total->with_cv += pass->sums[b].with_cv;
        total->variance += pass->sums[b].variance;
        total->deviation_squared += pass->sums[b].deviation_squared;
        for (size_t bin = 0; bin < pass->bins; bin++)
            pass->amplitude[bin] += pass->amplitudes[b * pass->bins + bin];
    }
}

/* Oscillation index, its peak's frequency and the mean one, from amplitude[bins] of `frames`
 * frames. */
static void oscillation(const double *amplitude, size_t bins, double duration_s, order_t *order) {
    size_t peak = 1, left = 0;
    for (size_t bin = 2; bin < bins; bin++)
        if (amplitude[bin] > amplitude[peak])
            peak = bin;
    if (peak <= 1)
        return;
    for (size_t bin = 1; bin < peak; bin++)
        if (amplitude[bin] < amplitude[left])
            left = bin;
    double inside = 0.0, all = 0.0, first_moment = 0.0;
    for (size_t bin = 1; bin < bins; bin++) {
        double power = amplitude[bin] * amplitude[bin];
        all += power;
        first_moment += power * (double)bin;
        inside += bin >= left && bin < 2 * peak - left ? power : 0.0;
    }
    order->oscillation_index = inside / all;
    order->frequency_hz = (double)peak / duration_s;
    order->frequency_mean_hz = first_moment / all / duration_s;
}

static status_t all_blocks(pass_t *pass, sums_t *total) {
    const field_t *field = pass->field;
    for (size_t row = 0; row < field->grid.ny; row += pass->rows) {
        size_t rows = field->grid.ny - row < pass->rows ? field->grid.ny - row : pass->rows;
        for (size_t column = 0; column < field->grid.nx; column += pass->columns) {
            size_t left = field->grid.nx - column,
                   columns = left < pass->columns ? left : pass->columns;
            TRY(read_block(pass, row, rows, column, columns));
            take_block(pass, rows * columns, total);
        }
    }
    return STATUS_OK;
}

status_t order_temporal_pass(const field_t *field, order_t *order) {
    pass_t pass;
    sums_t total = {0};
    status_t status = pass_create(field, order->mean, &pass);
    if (status == STATUS_OK)
        status = all_blocks(&pass, &total);
    if (status == STATUS_OK) {
        double sites = (double)grid_count(&field->grid);
        order->cv = total.with_cv > 0 ? total.cv / (double)total.with_cv : 0.0;
        order->temporal_std = sqrt(total.variance / sites);
        order->static_std = sqrt(total.deviation_squared / sites);
        oscillation(pass.amplitude, pass.bins, (double)field->frames * field->frame_ms * 1e-3,
                    order);
    }
    pass_destroy(&pass);
    return status;
}
