/* Tracks of points whose ways are known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/detect/track.h"

/* Two points cross a torus's edges diagonally, one of each kind along the same line; every path is
 * whole, its slope and mean exact to rounding. */
static void test_over_the_edge(void **state) {
    (void)state;
    enum { FRAMES = 100 };
    grid_t grid = grid_torus(20, 30);
    tracker_t *tracker = NULL;
    tracks_t tracks;
    assert_int_equal(track_create(&grid, 1.0, 0, 2, &tracker), STATUS_OK);
    for (size_t t = 0; t < FRAMES; t++) {
        double x = track_wrap(28.0 + 0.5 * (double)t, 30, false);
        double y = track_wrap(1.0 - 0.75 * (double)t, 20, false);
        track_point_t points[2] = {{.x = x, .y = y, .kind = 1, .extra = {(double)t}},
                                   {.x = x, .y = y, .kind = 2}};
        assert_int_equal(track_take(tracker, t, 2, points), STATUS_OK);
    }
    assert_int_equal(track_finish(tracker, &tracks), STATUS_OK);
    assert_int_equal(tracks.n, 2);
    for (size_t k = 0; k < 2; k++) {
        const track_t *track = &tracks.track[k];
        assert_int_equal(track->kind, k + 1);
        assert_int_equal(track->places, FRAMES);
        assert_int_equal(track->birth, 0);
        assert_int_equal(track->death, FRAMES - 1);
        assert_float_equal(track->vx, 0.5, 1e-12);
        assert_float_equal(track->vy, -0.75, 1e-12);
        assert_float_equal(track->path[99].at.x, 28.0 + 49.5, 1e-12);
        assert_float_equal(track->mean_x, track_wrap(28.0 + 24.75, 30, false), 1e-12);
        assert_float_equal(track->mean_y, track_wrap(1.0 - 37.125, 20, false), 1e-12);
    }
    assert_float_equal(tracks.track[0].path[42].at.extra[0], 42.0, 0.0);
    tracks_destroy(&tracks);
    track_destroy(tracker);
}

/* One point, unseen in 2 of every 7 frames: one track where gaps of 2 are bridged, else one for
 * each stretch. The edge of an open sheet is not crossed. */
static void test_gaps_and_edges(void **state) {
    (void)state;
    enum { FRAMES = 70 };
    grid_t grid = grid_torus(16, 16);
    for (size_t gap = 1; gap <= 2; gap++)
        for (int open = 0; open < 2; open++) {
            tracker_t *tracker = NULL;
            tracks_t tracks;
            grid.open = open == 1;
            assert_int_equal(track_create(&grid, 0.4, gap, 1, &tracker), STATUS_OK);
            for (size_t t = 0; t < FRAMES; t++) {
                track_point_t point = {.x = fmod(0.25 * (double)t, 15.75), .y = 3.0};
                assert_int_equal(track_take(tracker, t, t % 7 < 5, &point), STATUS_OK);
            }
            assert_int_equal(track_finish(tracker, &tracks), STATUS_OK);
            /* From x = 15 in frame 60 to x = 0 in frame 63: one site over a torus's edge, beyond
             * the greatest step in one frame but not in three. */
            if (gap == 1)
                assert_int_equal(tracks.n, 10);
            else
                assert_int_equal(tracks.n, open ? 2 : 1);
            assert_int_equal(tracks.track[0].birth, 0);
            assert_int_equal(tracks.track[tracks.n - 1].death, 67);
            tracks_destroy(&tracks);
            track_destroy(tracker);
        }
}

/* Points that live for one frame are forgotten, and the nearest pair goes first. */
static void test_rule(void **state) {
    (void)state;
    grid_t grid = grid_torus(50, 50);
    tracker_t *tracker = NULL;
    tracks_t tracks;
    assert_int_equal(track_create(&grid, 4.0, 1, 2, &tracker), STATUS_OK);
    track_point_t first[2] = {{.x = 10.0, .y = 10.0}, {.x = 14.0, .y = 10.0}};
    track_point_t then[2] = {{.x = 13.0, .y = 10.0}, {.x = 40.0, .y = 40.0}};
    assert_int_equal(track_take(tracker, 5, 2, first), STATUS_OK);
    assert_int_equal(track_take(tracker, 6, 2, then), STATUS_OK);
    assert_int_equal(track_take(tracker, 9, 0, NULL), STATUS_OK);
    assert_int_equal(track_finish(tracker, &tracks), STATUS_OK);
    assert_int_equal(tracks.n, 1);
    assert_float_equal(tracks.track[0].path[0].at.x, 14.0, 0.0);
    assert_float_equal(tracks.track[0].path[1].at.x, 13.0, 0.0);
    assert_int_equal(tracks.track[0].birth, 5);
    tracks_destroy(&tracks);
    assert_int_equal(track_finish(tracker, &tracks), STATUS_OK);
    assert_int_equal(tracks.n, 0);
    tracks_destroy(&tracks);
    track_destroy(tracker);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_over_the_edge),
        cmocka_unit_test(test_gaps_and_edges),
        cmocka_unit_test(test_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
