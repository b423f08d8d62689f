#include "host/detect/modes.h"

#include <assert.h>
#include <lapacke.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RANK = MODES_RANK, ROWS = MODES_RANK + MODES_CHUNK, BLOCK = 256 };
static const double least_square = 1e-12; /* of the largest: below it the Gram matrix is rounding */

struct modes {
    grid_t grid;
    size_t frames, taken, waiting, columns, chunks; /* waiting: frames of the chunk so far */
    double start_ms, frame_ms;
    double *row;        /* [ROWS][columns]: V', then the chunk */
    double value[RANK]; /* S, falling; 0 where there is no mode */
    double *partial;    /* [blocks][MODES_CHUNK][ROWS] scalar products over a block of columns */
    double total, dropped;
    double *coefficient; /* [chunks][MODES_CHUNK][RANK] in the basis after that chunk's merge */
    double *turn;        /* [chunks][RANK][RANK] from the basis before a merge to the one after */
};

static size_t blocks_of(size_t columns) {
    return (columns + BLOCK - 1) / BLOCK;
}

void modes_destroy(modes_t *modes) {
    if (!modes)
        return;
    free(modes->row);
    free(modes->partial);
    free(modes->coefficient);
    free(modes->turn);
    free(modes);
}

status_t modes_create(const grid_t *grid, size_t frames, double start_ms, double frame_ms,
                      modes_t **modes) {
    size_t columns = 2 * grid_sites(grid), chunks = (frames + MODES_CHUNK - 1) / MODES_CHUNK;
    modes_t *made = calloc(1, sizeof *made);
    *modes = NULL;
    if (made) {
        *made = (modes_t){.grid = *grid,
                          .frames = frames,
                          .columns = columns,
                          .start_ms = start_ms,
                          .frame_ms = frame_ms};
        made->row = calloc(ROWS * columns, sizeof(double));
        made->partial = malloc(blocks_of(columns) * MODES_CHUNK * ROWS * sizeof(double));
        made->coefficient = malloc((chunks + 1) * MODES_CHUNK * RANK * sizeof(double));
        made->turn = malloc((chunks + 1) * RANK * RANK * sizeof(double));
    }
    if (!made || !made->row || !made->partial || !made->coefficient || !made->turn) {
        modes_destroy(made);
        FAIL(STATUS_FAILED, "modes: no memory for %zu sites and %zu frames", grid_sites(grid),
             frames);
    }
    *modes = made;
    return STATUS_OK;
}

/* sum[4] += products of a with b, b + stride, ... */
static void four_products(const double *a, const double *b, size_t stride, size_t n,
                          double sum[4]) {
    double s0 = 0.0, s1 = 0.0, s2 = 0.0, s3 = 0.0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
    for (size_t x = 0; x < n; x++) {
        s0 += a[x] * b[x];
        s1 += a[x] * b[stride + x];
        s2 += a[x] * b[2 * stride + x];
        s3 += a[x] * b[3 * stride + x];
    }
    sum[0] = s0;
    sum[1] = s1;
    sum[2] = s2;
    sum[3] = s3;
}

/* gram[ROWS][ROWS] (lower triangle) of [S V'; chunk], whose first rows are orthogonal. */
static void gram_of(modes_t *modes, double *gram) {
    size_t columns = modes->columns, blocks = blocks_of(columns);
#pragma omp parallel for schedule(static)
    for (size_t b = 0; b < blocks; b++) {
        size_t first = b * BLOCK, n = columns - first < BLOCK ? columns - first : BLOCK;
        double *out = modes->partial + b * MODES_CHUNK * ROWS;
        const double *row = modes->row + first;
        for (size_t i = 0; i < modes->waiting; i++)
            for (size_t j = 0; j <= RANK + i; j += 4)
                four_products(row + (RANK + i) * columns, row + j * columns, columns, n,
                              out + i * ROWS + j);
    }
    memset(gram, 0, ROWS * ROWS * sizeof *gram);
    for (size_t j = 0; j < RANK; j++)
        gram[j * ROWS + j] = modes->value[j] * modes->value[j];
    for (size_t b = 0; b < blocks; b++)
        for (size_t i = 0; i < modes->waiting; i++)
            for (size_t j = 0; j <= RANK + i; j++)
                gram[(RANK + i) * ROWS + j] += modes->partial[(b * MODES_CHUNK + i) * ROWS + j];
    for (size_t i = 0; i < modes->waiting; i++) {
        modes->total += gram[(RANK + i) * ROWS + RANK + i];
        for (size_t j = 0; j < RANK; j++)
            gram[(RANK + i) * ROWS + j] *= modes->value[j];
    }
}

