#include "host/detect/analytic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 16, TILE = 512, PER_PERIOD = 16 }; /* frames read at once; sites in cache */

/* Output o is the sum over k of taps[k] * input[o * stride + k]; those under way are in slots. */
struct analytic {
    const field_t *field;
    size_t first, frames; /* of the field's */
    size_t half, stride, outputs, slots;
    size_t given, taken; /* outputs given, inputs added */
    float *taps[2];      /* [2 half + 1] real, imaginary */
    float *chunk;        /* [CHUNK][sites] */
    float *reference;    /* [sites]: the first frame, from which differences are taken */
    float *sum;          /* [slots][2][sites] */
};

static size_t half_length(band_t band, double frame_ms) {
    double nyquist = 500.0 / frame_ms;
    double width = fmin(fmin(band.low_hz, band.high_hz - band.low_hz), nyquist - band.high_hz);
    return (size_t)ceil(2.0 * nyquist / width);
}

static size_t stride_of(band_t band, double frame_ms) {
    size_t stride = (size_t)(1e3 / frame_ms / (PER_PERIOD * band.high_hz));
    return stride < 1 ? 1 : stride;
}

size_t analytic_needs(band_t band, double frame_ms, size_t n_frames) {
    return 2 * half_length(band, frame_ms) + 1 + (n_frames - 1) * stride_of(band, frame_ms);
}

/* As analytic.h says; the response at the band's centre is 2 (a cosine has half its amplitude at
 * +f), so that it is divided by half of that. */
static void design(band_t band, double frame_ms, size_t half, float *taps[2]) {
    double centre = M_PI * (band.low_hz + band.high_hz) * frame_ms * 1e-3;
    double width = M_PI * (band.high_hz - band.low_hz) * frame_ms * 1e-3;
    double sum = 0.0, windows = 0.0, gain = 0.0;
    long m = (long)half;
    for (int pass = 0; pass < 3; pass++)
        for (long k = -m; k <= m; k++) {
            double window = pow(cos(0.5 * M_PI * (double)k / (double)(m + 1)), 2.0);
            double h = window * (k ? sin(width * (double)k) / (M_PI * (double)k) : width / M_PI);
            double real = h * cos(centre * (double)k) - (pass ? window * sum / windows : 0.0);
            double imaginary = h * sin(centre * (double)k);
            if (pass == 0) {
                sum += real;
                windows += window;
            } else if (pass == 1) {
                gain += real * cos(centre * (double)k) + imaginary * sin(centre * (double)k);
            } else {
                taps[0][k + m] = (float)(2.0 * real / gain);
                taps[1][k + m] = (float)(2.0 * imaginary / gain);
            }
        }
}

void analytic_destroy(analytic_t *analytic) {
    if (!analytic)
        return;
    free(analytic->taps[0]);
    free(analytic->taps[1]);
    free(analytic->chunk);
    free(analytic->reference);
    free(analytic->sum);
    free(analytic);
}

static status_t allocate(analytic_t *a) {
    size_t sites = grid_sites(&a->field->grid), taps = 2 * a->half + 1;
    for (int part = 0; part < 2; part++)
        a->taps[part] = malloc(taps * sizeof(float));
    a->chunk = malloc(CHUNK * sites * sizeof *a->chunk);
    a->reference = malloc(sites * sizeof *a->reference);
    a->sum = malloc(a->slots * 2 * sites * sizeof *a->sum);
    if (!a->taps[0] || !a->taps[1] || !a->chunk || !a->reference || !a->sum)
        FAIL(STATUS_FAILED, "analytic signal: no memory for %zu frames of %zu sites", a->slots,
             sites);
    return STATUS_OK;
}

status_t analytic_create(const field_t *field, band_t band, size_t first_frame, size_t n_frames,
                         analytic_t **analytic) {
    TRY(band_check(band, field->frame_ms));
    size_t half = half_length(band, field->frame_ms), stride = stride_of(band, field->frame_ms);
    if (n_frames < 2 * half + 1)
        FAIL(STATUS_FAILED,
             "band %.4g to %.4g Hz: its filter spans %zu frames of %g ms, and there are %zu; give "
             "more frames, or a band that is wider and higher",
             band.low_hz, band.high_hz, 2 * half + 1, field->frame_ms, n_frames);
    analytic_t *a = calloc(1, sizeof *a);
    if (!a)
        FAIL(STATUS_FAILED, "analytic signal: no memory");
    *a = (analytic_t){
        .field = field, .first = first_frame, .frames = n_frames, .half = half, .stride = stride};
    a->outputs = (n_frames - 2 * half - 1) / stride + 1;
    a->slots = (2 * half + CHUNK) / stride + 2;
    a->slots = a->slots < a->outputs ? a->slots : a->outputs;
    status_t status = allocate(a);
    if (status != STATUS_OK) {
        analytic_destroy(a);
        return status;
    }
    design(band, field->frame_ms, half, a->taps);
    *analytic = a;
    return STATUS_OK;
}

