/* Waves of fields whose answers are known. `test_wave FIELDS` draws so many noise fields of each
 * kind at full size, and prints every number. */
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/detect/wave.h"
#include "host/detect/wave_spectrum.h"
#include "tests/patterns.h"

static size_t long_fields = 0;

static const struct {
    size_t n_y, n_x, frames;
    double nx, ny;
} sizes[] = {
    {32, 32, 200, 2, 1}, {40, 60, 200, -3, 2}, {64, 64, 160, 1, -4}, {100, 100, 150, 5, 3}};
static const double noises[] = {0.0, 0.3, 1.0};
enum { SIZES = 4, NOISES = 3 };

/* 43.7 Hz in frames of 2 ms: between bins for each of those lengths, of 5.2 and 4.4 periods a
 * segment. */
static pattern_t pattern_of(pattern_kind_t kind, int size, double noise) {
    return (pattern_t){.kind = kind,
                       .frames = sizes[size].frames,
                       .n_y = sizes[size].n_y,
                       .n_x = sizes[size].n_x,
                       .frame_ms = 2.0,
                       .frequency_hz = 43.7,
                       .nx = sizes[size].nx,
                       .ny = sizes[size].ny,
                       .noise = noise,
                       .seed = 7};
}

static void detect(pattern_t pattern, dataset_t *found) {
    pattern_field_t f;
    *found = (dataset_t){0};
    pattern_create(pattern, &f);
    status_t status = waves_detect(&f.field, found);
    if (status != STATUS_OK)
        fail_msg("%s", status_message());
    pattern_destroy(&f);
}

static void assert_kind(const dataset_t *found, const char *kind) {
    assert_string_equal(dataset_find(found, "wave/kind")->text, kind);
}

static double column(const dataset_t *found, const char *name, size_t row) {
    return dataset_find(found, name)->values[row];
}

/* The promised 5 % and 3 degrees. */
static void check_motion(const dataset_t *found, const pattern_t *p, double worst[2]) {
    double n = hypot(p->nx, p->ny), direction = atan2(p->ny, p->nx) * 180.0 / M_PI;
    double speed = fabs(dataset_value(found, "wave/speed") * n / p->frequency_hz - 1.0);
    double turned = fabs(remainder(dataset_value(found, "wave/direction_deg") - direction, 360.0));
    worst[0] = fmax(worst[0], speed);
    worst[1] = fmax(worst[1], turned);
    assert_true(speed < 0.05 && turned < 3.0);
    double error = dataset_value(found, "wave/speed_error") / dataset_value(found, "wave/speed");
    assert_true(error > 0.0 && speed < 4.0 * error && error < 0.05);
}

static void test_plane_waves(void **state) {
    (void)state;
    double worst[2] = {0};
    for (int size = 0; size < SIZES; size++)
        for (int k = 0; k < NOISES; k++) {
            pattern_t p = pattern_of(PATTERN_PLANE, size, noises[k]);
            dataset_t found;
            detect(p, &found);
            assert_kind(&found, "travelling");
            check_motion(&found, &p, worst);
            assert_true(dataset_value(&found, "wave/travelling_index") > 0.95);
            assert_float_equal(dataset_value(&found, "wave/wavenumber"), hypot(p.nx, p.ny), 1e-12);
            assert_true(fabs(dataset_value(&found, "wave/frequency_hz") - p.frequency_hz) <
                        0.05 * p.frequency_hz);
            assert_int_equal(dataset_find_axis(&found, "wave/peak")->size, 1);
            /* white noise of variance s^2 beside a wave of 1/2; the noise in its line is little */
            assert_float_equal(column(&found, "wave/peak_share", 0),
                               0.5 / (0.5 + noises[k] * noises[k]), 0.03);
            assert_true(dataset_value(&found, "wave/epoch_time") == 1.0);
            assert_float_equal(column(&found, "wave/epoch_frequency_hz", 0), p.frequency_hz, 0.5);
            dataset_destroy(&found);
        }
    print_message("plane waves: speed within %.2f %%, direction within %.2g degrees\n",
                  100.0 * worst[0], worst[1]);
}

