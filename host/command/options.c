#include "host/command/command.h"

#include <getopt.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/version.h"

static const command_t commands[] = {
    {"predict", "CONFIG", "spectrum and regime from the wiring rules alone, in milliseconds", "",
     command_predict},
    {"plan", "CONFIG", "memory, disk and time that a run will take; refuses what cannot work", "o",
     command_plan},
    {"run", "CONFIG [-o FILE.h5]",
     "build, simulate, store, name the regime, compare with prediction", "ofi", command_run},
    {"resume", "FILE.h5", "go on from a run's last checkpoint, to the same bits", "ui",
     command_resume},
    {"spectrum", "CONFIG|FILE [-o FILE.h5]",
     "measured eigenvalues, outliers matched to predicted modes, the bulk", "ofiFLBVwaTeS",
     command_spectrum},
    {"analyze", "FILE.h5|CONFIG [-o FILE.h5]",
     "order parameters, regime, patterns of (time, y, x) data; Lyapunov exponents", "ofvnTOdkMlDi",
     command_analyze},
    {"export", "CONFIG -o FILE", "the network as CSR in HDF5, or as SONATA edges", "ofmi",
     command_export},
    {"describe", "", "every config key with type, unit, default, range and meaning", "m",
     command_describe},
    {"bench", "CONFIG",
     "time of a step, bandwidth reached, and a library's product on the same matrix", "i",
     command_bench},
    {"selftest", "", "every backend and instruction set against the cpu's, bit for bit", "",
     command_selftest},
};

/* Letter: the option's key; '!' before help marks one that every command takes. */
static const struct {
    struct option option;
    const char *value, *help;
    bool common;
} rows[] = {
    {{"output", required_argument, NULL, 'o'}, "FILE", "where the result goes", false},
    {{"force", no_argument, NULL, 'f'}, NULL, "replace the output file if it is there", false},
    {{"until", required_argument, NULL, 'u'}, "MS", "extend the run to this time", false},
    {{"variable", required_argument, NULL, 'v'}, "NAME", "which (time, y, x) variable", false},
    {{"onset", required_argument, NULL, 'n'}, "MS", "leave out what comes before", false},
    {{"format", required_argument, NULL, 'm'}, "NAME", "text (default), markdown", false},
    {{"full", no_argument, NULL, 'F'},
     NULL,
     "every eigenvalue (default up to 6000 neurons)",
     false},
    {{"leading", required_argument, NULL, 'L'}, "N", "only the N that lead (default 12)", false},
    {{"by", required_argument, NULL, 'B'},
     "NAME",
     "lead by growth (default), real part or modulus",
     false},
    {{"vectors", required_argument, NULL, 'V'},
     "N",
     "store N eigenvectors: an outlier of each group, then those that lead (default 6)",
     false},
    {{"weights", no_argument, NULL, 'w'},
     NULL,
     "of J itself, not of J phi' at the fixed point",
     false},
    {{"at", required_argument, NULL, 'a'}, "MS", "of J phi' at a run's stored state", false},
    {{"trial", required_argument, NULL, 'T'}, "N", "of which trial, from 0 (default 0)", false},
    {{"exact", no_argument, NULL, 'e'}, NULL, "compare the symbol with its aliased block", false},
    {{"single", no_argument, NULL, 'S'}, NULL, "float32, where the solver has it (GPU)", false},
    {{"open-boundary", no_argument, NULL, 'O'},
     NULL,
     "the sheet's edges are edges (default: as the file says)",
     false},
    {{"band", required_argument, NULL, 'd'},
     "LOW,HIGH",
     "frequencies in Hz of the rhythm whose motion is followed (default: around the spectrum's "
     "peak)",
     false},
    {{"smoothness", required_argument, NULL, 'k'},
     "RADIANS",
     "phase over which the velocity field is smoothed (default 0.5)",
     false},
    {{"modes", required_argument, NULL, 'M'},
     "FILE.h5",
     "project the velocity fields on the modes in that file's /detections",
     false},
    {{"lyapunov", required_argument, NULL, 'l'},
     "K",
     "the K largest Lyapunov exponents of a run's network, or of a config's",
     false},
    {{"time", required_argument, NULL, 'D'},
     "MS",
     "average them over this time (default 50 tau)",
     false},
    {{"simd", required_argument, NULL, 'i'},
     "NAME",
     "cpu instruction set: best, portable, avx2, avx512 (same bits)",
     false},
    {{"set", required_argument, NULL, 's'},
     "KEY.PATH=VALUE",
     "override a key of the config (repeatable)",
     true},
    {{"json", no_argument, NULL, 'j'}, NULL, "one JSON object on stdout, nothing else there", true},
    {{"backend", required_argument, NULL, 'b'}, "NAME", "auto, cpu or cuda", true},
    {{"threads", required_argument, NULL, 't'}, "N", "cpu threads (all)", true},
    {{"quiet", no_argument, NULL, 'q'}, NULL, "no progress, no warnings", true},
    {{"help", no_argument, NULL, 'h'}, NULL, "this text", true},
};
enum { ROWS = sizeof rows / sizeof rows[0], COMMANDS = sizeof commands / sizeof commands[0] };

