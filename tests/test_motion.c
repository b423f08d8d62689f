/* Phase velocity fields of patterns whose answers are known. `test_motion FRAMES NY NX FRAME_MS
 * FILE [SMOOTHNESS]` prints what is found in raw floats of a torus in FILE instead; `test_motion N`
 * runs N noise fields of each kind. */
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lapacke.h>

#include "host/detect/analytic.h"
#include "host/detect/flow.h"
#include "host/detect/motion.h"
#include "host/detect/smooth.h"
#include "tests/patterns.h"

static const double degrees = 180.0 / M_PI;
static int noise_fields = 200;

static void print_found(const dataset_t *found) {
    for (size_t k = 0; k < found->items; k++) {
        const dataset_item_t *item = &found->item[k];
        if (item->text)
            printf("%s: %s\n", item->name, item->text);
        else if (item->rank == 0)
            printf("%s %.6g %s\n", item->name, item->values[0], item->unit);
    }
}

static const char *text_of(const dataset_t *found, const char *name) {
    const dataset_item_t *item = dataset_find(found, name);
    return item && item->text ? item->text : "";
}

static dataset_t detect(const field_t *field, const motion_options_t *options) {
    dataset_t found = {0};
    status_t status = motion_detect(field, options, &found);
    if (status != STATUS_OK)
        print_error("%s\n", status_message());
    assert_int_equal(status, STATUS_OK);
    return found;
}

static const motion_options_t by_itself = {.smoothness_rad = 0.0};
static const size_t sizes[4][2] = {{24, 24}, {32, 48}, {64, 64}, {100, 100}};
static const double noises[3] = {0.0, 0.3, 1.0};

/* A wave of 40 Hz every 2 ms, so that 160 frames hold 12 periods. */
static void wave_create(pattern_kind_t kind, int size, int noise, pattern_field_t *f) {
    pattern_create((pattern_t){.kind = kind,
                               .frames = 160,
                               .n_y = sizes[size][0],
                               .n_x = sizes[size][1],
                               .frame_ms = 2.0,
                               .frequency_hz = 40.0,
                               .nx = 2.0,
                               .ny = 1.0,
                               .noise = noises[noise],
                               .seed = (uint64_t)(100 + 10 * size + noise)},
                   f);
}

static void test_plane_waves(void **state) {
    (void)state;
    for (int size = 0; size < 4; size++)
        for (int noise = 0; noise < 3; noise++) {
            pattern_field_t f;
            wave_create(PATTERN_PLANE, size, noise, &f);
            dataset_t found = detect(&f.field, &by_itself);
            double speed = dataset_value(&found, "flow/speed") / (40.0 / sqrt(5.0)) - 1.0;
            double turn = dataset_value(&found, "flow/direction_deg") - atan2(1.0, 2.0) * degrees;
            printf("plane wave %zu x %zu, noise %.1f: speed %+.2f %%, direction %+.2f deg, order "
                   "%.3f, travelling %.3f\n",
                   sizes[size][0], sizes[size][1], noises[noise], 100.0 * speed, turn,
                   dataset_value(&found, "flow/order"), dataset_value(&found, "flow/travelling"));
            assert_true(fabs(speed) < 0.05 && fabs(turn) < 3.0); /* the numbers */
            assert_float_equal(dataset_value(&found, "flow/peak_hz"), 40.0, 0.5);
            assert_true(dataset_value(&found, "flow/order") > 0.95);
            assert_non_null(strstr(text_of(&found, "flow/motion"), "in one direction"));
            dataset_destroy(&found);
            pattern_destroy(&f);
        }
}

static void test_standing_waves(void **state) {
    (void)state;
    for (int size = 0; size < 4; size++)
        for (int noise = 0; noise < 3; noise++) {
            pattern_field_t f;
            wave_create(PATTERN_STANDING, size, noise, &f);
            dataset_t found = detect(&f.field, &by_itself);
            double travelling = dataset_value(&found, "flow/travelling");
            printf("standing wave %zu x %zu, noise %.1f: travelling %.3f\n", sizes[size][0],
                   sizes[size][1], noises[noise], travelling);
            assert_true(travelling < 0.5);
            assert_non_null(strstr(text_of(&found, "flow/motion"), "standing"));
            assert_null(dataset_find(&found, "flow/speed"));
            assert_null(dataset_find(&found, "flow/direction_deg"));
            dataset_destroy(&found);
            pattern_destroy(&f);
        }
}

