#include "host/detect/bump_report.h"

#include <stdio.h>
#include <stdlib.h>

enum { WINDING_MAX = 100, BLOCKS = 10, PATH_FRAMES = 1000 };
static const double aspect_stripe = 2.0;
/* Student t of 8 degrees of freedom, ten blocks and a line: exceeded in one of a thousand. */
static const double moving_errors = 5.0;

typedef enum { SHAPE_SPOT, SHAPE_STRIPE, SHAPE_WINDING } shape_t;

/* 0, or one that tells the windings (0 to 100, -100 to 100) apart. */
int bump_kind(const component_t *c) {
    return c->winding_x || c->winding_y
               ? 1 + c->winding_x * (2 * WINDING_MAX + 1) + c->winding_y + WINDING_MAX
               : 0;
}

static void winding_of(int kind, double *a, double *b) {
    *a = (kind - 1) / (2 * WINDING_MAX + 1);
    *b = (kind - 1) % (2 * WINDING_MAX + 1) - WINDING_MAX;
}

typedef struct {
    double birth_ms, death_ms, lifetime_ms, x, y, area, aspect, shape, vx, vy, speed, speed_error;
} row_t;

static const struct {
    const char *name, *unit, *long_name; /* unit NULL: the grid's length, "/s": that a second */
} columns[] = {
    {"birth_ms", "ms", "first frame in which it was seen"},
    {"death_ms", "ms", "last frame in which it was seen"},
    {"lifetime_ms", "ms", "time from the first to the last, both included"},
    {"x", NULL, "mean place; of a stripe around the torus, where it crosses the middle"},
    {"y", NULL, "mean place; of a stripe around the torus, where it crosses the middle"},
    {"area", "1", "mean share of the sheet's sites"},
    {"aspect", "1", "mean ratio of its axes by second moments"},
    {"shape", "1", "0 spot, 1 stripe (twice as long as wide), 2 stripe around the torus"},
    {"velocity_x", "/s", "drift, least squares; of a stripe around the torus, across it"},
    {"velocity_y", "/s", "drift, least squares; of a stripe around the torus, across it"},
    {"speed", "/s", "drift"},
    {"speed_error", "/s", "its standard error, from the path's blocks"},
};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

/* Variances of the least-squares velocities, sites a frame squared: residuals may be correlated, so
 * those of each of 10 blocks of the path are taken together (Liang & Zeger, Biometrika 1986). */
static double velocity_variance(const track_t *track) {
    double t_mean = 0.0, x_mean = 0.0, y_mean = 0.0, tt = 0.0, sum = 0.0;
    double n = (double)track->places;
    for (size_t k = 0; k < track->places; k++) {
        t_mean += (double)track->path[k].frame / n;
        x_mean += track->path[k].at.x / n;
        y_mean += track->path[k].at.y / n;
    }
    for (size_t block = 0; block < BLOCKS; block++) {
        double x = 0.0, y = 0.0;
        for (size_t k = block * track->places / BLOCKS; k < (block + 1) * track->places / BLOCKS;
             k++) {
            double t = (double)track->path[k].frame - t_mean;
            tt += t * t;
            x += t * (track->path[k].at.x - x_mean - track->vx * t);
            y += t * (track->path[k].at.y - y_mean - track->vy * t);
        }
        sum += x * x + y * y;
    }
    return sum / (tt * tt) * BLOCKS / (BLOCKS - 2);
}

