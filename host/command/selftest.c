/* Promise 1, on the user's own machine: every backend, instruction set and number of threads gives
 * the same connectivity and, after 1,000 steps, the same state as the hashes recorded here; and
 * all of them then give the same product J h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/command/command.h"
#include "host/simulate.h"

enum { STEPS = 1000, MAX_SET = 12 };

static const char base[] =
    "populations:\n"
    "  E: {lattice: [24, 24], gain: {kind: tanh, max: 1}}\n"
    "  I: {lattice: [12, 12], gain: {kind: tanh, max: 5}}\n"
    "connections:\n"
    "  E: {E: {mean: 9.0, std: 0.4, range: 0.1, density: 0.8},\n"
    "      I: {mean: -9.0, std: 0.4, range: 0.12, density: 0.8}}\n"
    "  I: {E: {mean: 15.48, std: 0.4, range: 0.1, density: 0.8},\n"
    "      I: {mean: -9.0, std: 0.4, range: 0.12, density: 0.8}}\n"
    "dynamics: {tau: 20, noise: 0.0158, input: 0.3, initial: {uniform: [-3.5, 6.5]}}\n"
    "simulation: {dt: 0.2, duration: 200, onset: 0, seed: 7}\n";

/* A small network: what it changes of the one above (at most MAX_SET overrides), and the hashes
 * that every machine and device must find. */
typedef struct {
    const char *name;
    const char *set[MAX_SET];
    uint64_t connectivity, state;
} case_t;

#define BOTH(key, value) "populations.E." key "=" value, "populations.I." key "=" value
#define ALL(key, value)                                                                            \
    "connections.E.E." key "=" value, "connections.E.I." key "=" value,                            \
        "connections.I.E." key "=" value, "connections.I.I." key "=" value

static const case_t cases[] = {
#include "host/command/selftest_cases.h"
};
enum { CASES = sizeof cases / sizeof cases[0] };

typedef struct {
    char name[64];
    const backend_t *backend;
    backend_options_t options;
} variant_t;

static size_t variants_find(variant_t *variant) {
    static const struct {
        const char *name;
        int simd, threads;
    } cpu[] = {{"cpu portable, 1 thread", SIMD_PORTABLE, 1},
               {"cpu avx2", SIMD_AVX2, 0},
               {"cpu avx512", SIMD_AVX512, 0},
               {"cpu best, 3 threads", SIMD_BEST, 3}};
    size_t count = 0;
    char device[256];
    for (size_t k = 0; k < sizeof cpu / sizeof cpu[0]; k++)
        if (cpu_has_simd(cpu[k].simd)) {
            variant_t *v = &variant[count++];
            *v = (variant_t){.backend = &backend_cpu,
                             .options = {.threads = cpu[k].threads, .simd = cpu[k].simd}};
            snprintf(v->name, sizeof v->name, "%s", cpu[k].name);
        }
    for (size_t k = 1; backend_list()[k]; k++)
        if (backend_list()[k]->available(device, sizeof device) == STATUS_OK) {
            variant[count] = (variant_t){.backend = backend_list()[k]};
            snprintf(variant[count++].name, sizeof variant->name, "%s (%.40s)",
                     backend_list()[k]->name, device);
        }
    return count;
}

/* 64-bit FNV-1a hash of J h, h: the potentials. */
static status_t product_hash(const network_t *net, const backend_t *backend, backend_state_t *state,
                             uint64_t *hash) {
    size_t neurons = 0, first = 0;
    for (uint32_t a = 0; a < net->populations; a++)
        neurons += population_size(&net->population[a]);
    float *h = malloc(neurons * sizeof *h);
    double *x = malloc(neurons * sizeof *x), *y = malloc(neurons * sizeof *y);
    status_t status = STATUS_OK;
    if (!h || !x || !y)
        status =
            status_fail(STATUS_FAILED, __FILE__, __LINE__, "no memory for %zu neurons", neurons);
    for (uint32_t a = 0; a < net->populations && status == STATUS_OK; a++) {
        status = backend->get_state(state, 0, a, h + first);
        first += population_size(&net->population[a]);
    }
    for (size_t i = 0; i < neurons && status == STATUS_OK; i++)
        x[i] = h[i];
    if (status == STATUS_OK)
        status = backend->apply(state, 1, x, y);
    *hash = 0xcbf29ce484222325ull;
    for (size_t k = 0; k < neurons * sizeof *y && status == STATUS_OK; k++)
        *hash = (*hash ^ ((const unsigned char *)y)[k]) * 0x100000001b3ull;
    free(h);
    free(x);
    free(y);
    return status;
}

