/* The config: one plain struct, filled by the descriptor table of host/params.c and by nothing
 * else. Times in ms, lengths in units of the torus (its side is 1), h in the model's own unit. */
#ifndef BRISC_CONFIG_H
#define BRISC_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "kernels/network.h"
#include "kernels/status.h"

enum { NAME_SIZE = 32, FRAMES_LEAST = 8 }; /* frames after the onset that a verdict needs */

typedef enum { PROFILE_GAUSSIAN, PROFILE_EXPONENTIAL, PROFILE_DISC, PROFILE_UNIFORM } profile_t;
typedef enum { SIZE_OUT_DEGREE, SIZE_IN_DEGREE, SIZE_DENSITY } size_kind_t;
typedef enum { RANGE_SIDE, RANGE_SITES, RANGE_NONE } range_kind_t; /* none: uniform */
typedef enum { INITIAL_UNIFORM, INITIAL_NORMAL, INITIAL_CONSTANT, INITIAL_FILE } initial_kind_t;
typedef enum { MODEL_RATE } model_t;
typedef enum { DETECTIONS_ALL, DETECTIONS_NONE } detections_t; /* output.detections */
enum { FIELD_RATE = 1, FIELD_POTENTIAL = 2 };                  /* output.fields, a set */

typedef enum {
    REGIME_UNDECIDED,
    REGIME_ASYNCHRONOUS,
    REGIME_SYNCHRONOUS,
    REGIME_OSCILLATION,
    REGIME_BUMP,
    REGIME_WAVE,
    REGIME_CHAOS,
    REGIMES
} regime_t;
const char *regime_name(regime_t regime); /* "undecided", "asynchronous", ... */

/* {uniform: [low, high]}, {normal: [mean, std]}, {constant: h}, {file: run.h5}: the last stored
 * potential of a run, or a dataset h_<population>(y, x). */
typedef struct {
    int kind; /* initial_kind_t */
    double value[2];
    char *file; /* INITIAL_FILE, owned; else NULL */
} initial_config_t;

typedef struct {
    int kind; /* gain_kind_t */
    double max, min, slope, threshold, exponent;
} gain_config_t;

typedef struct {
    char name[NAME_SIZE];
    uint32_t lattice[2]; /* nx, ny; ny = 1 in a 1-D network */
    gain_config_t gain;
    double tau_ms, noise, input; /* default: dynamics' */
    double rate_max;             /* largest |rate| that can be transmitted; 0: from the gain */
    initial_config_t initial;
} population_config_t;

typedef struct {
    bool present;
    double mean, std;   /* g, sigma: a weight is Normal(g/k, sigma^2/k), k the mean out-degree;
                         * std is 0 where weights are constant */
    double range;       /* d; 0 where the profile is uniform; follows from the next two */
    int range_kind;     /* range_kind_t: which of the two keys was given */
    double range_given; /* its value: torus sides, or sites of the source along x */
    int profile, rule, weights; /* profile_t, rule_t, weights_t */
    int size_kind;              /* size_kind_t: which of the three keys was given */
    double size;                /* its value */
} connection_config_t;

typedef struct {
    uint32_t populations;
    population_config_t population[POPULATIONS_MAX];
    connection_config_t connection[POPULATIONS_MAX][POPULATIONS_MAX]; /* [target][source] */
    struct {
        int model;
        double tau_ms, noise, input;
        initial_config_t initial;
    } dynamics;
    struct {
        int weight_bits; /* 8, 16, 24 */
        int storage;     /* storage_t */
    } network;
    struct {
        double dt_ms, duration_ms, onset_ms;
        uint64_t seed, trials;
    } simulation;
    struct {
        double every_ms;
        unsigned fields;           /* FIELD_RATE | FIELD_POTENTIAL */
        double checkpoint_every_s; /* 0: never */
        uint64_t checkpoint_steps; /* 0: never */
        int detections;            /* detections_t */
    } output;
    struct {
        int regime; /* regime_t; REGIME_UNDECIDED: nothing expected */
    } expect;
} config_t;

/* Reads a YAML file, then applies `--set key.path=value` overrides in order. A failure names file,
 * line, key, the value found, what is allowed and the nearest known key (STATUS_USAGE). */
status_t config_load(const char *path, const char *const *overrides, size_t n_overrides,
                     config_t *config);
/* The same from text in memory; `origin` stands for the file's name in messages. */
status_t config_parse(const char *text, const char *origin, const char *const *overrides,
                      size_t n_overrides, config_t *config);
void config_destroy(config_t *config);

/* The whole config with every key written out, as YAML that config_parse reads back to the same
 * struct (the caller frees it). */
status_t config_resolved(const config_t *config, char **yaml);

/* How many keys differ; lists them, "key (a's value, b's)". `fixed`: only those that a resume may
 * not change. */
size_t config_difference(const config_t *a, const config_t *b, bool fixed, char *keys, size_t size);

/* Every key with type, unit, default, range and meaning; as a table for a terminal, or as Markdown
 * for the README (same rows), or as a JSON object {"keys": [...]}. */
typedef enum { DESCRIBE_TEXT, DESCRIBE_MARKDOWN, DESCRIBE_JSON } describe_format_t;
status_t config_describe(FILE *out, describe_format_t format);

/* Steps of the run and between frames: checked at load to be whole numbers >= 1. */
uint64_t config_steps(const config_t *config);
uint64_t config_steps_per_frame(const config_t *config);
uint64_t config_frames(const config_t *config);  /* stored frames, t = 0 included */
bool config_checkpoints(const config_t *config); /* whether any are kept */

#endif
