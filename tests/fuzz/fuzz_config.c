/* One hostile config: any bytes go through config_load, --set included, and what is accepted
 * through config_resolved and the network's plan. Lines "--set key.path=value" are the overrides,
 * the rest is the file. It ends the program where a promise is broken; libFuzzer (-DBRISC_FUZZ=ON)
 * and tests/fuzz/replay.c call it. */
#define _GNU_SOURCE /* memfd_create */
#include "tests/fuzz/fuzz_config.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/params.h"
#include "host/pathway.h"
#include "models/rate.h"

enum { OVERRIDES_MAX = 16, TEXT_SIZE = 1 << 18 };
static const double PLAN_COST_MAX = 2e5; /* kernel evaluations: about 10 ms under the sanitizers */

static char file_text[TEXT_SIZE + 1], override_text[TEXT_SIZE + 1], path[64];
static int file = -1;

static _Noreturn void broken(const char *promise, const char *value) {
    fprintf(stderr, "promise broken: %s: %s\n", promise, value);
    abort();
}
#define PROMISE(holds, value) ((holds) ? (void)0 : broken(#holds, value))

/* UTF-8 without control characters (a terminal would obey them), in the status's 2 KiB. */
static bool is_plain_text(const char *text) {
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        int more = *c < 0x80 ? 0 : *c < 0xE0 ? 1 : *c < 0xF0 ? 2 : 3;
        if (*c < ' ' || *c == 0x7F || (*c >= 0x80 && *c < 0xC2) || (*c == 0xC2 && c[1] < 0xA0))
            return false;
        for (; more > 0; more--)
            if ((*++c & 0xC0) != 0x80)
                return false;
    }
    return true;
}

/* A refusal is one line that says something; no memory is the only other reason to fail. */
static void check_refusal(status_t status) {
    const char *message = status_message();
    PROMISE(status == STATUS_USAGE, message);
    PROMISE(strlen(message) > 10, message);
    PROMISE(is_plain_text(message), message);
}

/* The lines "--set ..." of the input go to overrides, the others to the file's text. */
static size_t split(const char *data, size_t size, size_t *file_size,
                    const char *overrides[OVERRIDES_MAX]) {
    static const char mark[] = "--set ";
    size_t n = 0, kept = 0, used = 0, next;
    for (size_t at = 0; at < size; at = next) {
        const char *line = data + at, *end = memchr(line, '\n', size - at);
        size_t length = end ? (size_t)(end - line) : size - at, skip = sizeof mark - 1;
        next = at + length + (end != NULL);
        if (length < skip || memcmp(line, mark, skip) != 0 || n == OVERRIDES_MAX) {
            memcpy(file_text + kept, line, next - at);
            kept += next - at;
            continue;
        }
        overrides[n++] = memcpy(override_text + used, line + skip, length - skip);
        override_text[used + length - skip] = 0;
        used += length - skip + 1;
    }
    *file_size = kept;
    return n;
}

