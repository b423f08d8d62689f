#include "host/io/write_detections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = DATASET_NAME + 16 };

static void path_of(const char *name, char path[PATH_SIZE]) {
    snprintf(path, PATH_SIZE, "/detections/%s", name);
}

/* Creates the group of "waves/epoch"; the name in it. */
static status_t put_group(h5_file_t *file, const char *name, char path[PATH_SIZE],
                          const char **last) {
    path_of(name, path);
    *strrchr(path, '/') = '\0';
    *last = name + strlen(path) + 1 - strlen("/detections/");
    return h5_group(file, path);
}

static status_t put_item(h5_file_t *file, const dataset_t *found, const dataset_item_t *item) {
    char path[PATH_SIZE], axes[DATASET_RANK][PATH_SIZE];
    const char *coordinates[DATASET_RANK];
    const char *name;
    TRY(put_group(file, item->name, path, &name));
    if (item->text)
        return h5_attribute_text(file, path, name, item->text);
    for (int k = 0; k < item->rank; k++) {
        path_of(found->axis[item->axis[k]].name, axes[k]);
        coordinates[k] = axes[k];
        if (found->axis[item->axis[k]].size == 0) /* nothing found: no dataset without places */
            return STATUS_OK;
    }
    path_of(item->name, path);
    if (item->rank < 2)
        return h5_variable(file, path, H5T_NATIVE_DOUBLE, item->rank, coordinates, item->values,
                           item->unit, item->long_name);
    float *map = malloc(item->count * sizeof *map);
    if (!map)
        FAIL(STATUS_FAILED, "%s: no memory for %zu values of %s", h5_path(file), item->count, path);
    for (size_t i = 0; i < item->count; i++)
        map[i] = (float)item->values[i];
    status_t status = h5_variable(file, path, H5T_NATIVE_FLOAT, item->rank, coordinates, map,
                                  item->unit, item->long_name);
    free(map);
    return status;
}

/* Exponents may have taken hours: those that are there stay until others are measured. */
static bool keeps_exponents(h5_file_t *file, const dataset_t *found) {
    for (size_t k = 0; k < found->items; k++)
        if (strncmp(found->item[k].name, "lyapunov/", 9) == 0)
            return false;
    return H5Lexists(h5_id(file), "/detections", H5P_DEFAULT) > 0 &&
           H5Lexists(h5_id(file), "/detections/lyapunov", H5P_DEFAULT) > 0;
}

static status_t move(h5_file_t *file, const char *from, const char *to) {
    if (H5Lmove(h5_id(file), from, h5_id(file), to, H5P_DEFAULT, H5P_DEFAULT) < 0)
        FAIL(STATUS_FAILED, "%s: cannot keep %s", h5_path(file), from);
    return STATUS_OK;
}

status_t write_detections(h5_file_t *file, const dataset_t *found) {
    bool keep = keeps_exponents(file, found);
    size_t bytes = 4096 * (found->axes + found->items);
    char path[PATH_SIZE];
    for (size_t k = 0; k < found->axes; k++)
        bytes += found->axis[k].size * sizeof(double);
    for (size_t k = 0; k < found->items; k++)
        bytes += found->item[k].count * (found->item[k].rank < 2 ? sizeof(double) : sizeof(float));
    TRY(h5_reserve(file, bytes, "/detections"));
    if (keep)
        TRY(move(file, "/detections/lyapunov", "/lyapunov"));
    if (H5Lexists(h5_id(file), "/detections", H5P_DEFAULT) > 0 &&
        H5Ldelete(h5_id(file), "/detections", H5P_DEFAULT) < 0)
        FAIL(STATUS_FAILED, "%s: cannot replace /detections", h5_path(file));
    TRY(h5_group(file, "/detections"));
    if (keep)
        TRY(move(file, "/lyapunov", "/detections/lyapunov"));
    for (size_t k = 0; k < found->axes; k++) {
        const dataset_axis_t *axis = &found->axis[k];
        const char *name;
        TRY(put_group(file, axis->name, path, &name));
        path_of(axis->name, path);
        if (axis->size > 0)
            TRY(h5_coordinate(file, path, axis->size, axis->values, axis->unit, axis->long_name));
    }
    for (size_t k = 0; k < found->items; k++)
        TRY(put_item(file, found, &found->item[k]));
    return STATUS_OK;
}
