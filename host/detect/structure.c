#include "host/detect/structure.h"

#include <fftw3.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/detect/stream.h"

static const double flank = 1.5, z_least = 4.5;

/* Sums over the modes of a ring. */
typedef struct {
    double power, moment; /* |F|^2, |n| |F|^2 */
} ring_t;

typedef struct {
    const grid_t *grid;
    size_t places, threads, rings, padded;
    double side;    /* the longest; rings are 1 / side wide */
    double *window; /* [ny][nx], of mean square 1 over the sheet, 0 without data */
    double *space;  /* [threads][ny][padded] */
    ring_t *ring;   /* [places][rings] */
    ring_t *total;  /* [rings], then the mean pattern's [rings] */
    double *modes;  /* [rings] */
    float *mean;    /* [ny][nx] */
    double *sum;    /* [ny][nx] */
    fftw_plan plan;
} structure_t;

static void structure_destroy(structure_t *s) {
    free(s->window);
    fftw_free(s->space);
    free(s->ring);
    free(s->total);
    free(s->modes);
    free(s->mean);
    free(s->sum);
    if (s->plan)
        fftw_destroy_plan(s->plan);
}

static void make_window(structure_t *s) {
    size_t ny = s->grid->ny, nx = s->grid->nx;
    bool open = s->grid->open || s->grid->mask;
    double squares = 0.0;
    for (size_t i = 0; i < ny * nx; i++) {
        double y = sin(M_PI * ((double)(i / nx) + 0.5) / (double)ny);
        double x = sin(M_PI * ((double)(i % nx) + 0.5) / (double)nx);
        s->window[i] = !grid_has(s->grid, i / nx, i % nx) ? 0.0 : open ? y * y * x * x : 1.0;
        squares += s->window[i] * s->window[i] / (double)(ny * nx);
    }
    for (size_t i = 0; i < ny * nx; i++)
        s->window[i] /= sqrt(squares);
}

/* |n| of mode (row, column) of the half-complex transform, and how many modes it stands for. */
static double mode(const structure_t *s, size_t row, size_t column, double *count) {
    size_t ny = s->grid->ny, nx = s->grid->nx;
    double y = (double)(row <= ny / 2 ? row : ny - row) / ((double)ny * s->grid->dy);
    double x = (double)column / ((double)nx * s->grid->dx);
    *count = column == 0 || 2 * column == nx ? 1.0 : 2.0;
    return hypot(x, y);
}

static status_t structure_create(const field_t *field, structure_t *s) {
    const grid_t *grid = &field->grid;
    size_t ny = grid->ny, nx = grid->nx, sites = ny * nx;
    double side_y = (double)ny * grid->dy, side_x = (double)nx * grid->dx;
    *s = (structure_t){.grid = grid,
                       .places = stream_places(field),
                       .threads = (size_t)omp_get_max_threads(),
                       .padded = 2 * (nx / 2 + 1),
                       .side = fmax(side_x, side_y)};
    /* Whole rings: to the lower of the two axes' highest wave numbers. */
    double highest = fmin(ny > 1 ? 0.5 / grid->dy : INFINITY, nx > 1 ? 0.5 / grid->dx : INFINITY);
    s->rings = isfinite(highest) ? (size_t)(highest * s->side) + 1 : 1;
    s->window = malloc(sites * sizeof *s->window);
    s->space = fftw_alloc_real(s->threads * ny * s->padded);
    s->ring = malloc(s->places * s->rings * sizeof *s->ring);
    s->total = calloc(2 * s->rings, sizeof *s->total);
    s->modes = calloc(s->rings, sizeof *s->modes);
    s->mean = malloc(sites * sizeof *s->mean);
    s->sum = calloc(sites, sizeof *s->sum);
    if (!s->window || !s->space || !s->ring || !s->total || !s->modes || !s->mean || !s->sum)
        FAIL(STATUS_FAILED, "structure factor: no memory for %zu x %zu sites", ny, nx);
    s->plan = fftw_plan_dft_r2c_2d((int)ny, (int)nx, s->space, (fftw_complex *)s->space,
                                   FFTW_ESTIMATE | FFTW_UNALIGNED);
    if (!s->plan)
        FAIL(STATUS_FAILED, "structure factor: no transform of %zu x %zu sites", ny, nx);
    make_window(s);
    for (size_t row = 0; row < ny; row++)
        for (size_t column = 0; column <= nx / 2; column++) {
            double count, n = mode(s, row, column, &count);
            size_t ring = (size_t)rint(n * s->side);
            if (ring < s->rings)
                s->modes[ring] += count;
        }
    return STATUS_OK;
}

