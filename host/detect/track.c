#include "host/detect/track.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    size_t serial, last; /* order of birth; frame in which it was last seen */
    size_t room;         /* of track.path */
    track_t track;
} live_t;

typedef struct {
    double squared; /* distance, sites^2 */
    size_t live, point;
} pair_t;

typedef struct {
    size_t n, room;
    live_t *item;
} list_t;

struct tracker {
    grid_t grid;
    double max_step;
    size_t max_gap, min_places, born;
    list_t live, dead;
    size_t pairs, pair_room, taken_room;
    pair_t *pair;
    bool *taken; /* [taken_room] of the frame's points, then of the live tracks */
};

status_t track_create(const grid_t *grid, double max_step_sites, size_t max_gap_frames,
                      size_t min_places, tracker_t **tracker) {
    assert(max_step_sites > 0.0);
    *tracker = calloc(1, sizeof **tracker);
    if (!*tracker)
        FAIL(STATUS_FAILED, "tracks: no memory");
    (*tracker)->grid = *grid;
    (*tracker)->max_step = max_step_sites;
    (*tracker)->max_gap = max_gap_frames;
    (*tracker)->min_places = min_places;
    return STATUS_OK;
}

static void list_destroy(list_t *list) {
    for (size_t i = 0; i < list->n; i++)
        free(list->item[i].track.path);
    free(list->item);
    *list = (list_t){0};
}

void track_destroy(tracker_t *tracker) {
    if (!tracker)
        return;
    list_destroy(&tracker->live);
    list_destroy(&tracker->dead);
    free(tracker->pair);
    free(tracker->taken);
    free(tracker);
}

void tracks_destroy(tracks_t *tracks) {
    for (size_t i = 0; i < tracks->n; i++)
        free(tracks->track[i].path);
    free(tracks->track);
    *tracks = (tracks_t){0};
}

double track_wrap(double sites, size_t n, bool open) {
    return open ? sites : sites - (double)n * floor((sites + 0.5) / (double)n);
}

/* The array with room for one more than n; NULL where there is no memory. */
static void *grown(void *array, size_t n, size_t *room, size_t bytes) {
    if (n < *room)
        return array;
    size_t wanted = *room ? 2 * *room : 16;
    void *longer = realloc(array, wanted * bytes);
    *room = longer ? wanted : *room;
    return longer;
}

static status_t list_add(list_t *list, const live_t *item) {
    live_t *items = grown(list->item, list->n, &list->room, sizeof *items);
    if (!items)
        FAIL(STATUS_FAILED, "tracks: no memory for %zu tracks", list->n + 1);
    list->item = items;
    list->item[list->n++] = *item;
    return STATUS_OK;
}

/* Mean and slope of the path, whose coordinates are continuous. */
static void summarize(const grid_t *grid, track_t *track) {
    double n = (double)track->places, t = 0.0, x = 0.0, y = 0.0, tt = 0.0, tx = 0.0, ty = 0.0;
    for (size_t i = 0; i < track->places; i++) {
        t += (double)(track->path[i].frame - track->birth) / n;
        x += track->path[i].at.x / n;
        y += track->path[i].at.y / n;
    }
    for (size_t i = 0; i < track->places; i++) {
        double late = (double)(track->path[i].frame - track->birth) - t;
        tt += late * late;
        tx += late * (track->path[i].at.x - x);
        ty += late * (track->path[i].at.y - y);
    }
    track->mean_x = track_wrap(x, grid->nx, grid->open);
    track->mean_y = track_wrap(y, grid->ny, grid->open);
    track->vx = track->places > 1 ? tx / tt : NAN;
    track->vy = track->places > 1 ? ty / tt : NAN;
}

/* Tracks last seen more than `ago` frames before `frame` die. */
static status_t bury(tracker_t *tracker, size_t frame, size_t ago) {
    size_t kept = 0;
    status_t status = STATUS_OK;
    for (size_t i = 0; i < tracker->live.n; i++) {
        live_t *live = &tracker->live.item[i];
        bool dies = status == STATUS_OK && frame - live->last > ago;
        if (dies && live->track.places >= tracker->min_places) {
            live->track.death = live->last;
            summarize(&tracker->grid, &live->track);
            status = list_add(&tracker->dead, live);
            dies = status == STATUS_OK;
        } else if (dies) {
            free(live->track.path);
        }
        if (!dies)
            tracker->live.item[kept++] = *live;
    }
    tracker->live.n = kept;
    return status;
}

static status_t append(live_t *live, size_t frame, const track_point_t *point) {
    track_t *track = &live->track;
    track_place_t *path = grown(track->path, track->places, &live->room, sizeof *path);
    if (!path)
        FAIL(STATUS_FAILED, "tracks: no memory for a path of %zu frames", track->places + 1);
    track->path = path;
    track->path[track->places++] = (track_place_t){.frame = frame, .at = *point};
    live->last = frame;
    return STATUS_OK;
}

