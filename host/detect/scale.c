#include "host/detect/scale.h"

#include <stdlib.h>
#include <string.h>

/* row[y], row[ny + y]: sums over a row of f . f shifted by r sites along x, along y. */
static void shifted_products(const grid_t *grid, const float *field, size_t r, double *row) {
    size_t ny = grid->ny, nx = grid->nx, sites = ny * nx;
#pragma omp parallel for schedule(static)
    for (size_t y = 0; y < ny; y++) {
        double along_x = 0.0, along_y = 0.0;
        bool there = !grid->open || y + r < ny;
        for (int part = 0; part < 2; part++) {
            const float *from = field + (size_t)part * sites + y * nx;
            const float *to = field + (size_t)part * sites + (y + r) % ny * nx;
            for (size_t x = 0; x + r < nx; x++)
                along_x += (double)from[x] * from[x + r];
            for (size_t x = nx - r; !grid->open && x < nx; x++)
                along_x += (double)from[x] * from[x + r - nx];
            for (size_t x = 0; there && x < nx; x++)
                along_y += (double)from[x] * to[x];
        }
        row[y] = along_x;
        row[ny + y] = along_y;
    }
}

/* The correlation along one axis, from neighbours outwards. */
typedef struct {
    size_t sites, last; /* along the axis; its greatest lag */
    double pitches;     /* between sites */
    double half, before, least;
} fall_t;

static void follow(fall_t *fall, size_t r, double products, bool open) {
    double mean = products / (double)(open ? fall->sites - r : fall->sites);
    if (r == 1)
        fall->half = 0.5 * mean;
    if (mean <= 0.0 && r == 1)
        fall->least = 0.0;
    else if (mean < fall->half)
        fall->least =
            ((double)(r - 1) + (fall->before - fall->half) / (fall->before - mean)) * fall->pitches;
    fall->before = mean;
}

double scale_find(const grid_t *grid, const float *field, double most, double *row) {
    double pitch = scale_pitch(grid);
    fall_t fall[2] = {{.sites = grid->nx, .pitches = grid->dx / pitch, .least = most},
                      {.sites = grid->ny, .pitches = grid->dy / pitch, .least = most}};
    for (int axis = 0; axis < 2; axis++) {
        size_t last = (size_t)(most / fall[axis].pitches) + 1;
        fall[axis].last = last < fall[axis].sites ? last : fall[axis].sites - 1;
    }
    for (size_t r = 1; r <= fall[0].last || r <= fall[1].last; r++) {
        shifted_products(grid, field, r, row);
        for (size_t axis = 0; axis < 2; axis++) {
            double sum = 0.0;
            for (size_t y = 0; y < grid->ny; y++)
                sum += row[axis * grid->ny + y];
            if (r <= fall[axis].last && fall[axis].least >= most)
                follow(&fall[axis], r, sum, grid->open);
        }
        double least = fmin(fall[0].least, fall[1].least);
        if (least < most && least <= (double)r * fmin(fall[0].pitches, fall[1].pitches))
            break;
    }
    return fmin(fmin(fall[0].least, fall[1].least), most);
}

/* out[x] += weight * in[x + shift], over the edges of a torus. */
static void add_shifted(const float *in, long shift, size_t n, bool open, float weight,
                        float *out) {
    long length = (long)n;
    long first = shift < 0 ? -shift : 0, end = shift > 0 ? length - shift : length;
    for (long x = first; x < end; x++)
        out[x] += weight * in[x + shift];
    if (open)
        return;
    for (long x = 0; x < first; x++)
        out[x] += weight * in[x + shift + length];
    for (long x = end; x < length; x++)
        out[x] += weight * in[x + shift - length];
}

/* weight[reach + 1] of a Gaussian. */
static long gaussian(double sigma_sites, size_t n, float **weight) {
    long reach = (long)ceil(3.0 * sigma_sites);
    reach = reach < (long)n ? reach : (long)n - 1;
    *weight = malloc((size_t)(reach + 1) * sizeof **weight);
    for (long k = 0; *weight && k <= reach; k++)
        (*weight)[k] = (float)exp(-(double)(k * k) / (2.0 * sigma_sites * sigma_sites));
    return reach;
}

static void blur(const grid_t *grid, float *field, const float *along_x, long reach_x,
                 const float *along_y, long reach_y, float *copy) {
    size_t ny = grid->ny, nx = grid->nx;
    memset(copy, 0, 2 * ny * nx * sizeof *copy);
#pragma omp parallel for schedule(static)
    for (size_t y = 0; y < 2 * ny; y++)
        for (long k = -reach_x; k <= reach_x; k++)
            add_shifted(field + y * nx, k, nx, grid->open, along_x[labs(k)], copy + y * nx);
    memset(field, 0, 2 * ny * nx * sizeof *field);
#pragma omp parallel for schedule(static)
    for (size_t y = 0; y < 2 * ny; y++)
        for (long k = -reach_y; k <= reach_y; k++) {
            long at = (long)(y % ny) + k;
            if (grid->open && (at < 0 || at >= (long)ny))
                continue;
            size_t from = y / ny * ny + (size_t)((at + (long)ny) % (long)ny);
            add_shifted(copy + from * nx, 0, nx, true, along_y[labs(k)], field + y * nx);
        }
}

status_t scale_blur(const grid_t *grid, float *field, double sigma, float *copy) {
    double pitch = scale_pitch(grid);
    float *along_x = NULL, *along_y = NULL;
    long reach_x = gaussian(sigma * pitch / grid->dx, grid->nx, &along_x);
    long reach_y = gaussian(sigma * pitch / grid->dy, grid->ny, &along_y);
    bool there = along_x && along_y;
    if (there)
        blur(grid, field, along_x, reach_x, along_y, reach_y, copy);
    free(along_x);
    free(along_y);
    if (!there)
        FAIL(STATUS_FAILED, "smoothing over %g pitches: no memory", sigma);
    return STATUS_OK;
}
