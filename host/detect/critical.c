#include "host/detect/critical.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/detect/critical_points.h"

enum { MAX_GAP = 2, BLOCKS = 10 };
static const double max_step = 1.0; /* sites a frame */

struct critical_detector {
    grid_t grid;
    size_t frames, taken;
    double start_ms, frame_ms;
    double advance; /* radians by which the sheet's mean phase went down since the first frame */
    float *before;  /* [ny][nx] the last frame's phase */
    double *row;    /* [ny] */
    point_finder_t *finder;
    tracker_t *tracker;
};

const char *critical_name(critical_kind_t kind) {
    static const char *const name[CRITICAL_KINDS] = {"clockwise", "counterclockwise", "sources",
                                                     "sinks", "saddles"};
    return name[kind];
}

void critical_destroy(critical_detector_t *detector) {
    if (!detector)
        return;
    points_destroy(detector->finder);
    track_destroy(detector->tracker);
    free(detector->before);
    free(detector->row);
    free(detector);
}

static status_t create(const grid_t *grid, critical_detector_t *detector) {
    /* A turn takes two frames at least. */
    TRY(points_create(grid, &detector->finder));
    TRY(track_create(grid, max_step, MAX_GAP, (size_t)(2.0 * CRITICAL_TURNS), &detector->tracker));
    detector->before = malloc(grid_sites(grid) * sizeof *detector->before);
    detector->row = malloc(grid->ny * sizeof *detector->row);
    if (!detector->before || !detector->row)
        FAIL(STATUS_FAILED, "critical points: no memory for %zu sites", grid_sites(grid));
    return STATUS_OK;
}

status_t critical_create(const grid_t *grid, size_t frames, double start_ms, double frame_ms,
                         critical_detector_t **detector) {
    *detector = calloc(1, sizeof **detector);
    if (!*detector)
        FAIL(STATUS_FAILED, "critical points: no memory");
    (*detector)->grid = *grid;
    (*detector)->frames = frames;
    (*detector)->start_ms = start_ms;
    (*detector)->frame_ms = frame_ms;
    status_t status = create(grid, *detector);
    if (status != STATUS_OK) {
        critical_destroy(*detector);
        *detector = NULL;
    }
    return status;
}

static double wrap_angle(double angle) {
    return angle - 2.0 * M_PI * rint(angle / (2.0 * M_PI));
}

/* Mean over sites of the phase's way from the last frame to this one. */
static double mean_way(critical_detector_t *detector, const float *phase) {
    const grid_t *grid = &detector->grid;
    double sum = 0.0, sites = 0.0;
#pragma omp parallel for schedule(static)
    for (size_t y = 0; y < grid->ny; y++) {
        detector->row[y] = 0.0;
        for (size_t x = 0; x < grid->nx; x++) {
            size_t i = y * grid->nx + x;
            if (grid_has(grid, y, x))
                detector->row[y] += wrap_angle((double)phase[i] - (double)detector->before[i]);
        }
    }
    for (size_t y = 0; y < grid->ny; y++) {
        sum += detector->row[y];
        for (size_t x = 0; x < grid->nx; x++)
            sites += grid_has(grid, y, x);
    }
    return sites > 0.0 ? sum / sites : 0.0;
}

status_t critical_take(void *context, const float *phase, const float *velocity) {
    critical_detector_t *detector = context;
    const track_point_t *points;
    size_t n;
    assert(detector->taken < detector->frames);
    TRY(points_find(detector->finder, phase, velocity, &n, &points));
    TRY(track_take(detector->tracker, detector->taken, n, points));
    if (detector->taken > 0)
        detector->advance -= mean_way(detector, phase);
    memcpy(detector->before, phase, grid_sites(&detector->grid) * sizeof *phase);
    detector->taken++;
    return STATUS_OK;
}

/* Turns by which the phase advances at the point, over its life; phase = ... - w t. */
static double turns_of(const track_t *track) {
    double angle = 0.0;
    for (size_t i = 1; i < track->places; i++)
        angle -= wrap_angle(track->path[i].at.extra[POINT_ANGLE] -
                            track->path[i - 1].at.extra[POINT_ANGLE]);
    return angle / (2.0 * M_PI);
}

/* phase = charge * theta - w t stays at one theta that moves by charge * w, and a wave goes along
 * its phase's gradient; where w < 0 all are turned round. */
static critical_kind_t kind_of(const track_t *track, double turns) {
    bool forward = turns > 0.0;
    switch (track->kind) {
    case POINT_PLUS:
    case POINT_MINUS:
        return (track->kind == POINT_PLUS) == forward ? CRITICAL_COUNTERCLOCKWISE
                                                      : CRITICAL_CLOCKWISE;
    case POINT_OUTWARD:
    case POINT_INWARD:
        return (track->kind == POINT_OUTWARD) == forward ? CRITICAL_SOURCE : CRITICAL_SINK;
    default:
        return CRITICAL_SADDLE;
    }
}

