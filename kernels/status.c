#include "kernels/status.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char message[2048];
static _Thread_local char origin[256];
static int quiet_warnings;

status_t status_fail(status_t status, const char *file, int line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    snprintf(origin, sizeof origin, "%s:%d", file, line);
    return status;
}

const char *status_message(void) {
    return message;
}
const char *status_origin(void) {
    return origin;
}

void status_warn(const char *format, ...) {
    if (quiet_warnings)
        return;
    va_list arguments;
    va_start(arguments, format);
    fputs("brisc: warning: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

void status_quiet(int quiet) {
    quiet_warnings = quiet;
}