/* A patch: wavelengths that do not fit it. */
static void test_open_plane_waves(void **state) {
    (void)state;
    double worst[2] = {0};
    for (int size = 0; size < SIZES; size++)
        for (int k = 0; k < NOISES; k++) {
            pattern_t p = pattern_of(PATTERN_PLANE, size, noises[k]);
            p.open = true;
            p.nx *= 1.17;
            p.ny *= 1.23;
            dataset_t found;
            detect(p, &found);
            assert_kind(&found, "travelling");
            check_motion(&found, &p, worst);
            dataset_destroy(&found);
        }
    print_message("plane waves on a patch: speed within %.2f %%, direction within %.2g degrees\n",
                  100.0 * worst[0], worst[1]);
}

static void test_two_waves(void **state) {
    (void)state;
    for (int size = 0; size < SIZES; size++)
        for (int k = 0; k < NOISES; k++) {
            pattern_t p = pattern_of(PATTERN_TWO, size, noises[k]);
            dataset_t found;
            double worst[2] = {0};
            detect(p, &found);
            assert_kind(&found, "travelling");
            check_motion(&found, &p, worst);
            assert_int_equal(dataset_find_axis(&found, "wave/peak")->size, 2);
            assert_float_equal(column(&found, "wave/peak_nx", 0), p.nx, 0.0);
            assert_float_equal(column(&found, "wave/peak_ny", 0), p.ny, 0.0);
            assert_float_equal(column(&found, "wave/peak_nx", 1), -p.ny, 0.0);
            assert_float_equal(column(&found, "wave/peak_ny", 1), p.nx, 0.0);
            double bin_hz = 500.0 / (double)wave_segment_length(p.frames);
            assert_true(fabs(column(&found, "wave/peak_frequency_hz", 1) - 1.5 * p.frequency_hz) <
                        0.6 * bin_hz);
            assert_float_equal(column(&found, "wave/peak_share", 1) /
                                   column(&found, "wave/peak_share", 0),
                               0.25, 0.02);
            dataset_destroy(&found);
        }
}

static void test_standing_waves(void **state) {
    (void)state;
    for (int size = 0; size < SIZES; size++)
        for (int k = 0; k < NOISES; k++) {
            dataset_t found;
            detect(pattern_of(PATTERN_STANDING, size, noises[k]), &found);
            assert_kind(&found, "standing, or both ways");
            assert_true(fabs(dataset_value(&found, "wave/travelling_index")) < 0.1);
            assert_true(isnan(dataset_value(&found, "wave/direction_deg")));
            assert_float_equal(dataset_value(&found, "wave/frequency_hz"), 43.7, 0.05 * 43.7);
            assert_int_equal(dataset_find_axis(&found, "wave/peak")->size, 2);
            assert_float_equal(column(&found, "wave/peak_nx", 0),
                               -column(&found, "wave/peak_nx", 1), 0.0);
            assert_float_equal(dataset_value(&found, "wave/epochs"), 0.0, 0.0);
            dataset_destroy(&found);
        }
}

static void test_stripes_are_at_rest(void **state) {
    (void)state;
    for (int size = 0; size < SIZES; size++)
        for (int k = 0; k < NOISES; k++) {
            pattern_t p = pattern_of(PATTERN_STRIPES, size, noises[k]);
            dataset_t found;
            detect(p, &found);
            assert_kind(&found, "at rest");
            assert_float_equal(dataset_value(&found, "wave/wavenumber"), hypot(p.nx, p.ny), 1e-12);
            assert_float_equal(dataset_value(&found, "wave/frequency_hz"), 0.0, 0.0);
            assert_float_equal(dataset_value(&found, "wave/speed"), 0.0, 0.0);
            assert_true(isnan(dataset_value(&found, "wave/direction_deg")));
            assert_int_equal(dataset_find_axis(&found, "wave/peak")->size, 0);
            dataset_destroy(&found);
        }
}

