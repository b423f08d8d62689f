#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glob.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "host/params.h"

/* DESIGN.md, section 3, as it stands there. */
static const char DESIGN[] =
    "populations:\n"
    "  E: {lattice: [200, 200], gain: {kind: tanh, max: 1}}\n"
    "  I: {lattice: [100, 100], gain: {kind: tanh, max: 5}}\n"
    "connections:                      # target: source\n"
    "  E: {E: {mean: 9.0,  std: 0.1, range: 0.05, density: 0.95},\n"
    "      I: {mean: -9.0, std: 0.1, range: 0.07, density: 0.95}}\n"
    "  I: {E: {mean: 15.48, std: 0.1, range: 0.05, density: 0.95},\n"
    "      I: {mean: -9.0, std: 0.1, range: 0.07, density: 0.95}}\n"
    "dynamics: {model: rate, tau: 20.0, noise: 0.0158, initial: {uniform: [-3.5, 6.5]}}   # ms\n"
    "simulation: {dt: 0.2, duration: 2000.0, onset: 500.0, seed: 1}                        # ms\n"
    "output: {every: 2.0, fields: [rate], checkpoint_every: 60s}\n"
    "expect: {regime: wave}            # optional: `run` exits 1 where it does not hold\n";

static const char ONE[] = "populations: {E: {lattice: [4, 4]}}\n";

static void parse(const char *text, config_t *config) {
    if (config_parse(text, "test.yaml", NULL, 0, config) != STATUS_OK)
        fail_msg("%s", status_message());
}

static void test_defaults(void **state) {
    (void)state;
    config_t c;
    parse(ONE, &c);
    assert_int_equal(c.populations, 1);
    assert_string_equal(c.population[0].name, "E");
    assert_int_equal(c.population[0].lattice[0], 4);
    assert_int_equal(c.population[0].lattice[1], 4);
    assert_int_equal(c.population[0].gain.kind, GAIN_TANH);
    assert_true(c.population[0].gain.max == 1 && c.population[0].gain.min == -1);
    assert_true(c.population[0].gain.slope == 1 && c.population[0].gain.exponent == 1);
    assert_true(c.population[0].tau_ms == 20 && c.population[0].noise == 0);
    assert_true(c.population[0].rate_max == 0);
    assert_int_equal(c.population[0].initial.kind, INITIAL_UNIFORM);
    assert_true(c.population[0].initial.value[0] == -1 && c.population[0].initial.value[1] == 1);
    assert_false(c.connection[0][0].present);
    assert_int_equal(c.network.weight_bits, 16);
    assert_true(c.simulation.dt_ms == 0.2 && c.simulation.duration_ms == 2000);
    assert_true(c.simulation.onset_ms == 500 && c.simulation.seed == 1);
    assert_true(c.output.every_ms == 2 && c.output.fields == FIELD_RATE);
    assert_true(c.output.checkpoint_every_s == 60 && c.output.checkpoint_steps == 0);
    assert_int_equal(c.expect.regime, REGIME_UNDECIDED);
    config_destroy(&c);
}

static void test_design_example(void **state) {
    (void)state;
    config_t c;
    parse(DESIGN, &c);
    assert_int_equal(c.populations, 2);
    assert_string_equal(c.population[1].name, "I");
    assert_true(c.population[1].gain.max == 5 && c.population[0].noise == 0.0158);
    assert_true(c.connection[1][0].present && c.connection[1][0].mean == 15.48);
    assert_true(c.connection[0][1].mean == -9 && c.connection[0][1].range == 0.07);
    assert_int_equal(c.connection[0][1].size_kind, SIZE_DENSITY);
    assert_true(c.connection[0][1].size == 0.95 && c.connection[0][1].std == 0.1);
    assert_true(c.population[1].initial.value[0] == -3.5 &&
                c.population[1].initial.value[1] == 6.5);
    assert_true(c.output.checkpoint_every_s == 60);
    assert_int_equal(c.expect.regime, REGIME_WAVE);
    assert_string_equal(regime_name(REGIME_WAVE), "wave");
    assert_int_equal(config_steps(&c), 10000);
    assert_int_equal(config_steps_per_frame(&c), 10);
    assert_int_equal(config_frames(&c), 1001);
    config_destroy(&c);
}

