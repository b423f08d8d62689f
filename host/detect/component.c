#include "host/detect/component.h"

#include <stdlib.h>
#include <string.h>

#include "host/detect/track.h"

status_t components_create(const grid_t *grid, components_t *c) {
    size_t sites = grid_sites(grid);
    *c = (components_t){.label = malloc(sites * sizeof *c->label),
                        .queue = malloc(sites * sizeof *c->queue),
                        .unwrapped = malloc(sites * sizeof *c->unwrapped)};
    if (!c->label || !c->queue || !c->unwrapped)
        FAIL(STATUS_FAILED, "components: no memory for %zu x %zu sites", grid->ny, grid->nx);
    return STATUS_OK;
}

void components_destroy(components_t *c) {
    free(c->component);
    free(c->label);
    free(c->queue);
    free(c->unwrapped);
    *c = (components_t){0};
}

static int common_divisor(int a, int b) {
    a = abs(a);
    b = abs(b);
    while (b) {
        int rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* A loop within the component that goes (x, y) times around the torus. */
static void take_loop(component_t *c, int x, int y) {
    int divisor = common_divisor(x, y);
    x /= divisor;
    y /= divisor;
    if (x < 0 || (x == 0 && y < 0)) {
        x = -x;
        y = -y;
    }
    if (!c->winding_x && !c->winding_y) {
        c->winding_x = x;
        c->winding_y = y;
    }
    c->net = c->net || c->winding_x != x || c->winding_y != y;
}

/* Breadth first from `seed`, each site at the unwrapped place from which it was reached; the sites'
 * number. A site that is reached at two places closes a loop around the torus. */
static size_t flood(const grid_t *grid, const float *values, double threshold, components_t *all,
                    size_t seed, component_t *c) {
    static const int step[4][2] = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}};
    long nx = (long)grid->nx, ny = (long)grid->ny;
    int label = (int)all->n + 1;
    size_t n = 1;
    all->queue[0] = seed;
    all->label[seed] = label;
    all->unwrapped[seed][0] = (int)(seed % grid->nx);
    all->unwrapped[seed][1] = (int)(seed / grid->nx);
    for (size_t k = 0; k < n; k++) {
        size_t site = all->queue[k];
        for (int d = nx > 1 ? 0 : 2; d < (ny > 1 ? 4 : 2); d++) {
            long x = (long)(site % grid->nx) + step[d][0], y = (long)(site / grid->nx) + step[d][1];
            if (grid->open && (x < 0 || x >= nx || y < 0 || y >= ny))
                continue;
            size_t next = (size_t)((y + ny) % ny * nx + (x + nx) % nx);
            if ((grid->mask && !grid->mask[next]) || !((double)values[next] > threshold))
                continue;
            int there[2] = {all->unwrapped[site][0] + step[d][0],
                            all->unwrapped[site][1] + step[d][1]};
            if (all->label[next] == 0) {
                all->label[next] = label;
                memcpy(all->unwrapped[next], there, sizeof there);
                all->queue[n++] = next;
            } else if (there[0] != all->unwrapped[next][0] || there[1] != all->unwrapped[next][1]) {
                take_loop(c, (there[0] - all->unwrapped[next][0]) / (int)nx,
                          (there[1] - all->unwrapped[next][1]) / (int)ny);
            }
        }
    }
    return n;
}

/* Of a component that winds (a, b) times: along it b x/nx - a y/ny is constant but for whole
 * numbers, so that the weighted circular mean q of it places the stripe. The point is where the
 * line of that q crosses the sheet's middle row (b = +-1, or b the larger) or column: it moves on
 * by whole sides of the torus as q turns once where the other number is +-1. */
static void place_stripe(const grid_t *grid, const float *values, double threshold,
                         const components_t *all, size_t n, component_t *c) {
    double a = c->winding_x, b = c->winding_y, re = 0.0, im = 0.0;
    double nx = (double)grid->nx, ny = (double)grid->ny;
    for (size_t k = 0; k < n; k++) {
        size_t site = all->queue[k];
        double q =
            2.0 * M_PI * (b * (double)(site % grid->nx) / nx - a * (double)(site / grid->nx) / ny);
        re += ((double)values[site] - threshold) * cos(q);
        im += ((double)values[site] - threshold) * sin(q);
    }
    double q = atan2(im, re) / (2.0 * M_PI);
    bool on_row = fabs(b) == 1.0 || (fabs(a) != 1.0 && fabs(b) > fabs(a));
    c->x = on_row ? (q + a / 2.0) / b * nx : nx / 2.0;
    c->y = on_row ? ny / 2.0 : (b / 2.0 - q) / a * ny;
}

static void measure(const grid_t *grid, const float *values, double threshold,
                    const components_t *all, size_t n, component_t *c) {
    double weight = 0.0, mean_x = 0.0, mean_y = 0.0, xx = 1.0 / 12.0, xy = 0.0,
           yy = 1.0 / 12.0; /* a site's own */
    c->area = (double)n;
    for (size_t k = 0; k < n; k++) {
        size_t site = all->queue[k];
        double w = (double)values[site] - threshold;
        weight += w;
        c->x += w * all->unwrapped[site][0];
        c->y += w * all->unwrapped[site][1];
        mean_x += all->unwrapped[site][0] / c->area;
        mean_y += all->unwrapped[site][1] / c->area;
    }
    c->x /= weight;
    c->y /= weight;
    for (size_t k = 0; k < n; k++) {
        const int *at = all->unwrapped[all->queue[k]];
        double x = at[0] - mean_x, y = at[1] - mean_y;
        xx += x * x / c->area;
        xy += x * y / c->area;
        yy += y * y / c->area;
    }
    double middle = (xx + yy) / 2.0, apart = hypot((xx - yy) / 2.0, xy);
    c->major = sqrt(middle + apart);
    c->minor = sqrt(fmax(middle - apart, 0.0));
    c->angle = 0.5 * atan2(2.0 * xy, xx - yy);
    if ((c->winding_x || c->winding_y) && !c->net)
        place_stripe(grid, values, threshold, all, n, c);
    c->x = track_wrap(c->x, grid->nx, grid->open);
    c->y = track_wrap(c->y, grid->ny, grid->open);
}

status_t components_find(const grid_t *grid, const float *values, double threshold,
                         components_t *all) {
    size_t sites = grid_sites(grid);
    all->n = 0;
    memset(all->label, 0, sites * sizeof *all->label);
    for (size_t seed = 0; seed < sites; seed++) {
        if (all->label[seed] || (grid->mask && !grid->mask[seed]) ||
            !((double)values[seed] > threshold))
            continue;
        if (all->n == all->room) {
            size_t room = 2 * all->room + 16;
            component_t *grown = realloc(all->component, room * sizeof *grown);
            if (!grown)
                FAIL(STATUS_FAILED, "components: no memory for %zu of them", room);
            all->component = grown;
            all->room = room;
        }
        component_t c = {0};
        size_t n = flood(grid, values, threshold, all, seed, &c);
        measure(grid, values, threshold, all, n, &c);
        all->component[all->n++] = c;
    }
    return STATUS_OK;
}
