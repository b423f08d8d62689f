#include "host/detect/asynchrony.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/detect/asynchrony_passes.h"

typedef struct {
    const field_t *field;
    site_moments_t moments;
    site_pairs_t pairs;
    site_series_t series;
    double *scratch; /* [rings or lags]: of the blocks that are averaged */
} asynchrony_t;

/* A number from the mean of all blocks but `without` (-1: of all). */
typedef double from_blocks_t(asynchrony_t *a, long without);

static double jackknife(asynchrony_t *a, from_blocks_t *number, size_t blocks) {
    double sum = 0.0, squares = 0.0;
    for (size_t pass = 0; pass < 2; pass++)
        for (size_t b = 0; b < blocks; b++) {
            double one = number(a, (long)b);
            sum += pass == 0 ? one / (double)blocks : 0.0;
            squares += pass == 1 ? (one - sum) * (one - sum) : 0.0;
        }
    return sqrt(squares * (double)(blocks - 1) / (double)blocks);
}

/* mean[size] over block[blocks][size]. */
static void average(const double *block, size_t blocks, size_t size, long without, double *mean) {
    double count = (double)(without < 0 ? blocks : blocks - 1);
    memset(mean, 0, size * sizeof *mean);
    for (size_t b = 0; b < blocks; b++)
        for (size_t k = 0; k < size && (long)b != without; k++)
            mean[k] += block[b * size + k] / count;
}

/* Correlation coefficients [rings]: products over squares. */
static const double *profile(asynchrony_t *a, long without) {
    const site_pairs_t *pairs = &a->pairs;
    double square;
    average(pairs->block, ASYNCHRONY_BLOCKS, pairs->rings, without, a->scratch);
    average(pairs->square, ASYNCHRONY_BLOCKS, 1, without, &square);
    for (size_t k = 0; k < pairs->rings; k++)
        a->scratch[k] /= square;
    return a->scratch;
}

static double mean_correlation(asynchrony_t *a, long without) {
    const double *c = profile(a, without);
    double sum = 0.0, pairs = 0.0;
    for (size_t k = 0; k < a->pairs.rings; k++) {
        sum += c[k] * a->pairs.pairs[k];
        pairs += a->pairs.pairs[k];
    }
    return sum / pairs;
}

static double neighbour_correlation(asynchrony_t *a, long without) {
    return profile(a, without)[0];
}

static double correlation_length(asynchrony_t *a, long without) {
    const double *c = profile(a, without), level = exp(-1.0);
    if (c[0] < level)
        return 0.0;
    double before = 1.0, from = 0.0;
    for (size_t k = 0; k < a->pairs.rings; k++) {
        double distance = a->pairs.distance[k];
        if (c[k] < level) {
            double way = c[k] > 0.0 ? log(before / level) / log(before / c[k])
                                    : (before - level) / (before - c[k]);
            return from + way * (distance - from);
        }
        before = c[k];
        from = distance;
    }
    return NAN;
}

/* Trapezoids to the first zero, in ms. */
static double autocorrelation_time(asynchrony_t *a, long without) {
    const site_series_t *series = &a->series;
    double *c = a->scratch, sum = 0.0;
    average(series->autocorrelation, series->blocks, series->length, without, c);
    for (size_t lag = 1; lag < series->length; lag++) {
        if (c[lag] <= 0.0)
            return (sum + 0.5 * c[lag - 1] * c[lag - 1] / (c[lag - 1] - c[lag])) / c[0] *
                   a->field->frame_ms;
        sum += 0.5 * (c[lag - 1] + c[lag]);
    }
    return NAN;
}

/* From the blocks of time; the number itself is that of the whole record. */
static double synchrony(asynchrony_t *a, long without) {
    double together, alone;
    average(a->series.together, a->series.blocks, 1, without, &together);
    average(a->series.variance, a->series.blocks, 1, without, &alone);
    return sqrt(together / alone);
}

static double synchrony_of_all(const asynchrony_t *a) {
    double frames = (double)a->field->frames, mean = 0.0, variance = 0.0;
    for (size_t t = 0; t < a->field->frames; t++)
        mean += a->moments.population[t] / frames;
    for (size_t t = 0; t < a->field->frames; t++)
        variance += pow(a->moments.population[t] - mean, 2.0) / frames;
    return sqrt(variance / a->moments.variance);
}