static row_t row_of(const field_t *field, const track_t *track) {
    const grid_t *grid = &field->grid;
    double per_second = 1e3 / field->frame_ms, n = (double)track->places;
    row_t row = {.birth_ms = field->start_ms + (double)track->birth * field->frame_ms,
                 .death_ms = field->start_ms + (double)track->death * field->frame_ms,
                 .lifetime_ms = (double)(track->death - track->birth + 1) * field->frame_ms,
                 .x = (track->mean_x + 0.5) * grid->dx,
                 .y = (track->mean_y + 0.5) * grid->dy,
                 .vx = track->vx * grid->dx * per_second,
                 .vy = track->vy * grid->dy * per_second};
    for (size_t k = 0; k < track->places; k++) {
        row.area += track->path[k].at.extra[BUMP_AREA] / n;
        row.aspect += track->path[k].at.extra[BUMP_ASPECT] / n;
    }
    row.area /= (double)grid_sites(grid);
    bool line = grid->nx == 1 || grid->ny == 1;
    row.shape = track->kind                            ? SHAPE_WINDING
                : row.aspect >= aspect_stripe && !line ? SHAPE_STRIPE
                                                       : SHAPE_SPOT;
    double error = sqrt(velocity_variance(track)) * fmax(grid->dx, grid->dy) * per_second;
    if (track->kind) { /* across it, as q = b x - a y of sides moves on */
        double a, b, side_x = (double)grid->nx * grid->dx, side_y = (double)grid->ny * grid->dy;
        winding_of(track->kind, &a, &b);
        double qx = b / side_x, qy = -a / side_y, squared = qx * qx + qy * qy;
        double rate = (qx * row.vx + qy * row.vy) / squared;
        row.vx = rate * qx;
        row.vy = rate * qy;
        error *= fmax(fabs(qx), fabs(qy)) / sqrt(squared);
    }
    row.speed = hypot(row.vx, row.vy);
    row.speed_error = error;
    return row;
}

static status_t put_table(const field_t *field, size_t n, const row_t *rows, dataset_t *dataset) {
    double *column = malloc((n + 1) * sizeof *column);
    const char *axis = "bumps/track";
    if (!column)
        FAIL(STATUS_FAILED, "bumps: no memory for %zu tracks", n);
    status_t status =
        dataset_axis(dataset, axis, n, NULL, "1", "bump that lasted, in order of birth");
    for (size_t c = 0; c < COLUMNS && status == STATUS_OK; c++) {
        char name[DATASET_NAME], unit[32];
        for (size_t k = 0; k < n; k++)
            column[k] = ((const double *)&rows[k])[c];
        snprintf(name, sizeof name, "bumps/track_%s", columns[c].name);
        const char *own = columns[c].unit;
        snprintf(unit, sizeof unit, "%s%s", !own || own[0] == '/' ? field->grid.length : "",
                 own ? own : "");
        status = dataset_array(dataset, name, 1, &axis, column, unit, columns[c].long_name);
    }
    free(column);
    return status;
}

/* Paths in at most PATH_FRAMES frames, evenly spaced. */
static status_t put_paths(const field_t *field, const tracks_t *tracks, dataset_t *dataset) {
    static const char *const names[] = {"bumps/path_track", "bumps/path_time_ms", "bumps/path_x",
                                        "bumps/path_y"};
    static const char *const long_names[] = {"number of its bump", "time of a place on its path",
                                             "place on its path", "place on its path"};
    const grid_t *grid = &field->grid;
    const char *units[] = {"1", "ms", grid->length, grid->length}, *axis = "bumps/point";
    size_t every = (field->frames + PATH_FRAMES - 1) / PATH_FRAMES, n = 0, room = 0;
    for (size_t k = 0; k < tracks->n; k++)
        room += tracks->track[k].places;
    double *column = malloc((4 * room + 1) * sizeof *column);
    if (!column)
        FAIL(STATUS_FAILED, "bumps: no memory for paths of %zu places", room);
    for (size_t k = 0; k < tracks->n; k++)
        for (size_t i = 0; i < tracks->track[k].places; i++) {
            const track_place_t *place = &tracks->track[k].path[i];
            if (place->frame % every)
                continue;
            column[n] = (double)(k + 1);
            column[room + n] = field->start_ms + (double)place->frame * field->frame_ms;
            column[2 * room + n] = (track_wrap(place->at.x, grid->nx, grid->open) + 0.5) * grid->dx;
            column[3 * room + n++] =
                (track_wrap(place->at.y, grid->ny, grid->open) + 0.5) * grid->dy;
        }
    status_t status =
        dataset_axis(dataset, axis, n, NULL, "1", "place on a bump's path, bump after bump");
    for (int c = 0; c < 4 && status == STATUS_OK; c++)
        status = dataset_array(dataset, names[c], 1, &axis, column + (size_t)c * room, units[c],
                               long_names[c]);
    free(column);
    return status;
}

