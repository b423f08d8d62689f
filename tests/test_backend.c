/* The cpu backend against the definitions: every pair drawn by itself, every sum taken in plain
 * order, with no windows, blocks, threads or vectors. */
#include "tests/backend_cases.h"

#include "models/rate.h"

/* One pathway's synapses: the inputs of every target, by ascending source. */
typedef struct {
    uint64_t *indptr;
    uint32_t *sources;
    int32_t *codes;
} matrix_t;

static matrix_t matrix_create(uint32_t targets, uint64_t synapses) {
    return (matrix_t){calloc(targets + 1, sizeof(uint64_t)), calloc(synapses + 1, sizeof(uint32_t)),
                      calloc(synapses + 1, sizeof(int32_t))};
}

static void matrix_destroy(matrix_t *m) {
    free(m->indptr);
    free(m->sources);
    free(m->codes);
}

static matrix_t matrix_stored(backend_state_t *state, const network_t *net, uint32_t pathway,
                              const connectivity_t *c) {
    uint32_t targets = population_size(&net->population[net->pathway[pathway].target]);
    matrix_t m = matrix_create(targets, c->synapses[pathway]);
    check_status(backend_cpu.edges(state, pathway, 0, targets, m.indptr, m.sources, m.codes));
    assert_int_equal(m.indptr[targets], c->synapses[pathway]);
    return m;
}

static uint32_t targets_of(const network_t *net, uint32_t pathway) {
    return population_size(&net->population[net->pathway[pathway].target]);
}

/* A network of one case, built. */
typedef struct {
    network_plan_t plan;
    backend_state_t *state;
    connectivity_t connectivity;
    matrix_t matrix[PATHWAYS_MAX];
} built_t;

static void build(const backend_case_t *k, built_t *b) {
    backend_options_t options = {.threads = 1};
    case_plan(k, &b->plan);
    check_status(backend_cpu.create(&b->plan.net, &options, &b->state, &b->connectivity));
    for (uint32_t w = 0; w < b->plan.net.pathways; w++)
        b->matrix[w] = matrix_stored(b->state, &b->plan.net, w, &b->connectivity);
}

static void build_destroy(built_t *b) {
    for (uint32_t w = 0; w < b->plan.net.pathways; w++)
        matrix_destroy(&b->matrix[w]);
    backend_cpu.destroy(b->state);
    network_plan_destroy(&b->plan);
}

/* ---- connectivity ---- */

/* A pair that may be connected; `cell`: its place in the target's window, row by row. */
typedef struct {
    uint32_t source, cell, key;
    int32_t code;
} pair_t;

static int by_key(const void *a, const void *b) {
    const pair_t *x = a, *y = b;
    return x->key != y->key ? (x->key > y->key) - (x->key < y->key)
                            : (x->cell > y->cell) - (x->cell < y->cell);
}
static int by_cell(const void *a, const void *b) {
    const pair_t *x = a, *y = b;
    return (x->cell > y->cell) - (x->cell < y->cell);
}
static int by_source(const void *a, const void *b) {
    const pair_t *x = a, *y = b;
    return (x->source > y->source) - (x->source < y->source);
}

/* Threshold of a pair and its cell; 0 where the source is beyond the window. */
static uint32_t pair_threshold(const network_t *net, const pathway_t *w, uint32_t target,
                               uint32_t source, uint32_t *cell) {
    int64_t target_nx = net->population[w->target].nx, nx = net->population[w->source].nx;
    int64_t ny = net->population[w->source].ny, ix = target % target_nx, iy = target / target_nx;
    int64_t x = source % nx - ix / w->classes_x * w->shift_x - w->offset_x;
    int64_t y = source / nx - iy / w->classes_y * w->shift_y - w->offset_y;
    x = (x + 4 * nx) % nx;
    y = (y + 4 * ny) % ny;
    *cell = (uint32_t)(y * w->window_x + x);
    if (x >= w->window_x || y >= w->window_y)
        return 0;
    uint64_t class_index = (uint64_t)(iy % w->classes_y * w->classes_x + ix % w->classes_x);
    return w->threshold[class_index * w->window_x * w->window_y + *cell];
}

