/* The critical points of one frame, before time has its say. */
#ifndef BRISC_CRITICAL_POINTS_H
#define BRISC_CRITICAL_POINTS_H

#include "host/detect/track.h"

/* A singularity's charge, or where the phase's gradient points; the sense in which the wave goes is
 * known from the path alone. */
typedef enum { POINT_PLUS, POINT_MINUS, POINT_OUTWARD, POINT_INWARD, POINT_SADDLE } point_kind_t;

/* What a point carries: the phase there (of a singularity: how its pattern is turned), radians;
 * trace and curl of the velocity's Jacobian, 1/s; the lesser coherence of the two rings. */
enum { POINT_ANGLE, POINT_TRACE, POINT_CURL, POINT_COHERENCE };

typedef struct point_finder point_finder_t;

status_t points_create(const grid_t *grid, point_finder_t **finder);
/* phase[ny][nx], velocity[2][ny][nx] as critical_take's; points[n] live until the next call. Their
 * rule is in critical.h. */
status_t points_find(point_finder_t *finder, const float *phase, const float *velocity, size_t *n,
                     const track_point_t **points);
void points_destroy(point_finder_t *finder);

#endif
