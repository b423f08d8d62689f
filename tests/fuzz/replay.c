/* Every file of the given folders (or files) through the fuzz target, in any build: a past finding
 * stays found. Ends with the counts, or by a signal at the first promise broken. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/fuzz_config.h"

enum {
    SIZE_MAX_BYTES = 1 << 20,
    SECONDS_MAX = 60
}; /* a config takes milliseconds; sanitized and
    * on a busy machine, a second or two */
static size_t counts[OUTCOMES];

static int replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    char *data = malloc(SIZE_MAX_BYTES);
    size_t size = file && data ? fread(data, 1, SIZE_MAX_BYTES, file) : 0;
    int failed = !file || !data || ferror(file);
    if (failed)
        fprintf(stderr, "replay: %s: cannot be read\n", path);
    if (file)
        fclose(file);
    if (!failed) {
        char *exact = realloc(data, size ? size : 1); /* no byte beyond may be read */
        data = exact ? exact : data;
        fprintf(stderr, "%s\n", path); /* the last one named is the one that broke it */
        alarm(SECONDS_MAX);
        counts[config_try(data, size)]++;
        alarm(0);
    }
    free(data);
    return failed;
}

static int replay(const char *path) {
    struct dirent **entries;
    struct stat about;
    int failed = 0;
    if (stat(path, &about) == 0 && !S_ISDIR(about.st_mode))
        return replay_file(path);
    int n = scandir(path, &entries, NULL, alphasort);
    if (n < 0) {
        fprintf(stderr, "replay: %s: cannot be read\n", path);
        return 1;
    }
    for (int i = 0; i < n; i++) {
        char name[4096];
        snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            failed |= replay(name);
        free(entries[i]);
    }
    free(entries);
    return failed;
}

int main(int argc, char **argv) {
    int failed = argc < 2;
    for (int i = 1; i < argc; i++)
        failed |= replay(argv[i]);
    size_t all = counts[OUTCOME_REFUSED] + counts[OUTCOME_ACCEPTED] + counts[OUTCOME_PLANNED];
    printf("%zu files: %zu refused, %zu accepted, %zu of them planned; 0 findings\n", all,
           counts[OUTCOME_REFUSED], all - counts[OUTCOME_REFUSED], counts[OUTCOME_PLANNED]);
    return failed || !all || all == counts[OUTCOME_REFUSED];
}