static void test_noise_is_silent(void **state) {
    (void)state;
    size_t fields = long_fields ? long_fields : 200;
    const struct {
        const char *name;
        double correlation, keep;
        bool open;
    } kinds[] = {{"white", 0.0, 0.0, false},
                 {"slow, AR(1) of 0.9", 0.0, 0.9, false},
                 {"blurred, slow, AR(1) of 0.9", 2.0, 0.9, false},
                 {"blurred, slow, a patch", 2.0, 0.9, true}};
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        size_t detections = 0;
        for (size_t k = 0; k < fields; k++) {
            pattern_t p = pattern_of(PATTERN_NOISE, 0, 1.0);
            p.frames = long_fields ? 400 : 96;
            p.n_y = long_fields ? 64 : 16;
            p.n_x = long_fields ? 80 : 20;
            p.correlation = kinds[kind].correlation;
            p.keep = kinds[kind].keep;
            p.open = kinds[kind].open;
            p.seed = 1000 + k;
            dataset_t found;
            detect(p, &found);
            detections += strcmp(dataset_find(&found, "wave/kind")->text, "none") != 0;
            assert_true(detections > 0 || isnan(dataset_value(&found, "wave/wavenumber")));
            assert_true(detections > 0 || dataset_value(&found, "wave/epochs") == 0.0);
            dataset_destroy(&found);
        }
        print_message("noise, %s: %zu detections in %zu fields\n", kinds[kind].name, detections,
                      fields);
        assert_int_equal(detections, 0); /* expected: fields x 1e-4 at most */
    }
}

/* Independent sites that resonate, AR(2) at 20 Hz: a rhythm, but no waves. */
static void test_resonators_are_silent(void **state) {
    (void)state;
    const double radius = 0.97, turn = 2.0 * M_PI * 20.0 * 2e-3;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        pattern_t p = pattern_of(PATTERN_NOISE, 1, 1.0);
        p.frames = 600;
        p.seed = seed;
        pattern_field_t f;
        pattern_create(p, &f);
        size_t sites = p.n_y * p.n_x;
        for (size_t i = 2 * sites; i < p.frames * sites; i++)
            f.values[i] += (float)(2.0 * radius * cos(turn) * (double)f.values[i - sites] -
                                   radius * radius * (double)f.values[i - 2 * sites]);
        dataset_t found = {0};
        assert_int_equal(waves_detect(&f.field, &found), STATUS_OK);
        assert_kind(&found, "none");
        dataset_destroy(&found);
        pattern_destroy(&f);
    }
}

/* At a level where false alarms can be counted: noise exceeds it as often as said, or less, but not
 * much less (the bound is within a factor of 30). */
static void test_threshold_holds(void **state) {
    (void)state;
    const double level = 0.01;
    pattern_t p = pattern_of(PATTERN_NOISE, 0, 1.0);
    p.frames = 400;
    pattern_field_t f;
    harmonics_t modes;
    wave_spectrum_t spectrum;
    pattern_create(p, &f);
    assert_int_equal(harmonics_create(&f.field.grid, 10000, &modes), STATUS_OK);
    assert_int_equal(wave_spectrum_create(&f.field, &modes, &spectrum), STATUS_OK);
    size_t counted = 0, above = 0;
    double sum = 0.0, threshold = wave_threshold(spectrum.segments,
                                                 wave_freedom(spectrum.segments, WAVE_SIDE), level);
    for (size_t m = 0; m < modes.modes; m++) {
        const double *power = spectrum.power + m * spectrum.length;
        for (size_t k = 0; k < spectrum.length; k++)
            sum += power[k];
        for (long at = 11; at < (long)spectrum.length / 2 - 12; at++) {
            size_t bins;
            counted++;
            above += power[at] > threshold * wave_background(power, spectrum.length, at, 1, &bins);
        }
    }
    /* variance 1 over 1024 modes of the plane, of which `modes` are kept; the segments' means are
     * taken away with 1 / length of it */
    assert_float_equal(sum, (double)modes.modes / 1024.0 * (1.0 - 1.0 / (double)spectrum.length),
                       0.01);
    double rate = (double)above / (double)counted;
    print_message("threshold %.3g at level %g: exceeded by %.2g of %zu bins\n", threshold, level,
                  rate, counted);
    assert_true(rate < level && rate > level / 30.0);
    wave_spectrum_destroy(&spectrum);
    harmonics_destroy(&modes);
    pattern_destroy(&f);
}