/* A rotating spiral travels, but whereto? An oscillation that is alike everywhere has no speed. */
static void test_no_direction(void **state) {
    (void)state;
    for (int noise = 0; noise < 3; noise++) {
        pattern_field_t f;
        wave_create(PATTERN_SPIRAL, 2, noise, &f);
        dataset_t found = detect(&f.field, &by_itself);
        assert_string_equal(text_of(&found, "flow/motion"), "travelling, in no one direction");
        assert_true(dataset_value(&found, "flow/speed") > 0.0);
        assert_true(dataset_value(&found, "flow/order") < 0.1);
        assert_null(dataset_find(&found, "flow/direction_deg"));
        dataset_destroy(&found);
        pattern_destroy(&f);
        pattern_t uniform = f.pattern;
        uniform.kind = PATTERN_PLANE;
        uniform.nx = uniform.ny = 0.0;
        pattern_create(uniform, &f);
        found = detect(&f.field, &by_itself);
        assert_non_null(strstr(text_of(&found, "flow/motion"), "in phase"));
        assert_true(dataset_value(&found, "flow/synchrony") > 0.9);
        assert_null(dataset_find(&found, "flow/speed"));
        assert_null(dataset_find(&found, "flow/order"));
        dataset_destroy(&found);
        pattern_destroy(&f);
    }
}

/* Noise: white, correlated over 3 sites, and of a correlation time of 20 ms. At a level of 1e-3 or
 * less, 600 fields give none. */
static void test_noise(void **state) {
    (void)state;
    static const char *const names[] = {"white", "correlated in space", "AR(1) in time"};
    for (int kind = 0; kind < 3; kind++) {
        int chosen = 0;
        for (int k = 0; k < noise_fields; k++) {
            pattern_field_t f;
            size_t sites = 16 * 16, frames = 160;
            pattern_create((pattern_t){.kind = PATTERN_NOISE,
                                       .frames = frames,
                                       .n_y = 16,
                                       .n_x = 16,
                                       .frame_ms = 2.0,
                                       .noise = 1.0,
                                       .correlation = kind == 1 ? 3.0 : 0.0,
                                       .seed = (uint64_t)(1 + k)},
                           &f);
            for (size_t i = sites; kind == 2 && i < frames * sites; i++)
                f.values[i] += 0.9f * f.values[i - sites];
            band_choice_t choice;
            assert_int_equal(band_choose(&f.field, &choice), STATUS_OK);
            chosen += choice.found;
            if (k == 0) {
                dataset_t found = detect(&f.field, &by_itself);
                assert_int_equal(found.items, 1);
                assert_non_null(strstr(text_of(&found, "flow/reason"), "no rhythm"));
                dataset_destroy(&found);
            }
            pattern_destroy(&f);
        }
        printf("noise, %s: a band in %d of %d fields (level %g)\n", names[kind], chosen,
               noise_fields, BAND_FALSE_ALARM);
        assert_int_equal(chosen, 0);
    }
}

static void assert_fails(const field_t *field, band_t band, status_t expected, const char *word) {
    dataset_t found = {0};
    motion_options_t options = {.band = band};
    assert_int_equal(motion_detect(field, &options, &found), expected);
    if (!strstr(status_message(), word))
        print_error("no '%s' in: %s\n", word, status_message());
    assert_non_null(strstr(status_message(), word));
    assert_null(dataset_find(&found, "flow/synchrony"));
    dataset_destroy(&found);
}

/* In whatever unit the data are. */
static void test_scale_does_not_matter(void **state) {
    (void)state;
    for (int k = 0; k < 3; k++) {
        pattern_field_t f;
        wave_create(PATTERN_PLANE, 0, 1, &f);
        for (size_t i = 0; i < f.pattern.frames * f.pattern.n_y * f.pattern.n_x; i++)
            f.values[i] *= k == 0 ? 1e-30f : k == 1 ? 1.0f : 1e30f;
        dataset_t found = detect(&f.field, &by_itself);
        assert_non_null(strstr(text_of(&found, "flow/motion"), "travelling, most"));
        dataset_destroy(&found);
        pattern_destroy(&f);
    }
}

