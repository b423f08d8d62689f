#include "host/detect/band.h"

#include <fftw3.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BATCH = 8,          /* sites transformed together */
    MIN_SEGMENT = 16,   /* frames */
    MAX_SEGMENT = 4096, /* resolves rhythms of up to a thousand frames a period */
    BLOCK_BYTES = 48 << 20,
    FIRST_BIN = 2, /* a site's mean leaks to bins 0 and 1 only, through a Hann window */
    POOLED = 12,   /* bins on either side that share their scatter */
};

/* Hann segments that overlap by half: their powers' correlation is 1/36; so is that of bins two
 * apart, and 4/9 of neighbouring ones. A mean over many of either varies by this factor more. */
static const double segments_factor = 1.0 + 2.0 / 36.0;
static const double bins_factor = 1.0 + 2.0 * (4.0 / 9.0 + 1.0 / 36.0);

status_t band_check(band_t band, double frame_ms) {
    double nyquist = 500.0 / frame_ms;
    if (!(band.low_hz > 0.0 && band.low_hz < band.high_hz && band.high_hz < nyquist))
        FAIL(
            STATUS_USAGE,
            "band %g to %g Hz: frames every %g ms show frequencies between 0 and %g Hz; give a low "
            "edge above 0 and a high edge above it, below %g Hz",
            band.low_hz, band.high_hz, frame_ms, nyquist, nyquist);
    return STATUS_OK;
}

typedef struct {
    const field_t *field;
    size_t length, segments, bins, rows, threads; /* bins: [0, length / 2), rows: of a block */
    float *window;                                /* [length] */
    float *block;                                 /* [length][rows][nx] */
    float *series;                                /* [threads][BATCH][length] */
    fftwf_complex *spectra;                       /* [threads][BATCH][length / 2 + 1] */
    double *row_power;                            /* [rows][bins] */
    double *power;                                /* [segments][bins], summed over sites */
    fftwf_plan plan;
} welch_t;

static void welch_destroy(welch_t *welch) {
    free(welch->window);
    free(welch->block);
    fftwf_free(welch->series);
    fftwf_free(welch->spectra);
    free(welch->row_power);
    free(welch->power);
    if (welch->plan)
        fftwf_destroy_plan(welch->plan);
}

static size_t segment_length(size_t frames) {
    size_t length = frames * 2 / 5 / 2 * 2;
    return length > MAX_SEGMENT ? MAX_SEGMENT : length;
}

static status_t welch_create(const field_t *field, welch_t *welch) {
    size_t ny = field->grid.ny, nx = field->grid.nx, length = segment_length(field->frames);
    size_t rows = BLOCK_BYTES / (length * nx * sizeof(float));
    *welch = (welch_t){.field = field, .length = length, .bins = length / 2};
    welch->segments = (field->frames - length) / (length / 2) + 1;
    welch->rows = rows < 1 ? 1 : rows > ny ? ny : rows;
    welch->threads = (size_t)omp_get_max_threads();
    welch->window = malloc(length * sizeof *welch->window);
    welch->block = malloc(length * welch->rows * nx * sizeof *welch->block);
    welch->series = fftwf_alloc_real(welch->threads * BATCH * length);
    welch->spectra = fftwf_alloc_complex(welch->threads * BATCH * (length / 2 + 1));
    welch->row_power = malloc(welch->rows * welch->bins * sizeof *welch->row_power);
    welch->power = calloc(welch->segments * welch->bins, sizeof *welch->power);
    if (!welch->window || !welch->block || !welch->series || !welch->spectra || !welch->row_power ||
        !welch->power)
        FAIL(STATUS_FAILED, "band: no memory for segments of %zu frames", length);
    for (size_t t = 0; t < length; t++) /* from 0 to 0 over `length`: periodic */
        welch->window[t] = (float)pow(sin(M_PI * (double)t / (double)length), 2.0);
    int n = (int)length;
    welch->plan = fftwf_plan_many_dft_r2c(1, &n, BATCH, welch->series, NULL, 1, n, welch->spectra,
                                          NULL, 1, n / 2 + 1, FFTW_ESTIMATE | FFTW_UNALIGNED);
    if (!welch->plan)
        FAIL(STATUS_FAILED, "band: no transform of %zu frames", length);
    return STATUS_OK;
}