static status_t go_on(const tracker_t *tracker, live_t *live, size_t frame, track_point_t point) {
    const grid_t *grid = &tracker->grid;
    const track_point_t *from = &live->track.path[live->track.places - 1].at;
    point.x = from->x + grid_way(from->x, point.x, grid->nx, grid->open);
    point.y = from->y + grid_way(from->y, point.y, grid->ny, grid->open);
    return append(live, frame, &point);
}

static status_t begin(tracker_t *tracker, size_t frame, const track_point_t *point) {
    live_t live = {.serial = tracker->born++, .track = {.kind = point->kind, .birth = frame}};
    TRY(append(&live, frame, point));
    status_t status = list_add(&tracker->live, &live);
    if (status != STATUS_OK)
        free(live.track.path);
    return status;
}

static status_t find_pairs(tracker_t *tracker, size_t frame, size_t n,
                           const track_point_t *points) {
    const grid_t *grid = &tracker->grid;
    tracker->pairs = 0;
    for (size_t l = 0; l < tracker->live.n; l++) {
        const live_t *live = &tracker->live.item[l];
        const track_point_t *from = &live->track.path[live->track.places - 1].at;
        double reach = tracker->max_step * (double)(frame - live->last);
        for (size_t p = 0; p < n; p++) {
            double dx = grid_way(from->x, points[p].x, grid->nx, grid->open);
            double dy = grid_way(from->y, points[p].y, grid->ny, grid->open);
            if (points[p].kind != live->track.kind || dx * dx + dy * dy > reach * reach)
                continue;
            pair_t *pairs =
                grown(tracker->pair, tracker->pairs, &tracker->pair_room, sizeof *pairs);
            if (!pairs)
                FAIL(STATUS_FAILED, "tracks: no memory for %zu pairs", tracker->pairs + 1);
            tracker->pair = pairs;
            tracker->pair[tracker->pairs++] =
                (pair_t){.squared = dx * dx + dy * dy, .live = l, .point = p};
        }
    }
    return STATUS_OK;
}

static int compare_sizes(size_t a, size_t b) {
    return (a > b) - (a < b);
}

static int nearer(const void *a, const void *b) {
    const pair_t *p = a, *q = b;
    if (p->squared != q->squared)
        return p->squared < q->squared ? -1 : 1;
    return p->live != q->live ? compare_sizes(p->live, q->live) : compare_sizes(p->point, q->point);
}

status_t track_take(tracker_t *tracker, size_t frame, size_t n, const track_point_t *points) {
    for (size_t i = 0; i < tracker->live.n; i++)
        assert(frame > tracker->live.item[i].last);
    TRY(bury(tracker, frame, 1 + tracker->max_gap));
    size_t alive = tracker->live.n;
    if (n + alive > tracker->taken_room) {
        free(tracker->taken);
        tracker->taken_room = 2 * (n + alive);
        tracker->taken = malloc(tracker->taken_room * sizeof *tracker->taken);
        if (!tracker->taken) {
            tracker->taken_room = 0;
            FAIL(STATUS_FAILED, "tracks: no memory for %zu points", n);
        }
    }
    if (n + alive > 0)
        memset(tracker->taken, 0, (n + alive) * sizeof *tracker->taken);
    TRY(find_pairs(tracker, frame, n, points));
    if (tracker->pairs > 0)
        qsort(tracker->pair, tracker->pairs, sizeof *tracker->pair, nearer);
    for (size_t k = 0; k < tracker->pairs; k++) {
        const pair_t *pair = &tracker->pair[k];
        bool *point = &tracker->taken[pair->point], *live = &tracker->taken[n + pair->live];
        if (*point || *live)
            continue;
        *point = *live = true;
        TRY(go_on(tracker, &tracker->live.item[pair->live], frame, points[pair->point]));
    }
    for (size_t p = 0; p < n; p++)
        if (!tracker->taken[p])
            TRY(begin(tracker, frame, &points[p]));
    return STATUS_OK;
}

static int by_birth(const void *a, const void *b) {
    return compare_sizes(((const live_t *)a)->serial, ((const live_t *)b)->serial);
}

status_t track_finish(tracker_t *tracker, tracks_t *tracks) {
    *tracks = (tracks_t){0};
    TRY(bury(tracker, SIZE_MAX, 0));
    list_t *dead = &tracker->dead;
    tracks->track = malloc((dead->n + 1) * sizeof *tracks->track);
    if (!tracks->track)
        FAIL(STATUS_FAILED, "tracks: no memory for %zu tracks", dead->n);
    if (dead->n > 0)
        qsort(dead->item, dead->n, sizeof *dead->item, by_birth);
    tracks->n = dead->n;
    for (size_t i = 0; i < dead->n; i++)
        tracks->track[i] = dead->item[i].track;
    dead->n = 0;
    return STATUS_OK;
}
