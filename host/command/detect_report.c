#include "host/command/detect_report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "host/command/report.h"

static size_t group_length(const char *name) {
    const char *slash = strrchr(name, '/');
    return slash ? (size_t)(slash - name) : 0;
}

static const char *last_name(const char *name) {
    size_t group = group_length(name);
    return name + group + (name[group] == '/');
}

static json_t *value_json(const dataset_item_t *item) {
    if (item->text)
        return json_string(item->text);
    if (item->rank == 0)
        return report_number(item->values[0]);
    json_t *list = json_array();
    for (size_t i = 0; i < item->count; i++)
        json_array_append_new(list, report_number(item->values[i]));
    return list;
}

json_t *report_detections_json(const dataset_t *found) {
    json_t *all = json_object();
    for (size_t k = 0; k < found->items; k++) {
        const dataset_item_t *item = &found->item[k];
        if (!item->told)
            continue;
        size_t length = group_length(item->name);
        char group[DATASET_NAME];
        snprintf(group, sizeof group, "%.*s", (int)length, item->name);
        json_t *object = length ? json_object_get(all, group) : all;
        if (!object) {
            object = json_object();
            json_object_set_new(all, group, object);
        }
        json_object_set_new(object, last_name(item->name), value_json(item));
    }
    return all;
}

static bool ends_with(const char *name, const char *end) {
    size_t a = strlen(name), b = strlen(end);
    return a > b && strcmp(name + a - b, end) == 0;
}

static bool is_list_over(const dataset_item_t *item, size_t axis) {
    return item->told && item->rank == 1 && item->axis[0] == axis && item->count > 0;
}

/* "peak_share" over the axis "wave/peak": "share" */
static const char *without_axis(const dataset_t *found, size_t axis, const dataset_item_t *item) {
    const char *name = last_name(item->name), *of = last_name(found->axis[axis].name);
    size_t length = strlen(of);
    return strncmp(name, of, length) == 0 && name[length] == '_' ? name + length + 1 : name;
}

/* "12.3 +- 0.4 Hz" */
static void number_text(const dataset_t *found, const dataset_item_t *item, char text[96]) {
    char error_name[DATASET_NAME + 8], error[32] = "";
    snprintf(error_name, sizeof error_name, "%s_error", item->name);
    double e = dataset_value(found, error_name);
    if (isfinite(e))
        snprintf(error, sizeof error, " +- %.2g", e);
    snprintf(text, 96, "%.4g%s%s%s", item->values[0], error, strcmp(item->unit, "1") ? " " : "",
             strcmp(item->unit, "1") ? item->unit : "");
}

static void print_item(const dataset_t *found, const dataset_item_t *item) {
    char text[96];
    if (item->text) {
        printf("  %-26s %s\n", last_name(item->name), item->text);
    } else if (item->rank == 0) {
        if (!isfinite(item->values[0]) || ends_with(item->name, "_error"))
            return;
        number_text(found, item, text);
        printf("  %-26s %-24s %s\n", last_name(item->name), text, item->long_name);
    }
}

/* The lists over one axis side by side: a row a place. */
static void print_table(const dataset_t *found, size_t axis) {
    size_t rows = found->axis[axis].size;
    printf("\n  %-9s", last_name(found->axis[axis].name));
    for (size_t k = 0; k < found->items; k++)
        if (is_list_over(&found->item[k], axis))
            printf(" %16s", without_axis(found, axis, &found->item[k]));
    printf("\n  %-9s", "");
    for (size_t k = 0; k < found->items; k++)
        if (is_list_over(&found->item[k], axis))
            printf(" %16s", strcmp(found->item[k].unit, "1") ? found->item[k].unit : "");
    for (size_t i = 0; i < rows; i++) {
        printf("\n  %-9.4g", found->axis[axis].values[i]);
        for (size_t k = 0; k < found->items; k++)
            if (is_list_over(&found->item[k], axis))
                printf(" %16.4g", found->item[k].values[i]);
    }
    printf("\n");
}

void report_detections(const dataset_t *found) {
    const char *before = NULL;
    size_t length = 0, axis = found->axes;
    for (size_t k = 0; k < found->items; k++) {
        const dataset_item_t *item = &found->item[k];
        if (!item->told)
            continue;
        size_t here = group_length(item->name);
        if (!before || here != length || strncmp(before, item->name, here) != 0)
            printf("\n%.*s\n", (int)here, item->name);
        before = item->name;
        length = here;
        if (item->rank == 1 && item->axis[0] != axis && item->count > 0)
            print_table(found, axis = item->axis[0]);
        print_item(found, item);
    }
}

void report_detections_briefly(const dataset_t *found) {
    static const char *const words[] = {"kind", "motion", "state", "reason"};
    for (size_t k = 0; k < found->items; k++) {
        const dataset_item_t *item = &found->item[k];
        for (size_t w = 0; item->text && w < sizeof words / sizeof words[0]; w++)
            if (strcmp(last_name(item->name), words[w]) == 0)
                printf("  %-26s %s\n", item->name, item->text);
    }
}