/* One mode's power, from the formulas alone. */
static void test_power_by_definition(void **state) {
    (void)state;
    enum { FRAMES = 80, NY = 6, NX = 9, LENGTH = 30 };
    pattern_t p = {.kind = PATTERN_NOISE,
                   .frames = FRAMES,
                   .n_y = NY,
                   .n_x = NX,
                   .frame_ms = 1.0,
                   .noise = 1.0,
                   .seed = 3};
    for (int open = 0; open < 2; open++) {
        pattern_field_t f;
        harmonics_t modes;
        wave_spectrum_t spectrum;
        p.open = open;
        pattern_create(p, &f);
        assert_int_equal(harmonics_create(&f.field.grid, 1000, &modes), STATUS_OK);
        assert_int_equal(wave_spectrum_create(&f.field, &modes, &spectrum), STATUS_OK);
        size_t length = spectrum.length;
        int sign;
        long m = harmonics_find(&modes, -2, 3, &sign);
        assert_true(m >= 0 && sign == 1 && length == 32 && spectrum.segments == 4);
        double complex z[FRAMES];
        double w[NY * NX], sum = 0.0, squares = 0.0;
        for (int i = 0; i < NY * NX; i++) {
            double y = sin(M_PI * (i / NX + 0.5) / NY), x = sin(M_PI * (i % NX + 0.5) / NX);
            w[i] = open ? y * y * x * x : 1.0;
            sum += w[i];
            squares += w[i] * w[i];
        }
        for (int t = 0; t < FRAMES; t++) {
            const float *r = f.values + t * NY * NX;
            double mean = 0.0;
            for (int i = 0; i < NY * NX; i++)
                mean += w[i] * r[i] / sum;
            z[t] = 0.0;
            for (int i = 0; i < NY * NX; i++)
                z[t] += w[i] * (r[i] - mean) / sqrt(NY * NX * squares) *
                        cexp(-2.0 * M_PI * I * (-2.0 * (i / NX) / NY + 3.0 * (i % NX) / NX));
        }
        const long f_bin[2] = {5, -7};
        for (int b = 0; b < 2; b++) {
            double power = 0.0;
            for (size_t s = 0; s < 4; s++) {
                double complex mean = 0.0, sum_t = 0.0;
                double norm = 0.0;
                for (size_t t = 0; t < length; t++)
                    mean += z[s * 16 + t] / (double)length;
                for (size_t t = 0; t < length; t++) {
                    double h = 0.5 - 0.5 * cos(2.0 * M_PI * (double)t / (double)length);
                    norm += h * h * (double)length;
                    sum_t += h * (z[s * 16 + t] - mean) *
                             cexp(2.0 * M_PI * I * (double)f_bin[b] * (double)t / (double)length);
                }
                power += pow(cabs(sum_t), 2.0) / norm / 4.0;
            }
            size_t place = (size_t)(f_bin[b] < 0 ? f_bin[b] + (long)length : f_bin[b]);
            /* the series is kept in float */
            assert_float_equal(spectrum.power[(size_t)m * length + place] / power, 1.0, 1e-5);
        }
        wave_spectrum_destroy(&spectrum);
        harmonics_destroy(&modes);
        pattern_destroy(&f);
    }
}

