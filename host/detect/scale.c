#include "host/detect/scale.h"

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
