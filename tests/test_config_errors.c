#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "host/config.h"

/* What a wrong config is told: place, key, what was found, what is allowed. */
static const char ONE[] = "populations: {E: {lattice: [4, 4]}}\n";

static void parse(const char *text, config_t *config) {
    if (config_parse(text, "test.yaml", NULL, 0, config) != STATUS_OK)
        fail_msg("%s", status_message());
}

/* Parsing fails as wrong usage, and the message holds all of the parts (NULL ends them). */
static void refused_(const char *text, const char *override, ...) {
    config_t config;
    va_list parts;
    status_t status = config_parse(text, "test.yaml", &override, override != NULL, &config);
    if (status != STATUS_USAGE)
        fail_msg("status %d for: %s%s", status, text, override ? override : "");
    va_start(parts, override);
    for (const char *part; (part = va_arg(parts, const char *));)
        if (!strstr(status_message(), part))
            fail_msg("\"%s\" is not in: %s", part, status_message());
    va_end(parts);
}
#define refused(text, ...) refused_(text, NULL, __VA_ARGS__, (char *)NULL)
#define override_refused(text, set, ...) refused_(text, set, __VA_ARGS__, (char *)NULL)

/* One pathway E <- E in a config with other keys after it. */
#define PATHWAY(keys) "populations: {E: {lattice: [4, 4]}}\nconnections:\n  E:\n    E: {" keys "}\n"

static void test_unknown_keys(void **state) {
    (void)state;
    refused(PATHWAY("mean: 1, rnage: .1, density: .5"),
            "test.yaml:4: connections.E.E.rnage: ", "unknown key", "nearest known key: range");
    refused("populatoins:\n  E: {lattice: [4]}\n", "test.yaml:1: populatoins",
            "nearest known key: populations");
    refused("populations:\n  E:\n    lattice: [4]\n    gian: {max: 1}\n",
            "test.yaml:4: populations.E.gian", "nearest known key: gain");
    refused("populations: {E: {lattice: [4]}}\ndt: 3\n", "test.yaml:2: dt: unknown key",
            "nearest known key: simulation.dt");
    refused("populations: {E: {lattice: [4]}}\nsimulation: {tau: 3}\n", "simulation.tau",
            "nearest known key: populations.*.tau");
    refused("populations: {E: {lattice: [4]}}\n? [a]\n: 3\n", "expected a plain name");
    refused("populations: {E: {lattice: [4]}}\nsimulation: {dt: {a: 1}}\n", "test.yaml:2",
            "simulation.dt: found {a: 1}, expected a number in (0, 1000] ms");
}