static void test_bad_input(void **state) {
    (void)state;
    pattern_field_t f;
    wave_create(PATTERN_PLANE, 0, 1, &f);
    assert_fails(&f.field, (band_t){30.0, 250.0}, STATUS_USAGE, "between 0 and 250 Hz");
    assert_fails(&f.field, (band_t){0.0, 50.0}, STATUS_USAGE, "band 0 to 50 Hz");
    assert_fails(&f.field, (band_t){50.0, 30.0}, STATUS_USAGE, "band 50 to 30 Hz");
    assert_fails(&f.field, (band_t){NAN, 30.0}, STATUS_USAGE, "band nan");
    assert_fails(&f.field, (band_t){1.0, 30.0}, STATUS_FAILED, "give more frames");
    dataset_t none = {0};
    double range = -1.0;
    motion_options_t rough = {.smoothness_rad = -1.0}, blurred = {.smooth_sites = &range};
    assert_int_equal(motion_detect(&f.field, &rough, &none), STATUS_USAGE);
    dataset_destroy(&none);
    assert_int_equal(motion_detect(&f.field, &blurred, &none), STATUS_USAGE);
    dataset_destroy(&none);
    f.values[77 * 24 * 24 + 5] = NAN;
    assert_fails(&f.field, (band_t){30.0, 50.0}, STATUS_FAILED, "frame 77 ");
    assert_fails(&f.field, (band_t){0.0, 0.0}, STATUS_FAILED, "frame 77 ");

    unsigned char mask[24 * 24]; /* the same, outside the mask */
    memset(mask, 1, sizeof mask);
    mask[5] = 0;
    f.field.grid.mask = mask;
    for (size_t t = 0; t < f.field.frames; t++)
        f.values[t * 24 * 24 + 5] = NAN;
    dataset_t found = detect(&f.field, &by_itself);
    assert_float_equal(dataset_value(&found, "flow/speed"), 40.0 / sqrt(5.0), 0.9); /* 5 % */
    dataset_destroy(&found);

    f.field.frames = 30;
    found = detect(&f.field, &by_itself);
    assert_int_equal(found.items, 1);
    assert_non_null(strstr(text_of(&found, "flow/reason"), "30 frames are too few"));
    dataset_destroy(&found);
    f.field.frames = 160;
    for (size_t i = 0; i < 160 * 24 * 24; i++)
        f.values[i] = 0.1f * (float)(i % (24 * 24));
    found = detect(&f.field, &by_itself);
    assert_int_equal(found.items, 1);
    assert_non_null(strstr(text_of(&found, "flow/reason"), "constant"));
    dataset_destroy(&found);
    motion_options_t given = {.band = {30.0, 50.0}};
    found = detect(&f.field, &given);
    assert_true(isnan(dataset_value(&found, "flow/synchrony")));
    assert_non_null(strstr(text_of(&found, "flow/motion"), "constant"));
    dataset_destroy(&found);
    pattern_destroy(&f);
}

/* ---- the analytic signal ---- */

static void take_all(const field_t *field, band_t band, float **z, analytic_t **analytic) {
    size_t sites = grid_sites(&field->grid);
    assert_int_equal(analytic_create(field, band, 0, field->frames, analytic), STATUS_OK);
    *z = malloc(analytic_frames(*analytic) * 2 * sites * sizeof **z);
    for (size_t t = 0; t < analytic_frames(*analytic); t++) {
        float *frame = *z + t * 2 * sites;
        assert_int_equal(analytic_next(*analytic, frame, frame + sites), STATUS_OK);
    }
}

/* exp(i (k.x - w t)) of tones within the band, at their own times, with no delay: at its centre
 * with the amplitude 1 but for what a Hann window lets through of the tone's other half, -w. A mean
 * of 1000 changes nothing but the floats' last bits. */