static void test_inheritance(void **state) {
    (void)state;
    config_t c;
    parse("populations:\n  A: {lattice: [8], tau: 5, input: 2, initial: {constant: 3},\n"
          "      gain: {kind: clipped_linear, max: 4}}\n  B: {lattice: [4]}\n"
          "dynamics: {tau: 10, noise: .5, input: 1, initial: {file: 'old run.h5'}}\n",
          &c);
    assert_true(c.population[0].tau_ms == 5 && c.population[1].tau_ms == 10);
    assert_true(c.population[0].input == 2 && c.population[1].input == 1);
    assert_true(c.population[0].noise == 0.5);
    assert_true(c.population[0].gain.min == -4 && c.population[0].lattice[1] == 1);
    assert_int_equal(c.population[0].initial.kind, INITIAL_CONSTANT);
    assert_string_equal(c.population[1].initial.file, "old run.h5");
    config_destroy(&c);
}

/* One pathway E <- E in a config with other keys after it. */
#define PATHWAY(keys) "populations: {E: {lattice: [4, 4]}}\nconnections:\n  E:\n    E: {" keys "}\n"

static void test_overrides(void **state) {
    (void)state;
    static const char *const sets[] = {"network.weight_bits=8",
                                       "connections.E.I.mean=-8",
                                       "populations.E.lattice=[100,100]",
                                       "connections.I.E.out_degree=50",
                                       "dynamics.initial={normal: [0, 1]}",
                                       "populations.I.gain.slope=2",
                                       "connections.E.E.std=0.2",
                                       "connections.E.E.std=0.3",
                                       "connections.I.I=null",
                                       "simulation.seed=9223372036854775807",
                                       "output.fields=[potential, rate]",
                                       "output.checkpoint_every=5min",
                                       "populations.S.lattice=[10, 10]"};
    config_t c;
    if (config_parse(DESIGN, "test.yaml", sets, sizeof sets / sizeof sets[0], &c) != STATUS_OK)
        fail_msg("%s", status_message());
    assert_int_equal(c.network.weight_bits, 8);
    assert_true(c.connection[0][1].mean == -8 && c.connection[0][1].range == 0.07);
    assert_int_equal(c.population[0].lattice[1], 100);
    assert_int_equal(c.connection[1][0].size_kind, SIZE_OUT_DEGREE);
    assert_true(c.connection[1][0].size == 50);
    assert_int_equal(c.population[0].initial.kind, INITIAL_NORMAL);
    assert_true(c.population[0].gain.slope == 1 && c.population[1].gain.slope == 2);
    assert_true(c.connection[0][0].std == 0.3);
    assert_false(c.connection[1][1].present);
    assert_true(c.simulation.seed == INT64_MAX);
    assert_int_equal(c.output.fields, FIELD_RATE | FIELD_POTENTIAL);
    assert_true(c.output.checkpoint_every_s == 300);
    assert_int_equal(c.populations, 3);
    assert_string_equal(c.population[2].name, "S");
    config_destroy(&c);

    static const char *const all[] = {"populations.E.lattice=[4]"}; /* on an empty file */
    assert_int_equal(config_parse("", "test.yaml", all, 1, &c), STATUS_OK);
    config_destroy(&c);
}

static bool same_initial(const initial_config_t *a, const initial_config_t *b) {
    return a->kind == b->kind && a->value[0] == b->value[0] && a->value[1] == b->value[1] &&
           (a->file ? b->file && strcmp(a->file, b->file) == 0 : !b->file);
}