static void test_wrong_values(void **state) {
    (void)state;
    static const struct {
        const char *key, *value, *found, *expected;
    } cases[] = {
        {"simulation.dt", "fast", "found \"fast\"", "expected a number in (0, 1000] ms"},
        {"simulation.dt", "0", "found \"0\"", "(0, 1000] ms"},
        {"simulation.dt", "", "found nothing", "a number"},
        {"simulation.dt", "nan", "\"nan\"", "a number"},
        {"simulation.dt", ".inf", "\".inf\"", "a number"},
        {"simulation.dt", "1e400", "\"1e400\"", "a number"},
        {"simulation.dt", "0x1p-3", "\"0x1p-3\"", "a number"},
        {"simulation.dt", "0.2 ms", "\"0.2 ms\"", "a number"},
        {"simulation.dt", "[0.2]", "[0.2]", "a number"},
        {"simulation.onset", "-1", "\"-1\"", "[0, 1e+09] ms"},
        {"simulation.seed", "1e3", "\"1e3\"", "a whole number from 0 to 9223372036854775807"},
        {"simulation.seed", "-1", "\"-1\"", "a whole number"},
        {"simulation.seed", "9223372036854775808", "\"9223372036854775808\"", "a whole number"},
        {"simulation.seed", "99999999999999999999", "99999999999999999999", "a whole number"},
        {"simulation.seed", "123456789012345678901234", "12345678901234567890", "a whole number"},
        {"network.weight_bits", "12", "\"12\"", "one of 8, 16, 24"},
        {"dynamics.model", "lif", "\"lif\"", "one of rate"},
        {"expect.regime", "waves", "\"waves\"", "one of undecided, asynchronous"},
        {"output.fields", "rate", "\"rate\"", "a list of rate, potential"},
        {"output.fields", "[]", "[]", "a list of rate, potential"},
        {"output.fields", "[spikes]", "[spikes]", "a list of rate, potential"},
        {"output.checkpoint_every", "60", "\"60\"", "0 or a duration with its unit"},
        {"output.checkpoint_every", "-1s", "\"-1s\"", "0 or a duration"},
        {"output.checkpoint_every", "5 parsecs", "\"5 parsecs\"", "0 or a duration"},
        {"dynamics.initial", "3", "\"3\"", "{uniform: [low, high]}"},
        {"dynamics.initial", "{uniform: [1]}", "uniform", "{uniform: [low, high]}"},
        {"dynamics.initial", "{uniform: [2, 1]}", "uniform", "{uniform: [low, high]}"},
        {"dynamics.initial", "{normal: [0, -1]}", "normal", "{normal: [mean, std]}"},
        {"dynamics.initial", "{constant: x}", "constant", "{constant: h}"},
        {"dynamics.initial", "{file: }", "file", "{file: \"path\"}"},
        {"dynamics.initial", "{uniform: [0, 1], constant: 2}", "uniform", "{constant: h}"},
        {"populations.E.lattice", "[0, 4]", "[0, 4]", "whole numbers from 1 to 1000000"},
        {"populations.E.lattice", "[-4, 4]", "[-4, 4]", "whole numbers"},
        {"populations.E.lattice", "[4.5, 4]", "[4.5, 4]", "whole numbers"},
        {"populations.E.lattice", "[1e2, 4]", "[1e2, 4]", "whole numbers"},
        {"populations.E.lattice", "[4, 4, 4]", "[4, 4, 4]", "whole numbers"},
        {"populations.E.lattice", "[]", "[]", "[nx, ny]"},
        {"populations.E.lattice", "4", "\"4\"", "[nx, ny]"},
        {"populations.E.gain.kind", "relu", "\"relu\"", "one of tanh, linear"},
        {"populations.E.gain.max", "0", "\"0\"", "[1e-09, 1e+06]"},
        {"populations.E.gain.slope", "1e-300", "\"1e-300\"", "[1e-09, 1e+06]"},
        {"populations.E.initial", "{constant: 1e39}", "constant", "within +-1e6"},
        {"output.checkpoint_every", "1e9d", "\"1e9d\"", "up to 1e9s"},
        {"populations.E.noise", "-0.1", "\"-0.1\"", "[0, 1e+06]"},
        {"connections.E.E.range", "0.6", "\"0.6\"", "(0, 0.5] torus side"},
        {"connections.E.E.range", "0", "\"0\"", "(0, 0.5]"},
        {"connections.E.E.range_sites", "0", "\"0\"", "(0, 500000] sites"},
        {"connections.E.E.range_sites", "ten", "\"ten\"", "(0, 500000] sites"},
        {"connections.E.E.range_sites", "2.5", "2.5 sites are more than half of the 4 along x",
         "(0, 2] sites"},
        {"connections.E.E.std", "-1", "\"-1\"", "[0, 1e+06]"},
        {"connections.E.E.density", "1500", "\"1500\"", "(0, 1000]"},
        {"connections.E.E.rule", "all", "\"all\"", "one of bernoulli, fixed_indegree"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char set[200], origin[256];
        snprintf(set, sizeof set, "%s=%s", cases[i].key, cases[i].value);
        snprintf(origin, sizeof origin, "--set %s: %s: ", set, cases[i].key);
        override_refused(PATHWAY("mean: 1, range: .1, density: .5"), set, origin, cases[i].found,
                         cases[i].expected);
    }
    refused("populations: {E: {lattice: [4, 4]}}\nsimulation:\n  onset: 1\n  dt: fast\n",
            "test.yaml:4: simulation.dt: found \"fast\", expected a number in (0, 1000] ms");
    refused("populations: {E: {lattice: [4, 4]}}\nsimulation:\n  dt:\n", "test.yaml:3",
            "found nothing");
}

static void test_missing_keys(void **state) {
    (void)state;
    refused("populations:\n  E: {tau: 3}\n", "test.yaml:2: populations.E.lattice: missing");
    refused("", "populations: missing", "lattice: [200, 200]");
    refused("# a comment\n", "populations: missing");
    refused("---\n...\n", "populations: missing");
    refused("populations:\n", "test.yaml:1: populations: missing");
    refused(PATHWAY("range: .1, density: .5"), "test.yaml:4: connections.E.E.mean: missing");
    refused(PATHWAY("mean: 1, density: .5"), "test.yaml:4: connections.E.E.range: missing",
            "(0, 0.5] torus side; or say range_sites");
    refused(PATHWAY("mean: 1, density: .5, range: .1, range_sites: 1"), "test.yaml:4",
            "connections.E.E: found 2 of the keys range, range_sites", "exactly one");
    refused(PATHWAY("mean: 1, range: .1"), "test.yaml:4: connections.E.E: found 0 of the keys",
            "out_degree, in_degree, density");
    refused(PATHWAY("mean: 1, range: .1, density: .5, in_degree: 3"), "test.yaml:4",
            "found 2 of the keys");
    override_refused(ONE, "connections.E.E.density=.5", "--set connections.E.E.density=.5",
                     "connections.E.E.mean: missing");
}

static void test_cross_checks(void **state) {
    (void)state;
    refused("populations: {A: {lattice: [2]}, B: {lattice: [2]}, C: {lattice: [2]},\n"
            " D: {lattice: [2]}, E: {lattice: [2]}, F: {lattice: [2]}, G: {lattice: [2]},\n"
            " H: {lattice: [2]}, I: {lattice: [2]}}\n",
            "test.yaml:1: populations: found 9", "at most 8");
    refused("populations: {Exc: {lattice: [2, 2]}, Inh: {lattice: [2, 2]}}\n"
            "connections:\n  Exc:\n    Ihn: {mean: 1, range: .1, density: 1}\n",
            "test.yaml:4: connections.Exc.Ihn", "called Ihn", "nearest known population: Inh");
    refused("populations: {E: {lattice: [2, 2]}}\nconnections:\n  X: {}\n",
            "test.yaml:3: connections.X", "nearest known population: E");
    refused("populations: {E: {lattice: [4, 4]},\n I: {lattice: [4]}}\n",
            "test.yaml:2: populations.I.lattice: found 1 row", "population E has 4");
    refused("populations: {E: {lattice: [1, 4]}}\n", "populations.E.lattice", "write [4]");
    refused("populations: {E: {lattice: [100000, 100000]}}\n", "populations.E.lattice",
            "2147483647");
    refused("populations: {2E: {lattice: [4]}}\n", "populations.2E", "starts with a letter");
    refused("populations: {E-1: {lattice: [4]}}\n", "populations.E-1", "letters, digits and _");
    refused("populations: {a.b: {lattice: [4]}}\n", "populations.a.b", "letters, digits and _");
    refused("populations: {a123456789a123456789a123456789ab: {lattice: [4]}}\n",
            "shorter than 32 characters");
    override_refused(ONE, "simulation.dt=0.3", "simulation.duration", "2000 ms", "0.3 ms");
    override_refused(ONE, "output.every=0.5", "--set output.every=0.5: output.every: 0.5 ms");
    override_refused(ONE, "output.every=0.1", "output.every: 0.1 ms is not a whole number");
    override_refused(ONE, "output.every=1.4", "simulation.duration: 2000 ms", "1.4 ms");
    override_refused(ONE, "simulation.onset=2000", "simulation.onset: 2000 ms is not before");
    override_refused(ONE, "populations.E.rate_max=1e-306",
                     "populations.E.rate_max: 1e-306 is below 1e-09");
    override_refused("populations: {E: {lattice: [4], tau: 1e6}}", "simulation.dt=0.01",
                     "simulation.dt: 0.01 ms is less than 2^-24 of the time constant",
                     "population E, 1000000 ms");
    override_refused(ONE, "populations.E.tau=0.1", "simulation.dt: 0.2 ms", "population E, 0.1 ms");
    override_refused("populations: {E: {lattice: [4], gain: {kind: clipped_linear}}}",
                     "populations.E.gain.min=1", "gain.min: 1 is not below gain.max, 1");
    refused(PATHWAY("mean: 0, range: .1, density: 1, weights: lognormal"), "test.yaml:4",
            "connections.E.E.mean", "lognormal");
    refused(PATHWAY("mean: 1, range: .1, in_degree: 0.4, rule: fixed_indegree"), "test.yaml:4",
            "in_degree", "0.4 inputs");
    refused(PATHWAY("mean: 1, range: .1, in_degree: 17"), "test.yaml:4: connections.E.E.in_degree",
            "17 is more than the 16 neurons of population E");
}

static void test_yaml(void **state) {
    (void)state;
    refused("- populations\n- E\n", "found a list");
    refused("populations", "expected keys such as populations:");
    refused("populations: [E, I]\n", "test.yaml:1: populations: found [E, I], expected keys");
    refused("populations: {E: {lattice: [4]}}\nsimulation: {dt: .1}\nsimulation: {dt: .2}\n",
            "test.yaml:3", "duplicate key");
    refused("populations:\n\tE: {lattice: [4]}\n", "test.yaml:2", "tab");
    refused("populations: {E: {lattice: [4\n", "test.yaml:", "not valid YAML");
    refused("populations: {E: {lattice: &a [4]}, I: {lattice: *a}}\n", "test.yaml:1", "aliases");
    refused("populations: {E: {lattice: [4]}}\n---\na: 1\n", "more than one YAML document");
    refused("populations: {E: {lattice: [4]}}\n# \xff\n", "test.yaml:2", "not UTF-8");
    refused("populations: {E: {lattice: [4]}}\n\"expect\\0x\": {}\n",
            "as a key, expected a plain name");
    refused("populations: {E: {lattice: [4]}}\n\"\\e[2J\": 1\n", "?[2J: unknown key");
    refused("populations: {E: {lattice: [4]}}\n# \x01\n", "test.yaml:2", "not UTF-8");
    config_t c;
    parse("populations: {E: {lattice: &a [4]}} # \xc3\xa9, \xe2\x82\xac, \xf0\x9f\x98\x80\n"
          "connections:\nsimulation:\noutput: ~\n",
          &c); /* an anchor alone, UTF-8 in a comment, and empty sections do no harm */
    config_destroy(&c);
    parse("populations:\r\n  E: {lattice: [4]}\r\n", &c);
    config_destroy(&c);
    parse("{\"populations\": {\"E\": {\"lattice\": [4, 4], \"tau\": 7}}}", &c); /* JSON */
    assert_true(c.population[0].tau_ms == 7);
    config_destroy(&c);
}

static void test_overrides(void **state) {
    (void)state;
    override_refused(ONE, "simulaton.dt=1", "--set simulaton.dt=1", "unknown key",
                     "nearest known key: simulation.dt");
    override_refused(ONE, "connections.E.I.rnage=1", "nearest known key: range");
    override_refused(ONE, "connections.E.I.mean=1", "--set connections.E.I.mean=1: connections.E.I",
                     "no population is called I");
    override_refused(ONE, "dynamics.initial.uniform=[0, 1]", "unknown key",
                     "nearest known key: dynamics.initial");
    override_refused(ONE, "simulation.dt", "expected key.path=value");
    override_refused(ONE, "=3", "expected key.path=value");
    override_refused(ONE, "simulation..dt=3", "unknown key");
    override_refused(ONE, "simulation=3", "--set simulation=3", "expected keys below it");
    override_refused(ONE, "simulation.dt=[1", "--set simulation.dt=[1", "not valid YAML");
    override_refused(ONE, "simulation.dt=*a", "not supported");
    override_refused(ONE, "simulation.dt=\xff", "UTF-8");
    override_refused("populations: {E: {lattice: [4]}}\nnetwork: 3\n", "network.weight_bits=8",
                     "test.yaml:2: network: found \"3\", expected keys below it");
    override_refused(ONE, "simulation.dt=\n3", "expected one line");
    override_refused(ONE, "populations. E.tau=3", "keys have letters, digits and _");
}

static void test_unreadable_files(void **state) {
    (void)state;
    config_t c;
    assert_int_equal(config_load("no/such/file.yaml", NULL, 0, &c), STATUS_USAGE);
    assert_non_null(strstr(status_message(), "no/such/file.yaml: cannot be opened: No such file"));
    assert_int_equal(config_load("configs", NULL, 0, &c), STATUS_USAGE);
    assert_non_null(strstr(status_message(), "Is a directory"));
    assert_int_equal(config_load("/dev/zero", NULL, 0, &c), STATUS_USAGE);
    assert_non_null(strstr(status_message(), "not a config"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_keys),
        cmocka_unit_test(test_wrong_values),
        cmocka_unit_test(test_missing_keys),
        cmocka_unit_test(test_cross_checks),
        cmocka_unit_test(test_yaml),
        cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_unreadable_files),
    };
    status_quiet(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
