#include "host/detect/motion_series.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/detect/select.h"

enum { MAX_BLOCKS = 16 };
static const double standing_below = 0.5, direction_from = 0.1, direction_errors = 3.0;
static const double degrees = 180.0 / M_PI;

/* The neighbours of place i along an axis of n sites: itself where there is an edge. */
static void neighbours(size_t i, size_t n, bool open, size_t *before, size_t *after) {
    *before = i > 0 ? i - 1 : open ? 0 : n - 1;
    *after = i + 1 < n ? i + 1 : open ? n - 1 : 0;
}

/* The central difference of z[2] between two sites, one-sided where one is not there. */
static void difference(const grid_t *grid, const float *const z[2], size_t here, size_t before,
                       size_t after, double out[2]) {
    if (grid->mask && !grid->mask[before])
        before = here;
    if (grid->mask && !grid->mask[after])
        after = here;
    double half = before != here && after != here ? 0.5 : 1.0;
    for (int k = 0; k < 2; k++)
        out[k] = half * (double)(z[k][after] - z[k][before]);
}

void motion_of_phases(const grid_t *grid, const float *real, const float *imaginary,
                      motion_moment_t *moment) {
    const float *const z[2] = {real, imaginary};
    double sum[2] = {0.0, 0.0}, carried = 0.0, all = 0.0, n = 0.0, aspect = grid->dx / grid->dy;
    for (size_t y = 0; y < grid->ny; y++)
        for (size_t x = 0; x < grid->nx; x++) {
            if (!grid_has(grid, y, x))
                continue;
            size_t nx = grid->nx, i = y * nx + x, left, right, up, down;
            double a = (double)real[i], b = (double)imaginary[i], dx[2], dy[2];
            double modulus = sqrt(a * a + b * b);
            neighbours(x, nx, grid->open, &left, &right);
            neighbours(y, grid->ny, grid->open, &up, &down);
            difference(grid, z, i, y * nx + left, y * nx + right, dx);
            difference(grid, z, i, up * nx + x, down * nx + x, dy);
            double flux_x = a * dx[1] - b * dx[0], flux_y = (a * dy[1] - b * dy[0]) * aspect;
            carried += sqrt(flux_x * flux_x + flux_y * flux_y);
            all += modulus * sqrt(dx[0] * dx[0] + dx[1] * dx[1] +
                                  (dy[0] * dy[0] + dy[1] * dy[1]) * aspect * aspect);
            sum[0] += modulus > 0.0 ? a / modulus : 0.0;
            sum[1] += modulus > 0.0 ? b / modulus : 0.0;
            n += 1.0;
        }
    moment->synchrony = n > 0.0 ? hypot(sum[0], sum[1]) / n : 0.0;
    moment->travelling = all > 0.0 ? carried / all : 0.0;
}

void motion_of_velocities(const grid_t *grid, const float *velocity, float *room,
                          motion_moment_t *moment) {
    size_t sites = grid_sites(grid), n = 0;
    double mean[2] = {0.0, 0.0}, unit[2] = {0.0, 0.0}, speeds = 0.0;
    for (size_t i = 0; i < sites; i++) {
        if (grid->mask && !grid->mask[i])
            continue;
        double x = (double)velocity[i], y = (double)velocity[sites + i],
               speed = sqrt(x * x + y * y);
        mean[0] += x;
        mean[1] += y;
        unit[0] += speed > 0.0 ? x / speed : 0.0;
        unit[1] += speed > 0.0 ? y / speed : 0.0;
        speeds += speed;
        room[n++] = (float)speed;
    }
    moment->speed = n ? (double)select_place(room, n, n / 2) : 0.0;
    moment->order = speeds > 0.0 ? hypot(mean[0], mean[1]) / speeds : 0.0;
    moment->unit_x = n ? unit[0] / (double)n : 0.0;
    moment->unit_y = n ? unit[1] / (double)n : 0.0;
}

void motion_speed_unit(const grid_t *grid, char unit[32]) {
    snprintf(unit, 32, "%.28s/s", grid->length);
}

static double of(const motion_moment_t *moment, size_t offset) {
    return *(const double *)((const char *)moment + offset);
}

static size_t blocks_of(const motion_series_t *s) {
    size_t blocks = s->frames / s->span;
    return blocks > MAX_BLOCKS ? MAX_BLOCKS : blocks < 1 ? 1 : blocks;
}

/* Mean over frames of block b of `blocks`. */
static double block_mean(const motion_series_t *s, size_t offset, size_t b, size_t blocks) {
    size_t first = b * s->frames / blocks, end = (b + 1) * s->frames / blocks;
    double sum = 0.0;
    for (size_t t = first; t < end; t++)
        sum += of(&s->moment[t], offset);
    return sum / (double)(end - first);
}

