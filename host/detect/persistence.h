/* 0-dimensional persistent homology of a frame: how many separate basins, and how deep. */
#ifndef BRISC_PERSISTENCE_H
#define BRISC_PERSISTENCE_H

#include "host/detect/grid.h"
#include "kernels/status.h"

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

#endif