static void test_analytic_tones(void **state) {
    (void)state;
    static const struct {
        double tone_hz, low_hz, high_hz;
        size_t frames, stride;
    } cases[] = {{40.0, 30.0, 50.0, 160, 1}, {35.0, 30.0, 50.0, 160, 1}, {3.0, 2.0, 4.0, 1200, 7}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        pattern_field_t f;
        pattern_create((pattern_t){.kind = PATTERN_PLANE,
                                   .frames = cases[k].frames,
                                   .n_y = 3,
                                   .n_x = 8,
                                   .frame_ms = 2.0,
                                   .frequency_hz = cases[k].tone_hz,
                                   .nx = 1.0},
                       &f);
        f.field.start_ms = 500.0;
        for (size_t i = 0; i < cases[k].frames * 24; i++)
            f.values[i] += 1000.0f;
        float *z;
        analytic_t *analytic;
        take_all(&f.field, (band_t){cases[k].low_hz, cases[k].high_hz}, &z, &analytic);
        assert_float_equal(analytic_frame_ms(analytic), 2.0 * (double)cases[k].stride, 0.0);
        double gain = hypot((double)z[0], (double)z[24]);
        assert_true(gain > 0.5 && gain < 1.01);
        if (cases[k].tone_hz != 35.0)
            assert_float_equal(gain, 1.0, 5e-3);
        for (size_t t = 0; t < analytic_frames(analytic); t++)
            for (size_t i = 0; i < 24; i++) {
                double t_ms =
                    analytic_start_ms(analytic) - 500.0 + (double)t * analytic_frame_ms(analytic);
                double phase =
                    2.0 * M_PI * (((double)(i % 8) + 0.5) / 8.0 - cases[k].tone_hz * t_ms * 1e-3);
                assert_float_equal(z[t * 48 + i], gain * cos(phase), 5e-3);
                assert_float_equal(z[t * 48 + 24 + i], gain * sin(phase), 5e-3);
            }
        free(z);
        analytic_destroy(analytic);
        pattern_destroy(&f);
    }
}

/* A sheet with edges, holes and no whole number of waves; a ring. */
static void test_sheet_and_ring(void **state) {
    (void)state;
    pattern_field_t f;
    pattern_t pattern = {.kind = PATTERN_PLANE,
                         .frames = 160,
                         .n_y = 40,
                         .n_x = 30,
                         .frame_ms = 2.0,
                         .frequency_hz = 40.0,
                         .nx = -1.7,
                         .ny = 1.3,
                         .noise = 0.3,
                         .open = true,
                         .seed = 3};
    unsigned char mask[40 * 30];
    pattern_create(pattern, &f);
    for (size_t i = 0; i < 40 * 30; i++) { /* a round sheet with a hole */
        double r = hypot((double)(i / 30) - 20.0, (double)(i % 30) - 15.0);
        mask[i] = r < 14.5 && r > 3.0;
        for (size_t t = 0; !mask[i] && t < 160; t++)
            f.values[t * 40 * 30 + i] = NAN;
    }
    f.field.grid.mask = mask;
    f.field.grid.length = "mm";
    dataset_t found = detect(&f.field, &by_itself);
    const dataset_item_t *phase = dataset_find(&found, "flow/phase");
    double direction = atan2(1.3, -1.7) * degrees, speed = 40.0 / hypot(1.7, 1.3);
    assert_float_equal(dataset_value(&found, "flow/direction_deg"), direction, 3.0);
    assert_float_equal(dataset_value(&found, "flow/speed") / speed, 1.0, 0.05);
    assert_string_equal(dataset_find(&found, "flow/speed")->unit, "mm/s");
    assert_true(isnan(phase->values[0]) && isfinite(phase->values[20 * 30 + 5]));
    dataset_destroy(&found);
    pattern_destroy(&f);

    pattern.n_y = 1;
    pattern.n_x = 80;
    pattern.nx = -3.0;
    pattern.ny = 0.0;
    pattern.open = false;
    pattern_create(pattern, &f);
    found = detect(&f.field, &by_itself);
    assert_float_equal(fabs(dataset_value(&found, "flow/direction_deg")), 180.0, 1e-9);
    assert_float_equal(dataset_value(&found, "flow/speed") * 3.0 / 40.0, 1.0, 0.05);
    dataset_destroy(&found);
    pattern_destroy(&f);
}

/* Where chunks of frames begin does not matter: a field without its first 5 frames gives the same,
 * but for the reference from which differences are taken (floats' rounding). */