/* V' = weight[RANK][ROWS] times the rows, in place, block by block of columns. */
static void turn_rows(modes_t *modes, const double *weight) {
    size_t columns = modes->columns, rows = RANK + modes->waiting;
#pragma omp parallel for schedule(static)
    for (size_t b = 0; b < blocks_of(columns); b++) {
        double turned[RANK][BLOCK] = {{0.0}};
        size_t first = b * BLOCK, n = columns - first < BLOCK ? columns - first : BLOCK;
        for (size_t j = 0; j < RANK; j++)
            for (size_t k = 0; k < rows; k++) {
                double w = weight[j * ROWS + k];
                const double *from = modes->row + k * columns + first;
                for (size_t x = 0; x < n; x++)
                    turned[j][x] += w * from[x];
            }
        for (size_t j = 0; j < RANK; j++)
            memcpy(modes->row + j * columns + first, turned[j], n * sizeof(double));
    }
}

/* Takes the waiting frames into the decomposition. With W the Gram matrix's eigenvectors:
 * [S V'; chunk] = W T V1', so V1' = T^-1 W' [S V'; chunk], the chunk's coefficients are its rows of
 * W T, and V' = (rows of W) T / S V1' turns those of earlier frames. */
static status_t merge(modes_t *modes) {
    double gram[ROWS * ROWS], square[ROWS], weight[RANK * ROWS];
    double *turn = modes->turn + modes->chunks * RANK * RANK;
    double *coefficient = modes->coefficient + modes->chunks * MODES_CHUNK * RANK;
    if (modes->waiting == 0)
        return STATUS_OK;
    gram_of(modes, gram);
    if (LAPACKE_dsyev(LAPACK_ROW_MAJOR, 'V', 'L', ROWS, gram, ROWS, square) != 0)
        FAIL(STATUS_FAILED, "modes: no eigenvalues of a Gram matrix of %d rows", ROWS);
    for (size_t j = 0; j < RANK; j++) { /* LAPACK's rise */
        size_t of = ROWS - 1 - j;
        bool there = square[of] > least_square * square[ROWS - 1];
        double value = there ? sqrt(square[of]) : 0.0;
        for (size_t k = 0; k < ROWS; k++) {
            double w = there ? gram[k * ROWS + of] : 0.0, before = k < RANK ? modes->value[k] : 1.0;
            weight[j * ROWS + k] = there ? w * before / value : 0.0;
            if (k < RANK)
                turn[k * RANK + j] = before > 0.0 ? w * value / before : 0.0;
            else
                coefficient[(k - RANK) * RANK + j] = w * value;
        }
        square[of] = there ? square[of] : 0.0;
    }
    for (size_t of = 0; of < ROWS - RANK; of++)
        modes->dropped += fmax(square[of], 0.0);
    for (size_t j = 0; j < RANK; j++)
        modes->value[j] = sqrt(square[ROWS - 1 - j]);
    turn_rows(modes, weight);
    modes->chunks++;
    modes->waiting = 0;
    return STATUS_OK;
}

/* A frame's velocities as one row; false where one is not a number. */
static bool take_row(const grid_t *grid, const float *velocity, double *row) {
    size_t sites = grid_sites(grid);
    unsigned bad = 0;
#pragma omp parallel for schedule(static) reduction(| : bad)
    for (size_t i = 0; i < 2 * sites; i++) {
        row[i] = !grid->mask || grid->mask[i % sites] ? (double)velocity[i] : 0.0;
        bad |= !isfinite(row[i]);
    }
    return !bad;
}

status_t modes_take(void *context, const float *phase, const float *velocity) {
    modes_t *modes = context;
    (void)phase;
    assert(modes->taken < modes->frames);
    if (!take_row(&modes->grid, velocity, modes->row + (RANK + modes->waiting) * modes->columns))
        FAIL(STATUS_FAILED, "modes: a velocity of frame %zu is not a number", modes->taken);
    modes->taken++;
    modes->waiting++;
    return modes->waiting == MODES_CHUNK ? merge(modes) : STATUS_OK;
}

/* out[frames][n]: every chunk's coefficients, turned by all later merges. */
static void unwind(const modes_t *modes, size_t n, double *out) {
    double now[RANK][MODES_TOLD], before[RANK][MODES_TOLD];
    for (size_t i = 0; i < RANK; i++)
        for (size_t j = 0; j < n; j++)
            now[i][j] = i == j ? 1.0 : 0.0;
    for (size_t chunk = modes->chunks; chunk-- > 0;) {
        const double *turn = modes->turn + chunk * RANK * RANK;
        for (size_t i = 0; i < MODES_CHUNK && chunk * MODES_CHUNK + i < modes->taken; i++)
            for (size_t j = 0; j < n; j++) {
                double sum = 0.0;
                for (size_t k = 0; k < RANK; k++)
                    sum += modes->coefficient[(chunk * MODES_CHUNK + i) * RANK + k] * now[k][j];
                out[(chunk * MODES_CHUNK + i) * n + j] = sum;
            }
        memcpy(before, now, sizeof before);
        for (size_t i = 0; i < RANK; i++)
            for (size_t j = 0; j < n; j++) {
                now[i][j] = 0.0;
                for (size_t k = 0; k < RANK; k++)
                    now[i][j] += turn[i * RANK + k] * before[k][j];
            }
    }
}

