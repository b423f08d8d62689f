#include "host/detect/bump.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/detect/bump_report.h"
#include "host/detect/gaussian.h"
#include "host/detect/stream.h"

enum { FRAMES_MIN = 24, PLACES_MIN = 12, GAP_FRAMES = 1 };
static const double range_least = 2.0, range_most = 8.0; /* sites */
static const double noise_deviations = 5.0, step_share = 0.125;
/* The least lifetime: shares of the observed time, memories of the field. */
static const double lifetime_share = 0.1, lifetime_share_most = 0.3, memories = 8.0;

/* Sums over the sites of a frame, d = its deviation from its mean, g = d smoothed. */
typedef struct {
    double smooth, rough, slope; /* of g^2, (d - g)^2, |grad g|^2 */
    double before, after, both;  /* of two frames that follow each other: g^2, g'^2, g g' */
} sums_t;

/* What follows from the sums over all frames. */
typedef struct {
    double range;      /* of the smoothing, sites */
    double deviation;  /* of g */
    double noise;      /* of what smoothing leaves of independent sites' */
    double wavelength; /* of g, sites */
    double memory;     /* of g, frames */
} scale_t;

/* A frame's components as points. */
typedef struct {
    size_t n, room;
    track_point_t *point;
    bool net, no_memory;
} points_t;

typedef struct {
    const grid_t *grid;
    size_t threads, places, data; /* sites with data */
    gaussian_t gaussian;
    float *space;             /* [threads][d, g, scratch] */
    components_t *components; /* [threads] */
    sums_t *sums, total;      /* [places] */
    float *smoothed, *last;   /* [places][ny][nx], [ny][nx]: g, and that of the frame before */
    points_t *points;         /* [places] */
    scale_t scale;
    double threshold, area_min;
    tracker_t *tracker;
    size_t nets; /* frames whose components join into a net */
} bumps_t;

static void bumps_destroy(bumps_t *b) {
    for (size_t k = 0; b->components && k < b->threads; k++)
        components_destroy(&b->components[k]);
    for (size_t k = 0; b->points && k < b->places; k++)
        free(b->points[k].point);
    free(b->components);
    free(b->points);
    free(b->space);
    free(b->sums);
    free(b->smoothed);
    free(b->last);
    gaussian_destroy(&b->gaussian);
    track_destroy(b->tracker);
}

static size_t space_of(const bumps_t *b) {
    return 3 * grid_sites(b->grid);
}

static status_t set_range(bumps_t *b, double range) {
    gaussian_destroy(&b->gaussian);
    free(b->space);
    b->space = NULL;
    TRY(gaussian_create(b->grid, range, range, GAUSSIAN_NOISE, &b->gaussian));
    b->space = malloc(b->threads * space_of(b) * sizeof *b->space);
    if (!b->space)
        FAIL(STATUS_FAILED, "bumps: no memory for frames of %zu x %zu sites", b->grid->ny,
             b->grid->nx);
    return STATUS_OK;
}

static status_t bumps_create(const field_t *field, bumps_t *b) {
    *b = (bumps_t){.grid = &field->grid,
                   .threads = (size_t)omp_get_max_threads(),
                   .places = stream_places(field),
                   .data = grid_count(&field->grid)};
    b->components = calloc(b->threads, sizeof *b->components);
    b->sums = malloc(b->places * sizeof *b->sums);
    b->smoothed = malloc(b->places * grid_sites(b->grid) * sizeof *b->smoothed);
    b->last = malloc(grid_sites(b->grid) * sizeof *b->last);
    b->points = calloc(b->places, sizeof *b->points);
    if (!b->components || !b->sums || !b->smoothed || !b->last || !b->points)
        FAIL(STATUS_FAILED, "bumps: no memory for frames of %zu x %zu sites", b->grid->ny,
             b->grid->nx);
    for (size_t k = 0; k < b->threads; k++)
        TRY(components_create(b->grid, &b->components[k]));
    return STATUS_OK;
}

/* d and g of a frame. Differences from its first site with data make a uniform frame exactly 0. */
static void smooth_frame(const bumps_t *b, const float *frame, float *d, float *g) {
    size_t sites = grid_sites(b->grid), first = 0;
    const unsigned char *mask = b->grid->mask;
    double mean = 0.0;
    while (mask && first + 1 < sites && !mask[first])
        first++;
    for (size_t i = 0; i < sites; i++) {
        d[i] = mask && !mask[i] ? 0.0f : frame[i] - frame[first];
        mean += (double)d[i];
    }
    mean /= (double)b->data;
    for (size_t i = 0; i < sites; i++)
        d[i] -= mask && !mask[i] ? 0.0f : (float)mean;
    memcpy(g, d, sites * sizeof *g);
    gaussian_apply(&b->gaussian, g, g + sites);
}

