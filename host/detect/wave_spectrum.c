#include "host/detect/wave_spectrum.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { SEGMENT_LEAST = 32, SEGMENT_MOST = 512 };

static bool even_and_smooth(size_t n) {
    bool even = n % 2 == 0;
    for (size_t prime = 2; prime <= 5; prime++)
        while (n % prime == 0)
            n /= prime;
    return even && n == 1;
}

size_t wave_segment_length(size_t frames) {
    size_t length = frames / 3;
    length = length < SEGMENT_LEAST ? SEGMENT_LEAST : length;
    length = length > SEGMENT_MOST ? SEGMENT_MOST : length;
    while (!even_and_smooth(length))
        length--;
    return length;
}

size_t wave_segment_start(const wave_spectrum_t *spectrum, size_t frames, size_t segment) {
    return segment * (frames - spectrum->length) / (spectrum->segments - 1);
}

double wave_window(double *window, size_t length) {
    double squares = 0.0;
    for (size_t t = 0; t < length; t++) {
        double s = sin(M_PI * (double)t / (double)length);
        window[t] = s * s;
        squares += window[t] * window[t];
    }
    return squares * (double)length;
}

typedef struct {
    const harmonics_t *modes;
    wave_spectrum_t *spectrum;
    double origin, mean, square;    /* the first frame's mean; the others', from there */
    size_t frames, segment, filled; /* the segment that is being filled, and how far */
    float complex *series;          /* [modes][length] */
    double *window;
    double norm;
    fftw_complex *work; /* [threads][length] */
    fftw_plan plan;
} welch_t;

static void welch_destroy(welch_t *welch) {
    free(welch->series);
    free(welch->window);
    fftw_free(welch->work);
    if (welch->plan)
        fftw_destroy_plan(welch->plan);
}

static status_t welch_create(const field_t *field, const harmonics_t *modes,
                             wave_spectrum_t *spectrum, welch_t *welch) {
    size_t length = spectrum->length;
    *welch = (welch_t){.modes = modes, .spectrum = spectrum, .frames = field->frames};
    welch->series = malloc(modes->modes * length * sizeof *welch->series);
    welch->window = malloc(length * sizeof *welch->window);
    welch->work = fftw_alloc_complex((size_t)omp_get_max_threads() * length);
    if (!welch->series || !welch->window || !welch->work)
        FAIL(STATUS_FAILED, "waves: no memory for %zu modes of %zu frames", modes->modes, length);
    welch->norm = wave_window(welch->window, length);
    welch->plan = fftw_plan_dft_1d((int)length, welch->work, welch->work, FFTW_BACKWARD,
                                   FFTW_ESTIMATE | FFTW_UNALIGNED);
    if (!welch->plan)
        FAIL(STATUS_FAILED, "waves: no transform of %zu frames", length);
    return STATUS_OK;
}

static void add_segment(const welch_t *welch) {
    size_t length = welch->spectrum->length;
#pragma omp parallel for schedule(static)
    for (size_t m = 0; m < welch->modes->modes; m++) {
        fftw_complex *work = welch->work + (size_t)omp_get_thread_num() * length;
        const float complex *z = welch->series + m * length;
        double *power = welch->spectrum->power + m * length;
        double complex mean = 0.0;
        for (size_t t = 0; t < length; t++)
            mean += z[t];
        mean /= (double)length;
        for (size_t t = 0; t < length; t++)
            work[t] = welch->window[t] * (z[t] - mean);
        fftw_execute_dft(welch->plan, work, work);
        for (size_t f = 0; f < length; f++)
            power[f] += (creal(work[f]) * creal(work[f]) + cimag(work[f]) * cimag(work[f])) /
                        welch->norm / (double)welch->spectrum->segments;
    }
}

/* The next n frames of the segment. */
static void fill(welch_t *welch, const fftw_complex *transform, size_t n) {
    size_t length = welch->spectrum->length, bins = welch->modes->bins;
#pragma omp parallel for schedule(static)
    for (size_t m = 0; m < welch->modes->modes; m++)
        for (size_t i = 0; i < n; i++)
            welch->series[m * length + welch->filled + i] =
                (float complex)transform[i * bins + welch->modes->mode[m].place];
    welch->filled += n;
}

/* What the next segment shares with this one moves to its beginning. */
static void next_segment(welch_t *welch) {
    const wave_spectrum_t *spectrum = welch->spectrum;
    size_t length = spectrum->length, step = 0;
    if (++welch->segment < spectrum->segments)
        step = wave_segment_start(spectrum, welch->frames, welch->segment) -
               wave_segment_start(spectrum, welch->frames, welch->segment - 1);
    for (size_t m = 0; m < welch->modes->modes; m++)
        memmove(welch->series + m * length, welch->series + m * length + step,
                (length - step) * sizeof *welch->series);
    welch->filled = length - step;
}

