/* However the synapses lie in memory: the same edges, products and states, bit for bit, on every
 * instruction set; also where every product is as large as it can be. */
#include "host/command/command.h"
#include "kernels/cpu/cpu.h"
#include "tests/backend_cases.h"

static const struct {
    const char *name;
    int storage;
} STORAGES[] = {{"list", STORAGE_LIST}, {"bitmap", STORAGE_BITMAP}, {"auto", STORAGE_AUTO}};
static const int SIMDS[] = {SIMD_PORTABLE, SIMD_AVX2, SIMD_AVX512};

typedef struct {
    backend_state_t *state;
    connectivity_t built;
} stored_t;

static void create(network_plan_t *plan, int storage, int simd, int threads, stored_t *s) {
    backend_options_t options = {.threads = threads, .simd = simd};
    plan->net.storage = storage;
    check_status(backend_cpu.create(&plan->net, &options, &s->state, &s->built));
}

/* A trial of one, another of the other: the same potentials. */
static void trials_compare(const network_t *net, backend_state_t *one, uint32_t its_trial,
                           backend_state_t *other, uint32_t trial) {
    for (uint32_t a = 0; a < net->populations; a++) {
        uint32_t n = population_size(&net->population[a]);
        float *h[2] = {malloc(n * sizeof **h), malloc(n * sizeof **h)};
        check_status(backend_cpu.get_state(one, its_trial, a, h[0]));
        check_status(backend_cpu.get_state(other, trial, a, h[1]));
        assert_memory_equal(h[0], h[1], n * sizeof **h);
        free(h[0]);
        free(h[1]);
    }
}

/* One trial, or a batch of them, against one trial of the list on the portable path, whose sums are
 * plain 64-bit products. */
static void compare(const backend_case_t *k, uint32_t trials, uint32_t steps, float potential) {
    network_plan_t plan;
    stored_t reference;
    case_plan(k, &plan);
    for (uint32_t a = 0; a < plan.net.populations && potential != 0.0f; a++) {
        plan.net.population[a].gain.slope = 1.0f; /* r = h */
        plan.net.population[a].gain.threshold = 0.0f;
    }
    const backend_t *const backend[2] = {&backend_cpu, &backend_cpu};
    for (size_t i = 0; i < sizeof STORAGES / sizeof *STORAGES; i++)
        for (size_t j = 0; j < sizeof SIMDS / sizeof *SIMDS; j++) {
            stored_t other;
            if (!cpu_has_simd(SIMDS[j]) || (trials > 1 && STORAGES[i].storage != STORAGE_LIST))
                continue;
            create(&plan, STORAGE_LIST, SIMD_PORTABLE, 1, &reference);
            plan.net.trials = trials;
            create(&plan, STORAGES[i].storage, SIMDS[j], 1 + (int)j, &other);
            plan.net.trials = 1;
            backend_state_t *const state[2] = {reference.state, other.state};
            assert_true(reference.built.hash == other.built.hash);
            state_put(backend, state, &plan.net);
            for (uint32_t a = 0; a < plan.net.populations && potential != 0.0f; a++) {
                uint32_t n = population_size(&plan.net.population[a]);
                float *h = malloc(n * sizeof *h);
                for (uint32_t t = 0; t < n; t++)
                    h[t] = potential;
                check_status(backend_cpu.put_state(reference.state, 0, a, h));
                for (uint32_t trial = 0; trial < trials; trial++)
                    check_status(backend_cpu.put_state(other.state, trial, a, h));
                free(h);
            }
            for (int b = 0; b < 2; b++)
                check_status(backend_cpu.step(state[b], 3, steps));
            for (uint32_t w = 0; w < plan.net.pathways && potential == 0.0f; w++)
                edges_compare(backend, state, &plan.net, w, reference.built.synapses[w]);
            products_compare(backend, state, &plan.net);
            if (trials == 1)
                state_compare(backend, state, &plan.net);
            for (uint32_t trial = 0; trial < (potential == 0.0f ? 1 : trials); trial++)
                trials_compare(&plan.net, reference.state, 0, other.state, trial);
            backend_cpu.destroy(reference.state);
            backend_cpu.destroy(other.state);
        }
    network_plan_destroy(&plan);
}

static void same_bits(void **unused) {
    (void)unused;
    for (int k = 0; k < BACKEND_CASES_N; k++) {
        print_message("           %s\n", BACKEND_CASES[k].name);
        for (uint32_t trials = 1; trials <= BATCH; trials += BATCH - 1)
            compare(&BACKEND_CASES[k], trials, BACKEND_CASES[k].most_steps == 1 ? 1 : 2, 0.0f);
    }
}