static double slope_squared(const grid_t *grid, const float *g, size_t y, size_t x) {
    double here = (double)g[y * grid->nx + x], sum = 0.0;
    size_t right = (x + 1) % grid->nx, up = (y + 1) % grid->ny;
    if (!(grid->open && right == 0) && grid_has(grid, y, right))
        sum += pow((double)g[y * grid->nx + right] - here, 2.0);
    if (!(grid->open && up == 0) && grid_has(grid, up, x))
        sum += pow((double)g[up * grid->nx + x] - here, 2.0);
    return sum;
}

static void measure_sums(void *context, size_t thread, size_t place, const float *frame) {
    bumps_t *b = context;
    size_t sites = grid_sites(b->grid);
    float *d = b->space + thread * space_of(b), *g = d + sites;
    sums_t sums = {0};
    smooth_frame(b, frame, d, g);
    for (size_t y = 0; y < b->grid->ny; y++)
        for (size_t x = 0; x < b->grid->nx; x++) {
            size_t i = y * b->grid->nx + x;
            if (!grid_has(b->grid, y, x))
                continue;
            double left = (double)d[i] - (double)g[i];
            sums.smooth += (double)g[i] * (double)g[i];
            sums.rough += left * left;
            sums.slope += slope_squared(b->grid, g, y, x);
        }
    b->sums[place] = sums;
    memcpy(b->smoothed + place * sites, g, sites * sizeof *g);
}

static status_t take_sums(void *context, size_t frame, size_t place, const float *values) {
    bumps_t *b = context;
    size_t sites = grid_sites(b->grid);
    const float *g = b->smoothed + place * sites;
    (void)values;
    b->total.smooth += b->sums[place].smooth;
    b->total.rough += b->sums[place].rough;
    b->total.slope += b->sums[place].slope;
    for (size_t i = 0; frame > 0 && i < sites; i++) {
        b->total.before += (double)b->last[i] * (double)b->last[i];
        b->total.after += (double)g[i] * (double)g[i];
        b->total.both += (double)b->last[i] * (double)g[i];
    }
    memcpy(b->last, g, sites * sizeof *g);
    return STATUS_OK;
}

static status_t find(bumps_t *b, size_t thread, const float *frame, components_t **components) {
    float *d = b->space + thread * space_of(b), *g = d + grid_sites(b->grid);
    *components = &b->components[thread];
    smooth_frame(b, frame, d, g);
    return components_find(b->grid, g, b->threshold, *components);
}

/* false: no memory */
static bool points_of(const bumps_t *b, const components_t *components, points_t *points) {
    points->n = 0;
    points->net = false;
    if (points->room < components->n) {
        track_point_t *grown = realloc(points->point, components->n * sizeof *grown);
        if (!grown)
            return false;
        points->point = grown;
        points->room = components->n;
    }
    for (size_t k = 0; k < components->n; k++) {
        const component_t *c = &components->component[k];
        points->net = points->net || c->net;
        if (!c->net && c->area >= b->area_min)
            points->point[points->n++] = (track_point_t){
                .x = c->x,
                .y = c->y,
                .kind = bump_kind(c),
                .extra = {[BUMP_AREA] = c->area, [BUMP_ASPECT] = c->major / c->minor}};
    }
    return true;
}

static void measure_points(void *context, size_t thread, size_t place, const float *frame) {
    bumps_t *b = context;
    components_t *components;
    b->points[place].no_memory = find(b, thread, frame, &components) != STATUS_OK ||
                                 !points_of(b, components, &b->points[place]);
}

static status_t take_points(void *context, size_t frame, size_t place, const float *values) {
    bumps_t *b = context;
    (void)values;
    if (b->points[place].no_memory)
        FAIL(STATUS_FAILED, "bumps: no memory for the components of frame %zu", frame);
    b->nets += b->points[place].net;
    return track_take(b->tracker, frame, b->points[place].n, b->points[place].point);
}

static status_t measure_scale(const field_t *field, bumps_t *b, double range, scale_t *scale) {
    double values = (double)field->frames * (double)b->data;
    TRY(set_range(b, range));
    b->total = (sums_t){0};
    TRY(stream_frames(field, &(stream_t){b, measure_sums, take_sums}));
    const sums_t *sums = &b->total;
    double left = 1.0 - 2.0 * b->gaussian.own + b->gaussian.squares;
    double correlation = sums->both / sqrt(sums->before * sums->after);
    *scale = (scale_t){.range = range,
                       .deviation = sqrt(sums->smooth / values),
                       .wavelength = 2.0 * M_PI * sqrt(sums->smooth / sums->slope)};
    if (left > 0.0)
        scale->noise = sqrt(sums->rough / values / left * b->gaussian.squares);
    if (correlation > 0.0)
        scale->memory = correlation < 1.0 ? -1.0 / log(correlation) : INFINITY;
    return STATUS_OK;
}