/* label(y, x) of a frame: the number of the bump, 0 elsewhere, NaN without data. */
static status_t put_map(const field_t *field, const tracks_t *tracks, size_t frame,
                        const components_t *components, dataset_t *dataset) {
    static const char *const axes[] = {"bumps/frame", "bumps/y", "bumps/x"};
    const grid_t *grid = &field->grid;
    size_t sites = grid_sites(grid);
    double time_ms = field->start_ms + (double)frame * field->frame_ms;
    double *number = calloc(components->n + 1 + sites + grid->ny + grid->nx, sizeof *number);
    if (!number)
        FAIL(STATUS_FAILED, "bumps: no memory for a map of %zu x %zu sites", grid->ny, grid->nx);
    double *map = number + components->n + 1, *y = map + sites, *x = y + grid->ny;
    for (size_t t = 0; t < tracks->n; t++)
        for (size_t i = 0; i < tracks->track[t].places; i++) {
            const track_place_t *place = &tracks->track[t].path[i];
            for (size_t k = 0; place->frame == frame && k < components->n; k++) {
                const component_t *c = &components->component[k];
                if (bump_kind(c) == place->at.kind && c->area == place->at.extra[BUMP_AREA] &&
                    fabs(grid_way(c->x, place->at.x, grid->nx, grid->open)) < 1e-6 &&
                    fabs(grid_way(c->y, place->at.y, grid->ny, grid->open)) < 1e-6)
                    number[k + 1] = (double)(t + 1);
            }
        }
    for (size_t i = 0; i < sites; i++)
        map[i] = grid->mask && !grid->mask[i] ? NAN : number[components->label[i]];
    for (size_t i = 0; i < grid->ny; i++)
        y[i] = ((double)i + 0.5) * grid->dy;
    for (size_t i = 0; i < grid->nx; i++)
        x[i] = ((double)i + 0.5) * grid->dx;
    status_t status = dataset_axis(dataset, axes[0], 1, &time_ms, "ms", "time of the map of bumps");
    if (status == STATUS_OK)
        status = dataset_axis(dataset, axes[1], grid->ny, y, grid->length, "place of a site");
    if (status == STATUS_OK)
        status = dataset_axis(dataset, axes[2], grid->nx, x, grid->length, "place of a site");
    if (status == STATUS_OK)
        status = dataset_array(dataset, "bumps/label", 3, axes, map, "1",
                               "number of the bump that a site belongs to, 0: none");
    free(number);
    return status;
}

typedef struct {
    double value, error;
} estimate_t;

/* Mean of the ratio numerator / denominator over all frames; error from BLOCKS blocks of frames. */
static estimate_t ratio_of(size_t frames, const double *numerator, const double *denominator) {
    double mean = 0.0, squares = 0.0, sum = 0.0, all = 0.0;
    size_t blocks = 0;
    for (size_t block = 0; block < BLOCKS; block++) {
        double up = 0.0, down = 0.0;
        for (size_t t = block * frames / BLOCKS; t < (block + 1) * frames / BLOCKS; t++) {
            up += numerator[t];
            down += denominator ? denominator[t] : 1.0;
        }
        sum += up;
        all += down;
        if (down > 0.0) {
            blocks++;
            mean += up / down;
            squares += up / down * up / down;
        }
    }
    double n = (double)blocks;
    return (estimate_t){sum / all,
                        n > 1 ? sqrt(fmax(squares / n - mean / n * mean / n, 0.0) / (n - 1)) : NAN};
}

/* Number a frame and area of a bump. */
static status_t put_counts(const field_t *field, const tracks_t *tracks, dataset_t *dataset) {
    size_t frames = field->frames;
    double sites = (double)grid_sites(&field->grid);
    double *count = calloc(2 * frames, sizeof *count), *area = count + frames;
    if (!count)
        FAIL(STATUS_FAILED, "bumps: no memory for %zu frames", frames);
    for (size_t k = 0; k < tracks->n; k++)
        for (size_t i = 0; i < tracks->track[k].places; i++) {
            const track_place_t *place = &tracks->track[k].path[i];
            count[place->frame] += 1.0;
            area[place->frame] += place->at.extra[BUMP_AREA] / sites;
        }
    estimate_t counted = ratio_of(frames, count, NULL), size = ratio_of(frames, area, count);
    free(count);
    TRY(dataset_number(dataset, "bumps/count", counted.value, "1", "bumps, mean over frames"));
    TRY(dataset_number(dataset, "bumps/count_error", counted.error, "1",
                       "its standard error, from 10 blocks of frames"));
    if (!tracks->n)
        return STATUS_OK;
    TRY(dataset_number(dataset, "bumps/area", size.value, "1", "a bump's share of the sheet"));
    TRY(dataset_number(dataset, "bumps/area_error", size.error, "1",
                       "its standard error, from 10 blocks of frames"));
    return dataset_number(dataset, "bumps/area_sites", size.value * sites, "1", "sites of a bump");
}

