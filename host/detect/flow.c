#include "host/detect/flow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ITERATIONS = 500 };
static const double ridge = 1e-4;
static const float along = 0.1f; /* fronts */

/* Rows are padded by a site on either side, so that a row's neighbours are always there; where two
 * sites do not touch, their coupling is 0. Lengths are in dx, times in frames. */
struct flow {
    grid_t grid;
    double smoothness, residual;
    size_t padded;              /* nx + 2 */
    float *couple_x, *couple_y; /* to the site on the left, above: smoothness^2 (dx / dy)^2, 0 */
    float *a[3];                /* of the data and of v along fronts: xx, xy, yy */
    float *inverse[3];          /* of the site's own 2 x 2 block: the preconditioner */
    float *v[2], *r[2], *p[2], *q[2];
    double *row; /* [ny], sums over a row */
};

enum { ARRAYS = 2 + 3 + 3 + 8 };

void flow_destroy(flow_t *flow) {
    if (!flow)
        return;
    free(flow->couple_x);
    free(flow->row);
    free(flow);
}

static size_t above(const flow_t *flow, size_t y) {
    return y > 0 ? y - 1 : flow->grid.ny - 1;
}

static size_t below(const flow_t *flow, size_t y) {
    return y + 1 < flow->grid.ny ? y + 1 : 0;
}

/* Whether the site and the one left of it (above it) touch: couplings are set on padded rows. */
static void set_couplings(flow_t *flow) {
    const grid_t *grid = &flow->grid;
    size_t ny = grid->ny, nx = grid->nx;
    float x_weight = (float)(flow->smoothness * flow->smoothness);
    float y_weight = (float)(x_weight * pow(grid->dx / grid->dy, 2.0));
    for (size_t y = 0; y < ny; y++)
        for (size_t x = 0; x <= nx; x++) {
            size_t at = y * flow->padded + 1 + x, here = x % nx, left = (x + nx - 1) % nx;
            bool edge = grid->open && (x == 0 || x == nx);
            bool both = grid_has(grid, y, here) && grid_has(grid, y, left);
            flow->couple_x[at] = both && !edge && nx > 1 ? x_weight : 0.0f;
            if (x == nx)
                continue;
            edge = grid->open && y == 0;
            both = grid_has(grid, y, x) && grid_has(grid, above(flow, y), x);
            flow->couple_y[at] = both && !edge && ny > 1 ? y_weight : 0.0f;
        }
}

status_t flow_create(const grid_t *grid, double smoothness_rad, double residual, flow_t **flow) {
    if (!(smoothness_rad > 0.0 && isfinite(smoothness_rad)))
        FAIL(STATUS_USAGE,
             "smoothness %g: the velocity field is smoothed over so many radians of phase; give a "
             "number above 0, such as %g",
             smoothness_rad, FLOW_SMOOTHNESS);
    flow_t *f = calloc(1, sizeof *f);
    if (!f)
        FAIL(STATUS_FAILED, "optical flow: no memory");
    *f = (flow_t){
        .grid = *grid, .smoothness = smoothness_rad, .residual = residual, .padded = grid->nx + 2};
    size_t size = grid->ny * f->padded;
    float *arrays = calloc(ARRAYS * size, sizeof *arrays);
    f->couple_x = arrays;
    f->row = malloc(grid->ny * sizeof *f->row);
    if (!arrays || !f->row) {
        flow_destroy(f);
        FAIL(STATUS_FAILED, "optical flow: no memory for %zu x %zu sites", grid->ny, grid->nx);
    }
    f->couple_y = arrays + size;
    for (int k = 0; k < 3; k++) {
        f->a[k] = arrays + (size_t)(2 + k) * size;
        f->inverse[k] = arrays + (size_t)(5 + k) * size;
    }
    for (int k = 0; k < 2; k++) {
        f->v[k] = arrays + (size_t)(8 + k) * size;
        f->r[k] = arrays + (size_t)(10 + k) * size;
        f->p[k] = arrays + (size_t)(12 + k) * size;
        f->q[k] = arrays + (size_t)(14 + k) * size;
    }
    set_couplings(f);
    *flow = f;
    return STATUS_OK;
}

static double total(const flow_t *flow) {
    double sum = 0.0;
    for (size_t y = 0; y < flow->grid.ny; y++)
        sum += flow->row[y];
    return sum;
}

/* A difference of phases, between -pi and pi. */
static float wrap(float difference) {
    return difference - 6.283185307f * rintf(difference * 0.1591549431f);
}

/* Mean of the wrapped differences to the neighbours that are there. */
static float slope(float here, float before, float after, bool has_before, bool has_after) {
    float sum = (has_before ? wrap(here - before) : 0.0f) + (has_after ? wrap(after - here) : 0.0f);
    return has_before && has_after ? 0.5f * sum : sum;
}