/* Field by field; by the structs, not by the table, so that a key without a row would show. */
static void assert_same(const config_t *a, const config_t *b) {
    config_t x = *a, y = *b;
    assert_true(same_initial(&a->dynamics.initial, &b->dynamics.initial));
    x.dynamics.initial = y.dynamics.initial;
    for (size_t i = 0; i < POPULATIONS_MAX; i++) {
        assert_true(same_initial(&a->population[i].initial, &b->population[i].initial));
        x.population[i].initial = y.population[i].initial;
    }
    assert_memory_equal(&x, &y, sizeof x); /* both were zeroed, so their padding agrees */
}

static void test_round_trip(void **state) {
    (void)state;
    static const char *const texts[] = {
        DESIGN,
        ONE,
        PATHWAY("mean: 1, range_sites: 1.7, density: .5"),
        "populations:\n"
        "  E_1: {lattice: [1000], tau: 3.3333333333333335, input: -0.1, rate_max: 77.7,\n"
        "        gain: {kind: threshold_power, exponent: 2.5, threshold: 1e-3, slope: .3},\n"
        "        initial: {file: 'a \"quoted\" \\ name \xc3\xa9.h5'}}\n"
        "  null_: {lattice: [500], gain: {kind: clipped_linear, min: -.1, max: "
        ".30000000000000004}}\n"
        "connections:\n"
        "  E_1: {E_1: {mean: 1e-300, std: 0.1, profile: uniform, out_degree: 33.3},\n"
        "        null_: {mean: -1, weights: constant, profile: disc, range: 0.123456789012345678,\n"
        "                rule: fixed_indegree, in_degree: 12}}\n"
        "  null_: {E_1: {mean: 2, std: 0.3, weights: lognormal, profile: exponential, range: .5,\n"
        "                density: 1}}\n"
        "dynamics: {initial: {constant: -0.7}}\n"
        "network: {weight_bits: 24}\n"
        "simulation: {dt: 0.1, duration: 2.7, onset: 0, seed: 9223372036854775807}\n"
        "output: {every: .3, fields: [potential, rate], checkpoint_every: 1.1 h}\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        config_t a, b;
        char *yaml;
        parse(texts[i], &a);
        assert_int_equal(config_resolved(&a, &yaml), STATUS_OK);
        parse(yaml, &b);
        assert_same(&a, &b);
        free(yaml);
        config_destroy(&a);
        config_destroy(&b);
    }
}

/* Every row can be set, reaches the struct, and is written out: a row whose place belongs to
 * another row, or that parsing forgets, fails. */
static void test_every_row(void **state) {
    (void)state;
    static const char text[] =
        "populations: {E: {lattice: [8, 8]}}\n"
        "connections: {E: {E: {mean: 1, range: .1, density: .5}}}\n"
        "simulation: {duration: 2000, dt: .5, onset: 7}\noutput: {every: 4}\n";
    static const char *const samples[] = {[TYPE_WHOLE] = "77",
                                          [TYPE_LATTICE] = "[5, 7]",
                                          [TYPE_INITIAL] = "{constant: 2}",
                                          [TYPE_DURATION] = "7200s",
                                          [TYPE_SET] = "[rate, potential]"};
    static const char *const numbers[][2] = {{"simulation.dt", "0.25"},
                                             {"simulation.duration", "4000"},
                                             {"output.every", "8"},
                                             {"dynamics.tau", "30"},
                                             {"populations.*.tau", "30"}};
    bool section;
    const choice_t *kinds = param_find("populations.*.gain.kind", &section)->choices;
    for (size_t i = 0; i < n_params; i++) {
        config_t base, changed;
        const param_t *p = &params[i];
        const choice_t *last = p->choices;
        while (last && last[1].name)
            last++;
        const char *value = p->type == TYPE_CHOICE   ? last->name
                            : p->type == TYPE_NUMBER ? "0.375"
                                                     : samples[p->type];
        for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++)
            if (strcmp(p->path, numbers[k][0]) == 0)
                value = numbers[k][1];
        char set[2 * PATH_SIZE];
        size_t n = 0;
        for (const char *c = p->path; *c; c++) /* the only population is E */
            set[n++] = *c == '*' ? 'E' : *c;
        snprintf(set + n, sizeof set - n, "=%s", value);
        char gain[PATH_SIZE]; /* a kind that uses the row */
        bool of_gain = p->scope == SCOPE_POPULATION && p->only_if.values;
        snprintf(gain, sizeof gain, "populations.E.gain.kind=%s",
                 kinds[of_gain ? __builtin_ctz(p->only_if.values) : GAIN_TANH].name);
        const char *sets[] = {gain, set};
        if (config_parse(text, "test.yaml", sets, 1, &base) != STATUS_OK ||
            config_parse(text, "test.yaml", sets, 2, &changed) != STATUS_OK)
            fail_msg("%s", status_message());
        bool shown = false;
        char out[VALUE_SIZE];
        for (param_key_t key = {0}; params_next(&changed, &key);)
            if (key.param == p) {
                param_text(p, (const char *)&changed + key.offset, out);
                shown = key.used && strcmp(out, value) == 0;
            }
        if (!shown)
            fail_msg("%s is not shown, the last value is %s", set, out);
        if (memcmp(&base, &changed, sizeof base) == 0 && strcmp(p->path, "dynamics.model") != 0)
            fail_msg("%s changes nothing", set);
        config_destroy(&changed);
        config_destroy(&base);
    }
}

