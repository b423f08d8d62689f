/* Values of the descriptor table's types: from YAML, to text. */
#include "host/params.h"

#include <ctype.h>
#include <libfyaml.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int numbers; /* 0: a file's name */
} initials[] = {
    [INITIAL_UNIFORM] = {"uniform", 2},
    [INITIAL_NORMAL] = {"normal", 2},
    [INITIAL_CONSTANT] = {"constant", 1},
    [INITIAL_FILE] = {"file", 0},
};
enum { INITIAL_KINDS = sizeof initials / sizeof initials[0] };

static const struct {
    const char *suffix;
    double seconds;
} durations[] = {{"ms", 1e-3}, {"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};
enum { DURATIONS = sizeof durations / sizeof durations[0] };
static const double DURATION_MAX_S = 1e9, INITIAL_MAX = 1e6; /* as every other potential's */

static const char *const EXPECTED_INITIAL = "{uniform: [low, high]}, {normal: [mean, std]}, "
                                            "{constant: h} or {file: \"path\"}, within +-1e6";

static unsigned long long whole_max(const param_t *param) {
    return param->max > 0.0 ? (unsigned long long)param->max : INT64_MAX;
}

void param_expected(const param_t *param, char *out, size_t size) {
    size_t n;
    switch (param->type) {
    case TYPE_NUMBER:
        snprintf(out, size, "a number in %c%g, %g]%s%s", param->min_excluded ? '(' : '[',
                 param->min, param->max, param->unit ? " " : "", param->unit ? param->unit : "");
        return;
    case TYPE_WHOLE:
        snprintf(out, size, "a whole number from %llu to %llu", (unsigned long long)param->min,
                 whole_max(param));
        return;
    case TYPE_CHOICE:
    case TYPE_SET:
        n = (size_t)snprintf(out, size, param->type == TYPE_SET ? "a list of" : "one of");
        for (const choice_t *c = param->choices; c->name && n < size; c++)
            n += (size_t)snprintf(out + n, size - n, "%s %s", c == param->choices ? "" : ",",
                                  c->name);
        return;
    case TYPE_LATTICE:
        snprintf(out, size, "[nx, ny], or [n] for a ring: whole numbers from 1 to %d", LATTICE_MAX);
        return;
    case TYPE_INITIAL:
        snprintf(out, size, "%s", EXPECTED_INITIAL);
        return;
    case TYPE_DURATION:
        snprintf(out, size,
                 "0 or a duration with its unit (ms, s, min, h, d), such as 60s, up to 1e9s");
        return;
    }
}

bool number_read(const char *text, double *value) {
    char *end;
    if (!*text || text[strspn(text, "0123456789+-.eE")])
        return false;
    double x = strtod(text, &end);
    if (*end || !isfinite(x))
        return false;
    *value = x;
    return true;
}

/* A scalar's text, or NULL. A null scalar (`key:`) has none. */
static const char *scalar(struct fy_node *node) {
    if (!node || !fy_node_is_scalar(node) || fy_node_is_null(node))
        return NULL;
    size_t length;
    const char *text = fy_node_get_scalar(node, &length);
    const char *text0 = text ? fy_node_get_scalar0(node) : NULL;
    return text0 && strlen(text0) == length ? text0 : NULL; /* no "\0" inside */
}

static bool whole_read(const char *text, uint64_t max, uint64_t *value) {
    if (!text || !*text || text[strspn(text, "0123456789")] || strlen(text) > 20)
        return false;
    unsigned long long x = strtoull(text, NULL, 10);
    if (strlen(text) == 20 || x > max)
        return false;
    *value = x;
    return true;
}

static bool lattice_read(struct fy_node *node, uint32_t place[2]) {
    uint64_t n[2] = {0, 1};
    int count = fy_node_is_sequence(node) ? fy_node_sequence_item_count(node) : 0;
    if (count < 1 || count > 2)
        return false;
    for (int i = 0; i < count; i++)
        if (!whole_read(scalar(fy_node_sequence_get_by_index(node, i)), LATTICE_MAX, &n[i]) ||
            !n[i])
            return false;
    place[0] = (uint32_t)n[0];
    place[1] = (uint32_t)n[1];
    return true;
}

static const choice_t *choice_read(const choice_t *choices, const char *text) {
    for (const choice_t *c = choices; text && c->name; c++)
        if (strcmp(c->name, text) == 0)
            return c;
    return NULL;
}

static bool set_read(const choice_t *choices, struct fy_node *node, unsigned *place) {
    unsigned set = 0;
    struct fy_node *item;
    if (!fy_node_is_sequence(node))
        return false;
    for (void *at = NULL; (item = fy_node_sequence_iterate(node, &at));) {
        const choice_t *c = choice_read(choices, scalar(item));
        if (!c)
            return false;
        set |= (unsigned)c->value;
    }
    *place = set;
    return set != 0;
}

static bool initial_read(struct fy_node *node, initial_config_t *place) {
    initial_config_t initial = {0};
    if (!fy_node_is_mapping(node) || fy_node_mapping_item_count(node) != 1)
        return false;
    struct fy_node_pair *pair = fy_node_mapping_get_by_index(node, 0);
    const char *name = scalar(fy_node_pair_key(pair));
    struct fy_node *value = fy_node_pair_value(pair);
    int kind = 0;
    while (kind < INITIAL_KINDS && (!name || strcmp(name, initials[kind].name) != 0))
        kind++;
    if (kind == INITIAL_KINDS)
        return false;
    initial.kind = kind;
    int numbers = initials[kind].numbers;
    if (numbers == 2 && (!fy_node_is_sequence(value) || fy_node_sequence_item_count(value) != 2))
        return false;
    for (int i = 0; i < numbers; i++) {
        const char *text = scalar(numbers == 1 ? value : fy_node_sequence_get_by_index(value, i));
        if (!text || !number_read(text, &initial.value[i]) || fabs(initial.value[i]) > INITIAL_MAX)
            return false;
    }
    if (kind == INITIAL_UNIFORM && initial.value[0] > initial.value[1])
        return false;
    if (kind == INITIAL_NORMAL && initial.value[1] < 0)
        return false;
    if (kind == INITIAL_FILE) {
        const char *name_of_file = scalar(value);
        if (!name_of_file || !*name_of_file || strlen(name_of_file) >= FILE_NAME_SIZE)
            return false;
        for (const char *c = name_of_file; *c; c++)
            if (iscntrl((unsigned char)*c))
                return false;
        initial.file = strdup(name_of_file);
        if (!initial.file)
            return false;
    }
    free(place->file);
    *place = initial;
    return true;
}

static bool duration_read(const char *text, double *place) {
    char number[64];
    size_t n = strcspn(text, "msinhd");
    double value;
    if (n >= sizeof number)
        return false;
    while (n > 0 && text[n - 1] == ' ') /* "5 min" */
        n--;
    snprintf(number, sizeof number, "%.*s", (int)n, text);
    if (!number_read(number, &value) || value < 0)
        return false;
    const char *suffix = text + n + strspn(text + n, " ");
    if (value == 0 && !*suffix) {
        *place = 0;
        return true;
    }
    for (size_t i = 0; i < DURATIONS; i++)
        if (strcmp(suffix, durations[i].suffix) == 0) {
            value *= durations[i].seconds;
            if (value > DURATION_MAX_S)
                return false;
            *place = value;
            return true;
        }
    return false;
}

bool param_read(const param_t *param, struct fy_node *node, void *place) {
    const char *text = scalar(node);
    const choice_t *choice;
    double value;
    uint64_t whole;
    switch (param->type) {
    case TYPE_NUMBER:
        if (!text || !number_read(text, &value) || value > param->max || value < param->min ||
            (param->min_excluded && value == param->min))
            return false;
        *(double *)place = value;
        return true;
    case TYPE_WHOLE:
        if (!whole_read(text, whole_max(param), &whole) || (double)whole < param->min)
            return false;
        *(uint64_t *)place = whole;
        return true;
    case TYPE_CHOICE:
        choice = choice_read(param->choices, text);
        if (choice)
            *(int *)place = choice->value;
        return choice != NULL;
    case TYPE_SET:
        return set_read(param->choices, node, place);
    case TYPE_LATTICE:
        return lattice_read(node, place);
    case TYPE_INITIAL:
        return initial_read(node, place);
    case TYPE_DURATION:
        return text && duration_read(text, place);
    }
    return false;
}

/* Shortest decimal that reads back to the same double; returns its length. */
static size_t number_text(double value, char *out, size_t size) {
    int length = 0;
    for (int digits = 15; digits <= 17; digits++) {
        length = snprintf(out, size, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    return (size_t)length;
}

static void initial_text(const initial_config_t *initial, char *out) {
    const char *name = initials[initial->kind].name;
    char first[32], second[32];
    number_text(initial->value[0], first, sizeof first);
    number_text(initial->value[1], second, sizeof second);
    if (initials[initial->kind].numbers == 2)
        snprintf(out, VALUE_SIZE, "{%s: [%s, %s]}", name, first, second);
    if (initials[initial->kind].numbers == 1)
        snprintf(out, VALUE_SIZE, "{%s: %s}", name, first);
    if (initial->kind != INITIAL_FILE)
        return;
    size_t n = (size_t)snprintf(out, VALUE_SIZE, "{%s: \"", name);
    for (const char *c = initial->file; *c && n < VALUE_SIZE - 5; c++) {
        if (*c == '"' || *c == '\\')
            out[n++] = '\\';
        out[n++] = *c;
    }
    snprintf(out + n, VALUE_SIZE - n, "\"}");
}

void param_text(const param_t *param, const void *place, char out[VALUE_SIZE]) {
    const uint32_t *lattice = place;
    const choice_t *c = param->choices;
    size_t n = 0;
    switch (param->type) {
    case TYPE_NUMBER:
        number_text(*(const double *)place, out, VALUE_SIZE);
        return;
    case TYPE_WHOLE:
        snprintf(out, VALUE_SIZE, "%llu", (unsigned long long)*(const uint64_t *)place);
        return;
    case TYPE_CHOICE:
        while (c->name && c->value != *(const int *)place)
            c++;
        snprintf(out, VALUE_SIZE, "%s", c->name ? c->name : "");
        return;
    case TYPE_SET:
        for (; c->name; c++)
            if (*(const unsigned *)place & (unsigned)c->value)
                n += (size_t)snprintf(out + n, VALUE_SIZE - n, "%s%s", n ? ", " : "[", c->name);
        snprintf(out + n, VALUE_SIZE - n, "]");
        return;
    case TYPE_LATTICE:
        snprintf(out, VALUE_SIZE, lattice[1] == 1 ? "[%u]" : "[%u, %u]", lattice[0], lattice[1]);
        return;
    case TYPE_INITIAL:
        initial_text(place, out);
        return;
    case TYPE_DURATION:
        n = number_text(*(const double *)place, out, VALUE_SIZE);
        snprintf(out + n, VALUE_SIZE - n, "s");
        return;
    }
}
