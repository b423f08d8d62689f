#include "host/detect/winding.h"

/* Takes back what touches a masked site, or lies over an open sheet's edge. */
static void leave_out(const grid_t *grid, signed char *index) {
    size_t ny = grid->ny, nx = grid->nx;
    if (grid->open) {
        for (size_t x = 0; x < nx; x++)
            index[(ny - 1) * nx + x] = 0;
        for (size_t y = 0; y < ny; y++)
            index[y * nx + nx - 1] = 0;
    }
    for (size_t y = 0; grid->mask && y < ny; y++)
        for (size_t x = 0; x < nx; x++) {
            size_t below = (y + 1) % ny, right = (x + 1) % nx;
            if (!grid_has(grid, y, x) || !grid_has(grid, y, right) || !grid_has(grid, below, x) ||
                !grid_has(grid, below, right))
                index[y * nx + x] = 0;
        }
}

/* A vector of exactly 0 counts as one along x, for every plaquette that it touches. */
static double turn_of(const float *u, const float *v, size_t from, size_t to) {
    float ux = u[from], uy = v[from], wx = u[to], wy = v[to];
    ux = ux == 0.0f && uy == 0.0f ? 1.0f : ux;
    wx = wx == 0.0f && wy == 0.0f ? 1.0f : wx;
    return atan2((double)ux * wy - (double)uy * wx, (double)ux * wx + (double)uy * wy);
}

/* Whether four values leave room for a zero between them. */
static bool may_vanish(const float *a, size_t i, size_t j, size_t k, size_t l) {
    bool positive = a[i] > 0.0f && a[j] > 0.0f && a[k] > 0.0f && a[l] > 0.0f;
    bool negative = a[i] < 0.0f && a[j] < 0.0f && a[k] < 0.0f && a[l] < 0.0f;
    return !positive && !negative;
}

void winding_index(const grid_t *grid, const float *field, signed char *index) {
    size_t ny = grid->ny, nx = grid->nx;
    const float *u = field, *v = field + ny * nx;
#pragma omp parallel for schedule(static)
    for (size_t y = 0; y < ny; y++)
        for (size_t x = 0; x < nx; x++) {
            size_t right = (x + 1) % nx, below = (y + 1) % ny;
            size_t i = y * nx + x, j = y * nx + right, k = below * nx + right, l = below * nx + x;
            index[i] = 0;
            if (!may_vanish(u, i, j, k, l) || !may_vanish(v, i, j, k, l))
                continue;
            double angle = turn_of(u, v, i, j) + turn_of(u, v, j, k) - turn_of(u, v, l, k) -
                           turn_of(u, v, i, l);
            index[i] = (signed char)((angle > M_PI) - (angle < -M_PI));
        }
    leave_out(grid, index);
}

static double cross(const double a[2], const double b[2]) {
    return a[0] * b[1] - a[1] * b[0];
}

/* f = a + b x + (c + d x) y = 0: a + b x is along c + d x, a quadratic equation for x. */
void winding_zero(const double corner[2][2][2], double *x, double *y) {
    double a[2], b[2], c[2], d[2], root[2], least = INFINITY;
    for (int k = 0; k < 2; k++) {
        a[k] = corner[0][0][k];
        b[k] = corner[0][1][k] - a[k];
        c[k] = corner[1][0][k] - a[k];
        d[k] = corner[1][1][k] - a[k] - b[k] - c[k];
    }
    double q0 = cross(a, c), q1 = cross(a, d) + cross(b, c), q2 = cross(b, d);
    double discriminant = fmax(q1 * q1 - 4.0 * q0 * q2, 0.0);
    double q = -0.5 * (q1 + copysign(sqrt(discriminant), q1)); /* without cancellation */
    root[0] = q / q2;
    root[1] = q0 / q;
    *x = *y = 0.5;
    for (int k = 0; k < 2; k++) {
        double s = fmin(fmax(root[k], 0.0), 1.0);
        double along[2] = {c[0] + d[0] * s, c[1] + d[1] * s};
        double rest[2] = {a[0] + b[0] * s, a[1] + b[1] * s};
        double square = along[0] * along[0] + along[1] * along[1];
        double t = -(rest[0] * along[0] + rest[1] * along[1]) / square;
        t = fmin(fmax(t, 0.0), 1.0);
        double miss = hypot(rest[0] + along[0] * t, rest[1] + along[1] * t);
        if (isfinite(root[k]) && miss < least) {
            least = miss;
            *x = s;
            *y = t;
        }
    }
}