/* All inputs of one target by the definition, by ascending source; returns how many. */
static uint32_t inputs_defined(const network_t *net, const pathway_t *w, uint32_t target,
                               pair_t *pair) {
    uint32_t count = 0;
    uint64_t sub = stream_of_synapses(PURPOSE_CONNECT, w->target, w->source, target);
    for (uint32_t s = 0; s < population_size(&net->population[w->source]); s++) {
        pair_t p = {.source = s};
        uint32_t threshold = pair_threshold(net, w, target, s, &p.cell);
        uint32_t u = philox_word(net->seed, sub, s);
        p.key = draw_key(u, threshold);
        if (threshold > 0 && (w->rule == RULE_FIXED_INDEGREE || draw_connects(u, threshold)))
            pair[count++] = p;
    }
    if (w->rule == RULE_FIXED_INDEGREE) {
        assert_true(count >= w->indegree);
        qsort(pair, count, sizeof *pair, by_key);
        count = w->indegree;
    }
    qsort(pair, count, sizeof *pair, by_cell);
    int32_t most = weight_code_max(net->weight_bits);
    int64_t sum = 0;
    for (uint32_t k = 0; k < count; k++) {
        float weight = draw_weight(w, normal_table(), net->seed, target, pair[k].source);
        pair[k].code = weight_code(weight, w->scale, most);
        sum += pair[k].code;
    }
    for (uint32_t k = 0; k < count && pathway_recentred(w); k++)
        pair[k].code = recentred_code(pair[k].code, k, sum, recentred_sum(w), count, most);
    qsort(pair, count, sizeof *pair, by_source);
    return count;
}

static void edges_as_defined(void **unused) {
    (void)unused;
    for (int k = 0; k < BACKEND_CASES_N; k++) {
        built_t b;
        build(&BACKEND_CASES[k], &b);
        const network_t *net = &b.plan.net;
        uint64_t hash = 0;
        for (uint32_t i = 0; i < net->pathways; i++) {
            const pathway_t *w = &net->pathway[i];
            const matrix_t *m = &b.matrix[i];
            pair_t *pair = malloc(population_size(&net->population[w->source]) * sizeof *pair);
            for (uint32_t t = 0; t < targets_of(net, i); t++) {
                uint32_t count = inputs_defined(net, w, t, pair);
                assert_int_equal(m->indptr[t + 1] - m->indptr[t], count);
                assert_true(count <= w->inputs_most);
                for (uint32_t j = 0; j < count; j++) {
                    assert_int_equal(m->sources[m->indptr[t] + j], pair[j].source);
                    assert_int_equal(m->codes[m->indptr[t] + j], pair[j].code);
                    hash += hash_synapse(w->target, w->source, t, pair[j].source, pair[j].code);
                }
            }
            free(pair);
        }
        assert_true(hash == b.connectivity.hash);
        build_destroy(&b);
    }
}

/* Exactly `indegree` inputs, and codes that sum to round(indegree mean/scale) but for those that
 * would have been 0 (they are 1 or -1) or beyond the range (they are at its end); lognormal ones
 * have the mean's sign instead. */