/* Codes and rates at their bounds, of one sign and of both, in more units than one sum holds. */
static void largest_products(void **unused) {
    (void)unused;
    static const int bits[] = {8, 16, 24};
    for (int b = 0; b < 3; b++)
        for (int sign = -1; sign <= 1; sign += 2) {
            backend_case_t k = {"largest products",
                                {{40, 40}, {3, 2}},
                                {GAIN_LINEAR, GAIN_LINEAR},
                                PROFILE_UNIFORM,
                                RULE_BERNOULLI,
                                WEIGHTS_CONSTANT,
                                bits[b],
                                {0, 0},
                                {1, 1},
                                5,
                                0,
                                0,
                                0.01,
                                1};
            compare(&k, 1, 1, (float)sign * 3.0f);
            compare(&k, BATCH, 1, (float)sign * 3.0f);
        }
    /* -2^15 times -2^10: a digit's least, in every lane. */
    backend_case_t k = {"largest digits",
                        {{40, 40}, {3, 2}},
                        {GAIN_LINEAR, GAIN_LINEAR},
                        PROFILE_UNIFORM,
                        RULE_BERNOULLI,
                        WEIGHTS_CONSTANT,
                        24,
                        {0, 0},
                        {1, 1},
                        -5,
                        0,
                        0,
                        0.01,
                        1};
    network_plan_t plan;
    case_plan(&k, &plan);
    int32_t shift = plan.net.population[0].rate_shift;
    network_plan_destroy(&plan);
    compare(&k, 1, 1, ldexpf(5.5f * 2048.0f, -shift));
    compare(&k, BATCH, 1, ldexpf(5.5f * 2048.0f, -shift));
}

/* 8-bit codes have units while a target's sum of them cannot exceed 32 bits. */
static void most_inputs(void **unused) {
    (void)unused;
    enum { NX = 64, NY = 4 };
    uint32_t threshold[NX * NY];
    memset(threshold, 255, sizeof threshold);
    network_t net = {.populations = 1, .pathways = 1, .trials = 1, .storage = STORAGE_BITMAP};
    net.population[0] = (population_t){.nx = NX, .ny = NY};
    pathway_t w = {.classes_x = 1,
                   .classes_y = 1,
                   .shift_x = 1,
                   .shift_y = 1,
                   .window_x = NX,
                   .window_y = NY,
                   .threshold = threshold};
    for (int wide = 0; wide < 2; wide++)
        for (uint32_t more = 0; more < 2; more++) {
            group_class_t c;
            net.weight_bits = wide ? 16 : 8;
            w.inputs_most = (uint32_t)(INT32_MAX / weight_code_max(8)) + more;
            assert_true(group_class_create(&net, &simd_portable, &w, 0, 0, NX, &c));
            assert_int_equal(c.units > 0, wide || !more);
            group_class_destroy(&c);
        }
}

/* The same trials from different initial states, summed one by one, in one batch, and in two, of
 * which the second is not full (in lists: in a batch and one by one). */
static void batches(void **unused) {
    (void)unused;
    enum { MOST = BATCH + 3, KINDS = 4 };
    static const struct {
        uint32_t trials;
        int storage;
    } kinds[KINDS] = {{MOST, STORAGE_BITMAP},
                      {MOST, STORAGE_LIST},
                      {RUNS_LEAST, STORAGE_AUTO},
                      {RUNS_LEAST - 1, STORAGE_LIST}};
    for (int k = 0; k < BACKEND_CASES_N; k++)
        for (size_t j = 0; j < sizeof SIMDS / sizeof *SIMDS; j++) {
            network_plan_t plan;
            stored_t s[KINDS];
            if (!cpu_has_simd(SIMDS[j]) || BACKEND_CASES[k].most_steps > 0)
                continue;
            case_plan(&BACKEND_CASES[k], &plan);
            for (int b = 0; b < KINDS; b++) {
                plan.net.trials = kinds[b].trials;
                create(&plan, kinds[b].storage, SIMDS[j], 1 + b % 3, &s[b]);
            }
            for (uint32_t a = 0; a < plan.net.populations; a++) {
                uint32_t n = population_size(&plan.net.population[a]);
                float *h = malloc(n * sizeof *h);
                for (uint32_t trial = 0; trial < MOST; trial++) {
                    for (uint32_t i = 0; i < n; i++)
                        h[i] = 0.01f * (float)((i * 37 + trial * 101) % 300) - 1.0f;
                    for (int b = 0; b < KINDS; b++)
                        if (trial < kinds[b].trials)
                            check_status(backend_cpu.put_state(s[b].state, trial, a, h));
                }
                free(h);
            }
            for (int b = 0; b < KINDS; b++)
                check_status(backend_cpu.step(s[b].state, 5, 4));
            for (uint32_t trial = 0; trial < MOST; trial++)
                for (int b = 1; b < KINDS; b++)
                    if (trial < kinds[b].trials)
                        trials_compare(&plan.net, s[b].state, trial, s[0].state, trial);
            for (int b = 0; b < KINDS; b++)
                backend_cpu.destroy(s[b].state);
            network_plan_destroy(&plan);
        }
}