const command_t *command_find(const char *name) {
    for (size_t k = 0; k < COMMANDS; k++)
        if (strcmp(commands[k].name, name) == 0)
            return &commands[k];
    return NULL;
}

static bool takes(const command_t *command, size_t row) {
    return rows[row].common || strchr(command->options, rows[row].option.val);
}

void command_help(void) {
    printf("brisc %s: from the wiring rules of a spatial network to its activity and back\n\n"
           "usage: brisc COMMAND [CONFIG|FILE] [options]\n\ncommands:\n",
           BRISC_VERSION);
    for (size_t k = 0; k < COMMANDS; k++)
        printf("  %-9s %-26s %s\n", commands[k].name, commands[k].arguments, commands[k].summary);
    printf("\n`brisc COMMAND --help` lists a command's options; `brisc describe` every key of a "
           "config.\nExit status: 0 done; 1 failed, or the expected regime was not seen; 2 wrong "
           "usage or config;\n3 stopped by a signal.\n");
}

/* Of an option that means another thing to each command. */
static const char *help_of(const command_t *command, size_t row) {
    static const struct {
        const char *command, *help;
        int letter;
    } own[] = {
        {"plan", "the run's output: the disk whose room counts", 'o'},
        {"run", "the result (default: CONFIG's name with .h5, in this folder)", 'o'},
        {"spectrum", "the result (default: into FILE.h5; of a config: its name with _spectrum.h5)",
         'o'},
        {"analyze", "the detections: a new file, or FILE.h5 itself, to add them to it", 'o'},
        {"export", "csr (default) or sonata", 'm'},
        {"analyze", "only this one, from 0 (default all)", 'T'},
    };
    for (size_t k = 0; k < sizeof own / sizeof own[0]; k++)
        if (own[k].letter == rows[row].option.val && strcmp(own[k].command, command->name) == 0)
            return own[k].help;
    return rows[row].help;
}

void command_help_of(const command_t *command) {
    printf("usage: brisc %s %s%s[options]\n\n%s\n\noptions:\n", command->name, command->arguments,
           command->arguments[0] ? " " : "", command->summary);
    for (size_t k = 0; k < ROWS; k++) {
        if (!takes(command, k))
            continue;
        char left[64];
        snprintf(left, sizeof left, "%s--%s%s%s", rows[k].option.val == 'o' ? "-o, " : "",
                 rows[k].option.name, rows[k].value ? " " : "", rows[k].value ? rows[k].value : "");
        printf("  %-26s %s\n", left, help_of(command, k));
    }
}

static status_t parse_int(const char *name, const char *text, int low, int high, int *value) {
    char *end;
    long parsed = strtol(text, &end, 10);
    if (*text == 0 || *end != 0 || parsed < low || parsed > high)
        FAIL(STATUS_USAGE, "--%s: found \"%s\", expected a whole number from %d to %d", name, text,
             low, high);
    *value = (int)parsed;
    return STATUS_OK;
}

