#include "host/detect/wave_epoch.h"

#include <math.h>
#include <stdlib.h>

#include "host/detect/wave_spectrum.h"

void wave_epochs_destroy(wave_epochs_t *epochs) {
    free(epochs->window);
    free(epochs->sum);
    free(epochs->found);
    *epochs = (wave_epochs_t){0};
}

status_t wave_epochs_create(const field_t *field, const harmonics_t *modes,
                            const double complex *mean, double frequency_hz,
                            wave_epochs_t *epochs) {
    double period = 1e3 / (frequency_hz * field->frame_ms);
    *epochs = (wave_epochs_t){.modes = modes,
                              .mean = mean,
                              .frequency_hz = frequency_hz,
                              .frame_ms = field->frame_ms,
                              .start_ms = field->start_ms,
                              .frames = field->frames};
    epochs->length = (size_t)lrint(WAVE_EPOCH_PERIODS * period);
    epochs->hop = period < 4.0 ? 1 : (size_t)(period / 2.0);
    epochs->hops = (field->frames - epochs->length) / epochs->hop + 1;
    epochs->slots = (epochs->length + epochs->hop - 1) / epochs->hop;
    epochs->window = malloc(epochs->length * sizeof *epochs->window);
    epochs->sum = calloc(epochs->slots * modes->modes * 2, sizeof *epochs->sum);
    epochs->found = calloc(epochs->hops, sizeof *epochs->found);
    if (!epochs->window || !epochs->sum || !epochs->found) {
        wave_epochs_destroy(epochs);
        FAIL(STATUS_FAILED, "wave epochs: no memory for %zu modes", modes->modes);
    }
    wave_window(epochs->window, epochs->length);
    return STATUS_OK;
}

static double square(double complex z) {
    return creal(z) * creal(z) + cimag(z) * cimag(z);
}

/* Power of the wave along (n_y, n_x); 0 where that is not kept. */
static double power_along(const wave_epochs_t *epochs, const double complex *sum, int n_y,
                          int n_x) {
    int sign;
    long m = harmonics_find(epochs->modes, n_y, n_x, &sign);
    return m < 0 ? 0.0 : square(sum[2 * m + (sign < 0)]);
}

static void close_window(const wave_epochs_t *epochs, const double complex *sum, wave_hop_t *hop) {
    const harmonics_t *modes = epochs->modes;
    const grid_t *grid = &modes->grid;
    size_t best = 0;
    double all = 0.0, inside = 0.0, y = 0.0, x = 0.0;
    for (size_t i = 0; i < 2 * modes->modes; i++) {
        all += square(sum[i]);
        best = square(sum[i]) > square(sum[best]) ? i : best;
    }
    *hop = (wave_hop_t){.n_y = modes->mode[best / 2].n_y * (best % 2 ? -1 : 1),
                        .n_x = modes->mode[best / 2].n_x * (best % 2 ? -1 : 1)};
    int around = modes->windowed ? 1 : 0;
    for (int dy = -around; dy <= around; dy++)
        for (int dx = -around; dx <= around; dx++) {
            double power = power_along(epochs, sum, hop->n_y + dy, hop->n_x + dx);
            inside += power;
            y += power * (hop->n_y + dy);
            x += power * (hop->n_x + dx);
        }
    if (inside > 0.0) {
        hop->share = inside / all;
        hop->ky = y / inside / ((double)grid->ny * grid->dy);
        hop->kx = x / inside / ((double)grid->nx * grid->dx);
        hop->phase = carg(sum[best]) * (best % 2 ? -1.0 : 1.0);
    }
}

static void take_frame(wave_epochs_t *epochs, size_t t, const fftw_complex *transform) {
    const harmonics_t *modes = epochs->modes;
    size_t count = modes->modes, last = t / epochs->hop;
    size_t first = t < epochs->length ? 0 : (t - epochs->length) / epochs->hop + 1;
    last = last < epochs->hops ? last : epochs->hops - 1;
    double complex turn = cexp(
        2.0 * M_PI * I * fmod(epochs->frequency_hz * epochs->frame_ms * 1e-3 * (double)t, 1.0));
#pragma omp parallel for schedule(static)
    for (size_t m = 0; m < count; m++) {
        double complex z = transform[modes->mode[m].place] - epochs->mean[modes->mode[m].place];
        double complex along = z * turn, against = z * conj(turn);
        for (size_t h = first; h <= last; h++) {
            double complex *sum = epochs->sum + (h % epochs->slots * count + m) * 2;
            double w = epochs->window[t - h * epochs->hop];
            sum[0] += w * along;
            sum[1] += w * against;
        }
    }
    if (first < epochs->hops && first * epochs->hop + epochs->length == t + 1) {
        double complex *sum = epochs->sum + first % epochs->slots * count * 2;
        close_window(epochs, sum, &epochs->found[first]);
        for (size_t i = 0; i < 2 * count; i++)
            sum[i] = 0.0;
    }
}

void wave_epochs_take(wave_epochs_t *epochs, const harmonics_block_t *block) {
    for (size_t i = 0; i < block->n; i++)
        take_frame(epochs, block->first + i, block->transform + i * epochs->modes->bins);
}

