/* The fuzzer's dictionary, from the table of all keys: every name, every key as an override, every
 * choice, and YAML's own signs. */
#include <stdio.h>
#include <string.h>

#include "host/params.h"

static const char *const SIGNS[] = {
    "\\x0a",
    "\\x0a ",
    ": ",
    "- ",
    "? ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "&a ",
    "*a",
    "!!",
    "!<",
    "|\\x0a",
    ">-\\x0a",
    "---",
    "...",
    "%YAML ",
    "%TAG ",
    "<<: ",
    "~",
    "null",
    "#",
    "\\\"",
    "'",
    "\\\\x1b",
    "\\\\0",
    "\\xc2\\x85",
    "\\xe2\\x80\\xa8",
    "\\xef\\xbb\\xbf",
    "\\x0d\\x0a",
    "\\x00",
    "\\xff",
    "--set ",
    "1e-300",
    "1e300",
    "-0",
    "1e-45",
    "0x10",
    ".nan",
    ".inf",
    "1000000",
    "9223372036854775807",
    "9223372036854775808",
    "0.5",
    "1e6",
    "1e9",
    "{uniform: [",
    "{normal: [",
    "{constant: ",
    "{file: \\\"",
};

/* A pattern's `*` are E and I in turn; in quotes where whole, else its last name alone. */
static void print_key(const char *path) {
    printf("\"\\x0a--set ");
    for (const char *c = path, *name = "EI"; *c; c++)
        putchar(*c == '*' ? *name++ : *c);
    printf("=\"\n");
    for (const char *dot = path; dot; dot = strchr(dot, '.')) {
        dot += *dot == '.';
        if (*dot != '*')
            printf("\"%.*s: \"\n", (int)strcspn(dot, "."), dot);
    }
}

int main(void) {
    for (size_t i = 0; i < sizeof SIGNS / sizeof SIGNS[0]; i++)
        printf("\"%s\"\n", SIGNS[i]);
    for (size_t i = 0; i < n_params; i++) {
        print_key(params[i].path);
        for (const choice_t *c = params[i].choices; c && c->name; c++)
            printf("\"%s\"\n", c->name);
    }
    return 0;
}
