/* Y = J X of the cpu backend against sums over the stored synapses in plain order. */
#include "tests/backend_cases.h"

#include "kernels/limbs.h"

/* A network of one case, built on the cpu. */
typedef struct {
    network_plan_t plan;
    backend_state_t *state;
    connectivity_t connectivity;
    uint32_t neurons;
    uint32_t first[POPULATIONS_MAX]; /* neuron of each population */
} built_t;

static void build(const backend_case_t *k, built_t *b) {
    backend_options_t options = {.threads = 2};
    case_plan(k, &b->plan);
    check_status(backend_cpu.create(&b->plan.net, &options, &b->state, &b->connectivity));
    b->neurons = 0;
    for (uint32_t a = 0; a < b->plan.net.populations; a++) {
        b->first[a] = b->neurons;
        b->neurons += population_size(&b->plan.net.population[a]);
    }
}

static void build_destroy(built_t *b) {
    backend_cpu.destroy(b->state);
    network_plan_destroy(&b->plan);
}

/* y = J x of one vector, and what its error may be: limbs leave out at most 2^(1 - 2B) of the
 * source population's largest |x| (limbs.h); each of at most 2 pathways' 2 limbs is rounded from
 * 64 bits to double, by the scale, and by the sum that it joins: 4 (2 + 1) roundings of at most
 * 2^-53 of sum |J x|, at most 2^-1074 each where the result is denormal. */
static void product_defined(const built_t *b, const double *x, long double *y, long double *error) {
    const network_t *net = &b->plan.net;
    memset(y, 0, b->neurons * sizeof *y);
    memset(error, 0, b->neurons * sizeof *error);
    for (uint32_t k = 0; k < net->pathways; k++) {
        const pathway_t *w = &net->pathway[k];
        uint32_t targets = population_size(&net->population[w->target]);
        const double *from = x + b->first[w->source];
        uint64_t *indptr = calloc(targets + 1, sizeof *indptr);
        uint32_t *sources = calloc(b->connectivity.synapses[k] + 1, sizeof *sources);
        int32_t *codes = calloc(b->connectivity.synapses[k] + 1, sizeof *codes);
        check_status(backend_cpu.edges(b->state, k, 0, targets, indptr, sources, codes));
        long double largest = 0.0L;
        for (uint32_t i = 0; i < population_size(&net->population[w->source]); i++)
            largest = fmaxl(largest, fabsl((long double)from[i]));
        for (uint32_t t = 0; t < targets; t++) {
            uint32_t i = b->first[w->target] + t;
            for (uint64_t j = indptr[t]; j < indptr[t + 1]; j++) {
                long double weight = (long double)codes[j] * w->scale;
                y[i] += weight * from[sources[j]];
                error[i] += fabsl(weight * from[sources[j]]) * 12 * 0x1p-53L +
                            fabsl(weight) * largest * ldexpl(1.0L, 1 - 2 * (int)net->rate_bits);
            }
        }
        free(indptr);
        free(sources);
        free(codes);
    }
    for (uint32_t i = 0; i < b->neurons; i++)
        error[i] += 12 * 0x1p-1074L;
}

static void products_as_defined(void **unused) {
    (void)unused;
    for (int k = 0; k < BACKEND_CASES_N; k++) {
        built_t b;
        uint32_t n;
        build(&BACKEND_CASES[k], &b);
        double *x = vectors_create(&b.plan.net, &n), *y = malloc(VECTORS * n * sizeof *y);
        long double *expected = malloc(n * sizeof *expected), *error = malloc(n * sizeof *error);
        assert_int_equal(n, b.neurons);
        check_status(backend_cpu.apply(b.state, VECTORS, x, y));
        for (uint32_t v = 0; v < VECTORS; v++) {
            uint32_t different = 0;
            product_defined(&b, x + v * n, expected, error);
            for (uint32_t i = 0; i < n; i++) {
                if (!(fabsl((long double)y[v * n + i] - expected[i]) <= error[i]))
                    fail_msg("%s: vector %u, neuron %u: %.17g, expected %.17Lg +- %.3Lg",
                             BACKEND_CASES[k].name, v, i, y[v * n + i], expected[i], error[i]);
                different += y[v * n + i] != 0.0;
            }
            assert_true((different > 0) == (BACKEND_CASES[k].mean != 0));
        }
        free(x);
        free(y);
        free(expected);
        free(error);
        build_destroy(&b);
    }
}

/* J (2^e x) = 2^e J x, bit for bit from 1e-290 to 1e290; and where x is denormal, to within the
 * roundings to whole 2^-1074 of each of the 4 limbs' sums. */