static void test_analytic_chunks(void **state) {
    (void)state;
    pattern_field_t f;
    wave_create(PATTERN_PLANE, 0, 2, &f);
    float *all, *later;
    analytic_t *a, *b;
    take_all(&f.field, (band_t){30.0, 60.0}, &all, &a);
    f.values += 5 * 24 * 24;
    f.field.frames -= 5;
    take_all(&f.field, (band_t){30.0, 60.0}, &later, &b);
    f.values -= 5 * 24 * 24;
    assert_int_equal(analytic_frames(a), analytic_frames(b) + 5);
    for (size_t i = 0; i < analytic_frames(b) * 2 * 24 * 24; i++)
        assert_float_equal(later[i], all[5 * 2 * 24 * 24 + i], 1e-5);
    analytic_destroy(a);
    analytic_destroy(b);
    free(all);
    free(later);
    pattern_destroy(&f);
}

/* ---- optical flow against its definition ---- */

enum { FLOW_Y = 5, FLOW_X = 6, FLOW_N = FLOW_Y * FLOW_X };

typedef struct {
    grid_t grid;
    double smoothness;
    float phase[3][FLOW_N], weight[FLOW_N];
} flow_case_t;

/* Place of the site (y, x) if it is there, and touches; else -1. */
static int site_at(const grid_t *grid, int y, int x) {
    bool inside = y >= 0 && y < FLOW_Y && x >= 0 && x < FLOW_X;
    if (grid->open && !inside)
        return -1;
    int at = (y + FLOW_Y) % FLOW_Y * FLOW_X + (x + FLOW_X) % FLOW_X;
    return grid->mask && !grid->mask[at] ? -1 : at;
}

static double phase_slope(const float *phase, int here, int before, int after) {
    double sum = 0.0;
    if (before >= 0)
        sum += remainder((double)(phase[here] - phase[before]), 2.0 * M_PI);
    if (after >= 0)
        sum += remainder((double)(phase[after] - phase[here]), 2.0 * M_PI);
    return before >= 0 && after >= 0 ? sum / 2.0 : sum;
}

/* flow.h's sum for v[2][FLOW_N] in length units a frame; lengths there are in dx. */
static double cost(const flow_case_t *c, const double *v) {
    double data = 0.0, rough = 0.0, small = 0.0, gradients = 0.0, weights = 0.0, n = 0.0;
    double square = c->smoothness * c->smoothness;
    for (int i = 0; i < FLOW_N; i++)
        if (site_at(&c->grid, i / FLOW_X, i % FLOW_X) >= 0) {
            weights += (double)c->weight[i];
            n += 1.0;
        }
    for (int i = 0; i < FLOW_N; i++) {
        int y = i / FLOW_X, x = i % FLOW_X;
        if (site_at(&c->grid, y, x) < 0)
            continue;
        int right = site_at(&c->grid, y, x + 1), down = site_at(&c->grid, y + 1, x);
        double gx = phase_slope(c->phase[1], i, site_at(&c->grid, y, x - 1), right) / c->grid.dx;
        double gy = phase_slope(c->phase[1], i, site_at(&c->grid, y - 1, x), down) / c->grid.dy;
        double turn = (remainder((double)(c->phase[1][i] - c->phase[0][i]), 2.0 * M_PI) +
                       remainder((double)(c->phase[2][i] - c->phase[1][i]), 2.0 * M_PI)) /
                      2.0;
        double w = (double)c->weight[i] * n / weights, off = turn + v[i] * gx + v[FLOW_N + i] * gy;
        data += w * (off * off + 0.1 * pow(v[i] * gy - v[FLOW_N + i] * gx, 2.0));
        gradients += w * (gx * gx + gy * gy);
        for (int k = 0; k < 2; k++) {
            const double *u = v + k * FLOW_N;
            rough += right < 0 ? 0.0 : pow((u[right] - u[i]) / c->grid.dx, 2.0);
            rough += down < 0 ? 0.0 : pow((u[down] - u[i]) / c->grid.dy, 2.0);
            small += u[i] * u[i];
        }
    }
    return data + square * rough + 1e-4 * gradients / n * small;
}

/* The minimum of a quadratic form, from its values: Hessian and gradient by differences, solved by
 * LAPACK. */