/* Noise, a wave, another, noise: from frames 150, 300 and 450 on. */
static void test_epochs(void **state) {
    (void)state;
    pattern_t p = pattern_of(PATTERN_NOISE, 0, 0.5);
    p.frames = 600;
    pattern_field_t f;
    pattern_create(p, &f);
    size_t sites = 32 * 32;
    for (size_t t = 150; t < 450; t++)
        for (size_t i = 0; i < sites; i++) {
            double x = (double)(i % 32) / 32.0, y = (double)(i / 32) / 32.0;
            double q = t < 300 ? 3.0 * x - y : -2.0 * y, hz = t < 300 ? 25.0 : 28.0;
            f.values[t * sites + i] +=
                (float)cos(2.0 * M_PI * (q - hz * (double)t * p.frame_ms * 1e-3));
        }
    f.field.start_ms = 500.0;
    dataset_t found = {0};
    assert_int_equal(waves_detect(&f.field, &found), STATUS_OK);
    assert_int_equal((int)dataset_value(&found, "wave/epochs"), 2);
    const double edge[3] = {800.0, 1100.0, 1400.0}, period = 40.0;
    const double direction[2] = {atan2(-1.0, 3.0) * 180.0 / M_PI, -90.0};
    const double wavenumber[2] = {sqrt(10.0), 2.0}, hz[2] = {25.0, 28.0};
    for (size_t k = 0; k < 2; k++) {
        /* the window, 3 periods, sees a wave from about 1 period before it begins */
        assert_float_equal(column(&found, "wave/epoch_start_ms", k), edge[k], 1.6 * period);
        assert_float_equal(column(&found, "wave/epoch_end_ms", k), edge[k + 1], 1.6 * period);
        assert_float_equal(column(&found, "wave/epoch_direction_deg", k), direction[k], 1e-9);
        assert_float_equal(column(&found, "wave/epoch_wavenumber", k), wavenumber[k], 1e-9);
        assert_float_equal(column(&found, "wave/epoch_speed", k), hz[k] / wavenumber[k],
                           0.05 * hz[k] / wavenumber[k]);
    }
    dataset_destroy(&found);
    pattern_destroy(&f);
}

/* A wave of n cycles across a sheet of 6.4 mm, of which a disc holds data, wider than a window's
 * bin and off its middle. */
static void on_disc(double n, double direction) {
    pattern_t p = pattern_of(PATTERN_PLANE, 2, 0.3);
    p.nx = n * cos(direction), p.ny = n * sin(direction);
    pattern_field_t f;
    pattern_create(p, &f);
    unsigned char mask[64 * 64];
    for (size_t i = 0; i < 64 * 64; i++) {
        double y = (double)(i / 64) - 30.0, x = (double)(i % 64) - 34.0;
        mask[i] = y * y + x * x < 27.0 * 27.0;
        for (size_t t = 0; t < p.frames && !mask[i]; t++)
            f.values[t * 64 * 64 + i] = NAN;
    }
    f.field.grid = (grid_t){
        .ny = 64, .nx = 64, .dy = 0.1, .dx = 0.1, .length = "mm", .open = true, .mask = mask};
    dataset_t found = {0};
    assert_int_equal(waves_detect(&f.field, &found), STATUS_OK);
    assert_kind(&found, "travelling");
    double speed = p.frequency_hz / n * 6.4;
    double turned = dataset_value(&found, "wave/direction_deg") - direction * 180.0 / M_PI;
    /* The frequency's centroid is off by 0.003, of the 0.007 that 0.03 bins are; k hardly. */
    assert_float_equal(dataset_value(&found, "wave/speed"), speed, 0.006 * speed);
    assert_float_equal(remainder(turned, 360.0), 0.0, 0.1);
    assert_string_equal(dataset_find(&found, "wave/speed")->unit, "mm/s");
    assert_float_equal(dataset_value(&found, "wave/epoch_time"), 1.0, 0.0);
    dataset_destroy(&found);
    pattern_destroy(&f);
}

