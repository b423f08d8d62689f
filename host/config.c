/* Loading: text to struct, driven by the table in host/params.c. */
#include "host/config_source.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool name_is_valid(const char *name) {
    size_t n = strspn(name, KEY_CHARACTERS);
    return !name[n] && n > 0 && n < NAME_SIZE && isalpha((unsigned char)name[0]);
}

/* Every key of the section at `path` ("" is the root) must be known. */
static status_t check_keys(const config_source_t *source, struct fy_node *node, const char *path) {
    char below[2 * PATH_SIZE], text[PATH_SIZE], nearest[PATH_SIZE];
    bool section, named;
    struct fy_node_pair *pair;
    if (config_source_is_null(node))
        return STATUS_OK;
    if (!fy_node_is_mapping(node)) {
        config_source_text(node, text, sizeof text);
        FAIL_KEY(source, path, "found %s, expected keys below it", text);
    }
    snprintf(below, sizeof below, "%s.*", path);
    named = param_find(below, &section) || section; /* its keys are names of populations */
    for (void *at = NULL; (pair = fy_node_mapping_iterate(node, &at));) {
        struct fy_node *key = fy_node_pair_key(pair);
        size_t length = 0;
        const char *name = key ? fy_node_get_scalar(key, &length) : NULL;
        config_source_text(key, text, sizeof text);
        if (!name || memchr(name, 0, length)) /* "\0" inside: what follows would be ignored */
            FAIL(STATUS_USAGE, "%s: %s: found %s as a key, expected a plain name", source->origin,
                 *path ? path : "at the top", text);
        snprintf(below, sizeof below, "%s%s%.*s", path, *path ? "." : "",
                 (int)(length < PATH_SIZE - 1 ? length : PATH_SIZE - 1), name);
        snprintf(text, sizeof text, "%.*s", (int)(length < NAME_SIZE ? length : NAME_SIZE), name);
        if (named && !name_is_valid(text))
            FAIL_KEY(source, below,
                     "a population's name has letters, digits and _, starts with a letter, and is "
                     "shorter than %d characters",
                     NAME_SIZE);
        if (param_find(below, &section))
            continue;
        if (!section) {
            param_nearest(below, nearest);
            FAIL_KEY(source, below, "unknown key; nearest known key: %s", nearest);
        }
        TRY(check_keys(source, fy_node_pair_value(pair), below));
    }
    return STATUS_OK;
}

static status_t read_populations(const config_source_t *source, config_t *config) {
    struct fy_node *section = config_source_find(source, "populations");
    struct fy_node_pair *pair;
    if (config_source_is_null(section) || fy_node_mapping_is_empty(section))
        FAIL_KEY(source, "populations",
                 "missing; a config needs at least one population, such as "
                 "populations: {E: {lattice: [200, 200]}}");
    if (fy_node_mapping_item_count(section) > POPULATIONS_MAX)
        FAIL_KEY(source, "populations", "found %d populations, at most %d are allowed",
                 fy_node_mapping_item_count(section), POPULATIONS_MAX);
    for (void *at = NULL; (pair = fy_node_mapping_iterate(section, &at));)
        snprintf(config->population[config->populations++].name, NAME_SIZE, "%s",
                 fy_node_get_scalar0(fy_node_pair_key(pair)));
    return STATUS_OK;
}

static status_t find_population(const config_source_t *source, const config_t *config,
                                const char *path, const char *name, uint32_t *index) {
    const char *nearest = config->population[0].name;
    for (*index = 0; *index < config->populations; ++*index) {
        const char *known = config->population[*index].name;
        if (strcmp(known, name) == 0)
            return STATUS_OK;
        if (edit_distance(name, known) < edit_distance(name, nearest))
            nearest = known;
    }
    FAIL_KEY(source, path, "no population is called %s; nearest known population: %s", name,
             nearest);
}

/* How many of the keys that are stored at `place` are given, and the value of the last one's
 * condition. */
static int find_alternatives(const config_source_t *source, const char *pathway, size_t place,
                             int *kind) {
    int found = 0;
    for (size_t i = 0; i < n_params; i++) {
        char path[2 * PATH_SIZE];
        if (params[i].scope != SCOPE_CONNECTION || params[i].offset != place)
            continue;
        snprintf(path, sizeof path, "%s%s", pathway, strrchr(params[i].path, '.'));
        if (!config_source_find(source, path))
            continue;
        *kind = __builtin_ctz(params[i].only_if.values);
        found++;
    }
    return found;
}

/* A pathway's size: exactly one of three keys. */
static status_t choose_size(const config_source_t *source, const char *pathway,
                            connection_config_t *connection) {
    int found = find_alternatives(source, pathway, offsetof(connection_config_t, size),
                                  &connection->size_kind);
    if (found != 1)
        FAIL_KEY(source, pathway,
                 "found %d of the keys out_degree, in_degree, density; expected exactly one",
                 found);
    return STATUS_OK;
}

