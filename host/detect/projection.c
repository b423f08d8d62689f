#include "host/detect/projection.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const double orthonormal_error = 1e-6; /* stored as doubles from float velocities' sums */

struct projection {
    grid_t grid;
    stored_modes_t stored;
    size_t frames, taken;
    double start_ms, frame_ms;
    double total;        /* sum of squared velocities so far */
    double *row;         /* [ny][n + 1]: a row's products with each mode, its squares */
    double *coefficient; /* [frames][n] */
};

static double product(const stored_modes_t *m, size_t i, size_t j) {
    size_t sites = m->ny * m->nx;
    double sum = 0.0;
    for (size_t s = 0; s < sites; s++)
        sum += m->velocity_x[i * sites + s] * m->velocity_x[j * sites + s] +
               m->velocity_y[i * sites + s] * m->velocity_y[j * sites + s];
    return sum;
}

static status_t check(const grid_t *grid, const stored_modes_t *stored) {
    if (stored->ny != grid->ny || stored->nx != grid->nx)
        FAIL(STATUS_FAILED,
             "projection: the stored modes are of %zu x %zu sites, this run has %zu x %zu: take "
             "modes of the same lattice",
             stored->ny, stored->nx, grid->ny, grid->nx);
    for (size_t i = 0; i < stored->n; i++)
        for (size_t j = 0; j <= i; j++) {
            double is = product(stored, i, j), wanted = i == j ? 1.0 : 0.0;
            if (!(fabs(is - wanted) <= orthonormal_error))
                FAIL(STATUS_FAILED,
                     "projection: the scalar product of stored modes %zu and %zu is %g, not %g: "
                     "they are not modes of a singular value decomposition",
                     i + 1, j + 1, is, wanted);
        }
    return STATUS_OK;
}

void projection_destroy(projection_t *projection) {
    if (!projection)
        return;
    free(projection->row);
    free(projection->coefficient);
    free(projection);
}

status_t projection_create(const grid_t *grid, const stored_modes_t *stored, size_t frames,
                           double start_ms, double frame_ms, projection_t **projection) {
    *projection = NULL;
    TRY(check(grid, stored));
    projection_t *made = calloc(1, sizeof *made);
    if (made) {
        *made = (projection_t){.grid = *grid,
                               .stored = *stored,
                               .frames = frames,
                               .start_ms = start_ms,
                               .frame_ms = frame_ms};
        made->row = malloc(grid->ny * (stored->n + 1) * sizeof(double));
        made->coefficient = malloc((frames * stored->n + 1) * sizeof(double));
    }
    if (!made || !made->row || !made->coefficient) {
        projection_destroy(made);
        FAIL(STATUS_FAILED, "projection: no memory for %zu frames", frames);
    }
    *projection = made;
    return STATUS_OK;
}

/* One row of sites: its products with each mode, and its sum of squares. */
static void take_row(const projection_t *p, const float *velocity, size_t y) {
    size_t n = p->stored.n, nx = p->grid.nx, sites = grid_sites(&p->grid);
    double *out = p->row + y * (n + 1);
    for (size_t j = 0; j <= n; j++)
        out[j] = 0.0;
    for (size_t x = 0; x < nx; x++) {
        size_t i = y * nx + x;
        double u = (double)velocity[i], v = (double)velocity[sites + i];
        if (!grid_has(&p->grid, y, x))
            continue;
        for (size_t j = 0; j < n; j++)
            out[j] +=
                u * p->stored.velocity_x[j * sites + i] + v * p->stored.velocity_y[j * sites + i];
        out[n] += u * u + v * v;
    }
}

status_t projection_take(void *context, const float *phase, const float *velocity) {
    projection_t *p = context;
    size_t n = p->stored.n;
    double *out = p->coefficient + p->taken * n, squares = 0.0;
    (void)phase;
    assert(p->taken < p->frames);
#pragma omp parallel for schedule(static)
    for (size_t y = 0; y < p->grid.ny; y++)
        take_row(p, velocity, y);
    for (size_t j = 0; j < n; j++)
        out[j] = 0.0;
    for (size_t y = 0; y < p->grid.ny; y++) {
        for (size_t j = 0; j < n; j++)
            out[j] += p->row[y * (n + 1) + j];
        squares += p->row[y * (n + 1) + n];
    }
    if (!isfinite(squares))
        FAIL(STATUS_FAILED, "projection: a velocity of frame %zu is not a number", p->taken);
    p->total += squares;
    p->taken++;
    return STATUS_OK;
}

/* share[n], time[taken] are room. */
static status_t report(const projection_t *p, double *share, double *time, dataset_t *dataset) {
    size_t n = p->stored.n;
    double all = 0.0;
    char unit[32];
    snprintf(unit, sizeof unit, "%s/s", p->grid.length);
    for (size_t j = 0; j < n; j++) {
        share[j] = 0.0;
        for (size_t t = 0; t < p->taken; t++)
            share[j] += p->coefficient[t * n + j] * p->coefficient[t * n + j] / p->total;
        all += share[j];
    }
    for (size_t t = 0; t < p->taken; t++)
        time[t] = p->start_ms + (double)t * p->frame_ms;
    TRY(dataset_axis(dataset, "projection/mode", n, NULL, "1", "mode of the stored run"));
    TRY(dataset_axis(dataset, "projection/time", p->taken, time, "ms", "time"));
    TRY(dataset_list(dataset, "projection/variance_explained", "projection/mode", share, "1",
                     "share of this run's sum of squared velocities"));
    TRY(dataset_number(dataset, "projection/variance_explained_together", all, "1",
                       "share of this run's sum of squared velocities in all stored modes"));
    return dataset_array(dataset, "projection/coefficient", 2,
                         (const char *const[]){"projection/time", "projection/mode"},
                         p->coefficient, unit, "how much of a stored mode is in a frame");
}

status_t projection_finish(projection_t *p, dataset_t *dataset) {
    if (!(p->total > 0.0))
        FAIL(STATUS_FAILED, "projection: nothing moves: all velocities are 0");
    double *room = malloc((p->stored.n + p->taken) * sizeof *room);
    if (!room)
        FAIL(STATUS_FAILED, "projection: no memory for %zu frames", p->taken);
    status_t status = report(p, room, room + p->stored.n, dataset);
    free(room);
    return status;
}