/* The mean's standard error; infinite where there is one block only. */
static double error_of(const motion_series_t *s, size_t offset) {
    size_t blocks = blocks_of(s);
    double mean = block_mean(s, offset, 0, 1), squares = 0.0, n = (double)blocks;
    for (size_t b = 0; b < blocks; b++)
        squares += pow(block_mean(s, offset, b, blocks) - mean, 2.0);
    return blocks > 1 ? sqrt(squares / (n * (n - 1.0))) : INFINITY;
}

typedef struct {
    const char *name, *long_name, *unit;
    size_t offset;
} row_t;

static const row_t speed_row = {"speed", "median over sites of the phase's speed", NULL,
                                offsetof(motion_moment_t, speed)};
static const row_t rows[] = {
    {"order", "plane-wave index |mean v| / mean |v|: 1 for one plane wave", "1",
     offsetof(motion_moment_t, order)},
    {"travelling", "share of the signal's gradient that turns the phase: 1 travelling, 0 standing",
     "1", offsetof(motion_moment_t, travelling)},
};
static const row_t synchrony_row = {"synchrony", "|mean over sites of exp(i phase)|", "1",
                                    offsetof(motion_moment_t, synchrony)};

static status_t add_number(dataset_t *found, const char *name, const char *unit,
                           const char *long_name, double value, double error) {
    char path[DATASET_NAME], words[160];
    snprintf(path, sizeof path, "flow/%s", name);
    TRY(dataset_number(found, path, value, unit, long_name));
    if (!isfinite(error))
        return STATUS_OK;
    snprintf(path, sizeof path, "flow/%s_error", name);
    snprintf(words, sizeof words, "standard error of %s, from blocks in time", name);
    return dataset_number(found, path, error, unit, words);
}

static status_t add_series(dataset_t *found, const char *name, const char *unit,
                           const char *long_name, const double *values) {
    static const char *const axis[] = {"flow/time"};
    char path[DATASET_NAME];
    snprintf(path, sizeof path, "flow/%s_series", name);
    return dataset_array(found, path, 1, axis, values, unit, long_name);
}

static status_t add_row(const motion_series_t *s, const row_t *row, const char *unit,
                        double *values, dataset_t *found) {
    for (size_t t = 0; t < s->frames; t++)
        values[t] = of(&s->moment[t], row->offset);
    TRY(add_series(found, row->name, unit, row->long_name, values));
    return add_number(found, row->name, unit, row->long_name, block_mean(s, row->offset, 0, 1),
                      error_of(s, row->offset));
}

/* The direction and its error in degrees; false where there is no one direction. */
static bool direction_of(const motion_series_t *s, double *direction, double *error) {
    size_t x_at = offsetof(motion_moment_t, unit_x), y_at = offsetof(motion_moment_t, unit_y);
    double x = block_mean(s, x_at, 0, 1), y = block_mean(s, y_at, 0, 1), length = hypot(x, y);
    double ex = error_of(s, x_at), ey = error_of(s, y_at), spread = hypot(ex, ey);
    *direction = atan2(y, x) * degrees;
    *error = hypot(ex * y, ey * x) / (length * length) * degrees;
    return length >= direction_from && (!isfinite(spread) || length > direction_errors * spread);
}

static status_t add_direction(const motion_series_t *s, double *values, dataset_t *found,
                              const char **word) {
    const char *meaning = "direction of the mean of unit velocities; 0 along x, 90 along y";
    double direction, error;
    for (size_t t = 0; t < s->frames; t++)
        values[t] = atan2(s->moment[t].unit_y, s->moment[t].unit_x) * degrees;
    TRY(add_series(found, "direction", "degree", meaning, values));
    bool one = direction_of(s, &direction, &error);
    *word = one ? "travelling, most of it in one direction" : "travelling, in no one direction";
    return one ? add_number(found, "direction_deg", "degree", meaning, direction, error)
               : STATUS_OK;
}

static status_t add_all(const motion_series_t *s, const grid_t *grid, double *values,
                        dataset_t *found) {
    char unit[32];
    const char *word = "standing: no speed, no direction";
    TRY(add_row(s, &synchrony_row, synchrony_row.unit, values, found));
    if (s->in_phase)
        return dataset_text(
            found, "flow/motion",
            "in phase: less than 1 radian across the sheet, no speed, no direction");
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++)
        TRY(add_row(s, &rows[k], rows[k].unit, values, found));
    if (dataset_value(found, "flow/travelling") >= standing_below) {
        motion_speed_unit(grid, unit);
        TRY(add_row(s, &speed_row, unit, values, found));
        TRY(add_direction(s, values, found, &word));
    }
    TRY(dataset_text(found, "flow/motion", word));
    return dataset_number(found, "flow/unconverged",
                          block_mean(s, offsetof(motion_moment_t, unconverged), 0, 1), "1",
                          "share of velocity fields whose solution ended at its bound");
}

status_t motion_series_add(const motion_series_t *series, const grid_t *grid, dataset_t *found) {
    double *values = malloc(series->frames * sizeof *values);
    if (!values)
        FAIL(STATUS_FAILED, "motion: no memory for %zu frames", series->frames);
    status_t status = add_all(series, grid, values, found);
    free(values);
    return status;
}