/* Its range: one of two, or none that counts where the profile is uniform. One that is missing is
 * refused with the keys, in their order. */
static status_t choose_range(const config_source_t *source, const char *pathway,
                             connection_config_t *connection) {
    char path[2 * PATH_SIZE];
    bool section;
    int profile = PROFILE_GAUSSIAN;
    snprintf(path, sizeof path, "%s.profile", pathway);
    struct fy_node *node = config_source_find(source, path);
    if (node && !param_read(param_find(path, &section), node, &profile))
        profile = PROFILE_GAUSSIAN; /* refused with the keys */
    connection->range_kind = RANGE_SIDE;
    int found = find_alternatives(source, pathway, offsetof(connection_config_t, range_given),
                                  &connection->range_kind);
    if (profile == PROFILE_UNIFORM)
        connection->range_kind = RANGE_NONE;
    else if (found > 1)
        FAIL_KEY(source, pathway, "found %d of the keys range, range_sites; expected exactly one",
                 found);
    return STATUS_OK;
}

static status_t read_connections(const config_source_t *source, config_t *config) {
    struct fy_node *section = config_source_find(source, "connections");
    struct fy_node_pair *row, *cell;
    uint32_t target, from;
    if (config_source_is_null(section))
        return STATUS_OK;
    for (void *i = NULL; (row = fy_node_mapping_iterate(section, &i));) {
        const char *target_name = fy_node_get_scalar0(fy_node_pair_key(row));
        struct fy_node *sources = fy_node_pair_value(row);
        char path[PATH_SIZE];
        snprintf(path, sizeof path, "connections.%s", target_name);
        TRY(find_population(source, config, path, target_name, &target));
        if (config_source_is_null(sources))
            continue;
        for (void *j = NULL; (cell = fy_node_mapping_iterate(sources, &j));) {
            const char *name = fy_node_get_scalar0(fy_node_pair_key(cell));
            snprintf(path, sizeof path, "connections.%s.%s", target_name, name);
            TRY(find_population(source, config, path, name, &from));
            if (config_source_is_null(fy_node_pair_value(cell)))
                continue;
            config->connection[target][from].present = true;
            TRY(choose_size(source, path, &config->connection[target][from]));
            TRY(choose_range(source, path, &config->connection[target][from]));
        }
    }
    return STATUS_OK;
}

static bool read_default(const param_t *param, void *place) {
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET};
    struct fy_document *document = fy_document_build_from_string(&cfg, param->fallback, FY_NT);
    bool done = document && param_read(param, fy_document_root(document), place);
    fy_document_destroy(document);
    return done;
}

static status_t read_value(const config_source_t *source, const param_key_t *key, void *place) {
    const param_t *param = key->param;
    struct fy_node *node = config_source_find(source, key->path);
    char expected[PATH_SIZE], found[PATH_SIZE], where[WHERE_SIZE];
    param_expected(param, expected, sizeof expected);
    if (!key->used && node)
        status_warn("%s: %s: ignored: no effect with %s",
                    config_source_where(source, key->path, where), key->path,
                    param->scope == SCOPE_POPULATION ? "this kind of gain"
                                                     : "the weights and profile of this pathway");
    if (key->used && node) {
        if (param_read(param, node, place))
            return STATUS_OK;
        config_source_text(node, found, sizeof found);
        FAIL_KEY(source, key->path, "found %s, expected %s", found, expected);
    }
    if (key->used && !param->fallback && !param->same_as)
        FAIL_KEY(source, key->path, "missing, and it has no default; expected %s%s", expected,
                 param->offset == offsetof(connection_config_t, range_given) &&
                         param->scope == SCOPE_CONNECTION
                     ? "; or say range_sites"
                     : "");
    if (param->fallback && !read_default(param, place))
        FAIL(STATUS_FAILED, "%s: no memory for its default", key->path);
    return STATUS_OK;
}

/* A key that was not given takes the value of another: dynamics.tau, or -gain.max. */
static status_t inherit(config_t *config, const param_key_t *key) {
    const char *from = key->param->same_as;
    double sign = *from == '-' ? -1 : 1;
    char *base = (char *)config;
    bool section;
    const param_t *source = param_find(from + (*from == '-'), &section);
    size_t object = source->scope == SCOPE_CONFIG ? 0 : key->offset - key->param->offset;
    const void *value = base + object + source->offset;
    void *place = base + key->offset;
    if (key->param->type == TYPE_NUMBER) {
        *(double *)place = sign * *(const double *)value;
        return STATUS_OK;
    }
    initial_config_t *initial = place;
    *initial = *(const initial_config_t *)value;
    if (initial->file && !(initial->file = strdup(initial->file)))
        FAIL(STATUS_FAILED, "%s: no memory for its default", key->path);
    return STATUS_OK;
}