/* Fewer than two cycles across a patch: what takes a frame's mean off takes part of the wave. */
static void test_longest_waves(void **state) {
    (void)state;
    double most = 0.0;
    for (int k = 0; k < 8; k++) {
        double n = 1.4 + 0.07 * k, direction = (20.0 + 11.0 * k) * M_PI / 180.0;
        pattern_t p = pattern_of(PATTERN_PLANE, 1, 0.3);
        p.open = true, p.nx = n * cos(direction), p.ny = n * sin(direction);
        dataset_t found;
        detect(p, &found);
        double away = fabs(dataset_value(&found, "wave/wavenumber") - n);
        most = fmax(most, away);
        assert_true(away < 2.0 * dataset_value(&found, "wave/wavenumber_error"));
        dataset_destroy(&found);
    }
    print_message("longest waves: wave numbers within %.2f cycles a sheet\n", most);
}

/* A mask's NaN are no data; a ring has one direction; sites in mm. */
static void test_grids(void **state) {
    (void)state;
    for (int k = 0; k < 6; k++)
        on_disc(3.0 + 0.46 * k, (10.0 + 65.0 * k) * M_PI / 180.0);
    dataset_t found = {0};
    pattern_t p = (pattern_t){.kind = PATTERN_PLANE,
                              .frames = 120,
                              .n_y = 1,
                              .n_x = 90,
                              .frame_ms = 1.0,
                              .frequency_hz = 61.0,
                              .nx = -4.0,
                              .noise = 0.3,
                              .seed = 5};
    detect(p, &found);
    assert_kind(&found, "travelling");
    assert_float_equal(dataset_value(&found, "wave/speed"), 61.0 / 4.0, 0.05 * 61.0 / 4.0);
    assert_float_equal(fabs(dataset_value(&found, "wave/direction_deg")), 180.0, 1e-9);
    dataset_destroy(&found);
    p.open = true, p.nx = 1.4; /* its neighbour n = 0 is missing, and takes part of it */
    detect(p, &found);
    assert_float_equal(dataset_value(&found, "wave/wavenumber"), 1.4,
                       2.0 * dataset_value(&found, "wave/wavenumber_error"));
    assert_float_equal(dataset_value(&found, "wave/direction_deg_error"), 0.0, 1e-9);
    dataset_destroy(&found);
}

static int reads;

/* A wave and noise that are made as they are read. */
static status_t read_large(void *context, size_t first_frame, size_t n_frames, size_t first_row,
                           size_t n_rows, float *out) {
    const field_t *field = context;
    size_t ny = field->grid.ny, nx = field->grid.nx;
    for (size_t t = 0; t < n_frames; t++)
        for (size_t y = 0; y < n_rows; y++)
            for (size_t x = 0; x < nx; x++) {
                size_t place = ((first_frame + t) * ny + first_row + y) * nx + x;
                double q =
                    2.0 * (double)x / (double)nx - 3.0 * (double)(first_row + y) / (double)ny;
                out[(t * n_rows + y) * nx + x] =
                    pattern_hash(place) +
                    cosf(2.0f * (float)M_PI * (float)(q - 0.0874 * (double)(first_frame + t)));
            }
    reads++;
    return STATUS_OK;
}

/* Blocks and segments do not end together. */
static void test_larger_than_a_block(void **state) {
    (void)state;
    field_t field = {.trials = 1,
                     .frames = 130,
                     .grid = grid_torus(250, 260),
                     .frame_ms = 2.0,
                     .read = read_large};
    field.context = &field;
    reads = 0;
    dataset_t found = {0};
    assert_int_equal(waves_detect(&field, &found), STATUS_OK);
    assert_true(reads > 4);
    assert_kind(&found, "travelling");
    assert_float_equal(dataset_value(&found, "wave/travelling_index"), 1.0, 1e-3);
    assert_float_equal(dataset_value(&found, "wave/frequency_hz"), 43.7, 0.01 * 43.7);
    assert_float_equal(dataset_value(&found, "wave/direction_deg"), atan2(-3.0, 2.0) * 180.0 / M_PI,
                       1e-9);
    /* variances 1/2 and 1/12 */
    assert_float_equal(column(&found, "wave/peak_share", 0), 6.0 / 7.0, 0.01);
    assert_float_equal(column(&found, "wave/epoch_frequency_hz", 0), 43.7, 0.001 * 43.7);
    dataset_destroy(&found);
}