static void write_file(size_t size) {
    if (file < 0) {
        file = memfd_create("config", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    if (file < 0 || ftruncate(file, 0) != 0 || pwrite(file, file_text, size, 0) != (ssize_t)size) {
        perror("fuzz_config: its file in memory"); /* a fault of the machine, not a finding */
        exit(EXIT_FAILURE);
    }
}

/* What is written out reads back to the same config. */
static void check_resolved(const config_t *config) {
    char *first = NULL, *second = NULL;
    config_t again;
    PROMISE(config_resolved(config, &first) == STATUS_OK, status_message());
    status_t status = config_parse(first, "resolved", NULL, 0, &again);
    PROMISE(status == STATUS_OK, status_message());
    PROMISE(config_resolved(&again, &second) == STATUS_OK, status_message());
    PROMISE(strcmp(first, second) == 0, first);
    config_destroy(&again);
    free(first);
    free(second);
}

/* Steps, frames and steps between frames are whole numbers that fit together. */
static void check_times(const config_t *config) {
    uint64_t steps = config_steps(config), between = config_steps_per_frame(config);
    PROMISE(steps >= 1 && between >= 1, "steps");
    PROMISE(steps == between * (config_frames(config) - 1), "frames");
    PROMISE(config_frames(config) >= FRAMES_LEAST, "frames");
}

/* Evaluations of profiles that the plan may take: pairs of sites times images of the torus. */
static double plan_cost(const config_t *config) {
    double cost = 0.0;
    for (uint32_t a = 0; a < config->populations; a++)
        for (uint32_t b = 0; b < config->populations; b++) {
            const connection_config_t *c = &config->connection[a][b];
            const uint32_t *x = config->population[a].lattice, *y = config->population[b].lattice;
            double images = 2.0 * c->range * (c->profile == PROFILE_EXPONENTIAL ? 40 : 9) + 3.0;
            if (c->present)
                cost += (double)x[0] * x[1] * y[0] * y[1] * images * images;
        }
    return cost;
}

static void check_pathway(const network_t *net, const pathway_t *w, const pathway_facts_t *facts) {
    const population_t *source = &net->population[w->source];
    uint64_t sum = 0;
    size_t cells = (size_t)w->window_x * w->window_y * w->classes_x * w->classes_y;
    for (size_t i = 0; i < cells; i++) /* every cell can be read, and was written */
        sum += w->threshold[i];
    PROMISE(w->window_x >= 1 && w->window_x <= source->nx, "window_x");
    PROMISE(w->window_y >= 1 && w->window_y <= source->ny, "window_y");
    PROMISE(sum > 0, "no connection is possible");
    PROMISE(isfinite(w->mean) && isfinite(w->std), "weight");
    PROMISE(isfinite(w->log_mean) && isfinite(w->log_std), "lognormal weight");
    PROMISE(isfinite(w->scale) && w->scale >= 0.0f, "weight's scale");
    PROMISE(w->scale > 0.0f || (w->mean == 0.0f && w->std == 0.0f), "weights of 0");
    PROMISE(w->rule != RULE_FIXED_INDEGREE || w->indegree >= 1, "indegree");
    PROMISE(w->indegree <= (size_t)w->window_x * w->window_y, "indegree");
    PROMISE(isfinite(facts->out_degree) && isfinite(facts->in_degree), "degree");
    PROMISE(isfinite(facts->density) && isfinite(facts->sum_probability), "density");
    PROMISE(facts->clipped_share >= 0.0 && facts->clipped_share <= 1.0, "clipped_share");
}

static void check_population(const population_t *p, const population_config_t *c) {
    const gain_t *g = &p->gain;
    const char *name = c->name;
    for (int i = 0; i < 2; i++)
        PROMISE(isfinite((float)c->initial.value[i]), name);
    PROMISE(p->delta > 0.0f && p->delta <= 1.0f, name);
    PROMISE(isfinite(p->noise) && isfinite(p->input), name);
    PROMISE(g->max > 0.0f && g->slope > 0.0f && g->exponent > 0.0f, name);
    PROMISE(isfinite(g->max) && isfinite(g->min) && isfinite(g->threshold), name);
    float unit = rate_unit(p->rate_shift); /* 2^rate_shift must be a normal number */
    PROMISE(p->rate_shift > -127 && p->rate_shift < 128 && unit > 0.0f, name);
    for (int h = -4; h <= 4; h++)
        PROMISE(!isnan(gain_rate(*g, (float)h)), name); /* an infinite one saturates */
}

static outcome_t check_plan(const config_t *config) {
    network_plan_t plan;
    status_t status = network_plan_create(config, &plan);
    if (status != STATUS_OK) {
        check_refusal(status);
        return OUTCOME_REFUSED;
    }
    for (uint32_t a = 0; a < plan.net.populations; a++)
        check_population(&plan.net.population[a], &config->population[a]);
    for (uint32_t i = 0; i < plan.net.pathways; i++)
        check_pathway(&plan.net, &plan.net.pathway[i], &plan.facts[i]);
    PROMISE(isfinite(plan.synapses_expected) && isfinite(plan.candidates), "synapses");
    network_plan_destroy(&plan);
    return OUTCOME_PLANNED;
}

outcome_t config_try(const char *data, size_t size) {
    const char *overrides[OVERRIDES_MAX];
    size_t file_size;
    config_t config;
    outcome_t outcome = OUTCOME_REFUSED;
    if (size > TEXT_SIZE / 2) /* room for the overrides' ends */
        return outcome;
    status_quiet(1);
    size_t n = split(data, size, &file_size, overrides);
    write_file(file_size);
    status_t status = config_load(path, overrides, n, &config);
    if (status != STATUS_OK) {
        check_refusal(status);
        return outcome;
    }
    outcome = OUTCOME_ACCEPTED;
    check_resolved(&config);
    check_times(&config);
    if (plan_cost(&config) <= PLAN_COST_MAX)
        outcome = check_plan(&config);
    config_destroy(&config);
    return outcome;
}

#ifdef BRISC_FUZZ
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    config_try((const char *)data, size);
    return 0;
}
#endif