static void test_unused_range(void **state) {
    (void)state;
    config_t c;
    parse(PATHWAY("mean: 1, range: .1, density: .5, profile: uniform"), &c);
    assert_true(c.connection[0][0].range == 0);
    config_destroy(&c);
}

/* A width in sites is one in torus sides of the source's lattice, to the bit; --set of one removes
 * the other; what was given is written out. */
static void test_range_sites(void **state) {
    (void)state;
    static const char text[] =
        "populations:\n  E: {lattice: [200, 100]}\n  I: {lattice: [100, 50]}\n"
        "connections:\n  E: {I: {mean: 1, range_sites: 7, density: .5},\n"
        "      E: {mean: 1, range: 0.1, density: .5}}\n"
        "  I: {E: {mean: 1, range_sites: 10, density: .5, profile: uniform}}\n";
    static const char *const sets[] = {"connections.E.I.range=0.25",
                                       "connections.E.E.range_sites=12.5",
                                       "populations.E.lattice=[400, 200]"};
    config_t c;
    char *yaml;
    parse(text, &c);
    assert_true(c.connection[0][1].range == 0.07 && c.connection[0][1].range_given == 7);
    assert_int_equal(c.connection[0][1].range_kind, RANGE_SITES);
    assert_true(c.connection[0][0].range == 0.1 && c.connection[1][0].range == 0);
    assert_int_equal(config_resolved(&c, &yaml), STATUS_OK);
    assert_non_null(strstr(yaml, "range_sites: 7\n"));
    assert_non_null(strstr(yaml, "range: 0.1"));
    assert_null(strstr(yaml, "range_sites: 10"));
    free(yaml);
    config_destroy(&c);
    assert_int_equal(config_parse(text, "test.yaml", sets, 3, &c), STATUS_OK);
    assert_true(c.connection[0][1].range == 0.25 && c.connection[0][0].range == 12.5 / 400);
    assert_int_equal(c.connection[0][1].range_kind, RANGE_SIDE);
    assert_int_equal(c.connection[0][0].range_kind, RANGE_SITES);
    config_destroy(&c);
}

static void test_config_files(void **state) {
    (void)state;
    glob_t files;
    assert_int_equal(glob("configs/*.yaml", 0, NULL, &files), 0);
    assert_int_equal(glob("configs/small/*.yaml", GLOB_APPEND, NULL, &files), 0);
    assert_true(files.gl_pathc >= 14);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        config_t c;
        const char *slash = strrchr(files.gl_pathv[i], '/');
        if (config_load(files.gl_pathv[i], NULL, 0, &c) != STATUS_OK)
            fail_msg("%s", status_message());
        const char *regime = regime_name((regime_t)c.expect.regime);
        if (c.expect.regime != REGIME_UNDECIDED)
            assert_memory_equal(slash + 1, regime, strlen(regime));
        config_destroy(&c);
    }
    globfree(&files);
}

