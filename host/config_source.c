#include "host/config_source.h"

#include <stdlib.h>
#include <string.h>

enum { SET_MARKER = 0, ORIGIN_SHOWN = 160, FOUND_SHOWN = 60 }; /* marks nodes that --set made */

static struct fy_node_pair *lookup(struct fy_node *map, const char *name, size_t length) {
    struct fy_node_pair *pair = NULL;
    if (!map || !fy_node_is_mapping(map))
        return NULL;
    for (void *at = NULL; (pair = fy_node_mapping_iterate(map, &at));) {
        struct fy_node *key = fy_node_pair_key(pair);
        size_t n = 0;
        const char *text = key && fy_node_is_scalar(key) ? fy_node_get_scalar(key, &n) : NULL;
        if (text && n == length && memcmp(text, name, n) == 0)
            break;
    }
    return pair;
}

/* Follows the path as far as it exists; *rest is what remains of it. */
static struct fy_node *follow(struct fy_document *document, const char *path, const char **rest,
                              struct fy_node **last_key, bool *by_override) {
    struct fy_node *node = fy_document_root(document);
    *last_key = NULL;
    *by_override = false;
    while (*path) {
        size_t n = strcspn(path, ".");
        struct fy_node_pair *pair = lookup(node, path, n);
        if (!pair)
            break;
        *last_key = fy_node_pair_key(pair);
        node = fy_node_pair_value(pair);
        *by_override |= node && fy_node_is_marker_set(node, SET_MARKER);
        path += n + (path[n] == '.');
    }
    *rest = path;
    return node;
}

struct fy_node *config_source_find(const config_source_t *source, const char *path) {
    const char *rest;
    struct fy_node *key;
    bool by_override;
    struct fy_node *node = follow(source->document, path, &rest, &key, &by_override);
    return *rest ? NULL : node;
}

/* Whether one path, of length n or m, is the other or a section above it. */
static bool related(const char *a, size_t n, const char *b, size_t m) {
    return strncmp(a, b, n < m ? n : m) == 0 && (n == m || (n < m ? b[n] : a[m]) == '.');
}

const char *config_source_where(const config_source_t *source, const char *path,
                                char where[WHERE_SIZE]) {
    const char *rest = path;
    struct fy_node *key = NULL;
    bool by_override = false;
    if (source->document)
        follow(source->document, path, &rest, &key, &by_override);
    size_t known = (size_t)(rest - path) - (*rest && rest > path); /* without the dot */
    for (size_t i = source->n_overrides; by_override && i-- > 0;) {
        const char *text = source->overrides[i];
        if (related(text, strcspn(text, "="), path, known)) {
            snprintf(where, WHERE_SIZE, "--set %.*s", ORIGIN_SHOWN, text);
            return where;
        }
    }
    struct fy_token *token = key && !by_override ? fy_node_get_scalar_token(key) : NULL;
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
    size_t length = strlen(source->origin); /* of a long path, the end tells more */
    const char *origin = source->origin + (length > ORIGIN_SHOWN ? length - ORIGIN_SHOWN : 0);
    if (mark)
        snprintf(where, WHERE_SIZE, "%s:%d", origin, mark->line + 1);
    else
        snprintf(where, WHERE_SIZE, "%s", origin);
    return where;
}

bool config_source_is_null(struct fy_node *node) {
    size_t length = 0;
    const char *text = NULL;
    if (node && fy_node_get_style(node) == FYNS_PLAIN)
        text = fy_node_get_scalar(node, &length);
    return !node || fy_node_is_null(node) || (text && length == 4 && !memcmp(text, "null", 4)) ||
           (text && length == 1 && *text == '~');
}

void config_source_text(struct fy_node *node, char *out, size_t size) {
    if (config_source_is_null(node)) {
        snprintf(out, size, "nothing");
        return;
    }
    bool scalar = fy_node_is_scalar(node);
    size_t length = 0;
    char *emitted = scalar ? NULL
                           : fy_emit_node_to_string(node, FYECF_MODE_FLOW_ONELINE |
                                                              FYECF_WIDTH_INF | FYECF_INDENT_1);
    const char *text = scalar ? fy_node_get_scalar(node, &length) : emitted;
    if (emitted)
        length = strlen(emitted);
    size_t shown = length < FOUND_SHOWN ? length : FOUND_SHOWN;
    while (shown < length && shown > 0 && ((unsigned char)text[shown] & 0xC0) == 0x80)
        shown--; /* a UTF-8 character whole or not at all */
    snprintf(out, size, "%s%.*s%s%s", scalar ? "\"" : "", (int)shown, text ? text : "",
             shown < length ? "..." : "", scalar ? "\"" : "");
    free(emitted);
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
}

