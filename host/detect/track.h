/* Points followed from frame to frame: where each was born, went and died. */
#ifndef BRISC_TRACK_H
#define BRISC_TRACK_H

#include "host/detect/grid.h"
#include "kernels/status.h"

enum { TRACK_EXTRA = 4 };

typedef struct {
    double x, y; /* sites: the centre of site (iy, ix) is at (ix, iy) */
    int kind;    /* a track's points are all of one kind */
    double extra[TRACK_EXTRA];
} track_point_t;

typedef struct {
    size_t frame;
    track_point_t at; /* x, y go on beyond a torus's edge: see track_wrap */
} track_place_t;

typedef struct {
    int kind;
    size_t birth, death;   /* the first and the last frame in which it was seen */
    size_t places;         /* frames in which it was seen */
    track_place_t *path;   /* [places], in time order */
    double mean_x, mean_y; /* sites, on the sheet */
    double vx, vy;         /* sites a frame, least squares; NaN where it has one place */
} track_t;

typedef struct {
    size_t n;
    track_t *track; /* [n], in order of birth */
} tracks_t;

typedef struct tracker tracker_t;

/* A point goes on a track of its kind that was last seen at most 1 + max_gap_frames ago and at most
 * max_step_sites times that number of frames away, over a torus's edges too; of all such pairs the
 * nearest goes first (greedy). Tracks seen in fewer than min_places frames are forgotten as they
 * die, so that memory grows with what lasts alone. `grid` is copied; its mask is not looked at. */
status_t track_create(const grid_t *grid, double max_step_sites, size_t max_gap_frames,
                      size_t min_places, tracker_t **tracker);
/* The n points of a frame; frames in ascending order, those without points may be left out. */
status_t track_take(tracker_t *tracker, size_t frame, size_t n, const track_point_t *points);
/* Ends all tracks and hands them over (tracks_destroy); the tracker is empty then. */
status_t track_finish(tracker_t *tracker, tracks_t *tracks);
void track_destroy(tracker_t *tracker);
void tracks_destroy(tracks_t *tracks);

/* A coordinate of a path, in sites, back on the sheet: in [-1/2, n - 1/2) along a torus's axis of n
 * sites. */
double track_wrap(double sites, size_t n, bool open);

#endif
