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
        printf("  %-22s %s\n", last_name(item->name), item->text);
    } else if (item->rank == 0) {
        if (!isfinite(item->values[0]) || ends_with(item->name, "_error"))
            return;
        number_text(found, item, text);
        printf("  %-22s %-24s %s\n", last_name(item->name), text, item->long_name);
    } else if (item->count > 0) {
        printf("  %-22s", last_name(item->name));
        for (size_t i = 0; i < item->count; i++)
            printf(" %.4g", item->values[i]);
        printf("%s%s  %s\n", strcmp(item->unit, "1") ? " " : "",
               strcmp(item->unit, "1") ? item->unit : "", item->long_name);
    }
}

void report_detections(const dataset_t *found) {
    const char *before = NULL;
    size_t length = 0;
    for (size_t k = 0; k < found->items; k++) {
        const dataset_item_t *item = &found->item[k];
        if (!item->told)
            continue;
        size_t here = group_length(item->name);
        if (!before || here != length || strncmp(before, item->name, here) != 0)
            printf("\n%.*s\n", (int)here, item->name);
        before = item->name;
        length = here;
        print_item(found, item);
    }
}