static void assert_refused(field_t *field, const char *words) {
    dataset_t found = {0};
    assert_int_equal(waves_detect(field, &found), STATUS_FAILED);
    if (!strstr(status_message(), words))
        fail_msg("%s", status_message());
    assert_int_equal(found.items, 0);
    dataset_destroy(&found);
}

static void test_bad_input(void **state) {
    (void)state;
    pattern_field_t f;
    pattern_t p = pattern_of(PATTERN_PLANE, 0, 0.1);
    pattern_create(p, &f);
    f.field.frames = 79;
    assert_refused(&f.field, "79 frames");
    f.field.frames = 200;
    f.field.frame_ms = 0.0;
    assert_refused(&f.field, "0 ms apart");
    f.field.frame_ms = 2.0;
    f.values[150 * 32 * 32 + 77] = NAN;
    assert_refused(&f.field, "frame 150");
    f.values[150 * 32 * 32 + 77] = INFINITY;
    assert_refused(&f.field, "frame 150");
    for (size_t i = 0; i < 200 * 32 * 32; i++)
        f.values[i] = 0.7f;
    assert_refused(&f.field, "constant");
    f.field.grid = grid_torus(1, 2);
    assert_refused(&f.field, "1 x 2 sites");
    unsigned char mask[32 * 32] = {0};
    f.field.grid = grid_torus(32, 32);
    f.field.grid.mask = mask;
    assert_refused(&f.field, "mask");
    f.field.grid.mask = NULL;
    for (size_t t = 0; t < 200; t++) /* uniform, but it moves: no wave */
        for (size_t i = 0; i < 32 * 32; i++)
            f.values[t * 32 * 32 + i] = (float)cos((double)t * 0.3);
    dataset_t found = {0};
    assert_int_equal(waves_detect(&f.field, &found), STATUS_OK);
    assert_kind(&found, "none");
    assert_true(isnan(dataset_value(&found, "wave/frequency_hz")));
    dataset_destroy(&found);
    pattern_destroy(&f);
}

static void test_threads_do_not_matter(void **state) {
    (void)state;
    pattern_t p = pattern_of(PATTERN_TWO, 1, 0.7);
    dataset_t found[2];
    int threads = omp_get_max_threads();
    for (int k = 0; k < 2; k++) {
        omp_set_num_threads(k == 0 ? 1 : 5);
        detect(p, &found[k]);
    }
    omp_set_num_threads(threads);
    assert_int_equal(found[0].items, found[1].items);
    for (size_t k = 0; k < found[0].items; k++)
        if (found[0].item[k].values)
            assert_memory_equal(found[0].item[k].values, found[1].item[k].values,
                                found[0].item[k].count * sizeof(double));
    dataset_destroy(&found[0]);
    dataset_destroy(&found[1]);
}

int main(int n_arguments, char **arguments) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plane_waves),
        cmocka_unit_test(test_open_plane_waves),
        cmocka_unit_test(test_two_waves),
        cmocka_unit_test(test_standing_waves),
        cmocka_unit_test(test_stripes_are_at_rest),
        cmocka_unit_test(test_noise_is_silent),
        cmocka_unit_test(test_resonators_are_silent),
        cmocka_unit_test(test_threshold_holds),
        cmocka_unit_test(test_power_by_definition),
        cmocka_unit_test(test_epochs),

        cmocka_unit_test(test_longest_waves),
        cmocka_unit_test(test_grids),
        cmocka_unit_test(test_larger_than_a_block),
        cmocka_unit_test(test_bad_input),
        cmocka_unit_test(test_threads_do_not_matter),
    };
    if (n_arguments > 1)
        long_fields = strtoul(arguments[1], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
