/* Two configs, key by key. */
#include <string.h>

#include "host/params.h"

/* The value of a key as text; false where the config has no such key, or it does not count. */
static bool value_at(const config_t *config, const char *path, char text[VALUE_SIZE]) {
    for (param_key_t key = {0}; params_next(config, &key);)
        if (key.used && strcmp(key.path, path) == 0) {
            param_text(key.param, (const char *)config + key.offset, text);
            return true;
        }
    return false;
}

static void list(char *keys, size_t size, const char *path, const char *a, const char *b) {
    size_t used = strlen(keys);
    snprintf(keys + used, size - used, "%s%s (%s, %s)", used ? ", " : "", path, a, b);
}

size_t config_difference(const config_t *a, const config_t *b, bool fixed, char *keys,
                         size_t size) {
    char one[VALUE_SIZE], other[VALUE_SIZE];
    size_t count = 0;
    keys[0] = 0;
    for (param_key_t key = {0}; params_next(a, &key);) {
        if (!key.used || (fixed && key.param->may_change))
            continue;
        param_text(key.param, (const char *)a + key.offset, one);
        bool there = value_at(b, key.path, other);
        if (there && strcmp(one, other) == 0)
            continue;
        list(keys, size, key.path, one, there ? other : "not there");
        count++;
    }
    for (param_key_t key = {0}; params_next(b, &key);)
        if (key.used && !(fixed && key.param->may_change) && !value_at(a, key.path, one)) {
            param_text(key.param, (const char *)b + key.offset, other);
            list(keys, size, key.path, "not there", other);
            count++;
        }
    return count;
}