/* The line, from 1, of the first byte that is not UTF-8 text; 0: all is well. */
static int foreign_line(const char *text) {
    int line = 1;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        int more = *c < 0x80 ? 0 : *c >= 0xC2 && *c < 0xE0 ? 1 : (*c & 0xF0) == 0xE0 ? 2 : 3;
        if ((*c < ' ' && !strchr("\t\n\r", *c)) || *c == 0x7F || (*c >= 0x80 && *c < 0xC2) ||
            *c > 0xF4)
            return line;
        if ((*c == 0xE0 && c[1] < 0xA0) || (*c == 0xED && c[1] > 0x9F) ||
            (*c == 0xF0 && c[1] < 0x90) || (*c == 0xF4 && c[1] > 0x8F))
            return line; /* overlong, surrogate, beyond U+10FFFF */
        line += *c == '\n';
        for (; more > 0; more--)
            if ((*++c & 0xC0) != 0x80)
                return line;
    }
    return 0;
}

/* An alias could expand without bound, and hide where a value stands. */
static struct fy_node *find_alias(struct fy_node *node) {
    struct fy_node *found = NULL, *item;
    struct fy_node_pair *pair;
    void *at = NULL;
    if (!node || fy_node_is_alias(node))
        return node;
    if (fy_node_is_sequence(node))
        while (!found && (item = fy_node_sequence_iterate(node, &at)))
            found = find_alias(item);
    if (fy_node_is_mapping(node))
        while (!found && (pair = fy_node_mapping_iterate(node, &at))) {
            found = find_alias(fy_node_pair_key(pair));
            found = found ? found : find_alias(fy_node_pair_value(pair));
        }
    return found;
}

/* The first message of the YAML parser. */
static status_t syntax_failure(const config_source_t *source, const char *where, int add_line) {
    void *at = NULL;
    struct fy_diag_error *error = fy_diag_errors_iterate(source->diagnostics, &at);
    const char *reason = error && error->msg ? error->msg : "it cannot be parsed";
    if (add_line && error)
        FAIL(STATUS_USAGE, "%s:%d: not valid YAML: %s (column %d)", where, error->line, reason,
             error->column);
    FAIL(STATUS_USAGE, "%s: not valid YAML: %s", where, reason);
}

/* Sets path to the YAML value `text`, making the sections above it; replaces what was there. */
static status_t set_value(const config_source_t *source, const char *path, const char *text,
                          const char *where) {
    struct fy_document *document = source->document;
    struct fy_node *map = fy_document_root(document);
    while (fy_node_is_mapping(map)) { /* a section that is none is refused later, where it stands */
        size_t n = strcspn(path, ".");
        bool last = !path[n];
        struct fy_node_pair *pair = lookup(map, path, n);
        struct fy_node *value = pair ? fy_node_pair_value(pair) : NULL;
        if (last || config_source_is_null(value)) {
            struct fy_node *key = pair ? NULL : fy_node_create_scalar_copy(document, path, n);
            value = last ? fy_node_build_from_string(document, text, FY_NT) /* borrows the text */
                         : fy_node_create_mapping(document);
            if (!value) {
                fy_node_free(key);
                return syntax_failure(source, where, 0);
            }
            fy_node_set_marker(value, SET_MARKER);
            if (pair ? fy_node_pair_set_value(pair, value)
                     : !key || fy_node_mapping_append(map, key, value)) {
                fy_node_free(key);
                fy_node_free(value);
                FAIL(STATUS_FAILED, "%s: no memory to set it", where);
            }
        }
        if (last)
            break;
        map = value;
        path += n + 1;
    }
    return STATUS_OK;
}

/* Removes the keys that are stored where the key just set is: out_degree for in_degree. */
static void remove_alternatives(const config_source_t *source, const char *path,
                                const param_t *param) {
    char other[PATH_SIZE];
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; i < n_params && dot; i++) {
        const param_t *p = &params[i];
        if (p == param || p->scope != param->scope || p->offset != param->offset)
            continue;
        snprintf(other, sizeof other, "%.*s", (int)(dot - path), path);
        struct fy_node *section = config_source_find(source, other);
        const char *name = strrchr(p->path, '.') + 1;
        struct fy_node_pair *pair = lookup(section, name, strlen(name));
        if (pair)
            fy_node_free(fy_node_mapping_remove_by_key(section, fy_node_pair_key(pair)));
    }
}