/* ring[rings] of a frame. */
static void take_frame(const structure_t *s, const float *values, double *space, ring_t *ring) {
    size_t ny = s->grid->ny, nx = s->grid->nx, sites = ny * nx;
    double first = 0.0, mean = 0.0, weight = 0.0; /* a uniform frame is exactly 0 */
    for (size_t i = 0; i < sites; i++)
        if (s->window[i] > 0.0) {
            first = weight > 0.0 ? first : (double)values[i];
            mean += s->window[i] * ((double)values[i] - first);
            weight += s->window[i];
        }
    mean = first + mean / weight;
    for (size_t i = 0; i < sites; i++)
        space[i / nx * s->padded + i % nx] =
            s->window[i] > 0.0 ? s->window[i] * ((double)values[i] - mean) / (double)sites : 0.0;
    fftw_execute_dft_r2c(s->plan, space, (fftw_complex *)space);
    for (size_t k = 0; k < s->rings; k++)
        ring[k] = (ring_t){0};
    for (size_t row = 0; row < ny; row++)
        for (size_t column = 0; column <= nx / 2; column++) {
            const double *z = space + row * s->padded + 2 * column;
            double count, n = mode(s, row, column, &count);
            size_t at = (size_t)rint(n * s->side);
            if (at >= s->rings)
                continue;
            double power = count * (z[0] * z[0] + z[1] * z[1]);
            ring[at].power += power;
            ring[at].moment += n * power;
        }
}

static void measure(void *context, size_t thread, size_t place, const float *values) {
    structure_t *s = context;
    take_frame(s, values, s->space + thread * s->grid->ny * s->padded, s->ring + place * s->rings);
}

static status_t take(void *context, size_t frame, size_t place, const float *values) {
    structure_t *s = context;
    (void)frame;
    for (size_t k = 0; k < s->rings; k++) {
        s->total[k].power += s->ring[place * s->rings + k].power;
        s->total[k].moment += s->ring[place * s->rings + k].moment;
    }
    for (size_t i = 0; i < grid_sites(s->grid); i++)
        s->sum[i] += s->window[i] > 0.0 ? (double)values[i] : 0.0;
    return STATUS_OK;
}

/* Power of a mode, mean over rings [first, end), and their modes. */
static double mean_power(const structure_t *s, size_t first, size_t end, double *modes) {
    double power = 0.0;
    *modes = 0.0;
    for (size_t k = first; k < end; k++) {
        power += s->total[k].power;
        *modes += s->modes[k];
    }
    return power / *modes;
}

static double power_of(const structure_t *s, size_t ring) {
    return s->total[ring].power / s->modes[ring];
}

/* The ring of the peak; 0 where none stands out. */
static size_t peak_of(const structure_t *s) {
    size_t peak = 1;
    double m, m_below, m_above;
    for (size_t k = 1; k < s->rings; k++)
        if (power_of(s, k) > power_of(s, peak))
            peak = k;
    size_t below = (size_t)ceil((double)peak / flank), above = (size_t)((double)peak * flank) + 1;
    if (below < 2 || above >= s->rings)
        return 0;
    double power = mean_power(s, peak, peak + 1, &m);
    double low = mean_power(s, 1, below, &m_below), high = mean_power(s, above, s->rings, &m_above);
    bool stands = log(power / low) > z_least * sqrt(2.0 / m + 2.0 / m_below) &&
                  log(power / high) > z_least * sqrt(2.0 / m + 2.0 / m_above);
    return stands ? peak : 0;
}