static status_t parse_simd(const char *text, int *simd) {
    for (int k = SIMD_BEST; k <= SIMD_AVX512; k++)
        if (strcmp(text, cpu_simd_name(k)) == 0) {
            *simd = k;
            return STATUS_OK;
        }
    FAIL(STATUS_USAGE, "--simd: found \"%s\", expected best, portable, avx2 or avx512", text);
}

static status_t parse_by(const char *text, int *by) {
    static const char *const names[] = {"growth", "real", "modulus"}; /* leading_t */
    for (int k = 0; k < 3; k++)
        if (strcmp(text, names[k]) == 0) {
            *by = k;
            return STATUS_OK;
        }
    FAIL(STATUS_USAGE, "--by: found \"%s\", expected growth, real or modulus", text);
}

static status_t parse_positive(const char *name, const char *text, double *value) {
    char *end;
    *value = strtod(text, &end);
    if (*text == 0 || *end != 0 || !(*value > 0.0 && *value < 1e9))
        FAIL(STATUS_USAGE, "--%s: found \"%s\", expected a number above 0", name, text);
    return STATUS_OK;
}

static status_t parse_band(const char *text, double band_hz[2]) {
    char *comma, *end;
    band_hz[0] = strtod(text, &comma);
    band_hz[1] = *comma == ',' ? strtod(comma + 1, &end) : 0.0;
    if (*comma != ',' || *end != 0 || !(band_hz[0] > 0.0 && band_hz[1] > band_hz[0]))
        FAIL(STATUS_USAGE, "--band: found \"%s\", expected LOW,HIGH in Hz, as in --band 10,30",
             text);
    return STATUS_OK;
}

static status_t parse_ms(const char *name, const char *text, double *ms) {
    char *end;
    *ms = strtod(text, &end);
    if (*text == 0 || *end != 0 || !(*ms >= 0.0))
        FAIL(STATUS_USAGE, "--%s: found \"%s\", expected a time >= 0 in ms", name, text);
    return STATUS_OK;
}

static char *join(int argc, char **argv) {
    size_t size = sizeof "brisc";
    for (int k = 1; k < argc; k++)
        size += strlen(argv[k]) + 1;
    char *line = malloc(size);
    if (line) {
        strcpy(line, "brisc");
        for (int k = 1; k < argc; k++)
            strcat(strcat(line, " "), argv[k]);
    }
    return line;
}

static status_t parse_one(int letter, const char *value, options_t *options, bool *only_help) {
    switch (letter) {
    case 'o':
        options->output = value;
        return STATUS_OK;
    case 'f':
        options->force = true;
        return STATUS_OK;
    case 'v':
        options->variable = value;
        return STATUS_OK;
    case 'n':
        return parse_ms("onset", value, &options->onset_ms);
    case 'u':
        return parse_ms("until", value, &options->until_ms);
    case 'a':
        return parse_ms("at", value, &options->at_ms);
    case 'T':
        return parse_int("trial", value, 0, TRIALS_MAX - 1, &options->trial);
    case 'O':
        options->open = true;
        return STATUS_OK;
    case 'd':
        return parse_band(value, options->band_hz);
    case 'k':
        return parse_positive("smoothness", value, &options->smoothness);
    case 'M':
        options->modes = value;
        return STATUS_OK;
    case 'l':
        return parse_int("lyapunov", value, 1, 1000000, &options->lyapunov);
    case 'D':
        return parse_ms("time", value, &options->time_ms);
    case 'F':
        options->full = true;
        return STATUS_OK;
    case 'L':
        return parse_int("leading", value, 1, 1000000, &options->leading);
    case 'B':
        return parse_by(value, &options->by);
    case 'V':
        return parse_int("vectors", value, 0, 1000000, &options->vectors);
    case 'w':
        options->weights = true;
        return STATUS_OK;
    case 'e':
        options->exact = true;
        return STATUS_OK;
    case 'S':
        options->single = true;
        return STATUS_OK;
    case 'm':
        options->format = value;
        return STATUS_OK;
    case 'i':
        return parse_simd(value, &options->simd);
    case 's':
        if (!strchr(value, '='))
            FAIL(STATUS_USAGE,
                 "--set: found \"%s\", expected KEY.PATH=VALUE, as in --set simulation.seed=2",
                 value);
        options->set[options->n_set++] = value;
        return STATUS_OK;
    case 'j':
        options->json = true;
        return STATUS_OK;
    case 'b':
        if (strcmp(value, "auto") != 0 && strcmp(value, "cpu") != 0 && strcmp(value, "cuda") != 0)
            FAIL(STATUS_USAGE, "--backend: found \"%s\", expected auto, cpu or cuda", value);
        options->backend = value;
        return STATUS_OK;
    case 't':
        TRY(parse_int("threads", value, 1, 4096, &options->threads));
        omp_set_num_threads(options->threads); /* analysis too, not only the backend */
        return STATUS_OK;
    case 'q':
        options->quiet = true;
        status_quiet(1);
        return STATUS_OK;
    case 'h':
        *only_help = true;
        return STATUS_OK;
    default:
        FAIL(STATUS_USAGE, "unknown option");
    }
}

