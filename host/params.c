#include "host/params.h"

#include <string.h>

static const choice_t gains[] = {{"tanh", GAIN_TANH},
                                 {"linear", GAIN_LINEAR},
                                 {"clipped_linear", GAIN_CLIPPED_LINEAR},
                                 {"threshold_linear", GAIN_THRESHOLD_LINEAR},
                                 {"threshold_power", GAIN_THRESHOLD_POWER},
                                 {"sigmoid", GAIN_SIGMOID},
                                 {0}};
static const choice_t profiles[] = {{"gaussian", PROFILE_GAUSSIAN},
                                    {"exponential", PROFILE_EXPONENTIAL},
                                    {"disc", PROFILE_DISC},
                                    {"uniform", PROFILE_UNIFORM},
                                    {0}};
static const choice_t rules[] = {
    {"bernoulli", RULE_BERNOULLI}, {"fixed_indegree", RULE_FIXED_INDEGREE}, {0}};
static const choice_t weights[] = {{"normal", WEIGHTS_NORMAL},
                                   {"constant", WEIGHTS_CONSTANT},
                                   {"lognormal", WEIGHTS_LOGNORMAL},
                                   {0}};
static const choice_t models[] = {{"rate", MODEL_RATE}, {0}};
static const choice_t weight_bits[] = {{"8", 8}, {"16", 16}, {"24", 24}, {0}};
static const choice_t storages[] = {
    {"auto", STORAGE_AUTO}, {"list", STORAGE_LIST}, {"bitmap", STORAGE_BITMAP}, {0}};
static const choice_t fields[] = {{"rate", FIELD_RATE}, {"potential", FIELD_POTENTIAL}, {0}};
static const choice_t detections[] = {{"all", DETECTIONS_ALL}, {"none", DETECTIONS_NONE}, {0}};
static const choice_t regimes[] = {{"undecided", REGIME_UNDECIDED},
                                   {"asynchronous", REGIME_ASYNCHRONOUS},
                                   {"synchronous", REGIME_SYNCHRONOUS},
                                   {"oscillation", REGIME_OSCILLATION},
                                   {"bump", REGIME_BUMP},
                                   {"wave", REGIME_WAVE},
                                   {"chaos", REGIME_CHAOS},
                                   {0}};

const char *regime_name(regime_t regime) {
    return regimes[regime].name;
}

#define IN_CONFIG(field) .scope = SCOPE_CONFIG, .offset = offsetof(config_t, field)
#define IN_POPULATION(field)                                                                       \
    .scope = SCOPE_POPULATION, .offset = offsetof(population_config_t, field)
#define IN_CONNECTION(field)                                                                       \
    .scope = SCOPE_CONNECTION, .offset = offsetof(connection_config_t, field)
#define NUMBER(low, high) .type = TYPE_NUMBER, .min = low, .max = high
#define POSITIVE(high) .type = TYPE_NUMBER, .min = 0, .min_excluded = true, .max = high
#define GAIN_LEAST 1e-9 /* and its products with 1e6 are normal floats */
#define CHOICE(list) .type = TYPE_CHOICE, .choices = list
#define ONLY_IF(field, set)                                                                        \
    .only_if = {.values = set, .offset = offsetof(connection_config_t, field)}
#define ONLY_GAINS(set)                                                                            \
    .only_if = {.values = set, .offset = offsetof(population_config_t, gain.kind)}

/* A key that another's `only_if` looks at stands before it. Keys of one storage (the three sizes
 * of a pathway, its two ranges) are alternatives: exactly one is given, and --set of one removes
 * the others. */
