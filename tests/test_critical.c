/* Critical points of waves whose answers are known. `test_critical study` measures all sizes and
 * noise levels over long records, and 200 fields of noise. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/detect/critical.h"
#include "host/detect/winding.h"
#include "tests/phases.h"

static const double frame_ms = 4.0, period_frames = 12.8; /* 19.53 Hz */
static const double near_sites = 3.0; /* a point of the outer ring's radius is another one */

typedef struct {
    double x, y;
    critical_kind_t kind;
} known_t;

/* The pattern's points (torus sides), as tests/patterns.h places them. */
static size_t known_points(const pattern_t *p, known_t known[12]) {
    static const known_t torus_spiral[] = {
        {0.0, 0.0, CRITICAL_COUNTERCLOCKWISE}, {0.5, 0.5, CRITICAL_COUNTERCLOCKWISE},
        {0.5, 0.0, CRITICAL_CLOCKWISE},        {0.0, 0.5, CRITICAL_CLOCKWISE},
        {0.25, 0.25, CRITICAL_SADDLE},         {0.75, 0.25, CRITICAL_SADDLE},
        {0.25, 0.75, CRITICAL_SADDLE},         {0.75, 0.75, CRITICAL_SADDLE}};
    static const known_t torus_source[] = {{0.5, 0.5, CRITICAL_SOURCE},
                                           {0.0, 0.0, CRITICAL_SINK},
                                           {0.5, 0.0, CRITICAL_SADDLE},
                                           {0.0, 0.5, CRITICAL_SADDLE}};
    static const known_t open_spiral = {0.5, 0.5, CRITICAL_COUNTERCLOCKWISE};
    static const known_t open_source = {0.5, 0.5, CRITICAL_SOURCE};
    const known_t *list = NULL;
    size_t n = 0;
    if (p->kind == PATTERN_SPIRAL) {
        list = p->open ? &open_spiral : torus_spiral;
        n = p->open ? 1 : 8;
    } else if (p->kind == PATTERN_SOURCE) {
        list = p->open ? &open_source : torus_source;
        n = p->open ? 1 : 4;
    }
    for (size_t i = 0; i < n; i++)
        known[i] = list[i];
    return n;
}

static void detect(const phases_t *phases, dataset_t *found) {
    critical_detector_t *detector = NULL;
    size_t sites = grid_sites(&phases->grid);
    assert_int_equal(critical_create(&phases->grid, phases->frames, 0.0, frame_ms, &detector),
                     STATUS_OK);
    for (size_t t = 0; t < phases->frames; t++)
        assert_int_equal(
            critical_take(detector, phases->phase + t * sites, phases->velocity + 2 * t * sites),
            STATUS_OK);
    assert_int_equal(critical_finish(detector, found), STATUS_OK);
    critical_destroy(detector);
}

typedef struct {
    size_t wanted[CRITICAL_KINDS], found[CRITICAL_KINDS], told[CRITICAL_KINDS],
        wrong[CRITICAL_KINDS];
} score_t;

static const double *column(const dataset_t *found, const char *name) {
    const dataset_item_t *item = dataset_find(found, name);
    assert_non_null(item);
    return item->values;
}

static void score(const pattern_t *pattern, const phases_t *phases, const dataset_t *found,
                  score_t *s) {
    known_t known[12];
    size_t n = known_points(pattern, known);
    size_t places = dataset_find_axis(found, "singularities/point")->size;
    const double *kind = column(found, "singularities/kind");
    const double *track = column(found, "singularities/path_track");
    const double *time = column(found, "singularities/path_time_ms");
    const double *x = column(found, "singularities/path_x");
    const double *y = column(found, "singularities/path_y");
    bool *seen = calloc(n * phases->frames + 1, sizeof *seen);
    for (size_t p = 0; p < places; p++) {
        critical_kind_t is = (critical_kind_t)kind[(size_t)track[p] - 1];
        size_t frame = (size_t)lround(time[p] / frame_ms);
        bool right = false;
        for (size_t k = 0; k < n; k++) {
            double dx = grid_way(known[k].x, x[p], 1, pattern->open) / phases->grid.dx;
            double dy = grid_way(known[k].y, y[p], 1, pattern->open) / phases->grid.dy;
            if (known[k].kind == is && hypot(dx, dy) <= near_sites)
                right = seen[k * phases->frames + frame] = true;
        }
        s->told[is]++;
        s->wrong[is] += !right;
    }
    for (size_t k = 0; k < n; k++)
        for (size_t t = 0; t < phases->frames; t++) {
            s->wanted[known[k].kind]++;
            s->found[known[k].kind] += seen[k * phases->frames + t];
        }
    free(seen);
}