status_t options_parse(const command_t *command, int argc, char **argv, options_t *options,
                       bool *only_help) {
    memset(options, 0, sizeof *options);
    options->backend = "auto";
    options->onset_ms = options->at_ms = options->until_ms = -1.0;
    options->vectors = 6;
    options->trial = -1;
    options->set = calloc((size_t)argc, sizeof *options->set);
    options->command_line = join(argc, argv);
    if (!options->set || !options->command_line)
        FAIL(STATUS_FAILED, "no memory");
    struct option taken[ROWS + 1] = {0};
    size_t count = 0;
    for (size_t k = 0; k < ROWS; k++)
        if (takes(command, k))
            taken[count++] = rows[k].option;
    opterr = 0;
    optind = 2;
    for (;;) {
        int letter = getopt_long(argc, argv, ":o:h", taken, NULL);
        if (letter == -1)
            break;
        if (letter == ':')
            FAIL(STATUS_USAGE, "%s: needs a value; see `brisc %s --help`", argv[optind - 1],
                 command->name);
        bool refused = letter == 'o' && !strchr(command->options, 'o');
        if (letter == '?' || refused)
            FAIL(STATUS_USAGE, "%s: not an option of `brisc %s`; see `brisc %s --help`",
                 refused ? "-o" : argv[optind - 1], command->name, command->name);
        TRY(parse_one(letter, optarg, options, only_help));
    }
    if (*only_help) {
        command_help_of(command);
        return STATUS_OK;
    }
    if (optind < argc)
        options->input = argv[optind++];
    if (optind < argc)
        FAIL(STATUS_USAGE, "%s: one argument too many; usage: brisc %s %s", argv[optind],
             command->name, command->arguments);
    if (options->full && options->leading > 0)
        FAIL(STATUS_USAGE, "--full and --leading exclude each other");
    if (options->weights && options->at_ms >= 0.0)
        FAIL(STATUS_USAGE, "--weights is of J itself, --at of J phi' at a state: give one of them");
    if (options->time_ms > 0.0 && options->lyapunov == 0)
        FAIL(STATUS_USAGE, "--time %g: is for Lyapunov exponents; say how many with --lyapunov K",
             options->time_ms);
    if (options->trial >= 0 && options->at_ms < 0.0 && strchr(command->options, 'a'))
        FAIL(STATUS_USAGE, "--trial %d: chooses among the stored states; say which with --at MS",
             options->trial);
    if (options->n_set > 0 && !strstr(command->arguments, "CONFIG") &&
        !strchr(command->options, 'u'))
        FAIL(STATUS_USAGE, "--set: `brisc %s` reads no config", command->name);
    if (command->arguments[0] && !options->input)
        FAIL(STATUS_USAGE, "which file? usage: brisc %s %s", command->name, command->arguments);
    if (!command->arguments[0] && options->input)
        FAIL(STATUS_USAGE, "%s: `brisc %s` takes no file", options->input, command->name);
    if (strstr(command->arguments, " -o") && !options->output)
        FAIL(STATUS_USAGE, "where to? usage: brisc %s %s", command->name, command->arguments);
    return STATUS_OK;
}

void options_destroy(options_t *options) {
    free(options->set);
    free(options->command_line);
}