/* a without the ridge, and r = -w d(phase)/dt grad(phase), of one row, w = scale * weight; the
 * row's sum of w |grad(phase)|^2. */
static double data_row(flow_t *flow, const float *const phase[3], const float *weight, float scale,
                       size_t y) {
    const grid_t *grid = &flow->grid;
    size_t nx = grid->nx, up = above(flow, y), down = below(flow, y);
    float aspect = (float)(grid->dx / grid->dy);
    double sum = 0.0;
    for (size_t x = 0; x < nx; x++) {
        size_t i = y * nx + x, at = y * flow->padded + 1 + x;
        size_t left = x > 0 ? i - 1 : i + nx - 1, right = x + 1 < nx ? i + 1 : i + 1 - nx;
        const float *f = phase[1];
        float w = grid_has(grid, y, x) ? scale * weight[i] : 0.0f;
        float gx = slope(f[i], f[left], f[right], flow->couple_x[at] > 0.0f,
                         flow->couple_x[at + 1] > 0.0f);
        float gy = slope(f[i], f[up * nx + x], f[down * nx + x], flow->couple_y[at] > 0.0f,
                         flow->couple_y[down * flow->padded + 1 + x] > 0.0f) *
                   aspect;
        float turn = slope(f[i], phase[0][i], phase[2][i], true, true);
        flow->a[0][at] = w * (gx * gx + along * gy * gy);
        flow->a[1][at] = w * (1.0f - along) * gx * gy;
        flow->a[2][at] = w * (gy * gy + along * gx * gx);
        flow->r[0][at] = -w * turn * gx;
        flow->r[1][at] = -w * turn * gy;
        sum += (double)(w * (gx * gx + gy * gy));
    }
    return sum;
}

/* The ridge goes in; the blocks' inverses. */
static void finish_row(flow_t *flow, float own, size_t y) {
    const grid_t *grid = &flow->grid;
    size_t down = below(flow, y);
    for (size_t x = 0; x < grid->nx; x++) {
        size_t at = y * flow->padded + 1 + x;
        float keep = grid_has(grid, y, x) ? 1.0f : 0.0f;
        flow->a[0][at] += keep * own;
        flow->a[2][at] += keep * own;
        float couplings = flow->couple_x[at] + flow->couple_x[at + 1] + flow->couple_y[at] +
                          flow->couple_y[down * flow->padded + 1 + x];
        float a = flow->a[0][at] + couplings, b = flow->a[1][at], c = flow->a[2][at] + couplings;
        float over = keep > 0.0f ? 1.0f / (a * c - b * b) : 0.0f;
        flow->inverse[0][at] = c * over;
        flow->inverse[1][at] = -b * over;
        flow->inverse[2][at] = a * over;
    }
}

/* A row's ends carry the sites across the boundary (couplings say whether they count). */
static void pad(const flow_t *flow, float *row) {
    row[0] = row[flow->grid.nx];
    row[flow->grid.nx + 1] = row[1];
}

/* q = A s of one row; the row's s.q. */
static double apply_row(const flow_t *flow, float *const s[2], float *const q[2], size_t y) {
    size_t nx = flow->grid.nx, start = y * flow->padded;
    size_t up = above(flow, y) * flow->padded, down = below(flow, y) * flow->padded;
    const float *cx = flow->couple_x + start, *cy = flow->couple_y + start;
    const float *cy_below = flow->couple_y + down;
    float product = 0.0f;
    for (int k = 0; k < 2; k++) {
        const float *here = s[k] + start, *other = s[1 - k] + start;
        const float *over = s[k] + up, *under = s[k] + down;
        const float *own = flow->a[2 * k] + start, *cross = flow->a[1] + start;
        float *out = q[k] + start;
#pragma omp simd reduction(+ : product)
        for (size_t x = 1; x <= nx; x++) {
            float value = here[x];
            float spread = cx[x] * (value - here[x - 1]) + cx[x + 1] * (value - here[x + 1]) +
                           cy[x] * (value - over[x]) + cy_below[x] * (value - under[x]);
            out[x] = own[x] * value + cross[x] * other[x] + spread;
            product += value * out[x];
        }
    }
    return (double)product;
}

/* z = M r into q, of one row; the row's r.z. */
static double precondition_row(const flow_t *flow, size_t y) {
    size_t start = y * flow->padded;
    const float *m0 = flow->inverse[0] + start, *m1 = flow->inverse[1] + start;
    const float *m2 = flow->inverse[2] + start, *rx = flow->r[0] + start, *ry = flow->r[1] + start;
    float *zx = flow->q[0] + start, *zy = flow->q[1] + start, product = 0.0f;
#pragma omp simd reduction(+ : product)
    for (size_t x = 1; x <= flow->grid.nx; x++) {
        zx[x] = m0[x] * rx[x] + m1[x] * ry[x];
        zy[x] = m1[x] * rx[x] + m2[x] * ry[x];
        product += zx[x] * rx[x] + zy[x] * ry[x];
    }
    return (double)product;
}