static status_t add_numbers(asynchrony_t *a, dataset_t *found) {
    size_t tenths = ASYNCHRONY_BLOCKS, blocks = a->series.blocks;
    double mean = mean_correlation(a, -1), mean_error = jackknife(a, mean_correlation, tenths);
    double near = neighbour_correlation(a, -1);
    double near_error = jackknife(a, neighbour_correlation, tenths);
    double time_ms = autocorrelation_time(a, -1);
    double span_ms = (double)a->field->frames * a->field->frame_ms;
    bool beyond = mean > ASYNCHRONY_ERRORS * mean_error || near > ASYNCHRONY_ERRORS * near_error;
    const struct {
        const char *name, *unit, *long_name;
        double value;
    } numbers[] = {
        {"asynchrony/mean_correlation", "1", "mean correlation coefficient of all pairs", mean},
        {"asynchrony/mean_correlation_error", "1", "its standard error (10 blocks)", mean_error},
        {"asynchrony/neighbour_correlation", "1", "that of the nearest pairs", near},
        {"asynchrony/neighbour_correlation_error", "1", "its standard error (10 blocks)",
         near_error},
        {"asynchrony/correlation_length", a->field->grid.length,
         "distance at which correlation falls to 1/e; 0: below that of neighbours",
         correlation_length(a, -1)},
        {"asynchrony/correlation_length_error", a->field->grid.length,
         "its standard error (10 blocks)", jackknife(a, correlation_length, tenths)},
        {"asynchrony/autocorrelation_time_ms", "ms",
         "integral of the sites' mean autocorrelation to its first zero", time_ms},
        {"asynchrony/autocorrelation_time_ms_error", "ms", "its standard error, by blocks",
         jackknife(a, autocorrelation_time, blocks)},
        {"asynchrony/synchrony_chi", "1",
         "standard deviation of the mean over sites, over the sites' rms one", synchrony_of_all(a)},
        {"asynchrony/synchrony_chi_error", "1", "its standard error, by blocks",
         jackknife(a, synchrony, blocks)},
        {"asynchrony/synchrony_chi_independent", "1", "what independent sites have: 1 / sqrt(N)",
         1.0 / sqrt((double)a->moments.data)},
    };
    TRY(dataset_text(found, "asynchrony/state",
                     !(span_ms >= 20.0 * time_ms) ? "too short to say"
                     : beyond                     ? "correlated"
                                                  : "uncorrelated within errors"));
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        TRY(dataset_number(found, numbers[k].name, numbers[k].value, numbers[k].unit,
                           numbers[k].long_name));
    return STATUS_OK;
}

static status_t add_correlations(asynchrony_t *a, double *error, dataset_t *found) {
    const site_pairs_t *pairs = &a->pairs;
    const char *axis = "asynchrony/distance";
    const double *mean = profile(a, -1);
    for (size_t k = 0; k < pairs->rings; k++) {
        double squares = 0.0;
        for (size_t b = 0; b < ASYNCHRONY_BLOCKS; b++)
            squares += pow(pairs->block[b * pairs->rings + k] - mean[k] * pairs->square[b], 2.0);
        error[k] = sqrt(squares / (ASYNCHRONY_BLOCKS * (ASYNCHRONY_BLOCKS - 1.0)));
    }
    TRY(dataset_axis(found, axis, pairs->rings, pairs->distance, a->field->grid.length,
                     "mean distance of a ring's pairs of sites"));
    TRY(dataset_array(found, "asynchrony/correlation", 1, &axis, mean, "1",
                      "mean correlation coefficient of pairs at that distance"));
    TRY(dataset_array(found, "asynchrony/correlation_error", 1, &axis, error, "1",
                      "its standard error (10 blocks)"));
    return dataset_array(found, "asynchrony/pairs", 1, &axis, pairs->pairs, "1",
                         "number of ordered pairs at that distance");
}

/* places[length]: room. */
static status_t add_series(asynchrony_t *a, double *places, dataset_t *found) {
    const site_series_t *series = &a->series;
    const char *lag = "asynchrony/lag_ms", *frequency = "asynchrony/frequency_hz";
    for (size_t k = 0; k < series->length; k++)
        places[k] = (double)k * a->field->frame_ms;
    TRY(dataset_axis(found, lag, series->length, places, "ms", "time between"));
    average(series->autocorrelation, series->blocks, series->length, -1, a->scratch);
    TRY(dataset_array(found, "asynchrony/autocorrelation", 1, &lag, a->scratch, "1",
                      "autocorrelation, mean over sites"));
    for (size_t k = 0; k <= series->length / 2; k++)
        places[k] = (double)k * 1e3 / ((double)series->length * a->field->frame_ms);
    TRY(dataset_axis(found, frequency, series->length / 2 + 1, places, "Hz", "frequency"));
    TRY(dataset_array(
        found, "asynchrony/site_spectrum", 1, &frequency, series->site, "1/Hz",
        "power density of single sites, mean over them (square of the field's unit)"));
    return dataset_array(found, "asynchrony/population_spectrum", 1, &frequency, series->population,
                         "1/Hz",
                         "power density of the mean over sites (square of the field's unit)");
}

static status_t detect(asynchrony_t *a, dataset_t *found) {
    TRY(site_moments_create(a->field, &a->moments));
    if (a->moments.used < 2)
        FAIL(STATUS_FAILED,
             "correlations: %zu of %zu sites with data change in time: two or more are needed",
             a->moments.used, a->moments.data);
    TRY(site_pairs_create(a->field, &a->moments, &a->pairs));
    TRY(site_series_create(a->field, &a->moments, &a->series));
    size_t most = a->pairs.rings > a->series.length ? a->pairs.rings : a->series.length;
    a->scratch = malloc(2 * most * sizeof *a->scratch);
    if (!a->scratch)
        FAIL(STATUS_FAILED, "correlations: no memory for %zu distances or lags", most);
    TRY(add_numbers(a, found));
    TRY(add_correlations(a, a->scratch + most, found));
    return add_series(a, a->scratch + most, found);
}

status_t asynchrony_detect(const field_t *field, dataset_t *found) {
    asynchrony_t a = {.field = field};
    if (!(field->frame_ms > 0.0) || !isfinite(field->frame_ms))
        FAIL(STATUS_FAILED, "correlations: frames are %g ms apart: their times must rise evenly",
             field->frame_ms);
    if (field->frames < ASYNCHRONY_FRAMES_LEAST)
        FAIL(
            STATUS_FAILED,
            "correlations: %zu frames from the onset on: error bars need %d or more; record longer "
            "or more often",
            field->frames, ASYNCHRONY_FRAMES_LEAST);
    status_t status = detect(&a, found);
    free(a.scratch);
    site_series_destroy(&a.series);
    site_pairs_destroy(&a.pairs);
    site_moments_destroy(&a.moments);
    return status;
}