/* The least range that lifts the pattern over the noise of independent sites; if there is none, the
 * one that lifts it most. */
static status_t choose_scale(const field_t *field, double range, bumps_t *b) {
    const grid_t *grid = b->grid;
    size_t side = grid->ny == 1 || (grid->nx > 1 && grid->nx < grid->ny) ? grid->nx : grid->ny;
    double first = range > 0.0 ? range : range_least;
    double most = range > 0.0 ? range : fmin(range_most, (double)side / 6.0);
    scale_t *best = &b->scale;
    TRY(measure_scale(field, b, first, best));
    for (double next = 2.0 * first; next <= most; next *= 2.0) {
        scale_t scale;
        if (best->deviation >= noise_deviations * best->noise)
            break;
        TRY(measure_scale(field, b, next, &scale));
        if (scale.deviation * best->noise > best->deviation * scale.noise)
            *best = scale;
    }
    TRY(set_range(b, best->range));
    b->threshold = fmax(best->deviation, noise_deviations * best->noise);
    b->area_min = 0.25 / b->gaussian.squares;
    return STATUS_OK;
}

/* Frames in which a bump is seen at least. */
static size_t least_places(const field_t *field, const bump_options_t *options, double memory) {
    double frames = (double)field->frames;
    double least =
        fmax(lifetime_share * frames, fmin(memories * memory, lifetime_share_most * frames));
    if (options->lifetime_ms > 0.0)
        least = options->lifetime_ms / field->frame_ms;
    return least > PLACES_MIN ? (size_t)ceil(least) : PLACES_MIN;
}

static status_t nothing(dataset_t *dataset, const char *reason) {
    return dataset_text(dataset, "bumps/reason", reason);
}

/* The map of the middle frame goes with the tables. */
static status_t report(const field_t *field, bumps_t *b, const tracks_t *tracks,
                       dataset_t *dataset) {
    size_t frame = field->frames / 2;
    components_t *components;
    float *values = malloc(grid_sites(b->grid) * sizeof *values);
    if (!values)
        FAIL(STATUS_FAILED, "bumps: no memory for %zu x %zu sites", b->grid->ny, b->grid->nx);
    status_t status = field->read(field->context, frame, 1, 0, b->grid->ny, values);
    if (status == STATUS_OK)
        status = find(b, 0, values, &components);
    free(values);
    TRY(status);
    TRY(dataset_number(dataset, "bumps/threshold", b->threshold, "1",
                       "threshold of the smoothed field over its mean over the sheet"));
    TRY(dataset_number(dataset, "bumps/net_share", (double)b->nets / (double)field->frames, "1",
                       "share of frames in which what is above it is a net around the torus"));
    return bump_report(field, tracks, frame, components, dataset);
}

static status_t detect(const field_t *field, const bump_options_t *options, bumps_t *b,
                       dataset_t *dataset) {
    tracks_t tracks = {0};
    TRY(choose_scale(field, options->smoothing_sites, b));
    if (!(b->scale.deviation > 0.0))
        return nothing(dataset, "none: the field is the same everywhere");
    size_t places = least_places(field, options, b->scale.memory);
    TRY(track_create(b->grid, step_share * b->scale.wavelength, GAP_FRAMES, places, &b->tracker));
    TRY(stream_frames(field, &(stream_t){b, measure_points, take_points}));
    TRY(dataset_number(dataset, "bumps/smoothing_sites", b->scale.range, "site",
                       "range of the Gaussian that smooths the field"));
    TRY(dataset_number(dataset, "bumps/least_lifetime_ms", (double)places * field->frame_ms, "ms",
                       "what lives for less is no bump"));
    TRY(track_finish(b->tracker, &tracks));
    status_t status = report(field, b, &tracks, dataset);
    tracks_destroy(&tracks);
    return status;
}

status_t bumps_detect(const field_t *field, const bump_options_t *options, dataset_t *dataset) {
    bumps_t b;
    char reason[120];
    if (field->frames < FRAMES_MIN) {
        snprintf(reason, sizeof reason, "not looked for: %zu frames are too few, it takes %d",
                 field->frames, FRAMES_MIN);
        return nothing(dataset, reason);
    }
    status_t status = bumps_create(field, &b);
    if (status == STATUS_OK)
        status = detect(field, options, &b, dataset);
    bumps_destroy(&b);
    return status;
}
