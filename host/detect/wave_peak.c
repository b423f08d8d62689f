#include "host/detect/wave_peak.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/detect/select.h"
#include "host/detect/wave.h"

/* The highest bin with a background beyond it. */
static long last_bin(const wave_spectrum_t *spectrum) {
    return (long)spectrum->length / 2 - WAVE_LINE - 2;
}

size_t wave_tests(const harmonics_t *modes, const wave_spectrum_t *spectrum) {
    return 2 * modes->modes * (size_t)(last_bin(spectrum) - WAVE_FIRST + 1);
}

/* Index of the frequency of f bins in a row. */
static size_t place_of(const wave_spectrum_t *spectrum, long f) {
    return (size_t)(f < 0 ? f + (long)spectrum->length : f);
}

/* A line's power with what the window spreads it over. */
static double line_power(const wave_spectrum_t *spectrum, const double *power, long f, long reach) {
    double sum = 0.0;
    for (long k = f - reach; k <= f + reach; k++)
        sum += power[place_of(spectrum, k)];
    return sum;
}

/* Of the whole line: a window over the sheet spreads it over neighbouring modes too. */
static double wave_power(const harmonics_t *modes, const wave_spectrum_t *spectrum, int n_y,
                         int n_x, long f) {
    int around = modes->windowed ? 1 : 0;
    double sum = 0.0;
    for (int y = n_y - around; y <= n_y + around; y++)
        for (int x = n_x - around; x <= n_x + around; x++) {
            int sign;
            long m = harmonics_find(modes, y, x, &sign);
            if (m >= 0)
                sum += line_power(spectrum, spectrum->power + (size_t)m * spectrum->length,
                                  sign * f, WAVE_LINE);
        }
    return sum;
}

/* Power over the larger background of the two sides; 0 where either is not exceeded as it must be.
 */
static double significant(const wave_spectrum_t *spectrum, const double *power, long f,
                          const double *threshold) {
    double peak = power[place_of(spectrum, f)], most = 0.0;
    for (int side = -1; side <= 1; side += 2) {
        size_t bins;
        double background = wave_background(power, spectrum->length, f, side, &bins);
        if (peak <= threshold[bins] * background)
            return 0.0;
        most = background > most ? background : most;
    }
    return peak / most;
}

/* typical[f]: the median over all modes, n and -n, of the power at frequencies of f bins. Noise
 * without a pattern in space has a rhythm in all modes alike. */
static status_t find_typical(const harmonics_t *modes, const wave_spectrum_t *spectrum,
                             double moving, double *typical) {
    float *values = malloc(2 * modes->modes * sizeof *values); /* shares of `moving` */
    if (!values)
        FAIL(STATUS_FAILED, "waves: no memory for %zu modes", modes->modes);
    for (long f = WAVE_FIRST; f <= last_bin(spectrum); f++) {
        for (size_t m = 0; m < modes->modes; m++)
            for (int way = 0; way < 2; way++)
                values[2 * m + (size_t)way] =
                    (float)(spectrum
                                ->power[m * spectrum->length + place_of(spectrum, way ? -f : f)] /
                            moving);
        typical[f] = moving * (double)select_place(values, 2 * modes->modes, modes->modes);
    }
    free(values);
    return STATUS_OK;
}

/* Whether (n, f) is one of the peaks or what a window makes of it. */
static bool is_of(const harmonics_t *modes, const wave_peak_t *peak, size_t count, wave_peak_t of) {
    int around = modes->windowed ? WAVE_LINE : 0;
    for (size_t k = 0; k < count; k++)
        if (abs(peak[k].n_y - of.n_y) <= around && abs(peak[k].n_x - of.n_x) <= around &&
            labs(peak[k].f - of.f) <= 2 * WAVE_LINE)
            return true;
    return false;
}