/* A mode's sign is free: its coefficients' sum is made positive. */
static void choose_signs(modes_t *modes, size_t n, double *coefficient) {
    for (size_t j = 0; j < n; j++) {
        double sum = 0.0;
        for (size_t t = 0; t < modes->taken; t++)
            sum += coefficient[t * n + j];
        for (size_t t = 0; sum < 0.0 && t < modes->taken; t++)
            coefficient[t * n + j] = -coefficient[t * n + j];
        for (size_t x = 0; sum < 0.0 && x < modes->columns; x++)
            modes->row[j * modes->columns + x] = -modes->row[j * modes->columns + x];
    }
}

/* An axis of n evenly spaced places. */
static status_t add_axis(dataset_t *dataset, const char *name, size_t n, double first, double step,
                         const char *unit, const char *long_name) {
    double *values = malloc((n + 1) * sizeof *values);
    if (!values)
        FAIL(STATUS_FAILED, "%s: no memory", name);
    for (size_t i = 0; i < n; i++)
        values[i] = first + (double)i * step;
    status_t status = dataset_axis(dataset, name, n, values, unit, long_name);
    free(values);
    return status;
}

static status_t add_fields(const modes_t *modes, size_t n, double *scratch, dataset_t *dataset) {
    const grid_t *grid = &modes->grid;
    size_t sites = grid_sites(grid);
    TRY(add_axis(dataset, "modes/y", grid->ny, 0.5 * grid->dy, grid->dy, grid->length, "y"));
    TRY(add_axis(dataset, "modes/x", grid->nx, 0.5 * grid->dx, grid->dx, grid->length, "x"));
    for (size_t part = 0; part < 2; part++) {
        for (size_t j = 0; j < n; j++)
            memcpy(scratch + j * sites, modes->row + j * modes->columns + part * sites,
                   sites * sizeof *scratch);
        TRY(dataset_array(dataset, part ? "modes/velocity_y" : "modes/velocity_x", 3,
                          (const char *const[]){"modes/mode", "modes/y", "modes/x"}, scratch, "1",
                          part ? "y component of a mode; over both components and all sites its "
                                 "squares sum to 1"
                               : "x component of a mode"));
    }
    return STATUS_OK;
}

static status_t report(modes_t *modes, size_t n, double *scratch, dataset_t *dataset) {
    double share[MODES_TOLD];
    char unit[32];
    snprintf(unit, sizeof unit, "%s/s", modes->grid.length);
    for (size_t j = 0; j < n; j++)
        share[j] = modes->value[j] * modes->value[j] / modes->total;
    TRY(dataset_axis(dataset, "modes/mode", n, NULL, "1", "mode, by variance explained"));
    TRY(dataset_array(dataset, "modes/singular_value", 1, (const char *const[]){"modes/mode"},
                      modes->value, unit, "singular value of velocities over time and sites"));
    TRY(dataset_list(dataset, "modes/variance_explained", "modes/mode", share, "1",
                     "share of the sum of squared velocities"));
    TRY(dataset_number(dataset, "modes/variance_dropped", modes->dropped / modes->total, "1",
                       "share that the rank of the one-pass decomposition cut off"));
    TRY(add_axis(dataset, "modes/time", modes->taken, modes->start_ms, modes->frame_ms, "ms",
                 "time"));
    unwind(modes, n, scratch);
    choose_signs(modes, n, scratch);
    TRY(dataset_array(dataset, "modes/coefficient", 2,
                      (const char *const[]){"modes/time", "modes/mode"}, scratch, unit,
                      "how much of a mode is in a frame"));
    return add_fields(modes, n, scratch, dataset);
}

status_t modes_finish(modes_t *modes, dataset_t *dataset) {
    if (modes->taken < 2)
        FAIL(STATUS_FAILED, "modes: %zu frames of velocities, 2 are needed: record longer",
             modes->taken);
    TRY(merge(modes));
    if (!(modes->total > 0.0))
        FAIL(STATUS_FAILED, "modes: nothing moves: all velocities are 0");
    size_t n = 0,
           most = modes->taken > grid_sites(&modes->grid) ? modes->taken : grid_sites(&modes->grid);
    while (n < MODES_TOLD && modes->value[n] > 0.0)
        n++;
    double *scratch = malloc(n * most * sizeof *scratch);
    if (!scratch)
        FAIL(STATUS_FAILED, "modes: no memory for %zu modes", n);
    status_t status = report(modes, n, scratch, dataset);
    free(scratch);
    return status;
}
