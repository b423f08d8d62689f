#include "host/params.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 100, INDENT = 4 };

/* "20", "dynamics.tau", "required" */
static void default_text(const param_t *param, char *out, size_t size) {
    static const char *const required[] = {"required", "one of two", "one of three"};
    snprintf(out, size, "%s",
             param->fallback  ? param->fallback
             : param->same_as ? param->same_as
                              : required[param_alternatives(param) - 1]);
}

/* Words of `text` in lines of the terminal. */
static void wrap(FILE *out, const char *text) {
    size_t column = 0;
    while (*text) {
        size_t n = strcspn(text, " ");
        if (column == 0 || column + 1 + n > COLUMNS) {
            fprintf(out, "%s%*s", column ? "\n" : "", INDENT, "");
            column = INDENT;
        } else {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", (int)n, text);
        column += n;
        text += n + strspn(text + n, " ");
    }
    fputc('\n', out);
}

static status_t describe_json(FILE *out) {
    static const char *const types[] = {
        [TYPE_NUMBER] = "number",    [TYPE_WHOLE] = "whole number",
        [TYPE_CHOICE] = "choice",    [TYPE_SET] = "set",
        [TYPE_LATTICE] = "lattice",  [TYPE_INITIAL] = "initial state",
        [TYPE_DURATION] = "duration"};
    json_t *keys = json_array();
    for (size_t i = 0; i < n_params; i++) {
        const param_t *p = &params[i];
        char allowed[PATH_SIZE], fallback[PATH_SIZE];
        param_expected(p, allowed, sizeof allowed);
        default_text(p, fallback, sizeof fallback);
        json_t *choices = p->choices ? json_array() : NULL;
        for (const choice_t *c = p->choices; c && c->name; c++)
            json_array_append_new(choices, json_string(c->name));
        json_t *range = p->max > 0.0 ? json_pack("[f, f]", p->min, p->max) : NULL;
        json_array_append_new(keys, json_pack("{ss ss ss* ss ss so* so* ss}", "key", p->path,
                                              "type", types[p->type], "unit", p->unit, "default",
                                              fallback, "allowed", allowed, "range", range,
                                              "choices", choices, "meaning", p->meaning));
    }
    bool failed = json_array_size(keys) != n_params;
    json_t *object = json_pack("{s:o}", "keys", keys);
    failed |= json_dumpf(object, out, JSON_INDENT(2)) != 0;
    json_decref(object);
    if (failed)
        FAIL(STATUS_FAILED, "the keys cannot be written out as JSON: no memory, or a full disk");
    fputc('\n', out);
    return STATUS_OK;
}

status_t config_describe(FILE *out, describe_format_t format) {
    if (format == DESCRIBE_JSON)
        return describe_json(out);
    if (format == DESCRIBE_MARKDOWN)
        fputs("| key | value | default | meaning |\n|---|---|---|---|\n", out);
    for (size_t i = 0; i < n_params; i++) {
        const param_t *p = &params[i];
        char expected[PATH_SIZE], fallback[PATH_SIZE], line[4 * PATH_SIZE];
        param_expected(p, expected, sizeof expected);
        default_text(p, fallback, sizeof fallback);
        if (format == DESCRIBE_MARKDOWN) {
            fprintf(out, "| `%s` | %s | %s | %s |\n", p->path, expected, fallback, p->meaning);
            continue;
        }
        fprintf(out, "%s\n", p->path);
        snprintf(line, sizeof line, "%s; default: %s", expected, fallback);
        wrap(out, line);
        wrap(out, p->meaning);
    }
    return STATUS_OK;
}