static void minimum(const flow_case_t *c, double *v) {
    enum { N = 2 * FLOW_N };
    static double hessian[N * N];
    double at[N] = {0.0}, single[N], zero = cost(c, at);
    for (int i = 0; i < N; i++) {
        at[i] = 1.0;
        single[i] = cost(c, at);
        at[i] = -1.0;
        v[i] = (cost(c, at) - single[i]) / 2.0;
        at[i] = 0.0;
    }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            at[i] += 1.0;
            at[j] += 1.0;
            double both = cost(c, at);
            at[i] = at[j] = 0.0;
            hessian[i * N + j] =
                i == j ? (both - 2.0 * single[i] + zero) : both - single[i] - single[j] + zero;
            if (i == j && hessian[i * N + j] == 0.0) /* a site that is not there */
                hessian[i * N + j] = 1.0;
        }
    assert_int_equal(LAPACKE_dposv(LAPACK_ROW_MAJOR, 'U', N, 1, hessian, N, v, 1), 0);
}

static void test_flow_is_the_minimum(void **state) {
    (void)state;
    uint64_t seed = 5;
    unsigned char mask[FLOW_N];
    for (int i = 0; i < FLOW_N; i++)
        mask[i] = pattern_uniform(&seed) > 0.2;
    for (int kind = 0; kind < 4; kind++) {
        flow_case_t c = {.grid = grid_torus(FLOW_Y, FLOW_X), .smoothness = kind ? 0.5 : 2.0};
        c.grid.dx = 0.5; /* unlike dy */
        c.grid.dy = 0.3;
        c.grid.open = kind & 1;
        c.grid.mask = kind & 2 ? mask : NULL;
        for (int i = 0; i < FLOW_N; i++) {
            c.weight[i] = (float)(7.0 * pattern_uniform(&seed));
            for (int t = 0; t < 3; t++)
                c.phase[t][i] = (float)(6.0 * pattern_uniform(&seed) - 3.0);
        }
        const float *phase[3] = {c.phase[0], c.phase[1], c.phase[2]};
        double exact[2 * FLOW_N];
        minimum(&c, exact);
        for (int fine = 0; fine < 2; fine++) { /* what flow.h says of its residual; ten times it */
            float found[2 * FLOW_N] = {0.0f};
            double error = 0.0, size = 0.0;
            bool converged = false;
            flow_t *flow;
            assert_int_equal(flow_create(&c.grid, c.smoothness, fine ? 1e-5 : FLOW_RESIDUAL, &flow),
                             STATUS_OK);
            flow_solve(flow, phase, c.weight, 1000.0, found, &converged);
            flow_destroy(flow);
            for (int i = 0; i < 2 * FLOW_N; i++) {
                error += pow((double)found[i] - exact[i], 2.0);
                size += exact[i] * exact[i];
            }
            assert_true(converged && sqrt(error / size) < (fine ? 1e-4 : 0.02));
        }
    }
}

/* ---- consumers, threads, smoothing ---- */

typedef struct {
    size_t began, taken, frames;
    double start_ms, frame_ms;
    float last;
} seen_t;

static status_t begin(void *context, size_t frames, double start_ms, double frame_ms) {
    seen_t *seen = context;
    *seen = (seen_t){
        .began = seen->began + 1, .frames = frames, .start_ms = start_ms, .frame_ms = frame_ms};
    return STATUS_OK;
}

/* The wave's own phase at this time, and its velocity, which is along the wave vector. */
static status_t take(void *context, const float *phase, const float *velocity) {
    seen_t *seen = context;
    double t_ms = seen->start_ms + (double)seen->taken++ * seen->frame_ms;
    double expected = 2.0 * M_PI * (2.0 * 0.5 / 24.0 + 0.5 / 24.0 - 0.04 * t_ms);
    assert_float_equal(remainder((double)phase[0] - expected, 2.0 * M_PI), 0.0, 0.01);
    assert_float_equal(velocity[0], 40.0 * 2.0 / 5.0, 0.2);
    assert_float_equal(velocity[24 * 24], 40.0 * 1.0 / 5.0, 0.2);
    return seen->taken < 50 || seen->frames > 100 ? STATUS_OK : STATUS_FAILED;
}