static bool same_wave(const wave_epochs_t *epochs, size_t h) {
    const wave_hop_t *a = &epochs->found[h - 1], *b = &epochs->found[h];
    int apart = epochs->modes->windowed ? 1 : 0;
    return abs(a->n_y - b->n_y) <= apart && abs(a->n_x - b->n_x) <= apart;
}

enum { START, END, DIRECTION, WAVENUMBER, FREQUENCY, SPEED, SHARE, COLUMNS };

/* Windows [first, end). */
static void describe(const wave_epochs_t *epochs, size_t first, size_t end, double row[COLUMNS]) {
    double ky = 0.0, kx = 0.0, share = 0.0, turn = 0.0, steps = 0.0,
           frame_s = epochs->frame_ms * 1e-3;
    for (size_t h = first; h < end; h++) {
        const wave_hop_t *hop = &epochs->found[h];
        ky += hop->ky / (double)(end - first);
        kx += hop->kx / (double)(end - first);
        share += hop->share / (double)(end - first);
        if (h > first && hop->n_y == hop[-1].n_y && hop->n_x == hop[-1].n_x) {
            turn += remainder(hop->phase - hop[-1].phase, 2.0 * M_PI);
            steps += (double)epochs->hop;
        }
    }
    double middle = (double)epochs->length / 2.0, half = (double)epochs->hop / 2.0;
    double start = first == 0 ? 0.0 : (double)(first * epochs->hop) + middle - half;
    double stop = end == epochs->hops ? (double)epochs->frames
                                      : (double)((end - 1) * epochs->hop) + middle + half;
    row[START] = epochs->start_ms + start * epochs->frame_ms;
    row[END] = epochs->start_ms + stop * epochs->frame_ms;
    row[DIRECTION] = atan2(ky, kx) * 180.0 / M_PI;
    row[WAVENUMBER] = hypot(ky, kx);
    row[FREQUENCY] =
        epochs->frequency_hz - (steps > 0.0 ? turn / (2.0 * M_PI * steps * frame_s) : 0.0);
    row[SPEED] = row[FREQUENCY] / row[WAVENUMBER];
    row[SHARE] = share;
}

static status_t add_table(const wave_epochs_t *epochs, double *rows, size_t count, double *column,
                          dataset_t *found) {
    const char *length = epochs->modes->grid.length, *axis = "wave/epoch";
    char per_length[32], per_time[32];
    snprintf(per_length, sizeof per_length, "1/%s", length);
    snprintf(per_time, sizeof per_time, "%s/s", length);
    const struct {
        const char *name, *unit, *long_name;
    } columns[COLUMNS] = {
        [START] = {"wave/epoch_start_ms", "ms", "start of an epoch of one plane wave"},
        [END] = {"wave/epoch_end_ms", "ms", "its end"},
        [DIRECTION] = {"wave/epoch_direction_deg", "degree", "where it travels to, from x to y"},
        [WAVENUMBER] = {"wave/epoch_wavenumber", per_length, "its wave number"},
        [FREQUENCY] = {"wave/epoch_frequency_hz", "Hz", "its frequency"},
        [SPEED] = {"wave/epoch_speed", per_time, "its phase speed"},
        [SHARE] = {"wave/epoch_share", "1", "its share of the band's variance over space, mean"},
    };
    TRY(dataset_axis(found, axis, count, NULL, "1",
                     "epochs in which one plane wave carries more than 60 % of the band's variance "
                     "over space, for 3 periods or more"));
    for (int k = 0; k < COLUMNS; k++) {
        for (size_t i = 0; i < count; i++)
            column[i] = rows[i * COLUMNS + (size_t)k];
        TRY(dataset_array(found, columns[k].name, 1, &axis, column, columns[k].unit,
                          columns[k].long_name));
    }
    double covered = 0.0;
    for (size_t i = 0; i < count; i++)
        covered += rows[i * COLUMNS + END] - rows[i * COLUMNS + START];
    TRY(dataset_number(found, "wave/epochs", (double)count, "1", "number of plane-wave epochs"));
    return dataset_number(found, "wave/epoch_time",
                          covered / ((double)epochs->frames * epochs->frame_ms), "1",
                          "share of the time that plane-wave epochs cover");
}

status_t wave_epochs_add(const wave_epochs_t *epochs, dataset_t *found) {
    size_t count = 0;
    double *rows = malloc((epochs->hops * COLUMNS + epochs->hops) * sizeof *rows);
    if (!rows)
        FAIL(STATUS_FAILED, "wave epochs: no memory");
    for (size_t first = 0, end; first < epochs->hops; first = end) {
        end = first + 1;
        if (epochs->found[first].share <= WAVE_EPOCH_SHARE)
            continue;
        while (end < epochs->hops && epochs->found[end].share > WAVE_EPOCH_SHARE &&
               same_wave(epochs, end))
            end++;
        double *row = rows + count * COLUMNS;
        describe(epochs, first, end, row);
        if ((row[END] - row[START]) * 1e-3 * row[FREQUENCY] >= WAVE_EPOCH_PERIODS)
            count++;
    }
    status_t status = add_table(epochs, rows, count, rows + epochs->hops * COLUMNS, found);
    free(rows);
    return status;
}
