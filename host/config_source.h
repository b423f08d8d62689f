/* The text that a config comes from: its YAML document with the overrides worked in, and where
 * each key stands, for messages. Shared by host/config*.c. */
#ifndef BRISC_CONFIG_SOURCE_H
#define BRISC_CONFIG_SOURCE_H

#include <libfyaml.h>

#include "host/params.h"

/* The YAML library compares each key with every other: a file of keys takes 2 s at 64 KiB, minutes
 * at a MiB. Nesting it limits itself (64). */
enum { WHERE_SIZE = 320, CONFIG_SIZE_MAX = 1 << 16, OVERRIDE_SIZE_MAX = 1 << 12 }; /* bytes */
#define KEY_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

typedef struct {
    const char *origin; /* the file's name */
    const char *const *overrides;
    size_t n_overrides;
    struct fy_document *document; /* its root is a mapping */
    struct fy_diag *diagnostics;
} config_source_t;

/* Parses the text, refuses what is no config at all, works in the overrides. Borrows its
 * arguments; close it after a failure too. */
status_t config_source_open(const char *text, const char *origin, const char *const *overrides,
                            size_t n_overrides, config_source_t *source);
void config_source_close(config_source_t *source);

struct fy_node *config_source_find(const config_source_t *source, const char *path); /* or NULL */
/* "wave.yaml:7" or "--set simulation.dt=fast": where a key stands, or else the section in which
 * it is missing. Returns `where`. */
const char *config_source_where(const config_source_t *source, const char *path,
                                char where[WHERE_SIZE]);
bool config_source_is_null(struct fy_node *node); /* no value: empty, null, ~ */
/* A node in a message: "fast" in quotes, or nothing, or a list or map on one line. */
void config_source_text(struct fy_node *node, char *out, size_t size);

/* Rules between keys. */
status_t config_check(const config_t *config, const config_source_t *source);

#define FAIL_KEY(source, path, format, ...)                                                        \
    do {                                                                                           \
        char where_[WHERE_SIZE];                                                                   \
        FAIL(STATUS_USAGE, "%s: %s: " format, config_source_where(source, path, where_),           \
             path __VA_OPT__(, ) __VA_ARGS__);                                                     \
    } while (0)

#endif