static void test_consumers(void **state) {
    (void)state;
    pattern_field_t f;
    wave_create(PATTERN_PLANE, 0, 0, &f);
    seen_t seen = {0};
    motion_consumer_t consumer = {&seen, begin, take};
    motion_options_t options = {.consumers = 1, .consumer = &consumer};
    dataset_t found = detect(&f.field, &options);
    const dataset_axis_t *time = dataset_find_axis(&found, "flow/time");
    assert_int_equal(seen.began, 1);
    assert_int_equal(seen.taken, seen.frames);
    assert_int_equal(time->size, seen.frames);
    assert_float_equal(time->values[0], seen.start_ms, 0.0);
    assert_float_equal(time->values[0], dataset_value(&found, "flow/left_out_ms") + 2.0, 1e-9);
    assert_int_equal(dataset_find(&found, "flow/velocity_x")->count, 25 * 24 * 24);
    dataset_destroy(&found);
    pattern_destroy(&f);
}

static void test_threads_do_not_matter(void **state) {
    (void)state;
    pattern_field_t f;
    wave_create(PATTERN_PLANE, 1, 2, &f);
    int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    dataset_t one = detect(&f.field, &by_itself);
    for (int n = 2; n <= 7; n += 5) {
        omp_set_num_threads(n);
        dataset_t other = detect(&f.field, &by_itself);
        assert_int_equal(one.items, other.items);
        for (size_t k = 0; k < one.items; k++)
            if (one.item[k].values)
                assert_memory_equal(one.item[k].values, other.item[k].values,
                                    one.item[k].count * sizeof(double));
        dataset_destroy(&other);
    }
    omp_set_num_threads(threads);
    dataset_destroy(&one);
    pattern_destroy(&f);
}

/* The wave number that neighbours share, whatever single sites' noise; a smoothed constant is that
 * constant up to the edges of a sheet, open or with holes. */
static void test_smoothing(void **state) {
    (void)state;
    double k = 2.0 * M_PI * sqrt(5.0) / 64.0;
    for (int noise = 0; noise < 3; noise++) {
        pattern_field_t f;
        smooth_t smooth;
        wave_create(PATTERN_PLANE, 2, noise, &f);
        assert_int_equal(smooth_choose(&f.field, (band_t){27.0, 60.0}, &smooth), STATUS_OK);
        /* The parabola through distances 1 and 2 is 1 % off at this k; noise adds as much. */
        assert_float_equal(smooth.wavenumber / k, 1.0, 0.05);
        assert_true(noise ? smooth.range_sites > 0.5 : smooth.range_sites == 0.0);
        pattern_destroy(&f);
    }
}

static int print_file(char **arguments) {
    pattern_field_t f = {.pattern = {.frames = strtoul(arguments[0], NULL, 10),
                                     .n_y = strtoul(arguments[1], NULL, 10),
                                     .n_x = strtoul(arguments[2], NULL, 10),
                                     .frame_ms = strtod(arguments[3], NULL)}};
    pattern_create(f.pattern, &f);
    size_t n = f.pattern.frames * f.pattern.n_y * f.pattern.n_x;
    FILE *in = fopen(arguments[4], "rb");
    if (!in || fread(f.values, sizeof *f.values, n, in) != n)
        return 2;
    fclose(in);
    dataset_t found = {0};
    motion_options_t options = {.smoothness_rad = arguments[5] ? strtod(arguments[5], NULL) : 0.0};
    double start = omp_get_wtime();
    status_t status = motion_detect(&f.field, &options, &found);
    printf("%.2f s\n%s\n", omp_get_wtime() - start, status == STATUS_OK ? "" : status_message());
    print_found(&found);
    dataset_destroy(&found);
    pattern_destroy(&f);
    return (int)status;
}

int main(int n_arguments, char **arguments) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plane_waves),
        cmocka_unit_test(test_standing_waves),
        cmocka_unit_test(test_no_direction),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_scale_does_not_matter),
        cmocka_unit_test(test_bad_input),
        cmocka_unit_test(test_analytic_tones),
        cmocka_unit_test(test_analytic_chunks),
        cmocka_unit_test(test_sheet_and_ring),
        cmocka_unit_test(test_flow_is_the_minimum),
        cmocka_unit_test(test_consumers),
        cmocka_unit_test(test_threads_do_not_matter),
        cmocka_unit_test(test_smoothing),
    };
    if (n_arguments >= 6)
        return print_file(arguments + 1);
    noise_fields = n_arguments == 2 && atoi(arguments[1]) ? atoi(arguments[1]) : noise_fields;
    if (getenv("ONLY"))
        cmocka_set_test_filter(getenv("ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