static void fixed_indegree_rows(void **unused) {
    (void)unused;
    uint64_t rows = 0, exact = 0;
    for (int k = 0; k < BACKEND_CASES_N; k++) {
        if (BACKEND_CASES[k].rule != RULE_FIXED_INDEGREE)
            continue;
        built_t b;
        build(&BACKEND_CASES[k], &b);
        const network_t *net = &b.plan.net;
        int32_t most = weight_code_max(net->weight_bits);
        for (uint32_t i = 0; i < net->pathways; i++) {
            const pathway_t *w = &net->pathway[i];
            const matrix_t *m = &b.matrix[i];
            double mean_code = w->scale > 0.0f ? (double)w->mean / (double)w->scale : 1.0;
            int64_t wanted = llrint(w->indegree * mean_code);
            for (uint32_t t = 0; t < targets_of(net, i); t++) {
                int64_t sum = 0, ones = 0, ends = 0;
                assert_int_equal(m->indptr[t + 1] - m->indptr[t], w->indegree);
                for (uint64_t j = m->indptr[t]; j < m->indptr[t + 1]; j++) {
                    sum += m->codes[j];
                    ones += abs(m->codes[j]) == 1;
                    ends += abs(m->codes[j]) == most;
                    assert_true(j == m->indptr[t] || m->sources[j] > m->sources[j - 1]);
                    if (w->weights == WEIGHTS_LOGNORMAL)
                        assert_true((m->codes[j] < 0) == (w->mean < 0.0f));
                }
                if (w->weights == WEIGHTS_LOGNORMAL)
                    continue;
                assert_true(ends > 0 || llabs(sum - wanted) <= ones);
                exact += sum == wanted;
                rows++;
            }
        }
        build_destroy(&b);
    }
    print_message("%llu of %llu rows sum exactly\n", (unsigned long long)exact,
                  (unsigned long long)rows);
    assert_true(10 * exact > 9 * rows);
}

/* ---- steps ---- */

typedef struct {
    float *h[2];
    int64_t *rate[2];
    uint64_t saturated;
} reference_t;

/* Rates as integers r 2^shift, cut at the largest float below 2^bits. */
static int64_t rate_defined(const network_t *net, const population_t *p, float h, int *cut) {
    double x = ldexp((double)gain_rate(p->gain, h), p->rate_shift);
    double limit = ldexp(1.0 - 0x1p-24, (int)net->rate_bits);
    *cut = fabs(x) > ldexp(1.0, (int)net->rate_bits);
    return llrint(fmax(-limit, fmin(limit, x)));
}

static void step_defined(const network_t *net, const matrix_t *matrix, uint64_t step,
                         reference_t *r) {
    for (uint32_t a = 0; a < net->populations; a++) {
        const population_t *p = &net->population[a];
        for (uint32_t t = 0; t < population_size(p); t++) {
            double input = 0.0;
            for (uint32_t k = 0; k < net->pathways; k++) {
                const pathway_t *w = &net->pathway[k];
                if (w->target != a)
                    continue;
                int64_t sum = 0;
                for (uint64_t j = matrix[k].indptr[t]; j < matrix[k].indptr[t + 1]; j++)
                    sum += matrix[k].codes[j] * r->rate[w->source][matrix[k].sources[j]];
                int shift = net->population[w->source].rate_shift;
                input += (double)sum * ldexp((double)w->scale, -shift);
            }
            float h = r->h[a][t], drive = (float)input + p->input;
            drive -= h;
            h = fmaf(p->delta, drive, h);
            uint32_t word = philox_word(net->seed, stream_of_noise(a, step), t);
            if (p->noise != 0.0f)
                h = fmaf(p->noise, normal_from_bits(normal_table(), word), h);
            r->h[a][t] = h;
        }
    }
    for (uint32_t a = 0; a < net->populations; a++)
        for (uint32_t t = 0; t < population_size(&net->population[a]); t++) {
            int cut;
            r->rate[a][t] = rate_defined(net, &net->population[a], r->h[a][t], &cut);
            r->saturated += (uint64_t)cut;
        }
}

