/* What detectors found, with the words for it: named arrays over named axes, in groups. One
 * description drives the file's /detections, the JSON and the terminal. */
#ifndef BRISC_DATASET_H
#define BRISC_DATASET_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/status.h"

enum { DATASET_NAME = 64, DATASET_RANK = 4 };

typedef struct {
    char name[DATASET_NAME]; /* "waves/epoch": a group and a name */
    char unit[32];
    char *long_name;
    size_t size;
    double *values; /* [size] */
} dataset_axis_t;

typedef struct {
    char name[DATASET_NAME];
    char unit[32];
    char *long_name;
    int rank; /* 0: a number */
    size_t axis[DATASET_RANK], count;
    double *values; /* [count], C order; NULL: a text */
    char *text;
    bool told; /* in JSON and on the terminal too; numbers and texts always are */
} dataset_item_t;

typedef struct {
    size_t axes, items;
    dataset_axis_t *axis;
    dataset_item_t *item;
} dataset_t; /* zero it first */

void dataset_destroy(dataset_t *dataset);

/* An axis of `size` places: `values` (copied), or 1, 2, ... where NULL. Every name is used once. */
status_t dataset_axis(dataset_t *dataset, const char *name, size_t size, const double *values,
                      const char *unit, const char *long_name);
status_t dataset_number(dataset_t *dataset, const char *name, double value, const char *unit,
                        const char *long_name);
status_t dataset_text(dataset_t *dataset, const char *name, const char *text);
/* An array over axes that are there (by name), copied; NaN where there is no value. */
status_t dataset_array(dataset_t *dataset, const char *name, int rank, const char *const *axes,
                       const double *values, const char *unit, const char *long_name);
/* A short one over one axis, which JSON lists too. */
status_t dataset_list(dataset_t *dataset, const char *name, const char *axis, const double *values,
                      const char *unit, const char *long_name);

/* NULL where there is none of that name. */
const dataset_axis_t *dataset_find_axis(const dataset_t *dataset, const char *name);
const dataset_item_t *dataset_find(const dataset_t *dataset, const char *name);
/* NaN where there is no such number. */
double dataset_value(const dataset_t *dataset, const char *name);

#endif