/* power[bins] of one row of the block, summed over its sites; false where a value is not finite.
 * Differences from the first frame make a constant series exactly 0. */
static bool row_spectrum(const welch_t *welch, size_t rows, size_t row, size_t y, double *power) {
    size_t nx = welch->field->grid.nx, length = welch->length;
    size_t thread = (size_t)omp_get_thread_num();
    float *series = welch->series + thread * BATCH * length;
    fftwf_complex *spectra = welch->spectra + thread * BATCH * (length / 2 + 1);
    bool finite = true;
    for (size_t bin = 0; bin < welch->bins; bin++)
        power[bin] = 0.0;
    for (size_t first = 0; first < nx; first += BATCH) {
        for (size_t s = 0; s < BATCH; s++) {
            float *one = series + s * length;
            size_t x = first + s;
            if (x >= nx || !grid_has(&welch->field->grid, y, x)) {
                for (size_t t = 0; t < length; t++)
                    one[t] = 0.0f;
                continue;
            }
            const float *value = welch->block + row * nx + x;
            for (size_t t = 0; t < length; t++) {
                float v = value[t * rows * nx];
                finite = finite && isfinite(v);
                one[t] = (v - value[0]) * welch->window[t];
            }
        }
        fftwf_execute_dft_r2c(welch->plan, series, spectra);
        for (size_t s = 0; s < BATCH; s++)
            for (size_t bin = 0; bin < welch->bins; bin++) {
                const float *z = spectra[s * (length / 2 + 1) + bin];
                power[bin] += (double)z[0] * (double)z[0] + (double)z[1] * (double)z[1];
            }
    }
    return finite;
}

static size_t first_bad_frame(const welch_t *welch, size_t rows, size_t first_row) {
    size_t nx = welch->field->grid.nx, i = 0;
    while (!grid_has(&welch->field->grid, first_row + i / nx % rows, i % nx) ||
           isfinite(welch->block[i]))
        i++;
    return i / nx / rows;
}

static status_t segment_spectrum(welch_t *welch, size_t segment) {
    const field_t *field = welch->field;
    size_t ny = field->grid.ny, first_frame = segment * (welch->length / 2);
    double *power = welch->power + segment * welch->bins;
    for (size_t first = 0; first < ny; first += welch->rows) {
        size_t rows = ny - first < welch->rows ? ny - first : welch->rows;
        bool finite = true;
        TRY(field->read(field->context, first_frame, welch->length, first, rows, welch->block));
#pragma omp parallel for schedule(dynamic) reduction(&& : finite)
        for (size_t row = 0; row < rows; row++)
            finite =
                row_spectrum(welch, rows, row, first + row, welch->row_power + row * welch->bins) &&
                finite;
        if (!finite)
            FAIL(STATUS_FAILED,
                 "frame %zu holds a value that is not a number or infinite: a spectrum needs "
                 "complete frames; mask such sites, or leave such frames out",
                 first_frame + first_bad_frame(welch, rows, first));
        for (size_t row = 0; row < rows; row++)
            for (size_t bin = 0; bin < welch->bins; bin++)
                power[bin] += welch->row_power[row * welch->bins + bin];
    }
    return STATUS_OK;
}

/* The mean over segments, and its relative variance: that of a segment's power about it, pooled
 * over bins, and raised by 2.5 of its own errors since it is an estimate. */