/* Against the sum over the Poisson distribution, term by term: within the closed form's error,
 * which is largest for size 254 (mean 1500: 2.25 %), for means up to 600 size 62 (mean 590: 8e-5).
 */
static void parts(void **unused) {
    (void)unused;
    static const uint32_t sizes[] = {2, 8, 62, 254};
    static const double means[] = {1e-3, 0.5, 20.0, 300.0, 590.0, 650.0, 1500.0, 3000.0};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t j = 0; j < sizeof means / sizeof *means; j++) {
            double sum = 0.0, found = parts_expected(means[j], sizes[i]);
            for (int n = 1; n < 6000; n++)
                sum += ceil((double)n / sizes[i]) *
                       exp(n * log(means[j]) - means[j] - lgamma(n + 1.0));
            assert_true(fabs(found - sum) <= 1e-9 + (means[j] > 600.0 ? 0.023 : 1e-4) * sum);
        }
}

/* A bitmap where it is smaller, a list where the network is sparse. */
static void memory(void **unused) {
    (void)unused;
    backend_case_t k = BACKEND_CASES[0];
    for (int sparse = 0; sparse < 2; sparse++) {
        network_plan_t plan;
        stored_t s[3];
        k.lattice[0][0] = k.lattice[0][1] = 64;
        for (int b = 0; b < 2 && sparse; b++)
            k.density[b] = 0.02;
        case_plan(&k, &plan);
        for (int i = 0; i < 3; i++)
            create(&plan, STORAGES[i].storage, SIMD_BEST, 1, &s[i]);
        uint64_t synapses = 0, list = s[0].built.connectivity_bytes;
        for (uint32_t w = 0; w < plan.net.pathways; w++)
            synapses += s[0].built.synapses[w];
        print_message("%s: %.2f bytes a synapse as list, %.2f bitmap, %.2f auto\n",
                      sparse ? "sparse" : "dense", (double)list / (double)synapses,
                      (double)s[1].built.connectivity_bytes / (double)synapses,
                      (double)s[2].built.connectivity_bytes / (double)synapses);
        assert_true(s[1].built.connectivity_bytes <= list);
        if (sparse)
            assert_true(s[2].built.connectivity_bytes == list);
        else
            assert_true((double)s[2].built.connectivity_bytes < 0.8 * (double)list);
        for (int i = 0; i < 3; i++)
            backend_cpu.destroy(s[i].state);
        network_plan_destroy(&plan);
    }
}

static uint64_t left;
static status_t memory_left(uint64_t *bytes) {
    *bytes = left;
    return STATUS_OK;
}

/* What `auto` would take at its fastest gives way to the smallest memory; what was asked for does
 * not. */
static void auto_fits_in_memory(void **unused) {
    (void)unused;
    enum { TRIALS = 16 }; /* as a batch, `auto` takes runs */
    backend_t backend = backend_cpu;
    network_plan_t plan;
    uint64_t most[STORAGE_KINDS];
    backend.memory_free = memory_left;
    case_plan(&BACKEND_CASES[3], &plan);
    plan.net.trials = TRIALS;
    for (int storage = 0; storage < STORAGE_KINDS; storage++) {
        uint64_t connectivity, state;
        plan.net.storage = storage;
        check_status(backend.footprint(&plan.net, &connectivity, &state));
        most[storage] = connectivity + state;
    }
    assert_true(most[STORAGE_BITMAP] < most[STORAGE_AUTO]);
    left = most[STORAGE_AUTO];
    plan.net.storage = STORAGE_AUTO;
    check_status(command_memory_check(&plan, &backend));
    assert_int_equal(plan.net.storage, STORAGE_AUTO);
    left = most[STORAGE_BITMAP];
    check_status(command_memory_check(&plan, &backend));
    assert_int_equal(plan.net.storage, STORAGE_BITMAP);
    left--;
    plan.net.storage = STORAGE_AUTO;
    assert_int_equal(command_memory_check(&plan, &backend), STATUS_FAILED);
    left = most[STORAGE_LIST] - 1;
    plan.net.storage = STORAGE_LIST;
    assert_int_equal(command_memory_check(&plan, &backend), STATUS_FAILED);
    network_plan_destroy(&plan);
}

int main(void) {
    (void)backend_compare;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits),
        cmocka_unit_test(largest_products),
        cmocka_unit_test(most_inputs),
        cmocka_unit_test(batches),
        cmocka_unit_test(parts),
        cmocka_unit_test(memory),
        cmocka_unit_test(auto_fits_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