/* The highest peak beside those there are; share 0 if there is none. */
static wave_peak_t highest(const harmonics_t *modes, const wave_spectrum_t *spectrum, double moving,
                           const double *threshold, const double *typical, const wave_peak_t *peak,
                           size_t count) {
    wave_peak_t best = {0};
    /* The highest of 5 bins, and under a window of 9 modes, for n and for -n. */
    double most = WAVE_SHARE * moving / (modes->windowed ? 90.0 : 10.0);
    for (size_t m = 0; m < modes->modes; m++)
        for (long f = -last_bin(spectrum); f <= last_bin(spectrum); f++) {
            const double *power = spectrum->power + m * spectrum->length;
            double here = power[place_of(spectrum, f)];
            int sign = f < 0 ? -1 : 1;
            if (labs(f) < WAVE_FIRST || here <= most ||
                here <= threshold[WAVE_SIDE] * typical[labs(f)])
                continue;
            wave_peak_t one = {
                .n_y = sign * modes->mode[m].n_y,
                .n_x = sign * modes->mode[m].n_x,
                .f = labs(f),
                .ky = sign * modes->mode[m].ky,
                .kx = sign * modes->mode[m].kx,
                .frequency_hz = (double)labs(f) * spectrum->bin_hz,
                .share = 2.0 *
                         wave_power(modes, spectrum, modes->mode[m].n_y, modes->mode[m].n_x, f) /
                         moving,
                .ratio = significant(spectrum, power, f, threshold)};
            if (one.ratio > 0.0 && one.share >= WAVE_SHARE && !is_of(modes, peak, count, one)) {
                best = one;
                most = here;
            }
        }
    return best;
}

status_t wave_peaks_find(const harmonics_t *modes, const wave_spectrum_t *spectrum, double moving,
                         wave_peak_t peak[WAVE_PEAKS], size_t *count) {
    double threshold[WAVE_SIDE + 1] = {0}, tests = (double)wave_tests(modes, spectrum);
    for (size_t bins = 1; bins <= WAVE_SIDE; bins++)
        threshold[bins] = wave_threshold(spectrum->segments, wave_freedom(spectrum->segments, bins),
                                         WAVE_FALSE_ALARM / tests);
    double *typical = malloc(spectrum->length * sizeof *typical);
    status_t status = typical ? find_typical(modes, spectrum, moving, typical)
                              : status_fail(STATUS_FAILED, __FILE__, __LINE__, "waves: no memory");
    for (*count = 0; status == STATUS_OK && *count < WAVE_PEAKS; ++*count) {
        peak[*count] = highest(modes, spectrum, moving, threshold, typical, peak, *count);
        if (peak[*count].share == 0.0)
            break;
    }
    free(typical);
    return status;
}

void wave_segments_destroy(wave_segments_t *segments) {
    free(segments->series);
    free(segments->power);
    *segments = (wave_segments_t){0};
}

static void add_mode(wave_segments_t *segments, int n_y, int n_x) {
    int sign;
    long m = harmonics_find(segments->modes, n_y, n_x, &sign);
    for (size_t k = 0; k < segments->count; k++)
        if (segments->mode[k] == m)
            return;
    if (m >= 0)
        segments->mode[segments->count++] = m;
}

status_t wave_segments_create(const harmonics_t *modes, const wave_spectrum_t *spectrum,
                              size_t frames, const wave_peak_t *peak, size_t peaks,
                              wave_segments_t *segments) {
    *segments = (wave_segments_t){
        .modes = modes, .spectrum = spectrum, .peak = peak, .peaks = peaks, .frames = frames};
    for (size_t k = 0; k < peaks; k++)
        add_mode(segments, peak[k].n_y, peak[k].n_x);
    for (int d = -1; modes->windowed && d <= 1; d += 2) {
        add_mode(segments, peak[0].n_y + d, peak[0].n_x);
        add_mode(segments, peak[0].n_y, peak[0].n_x + d);
    }
    segments->series = malloc(segments->count * frames * sizeof *segments->series);
    segments->power =
        malloc(spectrum->segments * segments->count * spectrum->length * sizeof *segments->power);
    if (!segments->series || !segments->power) {
        wave_segments_destroy(segments);
        FAIL(STATUS_FAILED, "waves: no memory for %zu frames", frames);
    }
    return STATUS_OK;
}

void wave_segments_take(wave_segments_t *segments, const harmonics_block_t *block) {
    const harmonics_t *modes = segments->modes;
    for (size_t k = 0; k < segments->count; k++)
        for (size_t i = 0; i < block->n; i++)
            segments->series[k * segments->frames + block->first + i] =
                (float complex)
                    block->transform[i * modes->bins + modes->mode[segments->mode[k]].place];
}

/* The mode's spectrum in power[count][length], NULL where it is not among them. */
static const double *row_of(const wave_segments_t *segments, const double *power, int n_y, int n_x,
                            int *sign) {
    long m = harmonics_find(segments->modes, n_y, n_x, sign);
    for (size_t k = 0; m >= 0 && k < segments->count; k++)
        if (segments->mode[k] == m)
            return power + k * segments->spectrum->length;
    return NULL;
}