static void average(const welch_t *welch, double *mean, double *variance) {
    size_t bins = welch->bins, segments = welch->segments;
    double n = (double)segments, scatter[MAX_SEGMENT / 2];
    for (size_t bin = FIRST_BIN; bin < bins; bin++) {
        double sum = 0.0, squares = 0.0;
        for (size_t s = 0; s < segments; s++)
            sum += welch->power[s * bins + bin];
        mean[bin] = sum / n;
        for (size_t s = 0; s < segments; s++)
            squares += pow(welch->power[s * bins + bin] - mean[bin], 2.0);
        scatter[bin] = mean[bin] > 0.0 ? squares / (n - 1.0) / (mean[bin] * mean[bin]) : 0.0;
    }
    for (size_t bin = FIRST_BIN; bin < bins; bin++) {
        size_t first = bin < FIRST_BIN + POOLED ? FIRST_BIN : bin - POOLED;
        size_t end = bin + POOLED + 1 < bins ? bin + POOLED + 1 : bins;
        double pooled = 0.0, freedom = (double)(end - first) * (n - 1.0) / bins_factor;
        for (size_t k = first; k < end; k++)
            pooled += scatter[k] / (double)(end - first);
        variance[bin] = pooled * (1.0 + 1.5 * sqrt(2.0 / freedom)) * segments_factor / n + 1e-12;
    }
}

/* Chance that the ratio of two powers of one mean, of these relative variances (chi-square of 2 /
 * variance degrees of freedom), exceeds `ratio`: Paulson 1942, Ann. Math. Stat. 13:233. */
static double chance(double ratio, double variance, double other) {
    double root = cbrt(ratio), a = variance / 9.0, b = other / 9.0;
    return 0.5 * erfc(((1.0 - b) * root - (1.0 - a)) / sqrt(2.0 * (b * root * root + a)));
}

/* The weakest run of `width` bins within [first, end): its mean power, and the relative variance
 * of that. Infinite where there is no room. */
static double weakest(const double *mean, const double *variance, size_t width, size_t first,
                      size_t end, double *least_variance) {
    double least = INFINITY;
    for (size_t at = first; at + width <= end; at++) {
        double power = 0.0, spread = 0.0;
        for (size_t k = at; k < at + width; k++) {
            power += mean[k] / (double)width;
            spread += variance[k] / (double)width;
        }
        if (power < least) {
            least = power;
            *least_variance = spread * fmin(1.0, bins_factor / (double)width);
        }
    }
    return least;
}

/* The strongest bin that rises above bins below and above it; 0 if none. */
static size_t find_peak(const double *mean, const double *variance, size_t bins) {
    size_t peak = 0;
    double compared = 8.0 * (double)bins, level = BAND_FALSE_ALARM / compared; /* see band.h */
    for (size_t p = FIRST_BIN + 2; p + 3 <= bins; p++) {
        if (mean[p] < mean[p - 1] || mean[p] < mean[p + 1] || (peak && mean[p] <= mean[peak]))
            continue;
        size_t width = p / 4 > 1 ? p / 4 : 1;
        size_t above = bins - (p + 2) < width ? bins - (p + 2) : width;
        double below_variance = 0.0, above_variance = 0.0;
        double low = mean[p] / weakest(mean, variance, width, FIRST_BIN, p - 1, &below_variance);
        double high = mean[p] / weakest(mean, variance, above, p + 2, bins, &above_variance);
        if (low >= 2.0 && high >= 2.0 && chance(low, variance[p], below_variance) <= level &&
            chance(high, variance[p], above_variance) <= level)
            peak = p;
    }
    return peak;
}

/* A slower bin, too few periods a segment to be told as a rhythm, of which the peak may be a
 * harmonic: half or a third of its frequency, and stronger; 0 if none. */
static size_t slower(const double *mean, size_t peak) {
    size_t most = 0;
    for (size_t bin = FIRST_BIN; bin < FIRST_BIN + 2; bin++) {
        bool part =
            labs((long)(2 * bin) - (long)peak) <= 2 || labs((long)(3 * bin) - (long)peak) <= 3;
        if (part && mean[bin] > mean[most ? most : peak])
            most = bin;
    }
    return most;
}