static double mean_extra(const track_t *track, int extra) {
    double sum = 0.0;
    for (size_t i = 0; i < track->places; i++)
        sum += track->path[i].at.extra[extra];
    return sum / (double)track->places;
}

/* Mean over frames, and its error from the means of blocks of frames (NaN: too few frames). */
static void mean_of(const double *series, size_t frames, double *mean, double *error) {
    double sum = 0.0, squares = 0.0;
    for (size_t t = 0; t < frames; t++)
        sum += series[t];
    *mean = sum / (double)frames;
    for (size_t b = 0; b < BLOCKS; b++) {
        size_t first = b * frames / BLOCKS, end = (b + 1) * frames / BLOCKS;
        double block = 0.0;
        for (size_t t = first; t < end; t++)
            block += series[t];
        block = block / (double)(end - first) - *mean;
        squares += block * block;
    }
    *error = frames < 2 * BLOCKS ? NAN : sqrt(squares / (BLOCKS * (BLOCKS - 1.0)));
}

typedef struct {
    const char *name, *unit, *long_name; /* unit NULL: the sheet's length, "": that a second */
} column_t;

enum {
    T_KIND,
    T_BIRTH,
    T_DEATH,
    T_LIFETIME,
    T_X,
    T_Y,
    T_SPEED,
    T_TURNS,
    T_TRACE,
    T_CURL,
    T_COLUMNS
};

static const column_t track_column[T_COLUMNS] = {
    {"kind", "1", "0 clockwise, 1 counter-clockwise spiral, 2 source, 3 sink, 4 saddle"},
    {"birth_ms", "ms", "when it was first seen"},
    {"death_ms", "ms", "when it was last seen"},
    {"lifetime_ms", "ms", "from the first to the last frame that shows it"},
    {"x", NULL, "mean position along x"},
    {"y", NULL, "mean position along y"},
    {"drift_speed", "", "of a straight line's least-squares fit to its path"},
    {"turns", "1", "turns of the phase at the point in its life"},
    {"divergence", "1/s", "mean trace of the velocity's Jacobian on the inner ring"},
    {"curl", "1/s", "mean curl of the velocity on the inner ring, counter-clockwise"},
};

enum { P_TRACK, P_TIME, P_X, P_Y, P_COLUMNS };

static const column_t path_column[P_COLUMNS] = {
    {"path_track", "1", "the track that it belongs to"},
    {"path_time_ms", "ms", "when"},
    {"path_x", NULL, "where, along x"},
    {"path_y", NULL, "where, along y"},
};

static status_t add_columns(dataset_t *dataset, const grid_t *grid, const column_t *column,
                            size_t columns, const char *axis, const double *values) {
    size_t n = dataset_find_axis(dataset, axis)->size;
    char name[DATASET_NAME], speed[32];
    snprintf(speed, sizeof speed, "%s/s", grid->length);
    for (size_t k = 0; k < columns; k++) {
        const char *unit = !column[k].unit   ? grid->length
                           : *column[k].unit ? column[k].unit
                                             : speed;
        snprintf(name, sizeof name, "singularities/%s", column[k].name);
        TRY(dataset_array(dataset, name, 1, &axis, values + k * n, unit, column[k].long_name));
    }
    return STATUS_OK;
}

/* What is told: the tracks that turned often enough, and their kinds. */
typedef struct {
    size_t n, places;
    const track_t **track;
    critical_kind_t *kind;
    double *turns;
} told_t;

static void fill_track(const critical_detector_t *d, const told_t *told, size_t i, double *out) {
    const track_t *track = told->track[i];
    const grid_t *grid = &d->grid;
    double value[T_COLUMNS] = {[T_KIND] = told->kind[i],
                               [T_BIRTH] = d->start_ms + (double)track->birth * d->frame_ms,
                               [T_DEATH] = d->start_ms + (double)track->death * d->frame_ms,
                               [T_LIFETIME] = (double)(track->death - track->birth) * d->frame_ms,
                               [T_X] = (track->mean_x + 0.5) * grid->dx,
                               [T_Y] = (track->mean_y + 0.5) * grid->dy,
                               [T_SPEED] = hypot(track->vx * grid->dx, track->vy * grid->dy) /
                                           (d->frame_ms * 1e-3),
                               [T_TURNS] = fabs(told->turns[i]),
                               [T_TRACE] = mean_extra(track, POINT_TRACE),
                               [T_CURL] = mean_extra(track, POINT_CURL)};
    for (size_t k = 0; k < T_COLUMNS; k++)
        out[k * told->n + i] = value[k];
}

static size_t fill_path(const critical_detector_t *d, const told_t *told, size_t i, size_t at,
                        double *out) {
    const grid_t *grid = &d->grid;
    for (size_t p = 0; p < told->track[i]->places; p++, at++) {
        const track_place_t *place = &told->track[i]->path[p];
        double x = track_wrap(place->at.x, grid->nx, grid->open);
        double y = track_wrap(place->at.y, grid->ny, grid->open);
        out[P_TRACK * told->places + at] = (double)(i + 1);
        out[P_TIME * told->places + at] = d->start_ms + (double)place->frame * d->frame_ms;
        out[P_X * told->places + at] = (x + 0.5) * grid->dx;
        out[P_Y * told->places + at] = (y + 0.5) * grid->dy;
    }
    return at;
}

