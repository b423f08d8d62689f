/* A folder of a test's own, and a failure that must say why. Included once by a test program. */
#ifndef BRISC_TEST_FOLDER_H
#define BRISC_TEST_FOLDER_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/status.h"

static char folder[256], path[300];

static int make_folder(void **state) {
    (void)state;
    const char *place = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/brisc_XXXXXX", place != NULL ? place : P_tmpdir);
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/run.h5", folder);
    signal(SIGXFSZ, SIG_IGN); /* as main does */
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    char command[400];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

static inline size_t files_in_folder(void) {
    char command[400];
    snprintf(command, sizeof command, "ls -A '%s' | wc -l", folder);
    FILE *count = popen(command, "r");
    size_t n = 0;
    assert_int_equal(fscanf(count, "%zu", &n), 1);
    pclose(count);
    return n;
}

static int empty_folder(void **state) {
    (void)state;
    char command[400];
    snprintf(command, sizeof command, "rm -f '%s'/*", folder);
    return system(command);
}

#define assert_fails(call, expected, text)                                                         \
    do {                                                                                           \
        assert_int_equal((call), (expected));                                                      \
        if (strstr(status_message(), (text)) == NULL)                                              \
            fail_msg("\"%s\" does not say \"%s\"", status_message(), (text));                      \
    } while (0)

#endif
