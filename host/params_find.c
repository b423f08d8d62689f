#include "host/params.h"

#include <string.h>

/* Length of the first component of a path. */
static size_t component(const char *path) {
    return strcspn(path, ".");
}

typedef enum { MATCH_NONE, MATCH_KEY, MATCH_SECTION, MATCH_BELOW } match_t;

/* How `path` lies to the pattern: the key itself, a section above it, or below it. */
static match_t match(const char *pattern, const char *path) {
    for (;;) {
        size_t n = component(pattern), m = component(path);
        bool any = n == 1 && pattern[0] == '*';
        if (m == 0 || (!any && (n != m || strncmp(pattern, path, n) != 0)))
            return MATCH_NONE;
        pattern += n;
        path += m;
        if (!*path)
            return *pattern ? MATCH_SECTION : MATCH_KEY;
        if (!*pattern)
            return MATCH_BELOW;
        pattern++;
        path++;
    }
}

const param_t *param_find(const char *path, bool *section) {
    *section = false;
    for (size_t i = 0; i < n_params; i++) {
        match_t found = match(params[i].path, path);
        if (found == MATCH_KEY)
            return &params[i];
        *section |= found == MATCH_SECTION;
    }
    return NULL;
}

size_t param_alternatives(const param_t *param) {
    size_t count = 0;
    for (size_t i = 0; i < n_params; i++)
        count += params[i].scope == param->scope && params[i].offset == param->offset;
    return count;
}

size_t edit_distance(const char *a, const char *b) {
    enum { LONGEST = 64 };
    size_t n = strnlen(a, LONGEST), m = strnlen(b, LONGEST), row[LONGEST + 1];
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

void param_nearest(const char *path, char nearest[PATH_SIZE]) {
    const char *dot = strrchr(path, '.'), *last = dot ? dot + 1 : path;
    enum { FAR = 1000 };
    size_t best = SIZE_MAX;
    nearest[0] = 0;
    for (size_t i = 0; i < n_params; i++) {
        const char *pattern = params[i].path;
        if (match(pattern, path) == MATCH_BELOW) {
            snprintf(nearest, PATH_SIZE, "%s", pattern);
            return;
        }
        /* Every component of the pattern is a candidate; one of the same section is nearer than all
         * but the same name elsewhere. */
        for (const char *c = pattern; *c; c += c[component(c)] ? component(c) + 1 : component(c)) {
            char above[PATH_SIZE], name[PATH_SIZE];
            snprintf(above, sizeof above, "%.*s*", (int)(c - pattern), pattern);
            snprintf(name, sizeof name, "%.*s", (int)component(c), c);
            bool same = match(above, path) == MATCH_KEY;
            size_t distance = edit_distance(last, name);
            distance += same || distance == 0 ? 0 : FAR;
            if (name[0] == '*' || distance >= best)
                continue;
            best = distance;
            const char *from = same ? c : pattern;
            snprintf(nearest, PATH_SIZE, "%.*s", (int)(c + component(c) - from), from);
        }
    }
}

/* The path's `*` replaced by names, in order. */
static void fill_names(const char *pattern, const char *first, const char *second,
                       char out[PATH_SIZE]) {
    size_t n = 0;
    for (const char *c = pattern; *c && n + NAME_SIZE < PATH_SIZE; c++) {
        if (*c != '*') {
            out[n++] = *c;
            continue;
        }
        n += (size_t)snprintf(out + n, PATH_SIZE - n, "%s", first);
        first = second;
    }
    out[n] = 0;
}

static bool used(const param_t *param, const void *object) {
    int value;
    memcpy(&value, (const char *)object + param->only_if.offset, sizeof value);
    return !param->only_if.values || (param->only_if.values >> value & 1);
}

bool params_next(const config_t *config, param_key_t *key) {
    if (key->param)
        key->row++;
    for (;; key->row++) {
        size_t n = config->populations, object = 0;
        if (key->row == n_params || params[key->row].scope != params[key->first].scope) {
            param_scope_t scope = params[key->first].scope;
            size_t objects = scope == SCOPE_CONFIG ? 1 : scope == SCOPE_POPULATION ? n : n * n;
            if (++key->object < objects) {
                key->row = key->first;
            } else {
                if (key->row == n_params)
                    return false;
                key->first = key->row;
                key->object = 0;
            }
        }
        const param_t *param = &params[key->row];
        bool connection = param->scope == SCOPE_CONNECTION;
        size_t target = connection ? key->object / n : key->object, source = key->object % n;
        if (connection && !config->connection[target][source].present)
            continue;
        if (param->scope == SCOPE_POPULATION)
            object = offsetof(config_t, population) + target * sizeof(population_config_t);
        if (connection)
            object = offsetof(config_t, connection) +
                     (target * POPULATIONS_MAX + source) * sizeof(connection_config_t);
        key->param = param;
        key->offset = object + param->offset;
        key->used = used(param, (const char *)config + object);
        fill_names(param->path, config->population[target].name, config->population[source].name,
                   key->path);
        return true;
    }
}
