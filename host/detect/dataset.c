#include "host/detect/dataset.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void dataset_destroy(dataset_t *dataset) {
    for (size_t k = 0; k < dataset->axes; k++) {
        free(dataset->axis[k].long_name);
        free(dataset->axis[k].values);
    }
    for (size_t k = 0; k < dataset->items; k++) {
        free(dataset->item[k].long_name);
        free(dataset->item[k].values);
        free(dataset->item[k].text);
    }
    free(dataset->axis);
    free(dataset->item);
    *dataset = (dataset_t){0};
}

static size_t place_of_axis(const dataset_t *dataset, const char *name) {
    size_t k = 0;
    while (k < dataset->axes && strcmp(dataset->axis[k].name, name) != 0)
        k++;
    return k;
}

const dataset_axis_t *dataset_find_axis(const dataset_t *dataset, const char *name) {
    size_t k = place_of_axis(dataset, name);
    return k < dataset->axes ? &dataset->axis[k] : NULL;
}

const dataset_item_t *dataset_find(const dataset_t *dataset, const char *name) {
    for (size_t k = 0; k < dataset->items; k++)
        if (strcmp(dataset->item[k].name, name) == 0)
            return &dataset->item[k];
    return NULL;
}

double dataset_value(const dataset_t *dataset, const char *name) {
    const dataset_item_t *item = dataset_find(dataset, name);
    return item && item->rank == 0 && item->values ? item->values[0] : NAN;
}

static status_t check_new(const dataset_t *dataset, const char *name) {
    if (strlen(name) >= DATASET_NAME || dataset_find(dataset, name) ||
        dataset_find_axis(dataset, name))
        FAIL(STATUS_FAILED, "%s: a detector's result is named twice, or its name is too long",
             name);
    return STATUS_OK;
}

static double *copy(const double *values, size_t n) {
    double *copied = malloc((n + 1) * sizeof *copied);
    for (size_t i = 0; copied && i < n; i++)
        copied[i] = values ? values[i] : (double)(i + 1);
    return copied;
}

status_t dataset_axis(dataset_t *dataset, const char *name, size_t size, const double *values,
                      const char *unit, const char *long_name) {
    TRY(check_new(dataset, name));
    dataset_axis_t *grown = realloc(dataset->axis, (dataset->axes + 1) * sizeof *grown);
    if (!grown)
        FAIL(STATUS_FAILED, "%s: no memory", name);
    dataset->axis = grown;
    dataset_axis_t *axis = &grown[dataset->axes++];
    *axis = (dataset_axis_t){.size = size, .values = copy(values, size)};
    snprintf(axis->name, sizeof axis->name, "%s", name);
    snprintf(axis->unit, sizeof axis->unit, "%s", unit);
    axis->long_name = strdup(long_name);
    if (!axis->values || !axis->long_name)
        FAIL(STATUS_FAILED, "%s: no memory for %zu places", name, size);
    return STATUS_OK;
}

static status_t add(dataset_t *dataset, const char *name, const char *unit, const char *long_name,
                    dataset_item_t **item) {
    TRY(check_new(dataset, name));
    dataset_item_t *grown = realloc(dataset->item, (dataset->items + 1) * sizeof *grown);
    if (!grown)
        FAIL(STATUS_FAILED, "%s: no memory", name);
    dataset->item = grown;
    *item = &grown[dataset->items++];
    **item = (dataset_item_t){.count = 1, .long_name = strdup(long_name)};
    snprintf((*item)->name, DATASET_NAME, "%s", name);
    snprintf((*item)->unit, sizeof(*item)->unit, "%s", unit);
    if (!(*item)->long_name)
        FAIL(STATUS_FAILED, "%s: no memory", name);
    return STATUS_OK;
}

status_t dataset_array(dataset_t *dataset, const char *name, int rank, const char *const *axes,
                       const double *values, const char *unit, const char *long_name) {
    dataset_item_t *item = NULL;
    assert(rank >= 0 && rank <= DATASET_RANK);
    TRY(add(dataset, name, unit, long_name, &item));
    item->rank = rank;
    for (int k = 0; k < rank; k++) {
        item->axis[k] = place_of_axis(dataset, axes[k]);
        assert(item->axis[k] < dataset->axes);
        item->count *= dataset->axis[item->axis[k]].size;
    }
    item->told = rank == 0;
    item->values = copy(values, item->count);
    if (!item->values)
        FAIL(STATUS_FAILED, "%s: no memory for %zu values", name, item->count);
    return STATUS_OK;
}

status_t dataset_list(dataset_t *dataset, const char *name, const char *axis, const double *values,
                      const char *unit, const char *long_name) {
    TRY(dataset_array(dataset, name, 1, &axis, values, unit, long_name));
    dataset->item[dataset->items - 1].told = true;
    return STATUS_OK;
}

status_t dataset_number(dataset_t *dataset, const char *name, double value, const char *unit,
                        const char *long_name) {
    return dataset_array(dataset, name, 0, NULL, &value, unit, long_name);
}

status_t dataset_text(dataset_t *dataset, const char *name, const char *text) {
    dataset_item_t *item = NULL;
    TRY(add(dataset, name, "", "", &item));
    item->told = true;
    item->text = strdup(text);
    if (!item->text)
        FAIL(STATUS_FAILED, "%s: no memory", name);
    return STATUS_OK;
}