typedef struct {
    uint64_t connectivity, state, product;
    uint64_t first; /* state of the first of several trials: that of cases[0]; 0 for one */
} hashes_t;

static status_t step_network(const config_t *config, const network_t *net, const variant_t *v,
                             hashes_t *hash) {
    backend_state_t *state;
    connectivity_t built;
    TRY(v->backend->create(net, &v->options, &state, &built));
    status_t status = initial_state(config, net, v->backend, state);
    if (status == STATUS_OK)
        status = v->backend->step(state, 0, STEPS);
    if (status == STATUS_OK)
        status = backend_state_hash(v->backend, state, net, &hash->state);
    network_t one = *net;
    one.trials = 1;
    if (status == STATUS_OK && net->trials > 1)
        status = backend_state_hash(v->backend, state, &one, &hash->first);
    if (status == STATUS_OK)
        status = product_hash(net, v->backend, state, &hash->product);
    v->backend->destroy(state);
    hash->connectivity = built.hash;
    return status;
}

static status_t step_case(const case_t *c, const variant_t *v, hashes_t *hash) {
    config_t config;
    network_plan_t plan;
    size_t n = 0;
    while (n < MAX_SET && c->set[n])
        n++;
    TRY(config_parse(base, "selftest", c->set, n, &config));
    status_t status = network_plan_create(&config, &plan);
    if (status == STATUS_OK) {
        status = step_network(&config, &plan.net, v, hash);
        network_plan_destroy(&plan);
    }
    config_destroy(&config);
    return status;
}

status_t command_selftest(const options_t *options) {
    variant_t variant[16];
    status_quiet(1); /* keys without effect, in some of the networks */
    size_t variants = variants_find(variant), different = 0;
    uint64_t product[CASES] = {0}; /* the first variant's */
    json_t *list = json_array();
    for (size_t k = 0; k < variants; k++) {
        size_t wrong = 0;
        for (size_t n = 0; n < CASES; n++) {
            hashes_t hash = {0};
            TRY(step_case(&cases[n], &variant[k], &hash));
            product[n] = k == 0 ? hash.product : product[n];
            bool same = hash.connectivity == cases[n].connectivity &&
                        hash.state == cases[n].state && hash.product == product[n] &&
                        (hash.first == 0 || hash.first == cases[0].state);
            wrong += !same;
            if (!same && !options->json)
                printf("  %-24s %-28s connectivity %016llx state %016llx first trial %016llx "
                       "product %016llx, expected %016llx %016llx %016llx %016llx\n",
                       variant[k].name, cases[n].name, (unsigned long long)hash.connectivity,
                       (unsigned long long)hash.state, (unsigned long long)hash.first,
                       (unsigned long long)hash.product, (unsigned long long)cases[n].connectivity,
                       (unsigned long long)cases[n].state,
                       (unsigned long long)(hash.first ? cases[0].state : 0),
                       (unsigned long long)product[n]);
        }
        different += wrong;
        if (!options->json)
            printf("%-44s %2zu of %d networks the same bits after %d steps and in J h\n",
                   variant[k].name, CASES - wrong, CASES, STEPS);
        json_array_append_new(list, json_pack("{s:s, s:i, s:i}", "variant", variant[k].name,
                                              "networks", CASES, "different", (int)wrong));
    }
    char device[256];
    for (size_t k = 1; !options->json && backend_list()[k]; k++)
        if (backend_list()[k]->available(device, sizeof device) != STATUS_OK)
            printf("skipped: %s\n", status_message());
    if (!options->json && !backend_list()[1])
        printf("skipped: cuda is not in this build\n");
    if (options->json)
        TRY(command_print_json(json_pack("{s:o, s:b}", "variants", list, "same", different == 0)));
    else
        json_decref(list);
    if (different)
        FAIL(STATUS_FAILED,
             "%zu results differ in their bits; please report this with the output "
             "above",
             different);
    return STATUS_OK;
}