/* Where the power crosses half its maximum, from the peak on, in rings. */
static double half_from(const structure_t *s, size_t peak, int step) {
    double half = power_of(s, peak) / 2.0, here = power_of(s, peak);
    for (size_t k = peak; k + (size_t)step > 0 && k + (size_t)step < s->rings; k += (size_t)step) {
        double next = power_of(s, k + (size_t)step);
        if (next <= half)
            return (double)k + step * (here - half) / (here - next);
        here = next;
    }
    return step > 0 ? (double)(s->rings - 1) : 0.5;
}

static status_t put_peak(const structure_t *s, double predicted, dataset_t *dataset) {
    size_t peak = peak_of(s);
    char unit[32];
    snprintf(unit, sizeof unit, "1/%s", s->grid->length);
    if (!peak)
        return dataset_text(dataset, "pattern/reason",
                            "none: no wave number stands out from longer and shorter waves");
    double low = half_from(s, peak, -1), high = half_from(s, peak, 1), power = 0, moment = 0;
    for (size_t k = (size_t)ceil(low); (double)k <= high; k++) {
        power += s->total[k].power;
        moment += s->total[k].moment;
    }
    TRY(dataset_text(dataset, "pattern/reason", "one wave number stands out"));
    TRY(dataset_number(dataset, "pattern/wavenumber", moment / power, unit,
                       "structure factor's peak, mean |n| within its half maximum"));
    TRY(dataset_number(dataset, "pattern/half_width", (high - low) / 2.0 / s->side, unit,
                       "half its width at half maximum"));
    TRY(dataset_number(dataset, "pattern/wavelength", power / moment, s->grid->length,
                       "its inverse"));
    if (!(predicted > 0.0))
        return STATUS_OK;
    TRY(dataset_number(dataset, "pattern/wavelength_predicted", predicted, s->grid->length,
                       "of the predicted dominant mode"));
    return dataset_number(dataset, "pattern/wavelength_ratio", power / moment / predicted, "1",
                          "observed over predicted");
}

static status_t put_curves(const field_t *field, structure_t *s, dataset_t *dataset) {
    const char *axis = "pattern/wavenumber_axis";
    char unit[32];
    double *curves = malloc(3 * s->rings * sizeof *curves);
    if (!curves)
        FAIL(STATUS_FAILED, "structure factor: no memory for %zu rings", s->rings);
    double *frames = curves + s->rings, *mean = frames + s->rings;
    for (size_t i = 0; i < grid_sites(s->grid); i++)
        s->mean[i] = (float)(s->sum[i] / (double)field->frames);
    take_frame(s, s->mean, s->space, s->total + s->rings);
    for (size_t k = 0; k < s->rings; k++) {
        curves[k] = (double)k / s->side;
        frames[k] = s->total[k].power / (double)field->frames / s->modes[k];
        mean[k] = s->total[s->rings + k].power / s->modes[k];
    }
    snprintf(unit, sizeof unit, "1/%s", s->grid->length);
    status_t status = dataset_axis(dataset, axis, s->rings, curves, unit, "wave number |n|");
    if (status == STATUS_OK)
        status = dataset_array(dataset, "pattern/power_frames", 1, &axis, frames, "1",
                               "variance of a mode with that |n|, mean over frames");
    if (status == STATUS_OK)
        status = dataset_array(dataset, "pattern/power_mean", 1, &axis, mean, "1",
                               "variance of a mode with that |n| in the mean of all frames");
    free(curves);
    return status;
}

status_t structure_detect(const field_t *field, double predicted, dataset_t *dataset) {
    structure_t s;
    status_t status = structure_create(field, &s);
    if (status == STATUS_OK)
        status = stream_frames(field, &(stream_t){&s, measure, take});
    double all = 0.0;
    for (size_t k = 1; status == STATUS_OK && k < s.rings; k++)
        all += s.total[k].power;
    if (status == STATUS_OK && !(all > 0.0))
        status = dataset_text(dataset, "pattern/reason", "none: the field is the same everywhere");
    else if (status == STATUS_OK)
        status = put_peak(&s, predicted, dataset);
    if (status == STATUS_OK && all > 0.0)
        status = put_curves(field, &s, dataset);
    structure_destroy(&s);
    return status;
}
