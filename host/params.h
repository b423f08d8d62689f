/* The descriptor table: every config key once, as one row. Parsing, --set, range checks, the
 * resolved YAML, `describe` and file attributes follow from it; adding a key is adding a row. */
#ifndef BRISC_PARAMS_H
#define BRISC_PARAMS_H

#include "host/config.h"

struct fy_node;

enum { PATH_SIZE = 256, VALUE_SIZE = 2304, FILE_NAME_SIZE = 1024, LATTICE_MAX = 1000000 };

typedef enum {
    TYPE_NUMBER,   /* double */
    TYPE_WHOLE,    /* uint64_t, min to max, or 0 to 2^63 - 1 where max is 0 */
    TYPE_CHOICE,   /* int: one of `choices` */
    TYPE_SET,      /* unsigned: bits of `choices` */
    TYPE_LATTICE,  /* uint32_t[2] */
    TYPE_INITIAL,  /* initial_config_t */
    TYPE_DURATION, /* double, in s, written with its unit */
} param_type_t;

typedef enum { SCOPE_CONFIG, SCOPE_POPULATION, SCOPE_CONNECTION } param_scope_t;

typedef struct {
    const char *name; /* NULL ends a list */
    int value;
} choice_t;

typedef struct {
    const char *path; /* "connections.*.*.mean": a `*` stands for a population's name */
    param_type_t type;
    param_scope_t scope;
    size_t offset;     /* in config_t, population_config_t or connection_config_t */
    double min, max;   /* TYPE_NUMBER, TYPE_WHOLE */
    bool min_excluded; /* (min, max] */
    const choice_t *choices;
    const char *unit;     /* NULL: none */
    const char *fallback; /* default, as YAML; NULL: none */
    const char *same_as;  /* or the key that gives the default; "-key": its negative */
    /* The key counts only where bit *(int *)(object + offset) of `values` is set; 0: always. */
    struct {
        unsigned values;
        size_t offset;
    } only_if;
    bool may_change; /* on a resume */
    const char *meaning;
} param_t;

extern const param_t params[];
extern const size_t n_params;

/* One key of one config. Visits the keys object by object, in the order of the rows: those of the
 * first population, of the second, ..., of each pathway, of the rest. Start from {0}; false after
 * the last. The config has at least one population. */
typedef struct {
    const param_t *param;
    char path[PATH_SIZE]; /* "connections.E.I.mean" */
    size_t offset;        /* of the value, in config_t */
    bool used;            /* whether the value counts, given the others (param_t.only_if) */
    size_t row, first, object;
} param_key_t;
bool params_next(const config_t *config, param_key_t *key);

/* How many rows share its storage, itself included: 1, or more for alternatives. */
size_t param_alternatives(const param_t *param);

/* The row of a path such as "populations.E.tau", or NULL. *section: whether keys lie below it. */
const param_t *param_find(const char *path, bool *section);
/* The known key nearest to an unknown path: bare in the same section, else with its path. */
void param_nearest(const char *path, char nearest[PATH_SIZE]);
size_t edit_distance(const char *a, const char *b); /* Levenshtein's */

/* "a number in (0, 1000] ms", "one of tanh, linear" */
void param_expected(const param_t *param, char *out, size_t size);

/* Between a YAML node or text and the value at its place in the config. Reading is false where
 * the node is not what param_expected says; what was there is then left as it was. */
bool param_read(const param_t *param, struct fy_node *node, void *place);
void param_text(const param_t *param, const void *place, char out[VALUE_SIZE]);
bool number_read(const char *text, double *value); /* strict: all of it, decimal, finite */

#endif
