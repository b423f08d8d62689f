/* The fuzzer's own mutation, beside bytes: one more override, of a key of the table, with a value
 * at or beyond its edges. What bytes alone find slowly: configs that are right but for one value.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/params.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed);

static const char *const VALUES[] = {
    "0",
    "1",
    "-1",
    "2",
    "0.5",
    "1e-3",
    "1e-30",
    "1e-45",
    "1e-150",
    "1e-300",
    "5e-324",
    "1e3",
    "1e5",
    "1e-6",
    "999999",
    "1000000",
    "2147483647",
    "9223372036854775807",
    "[1]",
    "[7]",
    "[2, 2]",
    "[3, 5]",
    "[1000000]",
    "[46340, 46340]",
    "~",
    "{}",
    "10 ms",
    "1e9d",
    "{constant: 1e300}",
    "{uniform: [-1e300, 1e300]}",
    "{normal: [0, 1e-300]}",
    "{file: \"a\\\\\\\"b\"}",
};
enum { N_VALUES = sizeof VALUES / sizeof VALUES[0] };

static void print_value(const param_t *param, char *out, size_t size) {
    size_t n_choices = 0, kind = (size_t)rand() % 4;
    while (param->choices && param->choices[n_choices].name)
        n_choices++;
    if (n_choices && kind)
        snprintf(out, size, param->type == TYPE_SET ? "[%s]" : "%s",
                 param->choices[(size_t)rand() % n_choices].name);
    else if (param->type == TYPE_NUMBER && kind == 1)
        snprintf(out, size, "%.17g", rand() % 2 ? param->min : param->max);
    else if (param->type == TYPE_NUMBER && kind == 2) /* any order of magnitude */
        snprintf(out, size, "%s%de%d", param->min < 0 && rand() % 2 ? "-" : "", 1 + rand() % 9,
                 rand() % 340 - 323);
    else
        snprintf(out, size, "%s", VALUES[rand() % N_VALUES]);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed) {
    srand(seed);
    if (rand() % 2)
        return LLVMFuzzerMutate(data, size, size_max);
    const param_t *param = &params[(size_t)rand() % n_params];
    char value[64], key[PATH_SIZE] = "", line[PATH_SIZE + 80];
    for (const char *c = param->path; *c; c++)
        snprintf(key + strlen(key), sizeof key - strlen(key), "%c",
                 *c == '*' ? "EI"[rand() % 2] : *c);
    print_value(param, value, sizeof value);
    size_t n = (size_t)snprintf(line, sizeof line, "\n--set %s=%s", key, value);
    if (size + n > size_max)
        return LLVMFuzzerMutate(data, size, size_max);
    memcpy(data + size, line, n);
    return size + n;
}