/* into[k] = into[k] * keep + add * of[k], of one row of both components. */
static void combine_row(const flow_t *flow, float *const into[2], float keep, float add,
                        float *const of[2], size_t y) {
    size_t start = y * flow->padded;
    for (int k = 0; k < 2; k++) {
        float *a = into[k] + start;
        const float *b = of[k] + start;
#pragma omp simd
        for (size_t x = 1; x <= flow->grid.nx; x++)
            a[x] = a[x] * keep + add * b[x];
    }
}

/* A v = r by preconditioned conjugate gradients from the v there is; `data`: r.M r at v = 0. */
static bool iterate(flow_t *flow, double data) {
#pragma omp parallel for schedule(static)
    for (size_t y = 0; y < flow->grid.ny; y++) {
        pad(flow, flow->v[0] + y * flow->padded);
        pad(flow, flow->v[1] + y * flow->padded);
    }
#pragma omp parallel for schedule(static)
    for (size_t y = 0; y < flow->grid.ny; y++) {
        apply_row(flow, flow->v, flow->q, y);
        combine_row(flow, flow->r, 1.0f, -1.0f, flow->q, y);
        flow->row[y] = precondition_row(flow, y);
    }
    double now = total(flow), before = 0.0;
    for (int k = 0; k < MAX_ITERATIONS; k++) {
        if (now <= flow->residual * flow->residual * data)
            return true;
        float keep = k ? (float)(now / before) : 0.0f;
#pragma omp parallel for schedule(static)
        for (size_t y = 0; y < flow->grid.ny; y++) {
            combine_row(flow, flow->p, keep, 1.0f, flow->q, y);
            pad(flow, flow->p[0] + y * flow->padded);
            pad(flow, flow->p[1] + y * flow->padded);
        }
#pragma omp parallel for schedule(static)
        for (size_t y = 0; y < flow->grid.ny; y++)
            flow->row[y] = apply_row(flow, flow->p, flow->q, y);
        float step = (float)(now / total(flow));
#pragma omp parallel for schedule(static)
        for (size_t y = 0; y < flow->grid.ny; y++) {
            combine_row(flow, flow->v, 1.0f, step, flow->p, y);
            combine_row(flow, flow->r, 1.0f, -step, flow->q, y);
            flow->row[y] = precondition_row(flow, y);
        }
        before = now;
        now = total(flow);
    }
    return false;
}

void flow_solve(flow_t *flow, const float *const phase[3], const float *weight, double frame_ms,
                float *velocity, bool *converged) {
    const grid_t *grid = &flow->grid;
    size_t ny = grid->ny, nx = grid->nx, present = 0;
    float unit = (float)(grid->dx / (frame_ms * 1e-3)); /* of a velocity of 1 dx a frame */
    double weights = 0.0;
    for (size_t i = 0; i < ny * nx; i++)
        if (!grid->mask || grid->mask[i]) {
            weights += (double)weight[i];
            present++;
        }
    *converged = true;
    float scale = weights > 0.0 ? (float)((double)present / weights) : 0.0f;
#pragma omp parallel for schedule(static)
    for (size_t y = 0; y < ny; y++)
        flow->row[y] = data_row(flow, phase, weight, scale, y);
    double data = total(flow);
    if (!(data > 0.0)) { /* no amplitude, or no gradient, anywhere */
        memset(velocity, 0, 2 * ny * nx * sizeof *velocity);
        return;
    }
    float own = (float)(ridge * data / (double)present);
#pragma omp parallel for schedule(static)
    for (size_t y = 0; y < ny; y++) {
        finish_row(flow, own, y);
        flow->row[y] = precondition_row(flow, y);
        for (int k = 0; k < 2; k++)
            for (size_t x = 0; x < nx; x++)
                flow->v[k][y * flow->padded + 1 + x] =
                    grid_has(grid, y, x) ? velocity[((size_t)k * ny + y) * nx + x] / unit : 0.0f;
    }
    *converged = iterate(flow, total(flow));
#pragma omp parallel for schedule(static)
    for (size_t y = 0; y < flow->grid.ny; y++)
        for (int k = 0; k < 2; k++)
            for (size_t x = 0; x < nx; x++)
                velocity[((size_t)k * ny + y) * nx + x] =
                    flow->v[k][y * flow->padded + 1 + x] * unit;
}