/* chunk[n][sites] from input frame `taken` on, as differences from the reference. */
static status_t read_chunk(analytic_t *a, size_t n) {
    const field_t *field = a->field;
    const unsigned char *mask = field->grid.mask;
    size_t sites = grid_sites(&field->grid), bad = n;
    TRY(field->read(field->context, a->first + a->taken, n, 0, field->grid.ny, a->chunk));
    if (a->taken == 0)
        memcpy(a->reference, a->chunk, sites * sizeof *a->reference);
#pragma omp parallel for schedule(static) reduction(min : bad)
    for (size_t t = 0; t < n; t++) {
        float *frame = a->chunk + t * sites;
        for (size_t i = 0; i < sites; i++) {
            bool has = !mask || mask[i];
            if (has && !isfinite(frame[i]))
                bad = t < bad ? t : bad;
            frame[i] = has ? frame[i] - a->reference[i] : 0.0f;
        }
    }
    if (bad < n)
        FAIL(STATUS_FAILED,
             "frame %zu holds a value that is not a number or infinite: phases need complete "
             "frames; mask such sites, or leave such frames out",
             a->first + a->taken + bad);
    return STATUS_OK;
}

/* Adds input frames [taken, taken + n) to the sums of all the outputs that they belong to, one
 * after the other: no sum depends on how frames are cut into chunks. */
static void add_chunk(analytic_t *a, size_t n) {
    size_t sites = grid_sites(&a->field->grid), end = a->taken + n, span = 2 * a->half;
    size_t last = (end - 1) / a->stride < a->outputs - 1 ? (end - 1) / a->stride : a->outputs - 1;
#pragma omp parallel for schedule(static)
    for (size_t first = 0; first < sites; first += TILE) {
        size_t width = sites - first < TILE ? sites - first : TILE;
        for (size_t o = a->given; o <= last; o++) {
            float *real = a->sum + (o % a->slots) * 2 * sites + first, *imaginary = real + sites;
            size_t start = o * a->stride, from = start > a->taken ? start : a->taken;
            size_t to = start + span + 1 < end ? start + span + 1 : end;
            if (start >= a->taken) {
                memset(real, 0, width * sizeof *real);
                memset(imaginary, 0, width * sizeof *imaginary);
            }
            for (size_t t = from; t < to; t++) {
                const float *x = a->chunk + (t - a->taken) * sites + first;
                float h = a->taps[0][t - start], g = a->taps[1][t - start];
#pragma omp simd
                for (size_t i = 0; i < width; i++) {
                    real[i] += h * x[i];
                    imaginary[i] += g * x[i];
                }
            }
        }
    }
}

status_t analytic_next(analytic_t *a, float *real, float *imaginary) {
    size_t sites = grid_sites(&a->field->grid), needed = a->given * a->stride + 2 * a->half + 1;
    if (a->given == a->outputs)
        FAIL(STATUS_FAILED, "analytic signal: all %zu frames were given", a->outputs);
    while (a->taken < needed) {
        size_t left = a->frames - a->taken, n = left < CHUNK ? left : CHUNK;
        TRY(read_chunk(a, n));
        add_chunk(a, n);
        a->taken += n;
    }
    const float *sum = a->sum + (a->given++ % a->slots) * 2 * sites;
    memcpy(real, sum, sites * sizeof *real);
    memcpy(imaginary, sum + sites, sites * sizeof *imaginary);
    return STATUS_OK;
}

size_t analytic_frames(const analytic_t *analytic) {
    return analytic->outputs;
}

size_t analytic_left_out(const analytic_t *analytic) {
    return analytic->half;
}

double analytic_start_ms(const analytic_t *analytic) {
    return analytic->field->start_ms +
           (double)(analytic->first + analytic->half) * analytic->field->frame_ms;
}

double analytic_frame_ms(const analytic_t *analytic) {
    return (double)analytic->stride * analytic->field->frame_ms;
}