static void choose(const welch_t *welch, const double *mean, size_t peak, band_choice_t *choice) {
    double bin_hz = 1e3 / (welch->field->frame_ms * (double)welch->length);
    double a = log(mean[peak - 1]), b = log(mean[peak]), c = log(mean[peak + 1]);
    double shift = 0.5 * (a - c) / (a - 2.0 * b + c); /* of a parabola; not a number if flat */
    shift = fabs(shift) <= 0.5 ? shift : 0.0;
    double peak_hz = ((double)peak + shift) * bin_hz, low = peak_hz / 1.5, high = 1.5 * peak_hz;
    size_t bin = (size_t)(low / bin_hz);
    while (bin >= FIRST_BIN && (double)bin * bin_hz > peak_hz / 2.0 && mean[bin] > 0.1 * mean[peak])
        low = (double)bin-- * bin_hz;
    bin = (size_t)ceil(high / bin_hz);
    while (bin < welch->bins && (double)bin * bin_hz < peak_hz * 2.0 &&
           mean[bin] > 0.1 * mean[peak])
        high = (double)bin++ * bin_hz;
    choice->found = true;
    choice->peak_hz = peak_hz;
    choice->band = (band_t){low, fmin(high, 0.9 * 500.0 / welch->field->frame_ms)};
    size_t base = slower(mean, peak);
    int n = snprintf(
        choice->reason, sizeof choice->reason,
        "around the spectrum's peak at %.3g Hz, which noise gives at most once in %g fields",
        peak_hz, 1.0 / BAND_FALSE_ALARM);
    if (base)
        snprintf(
            choice->reason + n, sizeof choice->reason - (size_t)n,
            "; it may be a harmonic: near %.2g Hz there is %.2g times its power, but of too few "
            "periods: record longer, or give that band",
            (double)base * bin_hz, mean[base] / mean[peak]);
}

static status_t decide(const welch_t *welch, band_choice_t *choice) {
    double total = 0.0, *mean = calloc(2 * welch->bins, sizeof *mean);
    if (!mean)
        FAIL(STATUS_FAILED, "band: no memory for %zu frequencies", welch->bins);
    average(welch, mean, mean + welch->bins);
    for (size_t bin = FIRST_BIN; bin < welch->bins; bin++)
        total += mean[bin];
    size_t peak = total > 0.0 ? find_peak(mean, mean + welch->bins, welch->bins) : 0;
    if (peak)
        choose(welch, mean, peak, choice);
    else if (total > 0.0)
        snprintf(
            choice->reason, sizeof choice->reason,
            "no rhythm: no frequency from %.2g Hz on, ten periods of the record, stands out of the "
            "spectrum (false alarms: once in %g fields)",
            (double)(FIRST_BIN + 2) * 1e3 / (welch->field->frame_ms * (double)welch->length),
            1.0 / BAND_FALSE_ALARM);
    else
        snprintf(choice->reason, sizeof choice->reason, "no rhythm: every site is constant");
    free(mean);
    return STATUS_OK;
}

status_t band_choose(const field_t *field, band_choice_t *choice) {
    *choice = (band_choice_t){0};
    if (segment_length(field->frames) < MIN_SEGMENT) {
        snprintf(choice->reason, sizeof choice->reason,
                 "%zu frames are too few to find a rhythm in: at least %d", field->frames,
                 3 * MIN_SEGMENT);
        return STATUS_OK;
    }
    welch_t welch;
    status_t status = welch_create(field, &welch);
    for (size_t s = 0; status == STATUS_OK && s < welch.segments; s++)
        status = segment_spectrum(&welch, s);
    if (status == STATUS_OK)
        status = decide(&welch, choice);
    welch_destroy(&welch);
    return status;
}
