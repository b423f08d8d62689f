#include <string.h>

#include "host/command/command.h"

status_t command_describe(const options_t *options) {
    describe_format_t format = options->json ? DESCRIBE_JSON : DESCRIBE_TEXT;
    if (options->format && strcmp(options->format, "markdown") == 0)
        format = DESCRIBE_MARKDOWN;
    else if (options->format && strcmp(options->format, "text") != 0)
        FAIL(STATUS_USAGE, "--format: found \"%s\", expected text or markdown", options->format);
    return config_describe(stdout, format);
}