static status_t apply_override(config_source_t *source, const char *text) {
    char path[PATH_SIZE], nearest[PATH_SIZE], where[WHERE_SIZE];
    const char *equals = strchr(text, '='), *value = equals ? equals + 1 : "";
    bool section;
    snprintf(where, sizeof where, "--set %.*s", ORIGIN_SHOWN, text);
    if (foreign_line(text) || strpbrk(text, "\r\n"))
        FAIL(STATUS_USAGE, "--set: expected one line of UTF-8 text");
    if (!equals || equals == text || equals - text >= PATH_SIZE)
        FAIL(STATUS_USAGE, "%s: expected key.path=value, such as simulation.dt=0.1", where);
    if (strlen(text) > OVERRIDE_SIZE_MAX)
        FAIL(STATUS_USAGE, "%s: longer than 4 KiB; set single keys", where);
    snprintf(path, sizeof path, "%.*s", (int)(equals - text), text);
    if (path[strspn(path,
                    KEY_CHARACTERS ".")]) /* the YAML library takes " I" and "I" for one key */
        FAIL(STATUS_USAGE, "%s: keys have letters, digits and _, with a dot between them", where);
    const param_t *param = param_find(path, &section);
    if (!param && !section) {
        param_nearest(path, nearest);
        FAIL(STATUS_USAGE, "%s: %s: unknown key; nearest known key: %s", where, path, nearest);
    }
    TRY(set_value(source, path, value[strspn(value, " \t")] ? value : "~", where));
    struct fy_node *node = config_source_find(source, path);
    if (node && find_alias(node))
        FAIL(STATUS_USAGE, "%s: YAML aliases (*name) are not supported", where);
    if (param)
        remove_alternatives(source, path, param);
    return STATUS_OK;
}

static status_t parse_document(config_source_t *source, struct fy_parser *parser,
                               const char *text) {
    const char *origin = source->origin;
    if (fy_parser_set_string(parser, text, strlen(text)))
        FAIL(STATUS_FAILED, "%s: no memory to parse it", origin);
    source->document = fy_parse_load_document(parser);
    if (fy_parser_get_stream_error(parser))
        return syntax_failure(source, origin, 1);
    struct fy_document *second = source->document ? fy_parse_load_document(parser) : NULL;
    if (second) {
        fy_parse_document_destroy(parser, second);
        FAIL(STATUS_USAGE, "%s: holds more than one YAML document (---); keep one", origin);
    }
    void *at = NULL; /* some errors past the document's end set no stream error */
    if (fy_diag_errors_iterate(source->diagnostics, &at))
        return syntax_failure(source, origin, 1);
    return STATUS_OK;
}

status_t config_source_open(const char *text, const char *origin, const char *const *overrides,
                            size_t n_overrides, config_source_t *source) {
    *source =
        (config_source_t){.origin = origin, .overrides = overrides, .n_overrides = n_overrides};
    if (strlen(text) > CONFIG_SIZE_MAX) /* also of a text that is in no file of its own */
        FAIL(STATUS_USAGE, "%s: not a config; expected YAML text below 64 KiB", origin);
    int line = foreign_line(text);
    if (line)
        FAIL(STATUS_USAGE, "%s:%d: not UTF-8 text; a config is a YAML text file", origin, line);

    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL; /* not even its internal errors go to stderr */
    source->diagnostics = fy_diag_create(&diag_cfg);
    if (!source->diagnostics)
        FAIL(STATUS_FAILED, "%s: no memory to parse it", origin);
    fy_diag_set_collect_errors(source->diagnostics, true);
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG,
                               .diag = source->diagnostics};
    struct fy_parser *parser = fy_parser_create(&cfg);
    if (!parser)
        FAIL(STATUS_FAILED, "%s: no memory to parse it", origin);
    status_t status = parse_document(source, parser, text);
    fy_parser_destroy(parser);
    TRY(status);

    struct fy_node *root = source->document ? fy_document_root(source->document) : NULL;
    if (config_source_is_null(root)) { /* empty, or comments alone: --set may give everything */
        fy_document_destroy(source->document);
        source->document = fy_document_create(&cfg);
        root = source->document ? fy_node_create_mapping(source->document) : NULL;
        if (root)
            fy_document_set_root(source->document, root);
    }
    if (!root)
        FAIL(STATUS_FAILED, "%s: no memory to parse it", origin);
    struct fy_node *alias = find_alias(root);
    if (alias) {
        const struct fy_mark *mark = fy_token_start_mark(fy_node_get_scalar_token(alias));
        FAIL(STATUS_USAGE, "%s:%d: YAML aliases (*name) are not supported; write the value out",
             origin, mark ? mark->line + 1 : 1);
    }
    if (!fy_node_is_mapping(root))
        FAIL(STATUS_USAGE,
             "%s: found a list or a single value, expected keys such as populations:", origin);
    for (size_t i = 0; i < n_overrides; i++)
        TRY(apply_override(source, overrides[i]));
    return STATUS_OK;
}

void config_source_close(config_source_t *source) {
    fy_document_destroy(source->document);
    fy_diag_destroy(source->diagnostics);
    *source = (config_source_t){0};
}