static void any_magnitude(void **unused) {
    (void)unused;
    built_t b;
    build(&BACKEND_CASES[0], &b);
    uint32_t n = b.neurons;
    double *x = malloc(3 * n * sizeof *x), *y = malloc(3 * n * sizeof *y);
    for (int e = -960; e <= 960; e += 240) {
        for (uint32_t i = 0; i < n; i++) {
            x[i] = (double)(i * 2654435769u) * 0x1p-22;
            x[n + i] = ldexp(x[i], e);
            x[2 * n + i] = 0.0;
        }
        check_status(backend_cpu.apply(b.state, 3, x, y));
        for (uint32_t i = 0; i < n; i++) {
            assert_true(y[i] != 0.0 && y[n + i] == ldexp(y[i], e));
            assert_true(y[2 * n + i] == 0.0);
        }
    }
    double most = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        x[i] = (double)(i * 2654435769u >> 22);
        x[n + i] = x[i] * 0x1p-1074;
    }
    check_status(backend_cpu.apply(b.state, 2, x, y));
    for (uint32_t i = 0; i < n; i++) {
        assert_true(fabs(y[n + i] * 0x1p+1000 * 0x1p+74 - y[i]) <= 4.0);
        most = fmax(most, fabs(y[i]));
    }
    assert_true(most > 100.0);
    free(x);
    free(y);
    build_destroy(&b);
}

/* The next steps do what they would have done, and saturation counts steps alone. */
static void state_untouched(void **unused) {
    (void)unused;
    for (int k = 0; k < BACKEND_CASES_N; k++) {
        built_t b[2];
        uint32_t n, steps = BACKEND_CASES[k].most_steps ? BACKEND_CASES[k].most_steps : 5;
        const backend_t *const backend[2] = {&backend_cpu, &backend_cpu};
        build(&BACKEND_CASES[k], &b[0]);
        build(&BACKEND_CASES[k], &b[1]);
        backend_state_t *const state[2] = {b[0].state, b[1].state};
        const network_t *net = &b[0].plan.net;
        state_put(backend, state, net);
        double *x = vectors_create(net, &n), *y = malloc(VECTORS * n * sizeof *y);
        for (uint32_t s = 0; s < steps; s++) {
            check_status(backend_cpu.apply(state[1], VECTORS, x, y));
            for (int v = 0; v < 2; v++)
                check_status(backend_cpu.step(state[v], s, 1));
        }
        state_compare(backend, state, net);
        x[n + 1] = k % 2 ? INFINITY : NAN;
        assert_int_equal(backend_cpu.apply(state[1], VECTORS, x, y), STATUS_FAILED);
        assert_non_null(strstr(status_message(), "neuron 1 of population 0"));
        for (int v = 0; v < 2; v++)
            check_status(backend_cpu.step(state[v], steps, 1));
        state_compare(backend, state, net);
        free(x);
        free(y);
        build_destroy(&b[0]);
        build_destroy(&b[1]);
    }
}

/* More inputs than 26 bits leave room for in 63: the limbs are shorter, the sums exact. */
static void many_inputs(void **unused) {
    (void)unused;
    static const backend_case_t wide = {
        .name = "all to all, 24 bits",
        .lattice = {{2, 2}, {190, 188}},
        .gain = {GAIN_LINEAR, GAIN_LINEAR},
        .profile = PROFILE_UNIFORM,
        .rule = RULE_BERNOULLI,
        .weights = WEIGHTS_CONSTANT,
        .weight_bits = 24,
        .density = {1, 1},
        .mean = 2,
        .most_steps = 1,
    };
    built_t b;
    build(&wide, &b);
    const pathway_t *w = &b.plan.net.pathway[1];
    assert_int_equal(w->window_x * w->window_y, 190 * 188);
    assert_int_equal(b.plan.net.rate_bits, 24);
    double *x = calloc(b.neurons, sizeof *x), *y = calloc(b.neurons, sizeof *y);
    for (uint32_t i = b.first[1]; i < b.neurons; i++)
        x[i] = 1.0 - 0x1p-53; /* its high limb is the largest there is */
    check_status(backend_cpu.apply(b.state, 1, x, y));
    double code = (double)weight_code_max(24), expected = -190.0 * 188.0 * code * (double)w->scale;
    for (uint32_t t = 0; t < 4; t++)
        assert_true(fabs(y[t] - expected) <= 0x1p-46 * fabs(expected)); /* twice 2^(1 - 2B) */
    free(x);
    free(y);
    build_destroy(&b);
}

int main(void) {
    (void)backend_compare;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_as_defined),
        cmocka_unit_test(any_magnitude),
        cmocka_unit_test(state_untouched),
        cmocka_unit_test(many_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