static void steps_as_defined(void **unused) {
    (void)unused;
    enum { STEPS = 50, FIRST = 3 };
    for (int k = 0; k < BACKEND_CASES_N; k++) {
        built_t b;
        reference_t r = {0};
        int cut;
        build(&BACKEND_CASES[k], &b);
        const network_t *net = &b.plan.net;
        const backend_t *const backend[2] = {&backend_cpu, &backend_cpu};
        backend_state_t *const state[2] = {b.state, b.state};
        state_put(backend, state, net);
        for (uint32_t a = 0; a < net->populations; a++) {
            uint32_t n = population_size(&net->population[a]);
            r.h[a] = malloc(n * sizeof *r.h[a]);
            r.rate[a] = malloc(n * sizeof *r.rate[a]);
            check_status(backend_cpu.get_state(b.state, 0, a, r.h[a]));
            for (uint32_t t = 0; t < n; t++)
                r.rate[a][t] = rate_defined(net, &net->population[a], r.h[a][t], &cut);
        }
        uint32_t steps = BACKEND_CASES[k].most_steps ? BACKEND_CASES[k].most_steps : STEPS;
        check_status(backend_cpu.step(b.state, FIRST, steps));
        for (uint32_t s = 0; s < steps; s++)
            step_defined(net, b.matrix, FIRST + s, &r);
        uint64_t saturated, hash, expected = 0;
        check_status(backend_cpu.saturated(b.state, &saturated));
        assert_int_equal(saturated, r.saturated);
        assert_true(saturated > 0 || BACKEND_CASES[k].rate_max == 0);
        for (uint32_t a = 0; a < net->populations; a++) {
            uint32_t n = population_size(&net->population[a]);
            float *h = malloc(n * sizeof *h);
            check_status(backend_cpu.get_state(b.state, 0, a, h));
            assert_memory_equal(h, r.h[a], n * sizeof *h);
            for (uint32_t t = 0; t < n; t++)
                expected += hash_state(0, a, t, h[t]);
            free(h);
            free(r.h[a]);
            free(r.rate[a]);
        }
        check_status(backend_state_hash(&backend_cpu, b.state, net, &hash));
        assert_true(hash == expected);
        build_destroy(&b);
    }
}

/* As many inputs as fit into 63 bits with all codes and rates at their largest, and a row more:
 * the rates then have a bit less. The neurons get all of -w n r_max; float rounds it and the
 * rate's end, 2^-24 each, and the scale. */
static void sums_at_the_bound(void **unused) {
    (void)unused;
    static const struct {
        int weight_bits, rule;
        uint32_t width, height, rate_bits;
    } cases[] = {
        {8, RULE_BERNOULLI, 512, 257, 31},       {16, RULE_BERNOULLI, 512, 256, 31},
        {16, RULE_BERNOULLI, 512, 257, 30},      {16, RULE_FIXED_INDEGREE, 512, 256, 31},
        {16, RULE_FIXED_INDEGREE, 512, 257, 30}, {24, RULE_BERNOULLI, 128, 128, 26},
        {24, RULE_BERNOULLI, 128, 129, 25},      {24, RULE_BERNOULLI, 512, 257, 22},
        {24, RULE_FIXED_INDEGREE, 128, 128, 26}, {24, RULE_FIXED_INDEGREE, 128, 129, 25},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        uint32_t n = cases[k].width * cases[k].height;
        backend_case_t full = {.name = "all to all",
                               .lattice = {{2, 2}, {cases[k].width, cases[k].height}},
                               .gain = {GAIN_LINEAR, GAIN_LINEAR},
                               .profile = PROFILE_UNIFORM,
                               .rule = cases[k].rule,
                               .weights = WEIGHTS_CONSTANT,
                               .weight_bits = cases[k].weight_bits,
                               .density = {1, 1},
                               .mean = 2, /* four targets: weights of -1/2 from I */
                               .rate_max = 4,
                               .most_steps = 1};
        built_t b;
        build(&full, &b);
        const pathway_t *w = &b.plan.net.pathway[1];
        assert_int_equal(w->inputs_most, n);
        assert_int_equal(b.plan.net.rate_bits, cases[k].rate_bits);
        float *h = malloc(n * sizeof *h), zero[4] = {0};
        for (uint32_t i = 0; i < n; i++)
            h[i] = 10.0f; /* a rate of 12 */
        check_status(backend_cpu.put_state(b.state, 0, 0, zero));
        check_status(backend_cpu.put_state(b.state, 0, 1, h));
        check_status(backend_cpu.step(b.state, 0, 1));
        check_status(backend_cpu.get_state(b.state, 0, 0, h));
        const population_t *p = &b.plan.net.population[0];
        /* E's own rates are (0 - 0.1) 1.2. */
        double expected = (double)p->delta * (-0.5 * n * 4.0 + 0.5 * 4 * -0.12 + (double)p->input);
        for (int t = 0; t < 4; t++)
            assert_float_equal(h[t] / expected, 1.0, 4 * 0x1p-24);
        free(h);
        build_destroy(&b);
    }
}