/* Widths in torus sides. */
static void convert_ranges(config_t *config) {
    for (uint32_t a = 0; a < config->populations; a++)
        for (uint32_t b = 0; b < config->populations; b++) {
            connection_config_t *c = &config->connection[a][b];
            c->range = c->range_kind == RANGE_SITES
                           ? c->range_given / config->population[b].lattice[0]
                           : c->range_given;
        }
}

static status_t read_config(const config_source_t *source, config_t *config) {
    TRY(check_keys(source, fy_document_root(source->document), ""));
    TRY(read_populations(source, config));
    TRY(read_connections(source, config));
    for (param_key_t key = {0}; params_next(config, &key);)
        TRY(read_value(source, &key, (char *)config + key.offset));
    for (param_key_t key = {0}; params_next(config, &key);)
        if (key.param->same_as && !config_source_find(source, key.path))
            TRY(inherit(config, &key));
    convert_ranges(config);
    return config_check(config, source);
}

status_t config_parse(const char *text, const char *origin, const char *const *overrides,
                      size_t n_overrides, config_t *config) {
    config_source_t source;
    memset(config, 0, sizeof *config);
    status_t status = config_source_open(text, origin, overrides, n_overrides, &source);
    if (status == STATUS_OK)
        status = read_config(&source, config);
    config_source_close(&source);
    if (status != STATUS_OK)
        config_destroy(config);
    return status;
}

status_t config_load(const char *path, const char *const *overrides, size_t n_overrides,
                     config_t *config) {
    memset(config, 0, sizeof *config);
    FILE *file = fopen(path, "rb");
    if (!file)
        FAIL(STATUS_USAGE, "%s: cannot be opened: %s", path, strerror(errno));
    char *text = malloc(CONFIG_SIZE_MAX + 1);
    size_t size = text ? fread(text, 1, CONFIG_SIZE_MAX + 1, file) : 0;
    int error = ferror(file) ? errno : 0;
    fclose(file);
    status_t status = STATUS_OK;
    if (!text)
        status = status_fail(STATUS_FAILED, __FILE__, __LINE__, "%s: no memory to read it", path);
    else if (error)
        status = status_fail(STATUS_USAGE, __FILE__, __LINE__, "%s: cannot be read: %s", path,
                             strerror(error));
    else if (size > CONFIG_SIZE_MAX || memchr(text, 0, size))
        status = status_fail(STATUS_USAGE, __FILE__, __LINE__,
                             "%s: not a config; expected a YAML text file below 64 KiB", path);
    if (status == STATUS_OK) {
        text[size] = 0;
        status = config_parse(text, path, overrides, n_overrides, config);
    }
    free(text);
    return status;
}

void config_destroy(config_t *config) {
    free(config->dynamics.initial.file);
    for (size_t i = 0; i < POPULATIONS_MAX; i++)
        free(config->population[i].initial.file);
    memset(config, 0, sizeof *config);
}

/* Writes the sections of `path` that `before` is not in, then its last component and value. */
static void write_key(FILE *out, const char *before, const char *path, const char *value) {
    size_t same = 0;
    for (size_t i = 0; path[i] && path[i] == before[i]; i++)
        if (path[i] == '.')
            same = i + 1;
    int depth = 0;
    for (size_t at = 0, n; path[at]; at += n + (path[at + n] == '.'), depth++) {
        n = strcspn(path + at, ".");
        bool last = !path[at + n];
        if (at >= same)
            fprintf(out, "%*s%.*s:%s%s\n", 2 * depth, "", (int)n, path + at, last ? " " : "",
                    last ? value : "");
    }
}

status_t config_resolved(const config_t *config, char **yaml) {
    char text[VALUE_SIZE], before[PATH_SIZE] = "";
    size_t size;
    *yaml = NULL;
    FILE *out = open_memstream(yaml, &size);
    if (!out)
        FAIL(STATUS_FAILED, "no memory to write the config out");
    for (param_key_t key = {0}; params_next(config, &key);)
        if (key.used) {
            param_text(key.param, (const char *)config + key.offset, text);
            write_key(out, before, key.path, text);
            snprintf(before, sizeof before, "%s", key.path);
        }
    bool failed = ferror(out);
    if (fclose(out) != 0 || failed) {
        free(*yaml);
        *yaml = NULL;
        FAIL(STATUS_FAILED, "no memory to write the config out");
    }
    return STATUS_OK;
}

uint64_t config_steps(const config_t *config) {
    return (uint64_t)llround(config->simulation.duration_ms / config->simulation.dt_ms);
}

uint64_t config_steps_per_frame(const config_t *config) {
    return (uint64_t)llround(config->output.every_ms / config->simulation.dt_ms);
}

uint64_t config_frames(const config_t *config) {
    return config_steps(config) / config_steps_per_frame(config) + 1;
}

bool config_checkpoints(const config_t *config) {
    return config->output.checkpoint_every_s > 0.0 || config->output.checkpoint_steps > 0;
}