static void take(void *context, const harmonics_block_t *block) {
    welch_t *welch = context;
    wave_spectrum_t *spectrum = welch->spectrum;
    size_t bins = welch->modes->bins, used = 0;
    for (size_t i = 0; i < block->n; i++) {
        bool start = block->first + i == 0;
        welch->origin = start ? block->mean[i] : welch->origin;
        double from = block->mean[i] - welch->origin;
        welch->mean += from / (double)welch->frames;
        welch->square += from * from / (double)welch->frames;
        spectrum->variance += block->variance[i] / (double)welch->frames;
        if (start || block->mean[i] < spectrum->mean_least)
            spectrum->mean_least = block->mean[i];
        if (start || block->mean[i] > spectrum->mean_most)
            spectrum->mean_most = block->mean[i];
    }
#pragma omp parallel for schedule(static)
    for (size_t b = 0; b < bins; b++)
        for (size_t i = 0; i < block->n; i++)
            spectrum->mean[b] += block->transform[i * bins + b] / (double)welch->frames;
    while (used < block->n && welch->segment < spectrum->segments) {
        size_t room = spectrum->length - welch->filled, left = block->n - used;
        size_t some = left < room ? left : room;
        fill(welch, block->transform + used * bins, some);
        used += some;
        if (welch->filled == spectrum->length) {
            add_segment(welch);
            next_segment(welch);
        }
    }
}

void wave_spectrum_destroy(wave_spectrum_t *spectrum) {
    free(spectrum->power);
    free(spectrum->mean);
    *spectrum = (wave_spectrum_t){0};
}

static status_t measure(const field_t *field, const harmonics_t *modes, wave_spectrum_t *spectrum) {
    welch_t welch = {0};
    spectrum->power = calloc(modes->modes * spectrum->length, sizeof *spectrum->power);
    spectrum->mean = calloc(modes->bins, sizeof *spectrum->mean);
    if (!spectrum->power || !spectrum->mean)
        FAIL(STATUS_FAILED, "waves: no memory for a spectrum of %zu modes and %zu frequencies",
             modes->modes, spectrum->length);
    status_t status = welch_create(field, modes, spectrum, &welch);
    if (status == STATUS_OK)
        status = harmonics_stream(modes, field, take, &welch);
    welch_destroy(&welch);
    spectrum->uniform = fmax(welch.square - welch.mean * welch.mean, 0.0);
    for (size_t b = 0; b < modes->bins; b++)
        spectrum->at_rest += harmonics_twice(modes, b) * pow(cabs(spectrum->mean[b]), 2.0);
    return status;
}

status_t wave_spectrum_create(const field_t *field, const harmonics_t *modes,
                              wave_spectrum_t *spectrum) {
    *spectrum = (wave_spectrum_t){.length = wave_segment_length(field->frames)};
    spectrum->segments = 1 + (field->frames - spectrum->length) / (spectrum->length / 2);
    spectrum->bin_hz = 1e3 / (field->frame_ms * (double)spectrum->length);
    status_t status = measure(field, modes, spectrum);
    if (status != STATUS_OK)
        wave_spectrum_destroy(spectrum);
    return status;
}

double wave_background(const double *power, size_t length, long f, int side, size_t *bins) {
    long at = labs(f), first, last;
    if (side < 0) {
        last = at - WAVE_LINE - 1 < 1 ? 1 : at - WAVE_LINE - 1;
        first = last - WAVE_SIDE + 1 < 1 ? 1 : last - WAVE_SIDE + 1;
    } else {
        first = at + WAVE_LINE + 1;
        last = first + WAVE_SIDE - 1 < (long)length / 2 - 1 ? first + WAVE_SIDE - 1
                                                            : (long)length / 2 - 1;
    }
    double sum = 0.0;
    for (long k = first; k <= last; k++)
        sum += power[k] + power[(long)length - k];
    *bins = last < first ? 0 : (size_t)(last - first + 1);
    return sum / (2.0 * (double)*bins);
}

/* n neighbouring bins of a Hann-windowed transform, whose powers correlate by (2/3)^2 and (1/6)^2,
 * count as so many. */
static double independent_bins(double n) {
    double inflation = 1.0 + 2.0 * (4.0 / 9.0) * (n - 1.0) / n;
    return n / (n > 2.0 ? inflation + 2.0 / 36.0 * (n - 2.0) / n : inflation);
}

/* log E e^{s (P - xB)}, s < 3/4 K: minus the log of the determinant of 1 - s R / K, R the segments'
 * correlation matrix, tridiagonal (1, 1/6), in closed form. */
static double exponent(double s, double x, double freedom, size_t segments) {
    double k = (double)segments, a = 1.0 - s / k, root = sqrt(a * a - s * s / (9.0 * k * k));
    double q = (a - root) / (a + root);
    double rest = q < 1.0 - 1e-9 ? (1.0 - pow(q, k + 1.0)) / (1.0 - q) : k + 1.0;
    return -freedom * log1p(s * x / freedom) - k * log((a + root) / 2.0) - log(rest);
}

static double log_bound(double x, double freedom, size_t segments) {
    double low = 0.0, high = 0.75 * (double)segments * (1.0 - 1e-9);
    for (int k = 0; k < 40; k++) { /* the exponent is convex in s; its minimum within 1e-7 of it */
        double a = low + (high - low) / 3.0, b = high - (high - low) / 3.0;
        if (exponent(a, x, freedom, segments) < exponent(b, x, freedom, segments))
            high = b;
        else
            low = a;
    }
    return exponent(low, x, freedom, segments);
}

double wave_freedom(size_t segments, size_t bins) {
    double k = (double)segments;
    return 2.0 * independent_bins((double)bins) * k / (1.0 + 2.0 / 36.0 * (k - 1.0) / k);
}

double wave_threshold(size_t segments, double freedom, double p) {
    double low = 1.0, high = 1e12;
    while (high / low > 1.001) {
        double x = sqrt(low * high);
        if (log_bound(x, freedom, segments) > log(p))
            low = x;
        else
            high = x;
    }
    return high;
}