/* A pathway of mean 0 and std 0 has its synapses and does nothing: neurons step as without it. */
static void zero_weights(void **unused) {
    (void)unused;
    for (int rule = 0; rule < RULE_KINDS; rule++)
        for (int weights = 0; weights <= WEIGHTS_CONSTANT; weights++) {
            backend_case_t zero = BACKEND_CASES[0];
            zero.rule = rule;
            zero.weights = weights;
            zero.mean = zero.std = zero.noise = 0;
            built_t b;
            build(&zero, &b);
            const backend_t *const backend[2] = {&backend_cpu, &backend_cpu};
            backend_state_t *const state[2] = {b.state, b.state};
            state_put(backend, state, &b.plan.net);
            for (uint32_t k = 0; k < b.plan.net.pathways; k++) {
                assert_true(b.connectivity.synapses[k] > targets_of(&b.plan.net, k));
                for (uint64_t s = 0; s < b.connectivity.synapses[k]; s++)
                    assert_int_equal(b.matrix[k].codes[s], 1);
                assert_true(b.plan.net.pathway[k].scale == 0.0f);
            }
            const population_t *p = &b.plan.net.population[0];
            float before[20 * 16], h[20 * 16];
            check_status(backend_cpu.get_state(b.state, 0, 0, before));
            check_status(backend_cpu.step(b.state, 0, 1));
            check_status(backend_cpu.get_state(b.state, 0, 0, h));
            for (uint32_t t = 0; t < population_size(p); t++)
                assert_true(h[t] == fmaf(p->delta, p->input - before[t], before[t]));
            double x[20 * 16 + 10 * 8], y[20 * 16 + 10 * 8];
            for (size_t i = 0; i < sizeof x / sizeof *x; i++)
                x[i] = 1.0 + (double)i;
            check_status(backend_cpu.apply(b.state, 1, x, y));
            for (size_t i = 0; i < sizeof x / sizeof *x; i++)
                assert_true(y[i] == 0.0);
            build_destroy(&b);
        }
}

/* Steps one by one are the same as all at once, and a state put back goes on as before. */
static void steps_in_parts(void **unused) {
    (void)unused;
    enum { STEPS = 20 };
    built_t whole, parts;
    uint64_t expected, hash;
    build(&BACKEND_CASES[0], &whole);
    build(&BACKEND_CASES[0], &parts);
    const network_t *net = &whole.plan.net;
    check_status(backend_cpu.step(whole.state, 0, STEPS));
    check_status(backend_state_hash(&backend_cpu, whole.state, net, &expected));
    for (uint64_t s = 0; s < STEPS; s++) {
        check_status(backend_cpu.step(parts.state, s, 1));
        for (uint32_t a = 0; a < net->populations; a++) {
            float *h = malloc(population_size(&net->population[a]) * sizeof *h);
            check_status(backend_cpu.get_state(parts.state, 0, a, h));
            check_status(backend_cpu.put_state(parts.state, 0, a, h));
            free(h);
        }
    }
    check_status(backend_state_hash(&backend_cpu, parts.state, net, &hash));
    assert_true(hash == expected);
    build_destroy(&whole);
    build_destroy(&parts);
}

/* ---- threads, instruction sets, memory ---- */

static void any_threads_and_simd(void **unused) {
    (void)unused;
    static const backend_options_t variants[] = {
        {2, SIMD_PORTABLE}, {3, SIMD_AVX2}, {1, SIMD_AVX512}, {0, SIMD_BEST}};
    const backend_t *const backend[2] = {&backend_cpu, &backend_cpu};
    for (size_t v = 0; v < sizeof variants / sizeof variants[0]; v++) {
        backend_options_t options[2] = {{1, SIMD_PORTABLE}, variants[v]};
        if (!cpu_has_simd(variants[v].simd)) {
            backend_state_t *state;
            connectivity_t c;
            network_plan_t plan;
            case_plan(&BACKEND_CASES[0], &plan);
            assert_int_equal(backend_cpu.create(&plan.net, &variants[v], &state, &c),
                             STATUS_FAILED);
            assert_non_null(strstr(status_message(), "this processor"));
            network_plan_destroy(&plan);
            continue;
        }
        for (int k = 0; k < BACKEND_CASES_N; k++)
            backend_compare_with(backend, options, &BACKEND_CASES[k], 20);
    }
}