static char *described(describe_format_t format) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(config_describe(out, format), STATUS_OK);
    fclose(out);
    return text;
}

static void test_describe(void **state) {
    (void)state;
    char *text = described(DESCRIBE_TEXT), *markdown = described(DESCRIBE_MARKDOWN),
         *json = described(DESCRIBE_JSON);
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 100);
    size_t rows = 0;
    for (const char *line = markdown; *line; line += strcspn(line, "\n") + 1, rows++) {
        size_t bars = 0;
        for (const char *c = line; *c != '\n'; c++)
            bars += *c == '|';
        assert_int_equal(bars, 5);
    }
    assert_int_equal(rows, n_params + 2);
    json_t *object = json_loads(json, 0, NULL), *keys = json_object_get(object, "keys");
    assert_int_equal(json_array_size(keys), n_params);
    for (size_t i = 0; i < n_params; i++) {
        json_t *row = json_array_get(keys, i);
        const char *key = json_string_value(json_object_get(row, "key"));
        assert_string_equal(key, params[i].path);
        assert_non_null(strstr(text, key));
        assert_non_null(strstr(markdown, key));
        assert_int_equal(json_array_size(json_object_get(row, "range")),
                         params[i].max > 0.0 ? 2 : 0);
        assert_true(strlen(json_string_value(json_object_get(row, "meaning"))) > 5);
    }
    json_decref(object);
    free(text);
    free(markdown);
    free(json);
}

/* What parses must also resolve to text that parses to the same; what does not has a message. */
static void survive(const char *text, const char *const *sets, size_t n_sets) {
    config_t c, again;
    char *yaml;
    status_t status = config_parse(text, "fuzz", sets, n_sets, &c);
    if (status != STATUS_OK) {
        assert_int_equal(status, STATUS_USAGE);
        assert_true(strlen(status_message()) > 10);
        return;
    }
    assert_int_equal(config_resolved(&c, &yaml), STATUS_OK);
    parse(yaml, &again);
    assert_same(&c, &again);
    config_destroy(&again);
    config_destroy(&c);
    free(yaml);
}

static uint64_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static void test_damaged_text(void **state) {
    (void)state;
    enum { MUTATIONS = 4000 };
    static const char bytes[] = "{}[]:,-#&*!|>'\"%@`? \n\t\\.eE+0123456789~ab\x80\xc3\xff\x7f";
    char text[sizeof DESIGN];
    for (size_t n = 0; n < sizeof DESIGN; n++) {
        memcpy(text, DESIGN, n);
        text[n] = 0;
        survive(text, NULL, 0);
    }
    uint64_t random = 1;
    for (int i = 0; i < MUTATIONS; i++) {
        memcpy(text, DESIGN, sizeof text);
        for (uint64_t k = 1 + next_random(&random) % 3; k > 0; k--)
            text[next_random(&random) % (sizeof text - 1)] =
                bytes[next_random(&random) % (sizeof bytes - 1)];
        survive(text, NULL, 0);
        char set[32] = "dynamics.initial=";
        for (size_t k = 17; k < sizeof set - 1; k++)
            set[k] = bytes[next_random(&random) % (sizeof bytes - 1)];
        set[sizeof set - 1] = 0;
        const char *const sets[] = {set};
        survive(ONE, sets, 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),     cmocka_unit_test(test_design_example),
        cmocka_unit_test(test_inheritance),  cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_unused_range), cmocka_unit_test(test_config_files),
        cmocka_unit_test(test_describe),     cmocka_unit_test(test_damaged_text),
        cmocka_unit_test(test_range_sites),
    };
    status_quiet(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
