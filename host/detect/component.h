/* Connected components of the sites above a threshold. */
#ifndef BRISC_COMPONENT_H
#define BRISC_COMPONENT_H

#include "host/detect/grid.h"
#include "kernels/status.h"

typedef struct {
    /* Sites; the mean weighted by the excess over the threshold, taken along the component, so over
     * a torus's edges too, and put back on the sheet. Where it winds around the torus once, in one
     * direction, the point at which its middle line crosses the sheet's (see component.c). */
    double x, y;
    double area;         /* sites */
    double major, minor; /* square roots of the second moments' eigenvalues, unweighted; sites */
    double angle;        /* radians, of the major axis from +x */
    int winding_x, winding_y; /* times it goes around the torus on its own way back; 0, 0: not */
    bool net;                 /* it does so in two independent directions */
} component_t;

typedef struct {
    size_t n, room;
    component_t *component; /* [n], in the order of their first sites */
    int *label;             /* [ny][nx]: 0 below the threshold, k of component[k - 1] */
    size_t *queue;          /* [ny * nx] */
    int (*unwrapped)[2];    /* [ny * nx]: x, y along the component */
} components_t;

/* For any number of frames; one a thread. */
status_t components_create(const grid_t *grid, components_t *components);
void components_destroy(components_t *components);
/* Components of {values > threshold}, values[ny][nx], each site with 4 neighbours; masked sites are
 * below. */
status_t components_find(const grid_t *grid, const float *values, double threshold,
                         components_t *components);

#endif