const param_t params[] = {
    {.path = "populations.*.lattice",
     IN_POPULATION(lattice),
     .type = TYPE_LATTICE,
     .unit = "sites",
     .meaning = "sites along x and y, at cell centres of the unit torus; [n]: a ring"},
    {.path = "populations.*.gain.kind",
     IN_POPULATION(gain.kind),
     CHOICE(gains),
     .fallback = "tanh",
     .meaning = "the gain r = phi(h), with x = slope (h - threshold): tanh: max tanh(x/max); "
                "linear: x; clipped_linear: x clipped to [min, max]; threshold_linear: max(0, x); "
                "threshold_power: slope max(0, h - threshold)^exponent; "
                "sigmoid: max/(1 + exp(-x))"},
    {.path = "populations.*.gain.max",
     IN_POPULATION(gain.max),
     NUMBER(GAIN_LEAST, 1e6),
     .fallback = "1",
     ONLY_GAINS(1u << GAIN_TANH | 1u << GAIN_CLIPPED_LINEAR | 1u << GAIN_SIGMOID),
     .meaning = "largest rate of tanh, clipped_linear and sigmoid"},
    {.path = "populations.*.gain.min",
     IN_POPULATION(gain.min),
     NUMBER(-1e6, 1e6),
     .same_as = "-populations.*.gain.max",
     ONLY_GAINS(1u << GAIN_CLIPPED_LINEAR),
     .meaning = "smallest rate of clipped_linear"},
    {.path = "populations.*.gain.slope",
     IN_POPULATION(gain.slope),
     NUMBER(GAIN_LEAST, 1e6),
     .fallback = "1",
     .meaning = "the gain's slope"},
    {.path = "populations.*.gain.threshold",
     IN_POPULATION(gain.threshold),
     NUMBER(-1e6, 1e6),
     .fallback = "0",
     .meaning = "potential at which x = 0"},
    {.path = "populations.*.gain.exponent",
     IN_POPULATION(gain.exponent),
     NUMBER(GAIN_LEAST, 10),
     .fallback = "1",
     ONLY_GAINS(1u << GAIN_THRESHOLD_POWER),
     .meaning = "exponent of threshold_power"},
    {.path = "populations.*.tau",
     IN_POPULATION(tau_ms),
     POSITIVE(1e6),
     .unit = "ms",
     .same_as = "dynamics.tau",
     .meaning = "time constant; at least simulation.dt"},
    {.path = "populations.*.noise",
     IN_POPULATION(noise),
     NUMBER(0, 1e6),
     .same_as = "dynamics.noise",
     .meaning = "standard deviation of the potential when uncoupled"},
    {.path = "populations.*.input",
     IN_POPULATION(input),
     NUMBER(-1e6, 1e6),
     .same_as = "dynamics.input",
     .meaning = "constant (DC) input, in units of the potential"},
    {.path = "populations.*.rate_max",
     IN_POPULATION(rate_max),
     NUMBER(0, 1e6),
     .fallback = "0",
     .meaning = "largest rate, of either sign, that is transmitted; beyond it the rate saturates; "
                "0: from the gain: the bound of a bounded gain, 128 of an unbounded one"},
    {.path = "populations.*.initial",
     IN_POPULATION(initial),
     .type = TYPE_INITIAL,
     .same_as = "dynamics.initial",
     .meaning = "potential at time 0"},

    {.path = "connections.*.*.mean",
     IN_CONNECTION(mean),
     NUMBER(-1e6, 1e6),
     .meaning = "g of the pathway (connections.<target>.<source>): a weight's mean is "
                "g / out-degree; negative: inhibitory"},
    {.path = "connections.*.*.weights",
     IN_CONNECTION(weights),
     CHOICE(weights),
     .fallback = "normal",
     .meaning = "distribution of the weights; constant: all equal the mean; lognormal: of the "
                "mean's sign, refused where the stored weights' mean or mean square would be off "
                "by more than 1 %"},
    {.path = "connections.*.*.std",
     IN_CONNECTION(std),
     NUMBER(0, 1e6),
     .fallback = "0",
     ONLY_IF(weights, ~(1u << WEIGHTS_CONSTANT)),
     .meaning = "sigma: a weight's variance is sigma^2 / out-degree"},
    {.path = "connections.*.*.profile",
     IN_CONNECTION(profile),
     CHOICE(profiles),
     .fallback = "gaussian",
     .meaning = "connection probability against distance"},
    {.path = "connections.*.*.range",
     IN_CONNECTION(range_given),
     POSITIVE(0.5),
     ONLY_IF(range_kind, 1u << RANGE_SIDE),
     .unit = "torus side",
     .meaning = "d, the profile's width; exactly one of range and range_sites; none is used by "
                "uniform"},
    {.path = "connections.*.*.range_sites",
     IN_CONNECTION(range_given),
     POSITIVE(LATTICE_MAX / 2),
     ONLY_IF(range_kind, 1u << RANGE_SITES),
     .unit = "sites",
     .meaning = "d in sites of the source's lattice along x, at most half of them: the "
                "neighbourhood stays the same where the lattices grow"},
    {.path = "connections.*.*.rule",
     IN_CONNECTION(rule),
     CHOICE(rules),
     .fallback = "bernoulli",
     .meaning = "bernoulli: each pair independent; fixed_indegree: every target has the same "
                "number of inputs, drawn without replacement, their mean weight exact (lognormal "
                "weights: exact on average only)"},
    {.path = "connections.*.*.out_degree",
     IN_CONNECTION(size),
     POSITIVE(1e9),
     ONLY_IF(size_kind, 1u << SIZE_OUT_DEGREE),
     .unit = "synapses",
     .meaning = "mean number of targets of one source; exactly one of out_degree, in_degree and "
                "density"},
    {.path = "connections.*.*.in_degree",
     IN_CONNECTION(size),
     POSITIVE(1e9),
     ONLY_IF(size_kind, 1u << SIZE_IN_DEGREE),
     .unit = "synapses",
     .meaning = "mean number of inputs of one target"},
    {.path = "connections.*.*.density",
     IN_CONNECTION(size),
     POSITIVE(1000),
     ONLY_IF(size_kind, 1u << SIZE_DENSITY),
     .meaning = "connection probability at distance 0; where it exceeds 1 it is cut to 1, with a "
                "warning that says how many inputs are lost"},

    {.path = "dynamics.model",
     IN_CONFIG(dynamics.model),
     CHOICE(models),
     .fallback = "rate",
     .meaning = "the neurons' model"},
    {.path = "dynamics.tau",
     IN_CONFIG(dynamics.tau_ms),
     POSITIVE(1e6),
     .unit = "ms",
     .fallback = "20",
     .meaning = "time constant of every population without its own"},
    {.path = "dynamics.noise",
     IN_CONFIG(dynamics.noise),
     NUMBER(0, 1e6),
     .fallback = "0",
     .meaning = "noise of every population without its own"},
    {.path = "dynamics.input",
     IN_CONFIG(dynamics.input),
     NUMBER(-1e6, 1e6),
     .fallback = "0",
     .meaning = "constant input of every population without its own"},
    {.path = "dynamics.initial",
     IN_CONFIG(dynamics.initial),
     .type = TYPE_INITIAL,
     .fallback = "{uniform: [-1, 1]}",
     .meaning =
         "potential at time 0 of every population without its own; file: the last stored "
         "potential of a run (of each trial where it has several: the same-numbered one), or "
         "datasets h_<population>(y, x)"},

    {.path = "network.weight_bits",
     IN_CONFIG(network.weight_bits),
     CHOICE(weight_bits),
     .unit = "bits",
     .fallback = "16",
     .meaning = "size of a stored weight"},
    {.path = "network.storage",
     IN_CONFIG(network.storage),
     CHOICE(storages),
     .fallback = "auto",
     .may_change = true,
     .meaning =
         "how a synapse's source is stored: list: a 16-bit offset each (with five trials or more, "
         "on AVX-512 and up to 16 bits, one for neighbouring targets together); bitmap: a bit for "
         "every site of the window's dense part, the rest as a list; auto: for every pathway what "
         "steps fastest, or bitmap where that does not fit in memory. It changes memory and speed, "
         "and no bit of the results"},

    {.path = "simulation.dt",
     IN_CONFIG(simulation.dt_ms),
     POSITIVE(1000),
     .unit = "ms",
     .fallback = "0.2",
     .meaning = "time step"},
    {.path = "simulation.duration",
     IN_CONFIG(simulation.duration_ms),
     POSITIVE(1e9),
     .unit = "ms",
     .fallback = "2000",
     .may_change = true,
     .meaning = "simulated time; a whole multiple of dt and of output.every"},
    {.path = "simulation.onset",
     IN_CONFIG(simulation.onset_ms),
     NUMBER(0, 1e9),
     .unit = "ms",
     .fallback = "500",
     .may_change = true,
     .meaning = "time from which order parameters are measured; before the end"},
    {.path = "simulation.seed",
     IN_CONFIG(simulation.seed),
     .type = TYPE_WHOLE,
     .fallback = "1",
     .meaning = "seed of every random number: connectivity, weights, initial state, noise"},
    {.path = "simulation.trials",
     IN_CONFIG(simulation.trials),
     .type = TYPE_WHOLE,
     .min = 1,
     .max = TRIALS_MAX,
     .fallback = "1",
     .meaning =
         "runs of the one network side by side, each with its own initial state (where it is "
         "drawn) and noise; the first, 0, is what a run without trials shows"},

    {.path = "output.every",
     IN_CONFIG(output.every_ms),
     POSITIVE(1e9),
     .unit = "ms",
     .fallback = "2",
     .may_change = true,
     .meaning = "time between stored frames; a whole multiple of dt"},
    {.path = "output.fields",
     IN_CONFIG(output.fields),
     .type = TYPE_SET,
     .choices = fields,
     .fallback = "[rate]",
     .meaning = "what is stored of every neuron"},
    {.path = "output.checkpoint_every",
     IN_CONFIG(output.checkpoint_every_s),
     .type = TYPE_DURATION,
     .fallback = "60s",
     .may_change = true,
     .meaning = "computing time between checkpoints (OUTPUT.checkpoint), which `resume` goes on "
                "from; 0: none by time"},
    {.path = "output.checkpoint_steps",
     IN_CONFIG(output.checkpoint_steps),
     .type = TYPE_WHOLE,
     .unit = "steps",
     .fallback = "0",
     .may_change = true,
     .meaning = "steps between checkpoints; 0: none by steps; where both are 0 there is none at "
                "all, not even at the end"},
    {.path = "output.detections",
     IN_CONFIG(output.detections),
     CHOICE(detections),
     .fallback = "all",
     .may_change = true,
     .meaning = "what is looked for in the frames once the run is done, for the group /detections: "
                "waves, critical points, bumps and the like of the first population"},

    {.path = "expect.regime",
     IN_CONFIG(expect.regime),
     CHOICE(regimes),
     .fallback = "undecided",
     .may_change = true,
     .meaning = "regime that the run must show, or it exits 1; undecided: any"},
};
const size_t n_params = sizeof params / sizeof params[0];
