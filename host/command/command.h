/* The command line: one table of options, one of commands. */
#ifndef BRISC_COMMAND_H
#define BRISC_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "host/config.h"
#include "host/pathway.h"
#include "kernels/backend.h"

enum { OUTPUT_SIZE = 4096 };

typedef struct {
    const char *input;   /* CONFIG or FILE */
    const char *output;  /* -o */
    const char *backend; /* --backend */
    const char *variable, *format;
    const char **set; /* --set, in order */
    size_t n_set;
    double onset_ms;   /* --onset; negative: as the file says */
    double until_ms;   /* --until; negative: not given */
    double at_ms;      /* --at; negative: not given */
    double time_ms;    /* --time; 0: not given */
    double band_hz[2]; /* --band; 0: not given */
    double smoothness; /* --smoothness; 0: not given */
    const char *modes; /* --modes */
    int threads, simd;
    int trial;                /* --trial; negative: not given */
    int lyapunov;             /* --lyapunov; 0: not given */
    int leading, vectors, by; /* --leading, 0: not given; --vectors; --by, leading_t */
    bool json, quiet, force, full, weights, exact, single, open;
    char *command_line;
} options_t;

typedef struct {
    const char *name, *arguments, *summary;
    const char *options; /* letters of the options that it takes beside the common ones */
    status_t (*run)(const options_t *options);
} command_t;

const command_t *command_find(const char *name); /* NULL if there is none */
void command_help(void);                         /* all commands, to stdout */
void command_help_of(const command_t *command);
/* *only_help: --help was asked for, and has been printed. */
status_t options_parse(const command_t *command, int argc, char **argv, options_t *options,
                       bool *only_help);
void options_destroy(options_t *options);

status_t command_predict(const options_t *options);
status_t command_plan(const options_t *options);
status_t command_run(const options_t *options);
status_t command_resume(const options_t *options);
status_t command_spectrum(const options_t *options);
status_t command_analyze(const options_t *options);
status_t command_export(const options_t *options);
status_t command_describe(const options_t *options);
status_t command_bench(const options_t *options);
status_t command_selftest(const options_t *options);

/* What most commands begin with: the config with its overrides, and the network planned from it. */
status_t command_network(const options_t *options, config_t *config, network_plan_t *plan);
/* STATUS_FAILED where the device has less memory free than the network needs. A storage `auto` that
 * does not fit becomes `bitmap`. */
status_t command_memory_check(network_plan_t *plan, const backend_t *backend);
/* What a run needs, before it is built: STATUS_FAILED where the device or the disk has less free,
 * or the host, with frames, prediction and order parameters. */
status_t command_disk_check(const options_t *options, const config_t *config);
status_t command_run_memory_check(const config_t *config, network_plan_t *plan,
                                  const backend_t *backend);
/* The output's name: -o, or for configs/wave.yaml wave<suffix>.h5, here. */

status_t command_default_output(const options_t *options, const char *suffix,
                                char path[OUTPUT_SIZE]);
/* STATUS_USAGE where options->output cannot be written, or is there without --force: known before
 * the network is built. */
status_t command_output_check(const options_t *options);
bool command_same_file(const char *one, const char *other); /* false where one is not there */
/* STATUS_USAGE where the output is a file that the command reads. */
status_t command_not_input(const char *output, const char *input);
backend_options_t command_backend_options(const options_t *options);
/* Prints one JSON object on stdout and frees it. */
status_t command_print_json(json_t *object);

#endif