static status_t report_counts(const critical_detector_t *d, const told_t *told, double *count,
                              dataset_t *dataset) {
    double lifetime = 0.0, spirals = 0.0, mean, error;
    for (critical_kind_t kind = 0; kind < CRITICAL_KINDS; kind++) {
        char name[DATASET_NAME], words[96];
        memset(count, 0, d->taken * sizeof *count);
        for (size_t i = 0; i < told->n; i++)
            for (size_t p = 0; told->kind[i] == kind && p < told->track[i]->places; p++)
                count[told->track[i]->path[p].frame]++;
        mean_of(count, d->taken, &mean, &error);
        snprintf(name, sizeof name, "singularities/%s", critical_name(kind));
        snprintf(words, sizeof words, "%s%s, mean number a frame", critical_name(kind),
                 kind <= CRITICAL_COUNTERCLOCKWISE ? " spirals" : "");
        TRY(dataset_number(dataset, name, mean, "1", words));
        snprintf(name, sizeof name, "singularities/%s_error", critical_name(kind));
        if (isfinite(error))
            TRY(dataset_number(dataset, name, error, "1", "its error, from blocks of frames"));
    }
    for (size_t i = 0; i < told->n; i++)
        if (told->kind[i] <= CRITICAL_COUNTERCLOCKWISE) {
            lifetime += (double)(told->track[i]->death - told->track[i]->birth) * d->frame_ms;
            spirals++;
        }
    if (spirals > 0.0)
        TRY(dataset_number(dataset, "singularities/spiral_lifetime_ms", lifetime / spirals, "ms",
                           "mean lifetime of the spirals, cut by the record's ends"));
    return STATUS_OK;
}

static status_t report(const critical_detector_t *d, const told_t *told, dataset_t *dataset) {
    size_t n = told->n * T_COLUMNS, m = told->places * P_COLUMNS, at = 0;
    double *values = malloc((n + m + d->taken + 1) * sizeof *values);
    if (!values)
        FAIL(STATUS_FAILED, "singularities: no memory for paths of %zu places", told->places);
    for (size_t i = 0; i < told->n; i++) {
        fill_track(d, told, i, values);
        at = fill_path(d, told, i, at, values + n);
    }
    status_t status = report_counts(d, told, values + n + m, dataset);
    if (status == STATUS_OK)
        status = dataset_axis(dataset, "singularities/track", told->n, NULL, "1",
                              "critical points followed through time");
    if (status == STATUS_OK)
        status = dataset_axis(dataset, "singularities/point", told->places, NULL, "1",
                              "places of all tracks' paths, one track after the other");
    if (status == STATUS_OK)
        status =
            add_columns(dataset, &d->grid, track_column, T_COLUMNS, "singularities/track", values);
    if (status == STATUS_OK)
        status = add_columns(dataset, &d->grid, path_column, P_COLUMNS, "singularities/point",
                             values + n);
    free(values);
    return status;
}

static status_t choose(const tracks_t *tracks, told_t *told) {
    told->track = malloc((tracks->n + 1) * sizeof *told->track);
    told->kind = malloc((tracks->n + 1) * sizeof *told->kind);
    told->turns = malloc((tracks->n + 1) * sizeof *told->turns);
    if (!told->track || !told->kind || !told->turns)
        FAIL(STATUS_FAILED, "singularities: no memory for %zu tracks", tracks->n);
    for (size_t i = 0; i < tracks->n; i++) {
        double turns = turns_of(&tracks->track[i]);
        if (fabs(turns) < CRITICAL_TURNS)
            continue;
        told->track[told->n] = &tracks->track[i];
        told->kind[told->n] = kind_of(&tracks->track[i], turns);
        told->turns[told->n++] = turns;
        told->places += tracks->track[i].places;
    }
    return STATUS_OK;
}

status_t critical_finish(critical_detector_t *detector, dataset_t *dataset) {
    double turns = fabs(detector->advance) / (2.0 * M_PI);
    if (turns < CRITICAL_TURNS)
        FAIL(STATUS_FAILED,
             "singularities: the phase advances by %.2f turns in %zu frames, but a point is told "
             "only after %g: record longer",
             turns, detector->taken, CRITICAL_TURNS);
    tracks_t tracks = {0};
    told_t told = {0};
    status_t status = track_finish(detector->tracker, &tracks);
    if (status == STATUS_OK)
        status = choose(&tracks, &told);
    if (status == STATUS_OK)
        status = report(detector, &told, dataset);
    free(told.track);
    free(told.kind);
    free(told.turns);
    tracks_destroy(&tracks);
    return status;
}
