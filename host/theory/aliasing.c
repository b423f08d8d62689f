/* The exact spectrum of the mean matrix: its Bloch matrix couples all wave vectors that alias onto
 * one another. What the symbol, which leaves that out, costs. */
#include "host/theory/internal.h"

#include <lapacke.h>
#include <stdlib.h>

static const double PI = 3.14159265358979323846;

cell_t cell_create(const network_t *net) {
    cell_t cell = {0};
    for (uint32_t a = 0; a < net->populations; a++) {
        cell.gx = common_divisor(cell.gx, net->population[a].nx);
        cell.gy = common_divisor(cell.gy, net->population[a].ny);
    }
    for (uint32_t a = 0; a < net->populations; a++) {
        cell.first[a] = (uint32_t)cell.size;
        cell.width[a] = net->population[a].nx / cell.gx;
        cell.height[a] = net->population[a].ny / cell.gy;
        cell.size += (uint64_t)cell.width[a] * cell.height[a];
    }
    return cell;
}

/* exp(2 pi i n (x_source - x_target)) along one axis, for the sources of a window. */
static void phases(int n, uint32_t window, const uint32_t *source, uint32_t sources, double target,
                   complex double *phase) {
    for (uint32_t i = 0; i < window; i++)
        phase[i] = cexp(2.0 * PI * I * n * ((source[i] + 0.5) / sources - target));
}

/* Room for one pathway's window. */
typedef struct {
    double *pi;            /* [window_y][window_x] */
    uint32_t *sx, *sy;     /* source column, row of each window column, row */
    complex double *x, *y; /* phases */
} window_t;

/* Adds target site (tx, ty) of a cell to the blocks [wave][source][target]: the mean weights times
 * exp(2 pi i n.(x_source - x_target)), summed over each of the cell's source sites. */
static void target_add(const network_plan_t *plan, uint32_t index, const cell_t *cell, uint32_t tx,
                       uint32_t ty, double gain, size_t waves, const int (*wave)[2], window_t *room,
                       complex double *block) {
    const pathway_t *w = &plan->net.pathway[index];
    const population_t *target = &plan->net.population[w->target];
    const population_t *source = &plan->net.population[w->source];
    uint32_t width = cell->width[w->source], height = cell->height[w->source];
    double weight = plan->facts[index].mean / plan->facts[index].out_degree * gain;
    for (uint32_t i = 0; i < w->window_x; i++)
        room->sx[i] = pathway_source_x(w, pathway_base_x(w, tx), i, source->nx);
    for (uint32_t i = 0; i < w->window_y; i++)
        room->sy[i] = pathway_source_y(w, pathway_base_y(w, ty), i, source->ny);
    pathway_inclusion(w, (size_t)(ty % w->classes_y) * w->classes_x + tx % w->classes_x, room->pi);
    block += cell->first[w->target] + ty * cell->width[w->target] + tx;
    for (size_t k = 0; k < waves; k++, block += cell->size * cell->size) {
        phases(wave[k][0], w->window_x, room->sx, source->nx, (tx + 0.5) / target->nx, room->x);
        phases(wave[k][1], w->window_y, room->sy, source->ny, (ty + 0.5) / target->ny, room->y);
        for (uint32_t first = 0; first < width && first < w->window_x; first++) {
            uint32_t column = cell->first[w->source] + room->sx[first] % width;
            for (uint32_t wy = 0; wy < w->window_y; wy++) {
                const double *p = room->pi + (size_t)wy * w->window_x;
                complex double sum = 0.0;
                for (uint32_t wx = first; wx < w->window_x; wx += width)
                    sum += p[wx] * room->x[wx];
                block[cell->size * (column + room->sy[wy] % height * width)] +=
                    weight * room->y[wy] * sum;
            }
        }
    }
}

/* blocks[waves][size][size], column-major: all pathways. */
static status_t blocks_fill(const network_plan_t *plan, const cell_t *cell, const double *gain,
                            size_t waves, const int (*wave)[2], complex double *blocks) {
    uint32_t x = 1, y = 1;
    for (uint32_t i = 0; i < plan->net.pathways; i++) {
        const pathway_t *w = &plan->net.pathway[i];
        x = w->window_x > x ? w->window_x : x;
        y = w->window_y > y ? w->window_y : y;
    }
    window_t room = {malloc(sizeof(double) * x * y), malloc(sizeof(uint32_t) * x),
                     malloc(sizeof(uint32_t) * y), malloc(sizeof(complex double) * x),
                     malloc(sizeof(complex double) * y)};
    bool ready = room.pi && room.sx && room.sy && room.x && room.y;
    for (uint32_t i = 0; ready && i < plan->net.pathways; i++) {
        const pathway_t *w = &plan->net.pathway[i];
        for (uint32_t ty = 0; ty < cell->height[w->target]; ty++)
            for (uint32_t tx = 0; tx < cell->width[w->target]; tx++)
                target_add(plan, i, cell, tx, ty, gain[w->source], waves, wave, &room, blocks);
    }
    free(room.y);
    free(room.x);
    free(room.sy);
    free(room.sx);
    free(room.pi);
    if (!ready)
        FAIL(STATUS_FAILED, "no memory for a window of %u x %u probabilities", x, y);
    return STATUS_OK;
}

status_t block_eigenvalues(const network_plan_t *plan, const cell_t *cell, const double *gain,
                           size_t waves, const int (*wave)[2], complex double *value) {
    size_t entries = cell->size * cell->size;
    lapack_int n = (lapack_int)cell->size, info = 0;
    complex double *blocks = calloc(waves * entries, sizeof *blocks), none[1];
    if (!blocks)
        FAIL(STATUS_FAILED, "no memory for %zu blocks of %d x %d", waves, n, n);
    status_t status = blocks_fill(plan, cell, gain, waves, wave, blocks);
    for (size_t k = 0; status == STATUS_OK && info == 0 && k < waves; k++)
        info = LAPACKE_zgeev(LAPACK_COL_MAJOR, 'N', 'N', n, blocks + k * entries, n,
                             value + k * cell->size, none, 1, none, 1);
    free(blocks);
    if (info != 0)
        FAIL(STATUS_FAILED, "the eigenvalues of an aliased block of %d rows did not converge", n);
    return status;
}

status_t mode_aliasing(const network_plan_t *plan, const double *gain, const eigenmode_t *mode,
                       double *distance) {
    cell_t cell = cell_create(&plan->net);
    const int wave[1][2] = {{mode->nx, mode->ny}};
    complex double value[BLOCK_MAX];
    *distance = NAN;
    if (cell.size > BLOCK_MAX)
        return STATUS_OK;
    TRY(block_eigenvalues(plan, &cell, gain, 1, wave, value));
    *distance = INFINITY;
    for (uint64_t k = 0; k < cell.size; k++)
        *distance = fmin(*distance, cabs(value[k] - mode->re - I * mode->im));
    return STATUS_OK;
}
