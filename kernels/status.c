#include "kernels/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[2048];
static _Thread_local char origin[256];
static int quiet_warnings;

/* Length of the UTF-8 character at `c`; 0: none, or a control character (C0, DEL, C1). */
static int character(const unsigned char *c) {
    int n = *c < 0x80 ? 1 : *c < 0xC2 ? 0 : *c < 0xE0 ? 2 : *c < 0xF0 ? 3 : *c < 0xF5 ? 4 : 0;
    if (*c < ' ' || *c == 0x7F || (*c == 0xC2 && c[1] < 0xA0))
        return 0;
    for (int i = 1; i < n; i++)
        if ((c[i] & 0xC0) != 0x80)
            return 0;
    return n;
}

/* A message quotes what it was given: keys, file names. It stays one line of text that a terminal
 * shows and does not obey. */
static void make_plain(char *text) {
    for (unsigned char *c = (unsigned char *)text; *c;) {
        int n = character(c);
        if (n == 0)
            *c = '?';
        c += n ? n : 1;
    }
}

status_t status_fail(status_t status, const char *file, int line, const char *format, ...) {
    char text[sizeof message]; /* the message before may be among the arguments */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    make_plain(text);
    memcpy(message, text, strlen(text) + 1);
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
    char warning[sizeof message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(warning, sizeof warning, format, arguments);
    va_end(arguments);
    make_plain(warning);
    fprintf(stderr, "brisc: warning: %s\n", warning);
}

void status_quiet(int quiet) {
    quiet_warnings = quiet;
}
