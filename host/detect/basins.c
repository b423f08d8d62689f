#include "host/detect/basins.h"

#include <stdlib.h>

#include "host/detect/persistence.h"

/* The longest lived first. */
static int compare(const void *a, const void *b) {
    const basin_t *p = a, *q = b;
    double longer = (q->death - q->birth) - (p->death - p->birth);
    return longer != 0.0 ? (longer > 0.0 ? 1 : -1) : p->site < q->site ? -1 : p->site > q->site;
}

static status_t put_list(const grid_t *grid, const basins_t *basins, dataset_t *dataset) {
    static const char *const names[] = {"persistence/birth", "persistence/death", "persistence/x",
                                        "persistence/y"};
    static const char *const long_names[] = {"level at which a component appears",
                                             "level at which an older one takes it in",
                                             "place of its minimum", "place of its minimum"};
    const char *units[] = {"1", "1", grid->length, grid->length};
    const char *axis = "persistence/component";
    double *column = malloc(4 * basins->n * sizeof *column);
    if (!column)
        FAIL(STATUS_FAILED, "persistence: no memory for %zu components", basins->n);
    for (size_t k = 0; k < basins->n; k++) {
        const basin_t *basin = &basins->basin[k];
        column[k] = basin->birth;
        column[basins->n + k] = basin->death;
        column[2 * basins->n + k] = (basin->x + 0.5) * grid->dx;
        column[3 * basins->n + k] = (basin->y + 0.5) * grid->dy;
    }
    status_t status = dataset_axis(dataset, axis, basins->n, NULL, "1",
                                   "component of the sublevel sets, the longest lived first");
    for (size_t c = 0; c < 4 && status == STATUS_OK; c++)
        status = dataset_array(dataset, names[c], 1, &axis, column + c * basins->n, units[c],
                               long_names[c]);
    free(column);
    return status;
}

static status_t put(const field_t *field, size_t frame, double sum, basins_t *basins,
                    dataset_t *dataset) {
    if (!basins->n)
        return dataset_text(dataset, "persistence/reason",
                            "none: the frame is the same everywhere");
    qsort(basins->basin, basins->n, sizeof *basins->basin, compare);
    TRY(dataset_number(dataset, "persistence/time_ms",
                       field->start_ms + (double)frame * field->frame_ms, "ms",
                       "time of the frame"));
    TRY(dataset_number(dataset, "persistence/sum", sum, "1", "sum of its components' lifetimes"));
    return put_list(&field->grid, basins, dataset);
}

status_t basins_detect(const field_t *field, dataset_t *dataset) {
    const grid_t *grid = &field->grid;
    size_t frame = field->frames / 2, sites = grid_sites(grid), broken = 0;
    float *values = malloc(sites * sizeof *values);
    basins_t basins = {0};
    double sum = 0.0;
    if (!values)
        FAIL(STATUS_FAILED, "persistence: no memory for %zu x %zu sites", grid->ny, grid->nx);
    status_t status = field->read(field->context, frame, 1, 0, grid->ny, values);
    for (size_t i = 0; status == STATUS_OK && i < sites; i++)
        broken += !isfinite(values[i]) && grid_has(grid, i / grid->nx, i % grid->nx);
    if (status == STATUS_OK && !broken)
        status = persistence_basins(values, grid, &sum, &basins);
    if (status == STATUS_OK && !broken)
        status = put(field, frame, sum, &basins, dataset);
    free(values);
    basins_destroy(&basins);
    if (broken)
        FAIL(STATUS_FAILED,
             "frame %zu from the onset holds %zu values that are not a number or infinite: "
             "persistence needs a complete frame",
             frame, broken);
    return status;
}
