/* 0-dimensional persistent homology of a frame: how many separate basins, and how deep. */
#ifndef BRISC_PERSISTENCE_H
#define BRISC_PERSISTENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "host/detect/grid.h"
#include "kernels/status.h"

/* A component of the sublevel sets: it is born at a site, its minimum, and dies at a level. */
typedef struct {
    size_t site;
    double birth, death;
    double x, y; /* of persistence_basins: the middle of that site's window, in sites */
} basin_t;

typedef struct {
    size_t n, room;
    basin_t *basin; /* [n], in the order of their deaths; the one of the whole field first */
    bool no_memory;
} basins_t; /* zero it first */

void basins_destroy(basins_t *basins);

/* Sum of the lifetimes of the connected components of the sublevel sets {v <= level} as the level
 * rises, with 4 neighbours a site (none beyond an open edge, none without data): of two components
 * that meet, the one with the higher minimum dies (elder rule); the last one (of each part that
 * a mask has cut off) lives to the largest value. Lifetimes under 2 % of the range are dropped.
 * values[ny][nx]. Source: Edelsbrunner & Harer, Computational Topology (2010), VII.1. */
status_t persistence_sublevel(const double *values, const grid_t *grid, double *sum);

/* Bytes a site that persistence_frame holds: the field, the order of its sites and its sorting, the
 * components. A grid with edges or a mask takes a double more. */
enum { PERSISTENCE_BYTES = sizeof(double) + 3 * sizeof(int) };

/* The same of a frame r[ny][nx] after z-scoring over space and a periodic mean filter over 20 x 20
 * sites (the whole axis where it is shorter); where the grid has edges or a mask, over those of
 * [y - 10, y + 10) x [x - 10, x + 10) that have data. 0 for a constant frame. */
status_t persistence_frame(const float *r, const grid_t *grid, double *sum);
/* Adds to `basins` the components whose lifetimes make up that sum; none for a constant frame. */
status_t persistence_basins(const float *r, const grid_t *grid, double *sum, basins_t *basins);

#endif