/* Expected connectivity within 1 %: some 1e5 synapses of +- sqrt(p (1 - p)) each deviate by less
 * than 0.3 %, the rest is allocations rounded up. */
static void footprint_as_measured(void **unused) {
    (void)unused;
    static const backend_case_t cases[] = {
        {"16 bits",
         {{48, 44}, {24, 22}},
         {GAIN_TANH, GAIN_TANH},
         PROFILE_GAUSSIAN,
         RULE_BERNOULLI,
         WEIGHTS_NORMAL,
         16,
         {.1, .15},
         {.9, .5},
         9,
         1,
         .1,
         0,
         0},
        {"8 bits",
         {{50, 40}, {20, 25}},
         {GAIN_TANH, GAIN_TANH},
         PROFILE_EXPONENTIAL,
         RULE_BERNOULLI,
         WEIGHTS_NORMAL,
         8,
         {.08, .1},
         {.7, .9},
         9,
         1,
         .1,
         0,
         0},
        {"24 bits",
         {{48, 48}, {48, 48}},
         {GAIN_TANH, GAIN_TANH},
         PROFILE_DISC,
         RULE_BERNOULLI,
         WEIGHTS_NORMAL,
         24,
         {.1, .2},
         {.5, .2},
         9,
         1,
         .1,
         0,
         0},
        {"fixed in-degree",
         {{48, 44}, {24, 22}},
         {GAIN_TANH, GAIN_TANH},
         PROFILE_GAUSSIAN,
         RULE_FIXED_INDEGREE,
         WEIGHTS_NORMAL,
         16,
         {.1, .12},
         {.95, .95},
         9,
         1,
         .1,
         0,
         0},
        {"ring",
         {{2000, 1}, {1000, 1}},
         {GAIN_TANH, GAIN_TANH},
         PROFILE_GAUSSIAN,
         RULE_BERNOULLI,
         WEIGHTS_NORMAL,
         16,
         {.02, .03},
         {.5, .9},
         9,
         1,
         .1,
         0,
         0},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
        for (uint32_t trials = 1; trials <= 16; trials += 15) {
            backend_options_t options = {.threads = 1};
            backend_state_t *built;
            connectivity_t used;
            network_plan_t plan;
            uint64_t connectivity, state;
            case_plan(&cases[k], &plan);
            plan.net.trials = trials;
            check_status(backend_cpu.create(&plan.net, &options, &built, &used));
            check_status(backend_cpu.footprint(&plan.net, &connectivity, &state));
            double ratio = (double)connectivity / (double)used.connectivity_bytes;
            print_message("%s, trials %u: footprint %.4f of what is used\n", cases[k].name, trials,
                          ratio);
            assert_int_equal(state, used.state_bytes);
            assert_float_equal(ratio, 1.0, 0.01);
            backend_cpu.destroy(built);
            network_plan_destroy(&plan);
        }
}

static void choice_of_backend(void **unused) {
    (void)unused;
    const backend_t *backend;
    check_status(backend_find("cpu", &backend));
    assert_ptr_equal(backend, &backend_cpu);
    check_status(backend_find("auto", &backend));
    assert_int_equal(backend_find("gpu", &backend), STATUS_USAGE);
    assert_non_null(strstr(status_message(), "\"gpu\""));
    assert_non_null(strstr(status_message(), "auto, cpu or cuda"));
}

int main(void) {
    (void)backend_compare;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_as_defined),     cmocka_unit_test(fixed_indegree_rows),
        cmocka_unit_test(steps_as_defined),     cmocka_unit_test(zero_weights),
        cmocka_unit_test(sums_at_the_bound),    cmocka_unit_test(steps_in_parts),
        cmocka_unit_test(any_threads_and_simd), cmocka_unit_test(footprint_as_measured),
        cmocka_unit_test(choice_of_backend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
