/* The sheet that a field's sites lie on: a torus, or a patch of measured tissue. */
#ifndef BRISC_GRID_H
#define BRISC_GRID_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    size_t ny, nx;
    double dy, dx;      /* between neighbouring sites, in `length`; a torus: 1/ny, 1/nx */
    const char *length; /* unit: "torus side", "mm", "site" */
    bool open;          /* its edges are edges; else the last site's neighbour is the first */
    const unsigned char *mask; /* [ny][nx], 0 where there are no data; NULL: data everywhere */
} grid_t;

static inline grid_t grid_torus(size_t ny, size_t nx) {
    return (grid_t){
        .ny = ny, .nx = nx, .dy = 1.0 / (double)ny, .dx = 1.0 / (double)nx, .length = "torus side"};
}

static inline size_t grid_sites(const grid_t *grid) {
    return grid->ny * grid->nx;
}

static inline bool grid_has(const grid_t *grid, size_t y, size_t x) {
    return !grid->mask || grid->mask[y * grid->nx + x];
}

/* Sites with data. */
static inline size_t grid_count(const grid_t *grid) {
    size_t count = grid->mask ? 0 : grid_sites(grid);
    for (size_t i = 0; grid->mask && i < grid_sites(grid); i++)
        count += grid->mask[i] != 0;
    return count;
}

/* Of the `window` places around place i of an axis of n, number k, in *place; false where it lies
 * beyond an open edge. On a torus window <= n. */
static inline bool grid_around(size_t i, size_t k, size_t n, size_t window, bool open,
                               size_t *place) {
    size_t shifted = i + k + (open ? 0 : n) - window / 2; /* wraps below 0: then it is >= n */
    *place = open ? shifted : shifted % n;
    return *place < n;
}

/* The shortest way from a to b along an axis of n sites, in sites. */
static inline double grid_way(double a, double b, size_t n, bool open) {
    double way = b - a, length = (double)n;
    return open ? way : way - length * rint(way / length);
}

#endif