/* Offset of the centroid of three neighbours. */
static double centroid(double before, double at, double after) {
    return at + before + after > 0.0 ? (after - before) / (before + at + after) : 0.0;
}

static double offset_along(const wave_segments_t *segments, const double *power, long f,
                           const int n[2], int axis) {
    double line[3];
    int sign;
    for (int d = -1; d <= 1; d++) {
        const double *row =
            row_of(segments, power, n[0] + (axis == 0 ? d : 0), n[1] + (axis == 1 ? d : 0), &sign);
        if (!row && d == 0)
            return 0.0;
        line[d + 1] = row ? line_power(segments->spectrum, row, sign * f, 1) : -1.0;
    }
    return harmonics_between(segments->modes, axis, line);
}

static double above(const double *power, size_t place, double background) {
    return power[place] > background ? power[place] - background : 0.0;
}

/* The highest of the bins of the peaks, in power[count][length]. */
static void strongest(const wave_segments_t *segments, const double *power, size_t *best,
                      long *bin) {
    const wave_spectrum_t *spectrum = segments->spectrum;
    double most = -1.0;
    for (size_t k = 0; k < segments->count; k++)
        for (long f = -last_bin(spectrum); f <= last_bin(spectrum); f++) {
            const harmonic_t *mode = &segments->modes->mode[segments->mode[k]];
            int sign = f < 0 ? -1 : 1;
            wave_peak_t one = {.n_y = sign * mode->n_y, .n_x = sign * mode->n_x, .f = labs(f)};
            double here = power[k * spectrum->length + place_of(spectrum, f)];
            if (labs(f) >= WAVE_FIRST && here > most &&
                is_of(segments->modes, segments->peak, segments->peaks, one)) {
                most = here;
                *best = k;
                *bin = f;
            }
        }
}

/* From power[count][length]. */
static void estimate(const wave_segments_t *segments, const double *power,
                     double value[WAVE_NUMBERS]) {
    const wave_spectrum_t *spectrum = segments->spectrum;
    const grid_t *grid = &segments->modes->grid;
    size_t best = 0, bins;
    long f = WAVE_FIRST;
    strongest(segments, power, &best, &f);
    const double *row = power + best * spectrum->length;
    const harmonic_t *mode = &segments->modes->mode[segments->mode[best]];
    int sign = f < 0 ? -1 : 1, n[2] = {sign * mode->n_y, sign * mode->n_x};
    double background = fmax(wave_background(row, spectrum->length, f, -1, &bins),
                             wave_background(row, spectrum->length, f, 1, &bins));
    double bin = (double)labs(f) + centroid(above(row, place_of(spectrum, f - sign), background),
                                            above(row, place_of(spectrum, f), background),
                                            above(row, place_of(spectrum, f + sign), background));
    double y = n[0], x = n[1];
    if (segments->modes->windowed) {
        y += offset_along(segments, power, labs(f), n, 0);
        x += offset_along(segments, power, labs(f), n, 1);
    }
    double ky = y / ((double)grid->ny * grid->dy), kx = x / ((double)grid->nx * grid->dx);
    double with = line_power(spectrum, row, f, 1), against = line_power(spectrum, row, -f, 1);
    value[WAVE_WAVENUMBER] = hypot(ky, kx);
    value[WAVE_FREQUENCY] = bin * spectrum->bin_hz;
    value[WAVE_SPEED] = value[WAVE_FREQUENCY] / value[WAVE_WAVENUMBER];
    value[WAVE_DIRECTION] = atan2(ky, kx);
    value[WAVE_INDEX] = (with - against) / (with + against);
}

/* Whether the window's main lobe holds n = 0, where each frame's mean was taken off. */
static bool near_mean(const wave_segments_t *segments, const double value[WAVE_NUMBERS]) {
    const grid_t *grid = &segments->modes->grid;
    double ky = value[WAVE_WAVENUMBER] * sin(value[WAVE_DIRECTION]);
    double kx = value[WAVE_WAVENUMBER] * cos(value[WAVE_DIRECTION]);
    return fabs(ky) * (double)grid->ny * grid->dy < 2.0 &&
           fabs(kx) * (double)grid->nx * grid->dx < 2.0;
}