/* Means over bumps, each by its lifetime. */
static status_t put_means(const field_t *field, size_t n, const row_t *rows, dataset_t *dataset) {
    double all = 0.0, speed = 0.0, vx = 0.0, vy = 0.0, lifetime = 0.0, shares[3] = {0};
    double spread = 0.0, scatter = 0.0, own = 0.0;
    for (size_t k = 0; k < n; k++) {
        double w = rows[k].lifetime_ms;
        all += w;
        speed += w * rows[k].speed;
        vx += w * rows[k].vx;
        vy += w * rows[k].vy;
        shares[(int)rows[k].shape] += w;
        lifetime += w / (double)n;
        own += w * w * rows[k].speed_error * rows[k].speed_error;
    }
    speed /= all;
    vx /= all;
    vy /= all;
    for (size_t k = 0; k < n; k++) {
        double w = rows[k].lifetime_ms, x = rows[k].vx - vx, y = rows[k].vy - vy;
        spread += w * w * (rows[k].speed - speed) * (rows[k].speed - speed);
        scatter += w * w * (x * x + y * y);
    }
    double of_mean = n > 1 ? (double)n / (double)(n - 1) : 0.0;
    double error = sqrt(fmax(own, spread * of_mean)) / all;
    double vector_error = sqrt(fmax(own, scatter * of_mean)) / all;
    bool moves = hypot(vx, vy) > moving_errors * vector_error;
    char unit[32];
    snprintf(unit, sizeof unit, "%s/s", field->grid.length);
    TRY(dataset_number(dataset, "bumps/drift", speed, unit, "speed of a bump, mean over bumps"));
    TRY(dataset_number(dataset, "bumps/drift_error", error, unit, "its standard error"));
    TRY(dataset_number(dataset, "bumps/direction_deg", moves ? atan2(vy, vx) * 180.0 / M_PI : NAN,
                       "degree",
                       "where they move to together, from +x to +y; none within 5 errors of rest"));
    TRY(dataset_number(
        dataset, "bumps/lifetime_ms", lifetime, "ms",
        "lifetime, mean over bumps, those cut by the observation's ends as they are"));
    TRY(dataset_number(dataset, "bumps/spot_share", shares[SHAPE_SPOT] / all, "1",
                       "share of bumps that are spots"));
    return dataset_number(dataset, "bumps/stripe_share",
                          (shares[SHAPE_STRIPE] + shares[SHAPE_WINDING]) / all, "1",
                          "share of stripes: twice as long as wide, or around the torus");
}

status_t bump_report(const field_t *field, const tracks_t *tracks, size_t frame,
                     const components_t *components, dataset_t *dataset) {
    char reason[120];
    if (tracks->n)
        snprintf(reason, sizeof reason, "%zu place%s of raised activity that last%s", tracks->n,
                 tracks->n == 1 ? "" : "s", tracks->n == 1 ? "s" : "");
    else
        snprintf(reason, sizeof reason, "none: nothing above the threshold lasts");
    TRY(dataset_text(dataset, "bumps/reason", reason));
    TRY(put_counts(field, tracks, dataset));
    if (!tracks->n)
        return STATUS_OK;
    row_t *rows = malloc(tracks->n * sizeof *rows);
    if (!rows)
        FAIL(STATUS_FAILED, "bumps: no memory for %zu tracks", tracks->n);
    for (size_t k = 0; k < tracks->n; k++)
        rows[k] = row_of(field, &tracks->track[k]);
    status_t status = put_means(field, tracks->n, rows, dataset);
    if (status == STATUS_OK)
        status = put_table(field, tracks->n, rows, dataset);
    free(rows);
    TRY(status);
    TRY(put_paths(field, tracks, dataset));
    return put_map(field, tracks, frame, components, dataset);
}