static const size_t sizes[4][2] = {{24, 24}, {32, 48}, {64, 64}, {100, 100}};

static pattern_t pattern_of(pattern_kind_t kind, bool open, size_t size, double noise,
                            size_t periods) {
    return (pattern_t){.kind = kind,
                       .open = open,
                       .frames = (size_t)lround(period_frames * (double)periods),
                       .n_y = sizes[size][0],
                       .n_x = sizes[size][1],
                       .frame_ms = frame_ms,
                       .frequency_hz = 1000.0 / (frame_ms * period_frames),
                       .nx = 2.0,
                       .noise = noise,
                       .seed = 7};
}

static void phases_at_rhythm(const pattern_t *pattern, phases_t *phases) {
    phases_create(pattern, pattern->frequency_hz / 1.5, pattern->frequency_hz * 1.5, phases);
}

static void study(size_t periods) {
    static const double noise[3] = {0.0, 0.3, 1.0};
    printf("pattern sheet     size  noise | for each of clockwise counter-clockwise source sink "
           "saddle: found / there, wrong / told\n");
    for (int source = 0; source < 2; source++)
        for (int open = 0; open < 2; open++)
            for (size_t size = 0; size < 4; size++)
                for (size_t k = 0; k < 3; k++) {
                    pattern_t pattern = pattern_of(source ? PATTERN_SOURCE : PATTERN_SPIRAL,
                                                   open == 1, size, noise[k], periods);
                    phases_t phases;
                    dataset_t found = {0};
                    score_t s = {0};
                    phases_at_rhythm(&pattern, &phases);
                    detect(&phases, &found);
                    score(&pattern, &phases, &found, &s);
                    printf("%s %s %3zu x %3zu %4.1f |", source ? "source" : "spiral",
                           open ? "open " : "torus", sizes[size][0], sizes[size][1], noise[k]);
                    for (int c = 0; c < CRITICAL_KINDS; c++)
                        printf(" %4zu/%4zu %3zu/%4zu |", s.found[c], s.wanted[c], s.wrong[c],
                               s.told[c]);
                    printf("\n");
                    dataset_destroy(&found);
                    phases_destroy(&phases);
                }
}

static void noise_study(size_t fields, size_t periods, double correlation, size_t n) {
    size_t told = 0, fields_with = 0;
    double most = 0.0;
    for (size_t k = 0; k < fields; k++) {
        pattern_t pattern = pattern_of(PATTERN_NOISE, k % 2 == 1, 0, 1.0, periods);
        pattern.n_y = pattern.n_x = n;
        pattern.correlation = correlation;
        pattern.seed = 1000 + k;
        pattern_field_t f;
        pattern_create(pattern, &f);
        size_t sites = grid_sites(&f.field.grid);
        phases_t phases = {.frames = pattern.frames, .grid = f.field.grid};
        phases.phase = malloc(pattern.frames * sites * sizeof(float));
        phases.velocity = calloc(2 * pattern.frames * sites, sizeof(float));
        phases_of(f.values, pattern.frames, sites, frame_ms, pattern.frequency_hz / 1.5,
                  pattern.frequency_hz * 1.5, phases.phase);
        dataset_t found = {0};
        detect(&phases, &found);
        size_t tracks = dataset_find_axis(&found, "singularities/track")->size;
        const double *turns = column(&found, "singularities/turns");
        for (size_t i = 0; i < tracks; i++) {
            printf("%.2f(%g,%.1f) ", turns[i], column(&found, "singularities/kind")[i],
                   column(&found, "singularities/drift_speed")[i] * (double)n * frame_ms *
                       period_frames * 1e-3);
            most = fmax(most, turns[i]);
        }
        told += tracks;
        fields_with += tracks > 0;
        dataset_destroy(&found);
        phases_destroy(&phases);
        pattern_destroy(&f);
    }
    printf("\nnoise correlated over %g sites, %zu x %zu, %zu turns: %zu tracks in %zu of %zu "
           "fields, %.2f turns at most\n",
           correlation, n, n, periods, told, fields_with, fields, most);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        noise_study((size_t)atoi(argv[1]), 10, atof(argv[2]), 64);
    } else
        study(10);
    (void)argv;
    return 0;
}