/* What the centroids between bins may be off by, with the jackknife's. */
static void add_between(const wave_segments_t *segments, const double value[WAVE_NUMBERS],
                        double error[WAVE_NUMBERS]) {
    const grid_t *grid = &segments->modes->grid;
    double frequency = WAVE_BETWEEN * segments->spectrum->bin_hz, k = 0.0;
    if (segments->modes->windowed)
        k = (near_mean(segments, value) ? WAVE_NEAR_MEAN : WAVE_BETWEEN) *
            hypot(grid->ny > 1 ? 1.0 / ((double)grid->ny * grid->dy) : 0.0,
                  grid->nx > 1 ? 1.0 / ((double)grid->nx * grid->dx) : 0.0);
    double relative = k / value[WAVE_WAVENUMBER];
    error[WAVE_WAVENUMBER] = hypot(error[WAVE_WAVENUMBER], k);
    error[WAVE_FREQUENCY] = hypot(error[WAVE_FREQUENCY], frequency);
    error[WAVE_SPEED] = hypot(
        error[WAVE_SPEED], value[WAVE_SPEED] * hypot(frequency / value[WAVE_FREQUENCY], relative));
    if (grid->ny > 1 && grid->nx > 1)
        error[WAVE_DIRECTION] = hypot(error[WAVE_DIRECTION], relative);
}

static status_t transform_segments(wave_segments_t *segments) {
    const wave_spectrum_t *spectrum = segments->spectrum;
    size_t length = spectrum->length;
    fftw_complex *work = fftw_alloc_complex(length);
    double *window = malloc(length * sizeof *window);
    fftw_plan plan =
        work ? fftw_plan_dft_1d((int)length, work, work, FFTW_BACKWARD, FFTW_ESTIMATE) : NULL;
    bool memory = work && window && plan;
    double norm = memory ? wave_window(window, length) : 1.0;
    for (size_t s = 0; memory && s < spectrum->segments; s++)
        for (size_t k = 0; k < segments->count; k++) {
            const float complex *z = segments->series + k * segments->frames +
                                     wave_segment_start(spectrum, segments->frames, s);
            double *power = segments->power + (s * segments->count + k) * length;
            double complex mean = 0.0;
            for (size_t t = 0; t < length; t++)
                mean += z[t] / (double)length;
            for (size_t t = 0; t < length; t++)
                work[t] = window[t] * (z[t] - mean);
            fftw_execute(plan);
            for (size_t f = 0; f < length; f++)
                power[f] = pow(cabs(work[f]), 2.0) / norm;
        }
    if (plan)
        fftw_destroy_plan(plan);
    free(window);
    fftw_free(work);
    if (!memory)
        FAIL(STATUS_FAILED, "waves: no memory for segments of %zu frames", length);
    return STATUS_OK;
}

status_t wave_segments_estimate(wave_segments_t *segments, double value[WAVE_NUMBERS],
                                double error[WAVE_NUMBERS]) {
    size_t count = segments->spectrum->segments;
    size_t size = segments->count * segments->spectrum->length;
    TRY(transform_segments(segments));
    double *mean = calloc(2 * size + count * WAVE_NUMBERS, sizeof *mean), *others = mean + size;
    if (!mean)
        FAIL(STATUS_FAILED, "waves: no memory for %zu segments", count);
    for (size_t s = 0; s < count; s++)
        for (size_t i = 0; i < size; i++)
            mean[i] += segments->power[s * size + i] / (double)count;
    estimate(segments, mean, value);
    double(*without)[WAVE_NUMBERS] = (double(*)[WAVE_NUMBERS])(others + size);
    for (size_t s = 0; s < count; s++) {
        for (size_t i = 0; i < size; i++)
            others[i] = mean[i] - (segments->power[s * size + i] - mean[i]) / (double)(count - 1);
        estimate(segments, others, without[s]);
        without[s][WAVE_DIRECTION] =
            value[WAVE_DIRECTION] +
            remainder(without[s][WAVE_DIRECTION] - value[WAVE_DIRECTION], 2.0 * M_PI);
    }
    for (int k = 0; k < WAVE_NUMBERS; k++) {
        double average = 0.0, squares = 0.0;
        for (size_t s = 0; s < count; s++)
            average += without[s][k] / (double)count;
        for (size_t s = 0; s < count; s++)
            squares += pow(without[s][k] - average, 2.0);
        error[k] = sqrt(squares * (double)(count - 1) / (double)count);
    }
    add_between(segments, value, error);
    free(mean);
    return STATUS_OK;
}
