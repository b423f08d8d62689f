/* `bench`: what a step of a config's network costs on each device, against the device's bandwidth
 * and against another program's product with the same matrix, all measured by turns in one run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/command/report.h"
#include "host/io/rows.h"
#include "host/progress.h"
#include "host/simulate.h"

enum { ROUNDS = 7 };
static const double CHUNK_S = 0.2; /* steps are timed in chunks of about this long */

/* The whole matrix, populations in config order, as float32. */
typedef struct {
    uint32_t n;
    uint64_t *indptr;
    uint32_t *index;
    float *value;
} matrix_t;

typedef struct {
    const char *backend;
    char device[256];
    const yardsticks_t *yardsticks;
    uint64_t synapses, stored, moved; /* moved: bytes a step has to read and write at least */
    uint32_t trials;                  /* a step is one of all of them */
    double build_s, step_ms[ROUNDS], baseline_ms[ROUNDS], bytes_per_s[ROUNDS];
    double alone_ms[ROUNDS]; /* a step of one trial; 0: not measured */
    bool has_baseline;
    char why_not[300]; /* there is no baseline */
} bench_t;

static void matrix_destroy(matrix_t *m) {
    free(m->indptr);
    free(m->index);
    free(m->value);
}

/* Rows of one target population: the pathways into it one after the other within a row. */
static status_t add_rows(const backend_t *backend, backend_state_t *state, const network_t *net,
                         uint32_t target, uint32_t first, uint32_t count, rows_t *rows,
                         matrix_t *m) {
    uint64_t row = neurons_before(net, target) + first, *next = m->indptr + row + 1;
    for (uint32_t k = 0; k < net->pathways; k++) {
        const pathway_t *w = &net->pathway[k];
        if (w->target != target)
            continue;
        TRY(rows_read(backend, state, k, first, count, rows));
        for (uint32_t t = 0; t < count; t++)
            for (uint64_t e = rows->indptr[t]; e < rows->indptr[t + 1]; e++) {
                m->index[next[t]] = (uint32_t)neurons_before(net, w->source) + rows->sources[e];
                m->value[next[t]++] = (float)rows->codes[e] * w->scale;
            }
    }
    return STATUS_OK;
}

/* indptr[i + 1] is first where row i begins, and ends as its end. */
static status_t matrix_fill(const backend_t *backend, backend_state_t *state, const network_t *net,
                            rows_t *rows, matrix_t *m) {
    uint64_t sum = 0;
    for (uint32_t k = 0; k < net->pathways; k++) {
        const pathway_t *w = &net->pathway[k];
        uint32_t targets = population_size(&net->population[w->target]);
        for (uint32_t first = 0; first < targets; first += ROWS_AT_ONCE) {
            uint32_t count = targets - first < ROWS_AT_ONCE ? targets - first : ROWS_AT_ONCE;
            TRY(backend->edges(state, k, first, count, rows->indptr, NULL, NULL));
            for (uint32_t t = 0; t < count; t++)
                m->indptr[neurons_before(net, w->target) + first + t + 1] +=
                    rows->indptr[t + 1] - rows->indptr[t];
        }
    }
    for (uint32_t i = 0; i < m->n; i++) {
        uint64_t inputs = m->indptr[i + 1];
        m->indptr[i + 1] = sum;
        sum += inputs;
    }
    uint64_t available;
    TRY(backend_cpu.memory_free(&available)); /* malloc may promise more than there is */
    if (sum * (sizeof *m->index + sizeof *m->value) > available)
        FAIL(STATUS_FAILED, "CSR float32 needs %.4g GB, %.4g GB are free", (double)sum * 8e-9,
             (double)available * 1e-9);
    m->index = malloc((sum + 1) * sizeof *m->index);
    m->value = malloc((sum + 1) * sizeof *m->value);
    if (!m->index || !m->value)
        FAIL(STATUS_FAILED, "no memory for CSR float32 (%.2f GB)", (double)sum * 8e-9);
    for (uint32_t a = 0; a < net->populations; a++) {
        uint32_t targets = population_size(&net->population[a]);
        for (uint32_t first = 0; first < targets; first += ROWS_AT_ONCE)
            TRY(add_rows(backend, state, net, a, first,
                         targets - first < ROWS_AT_ONCE ? targets - first : ROWS_AT_ONCE, rows, m));
    }
    return STATUS_OK;
}

static status_t matrix_create(const backend_t *backend, backend_state_t *state,
                              const network_t *net, matrix_t *m) {
    rows_t *rows = calloc(1, sizeof *rows);
    *m = (matrix_t){.n = (uint32_t)neurons_before(net, net->populations)};
    m->indptr = calloc((size_t)m->n + 1, sizeof *m->indptr);
    status_t status = rows && m->indptr ? matrix_fill(backend, state, net, rows, m)
                                        : status_fail(STATUS_FAILED, __FILE__, __LINE__,
                                                      "no memory for CSR float32");
    if (rows) {
        free(rows->sources);
        free(rows->codes);
    }
    free(rows);
    if (status != STATUS_OK) {
        matrix_destroy(m);
        *m = (matrix_t){0};
    }
    return status;
}

/* ---- timing ---- */

typedef status_t (*work_t)(void *context, uint32_t count);

typedef struct {
    const backend_t *backend;
    backend_state_t *state;
    uint64_t step;
} stepping_t;

static status_t do_steps(void *context, uint32_t count) {
    stepping_t *s = context;
    TRY(s->backend->step(s->state, s->step, count));
    s->step += count;
    uint64_t unused; /* waits for the device */
    return s->backend->saturated(s->state, &unused);
}

typedef struct {
    const yardsticks_t *yardsticks;
    yardstick_t *yardstick;
} product_t;

static status_t do_products(void *context, uint32_t count) {
    product_t *p = context;
    return p->yardsticks->product(p->yardstick, count);
}

/* Milliseconds of one piece of work; *count: pieces in CHUNK_S, found at the first call (0). */
static status_t time_work(work_t work, void *context, uint32_t *count, double *ms) {
    if (*count == 0) {
        double start = clock_s(), seconds;
        *count = 1;
        TRY(work(context, 1)); /* caches and pages */
        do {
            start = clock_s();
            TRY(work(context, *count));
            seconds = clock_s() - start;
        } while (seconds < 0.1 * CHUNK_S && (*count *= 4) < 1u << 20);
        *count = (uint32_t)fmax(1.0, CHUNK_S / seconds * *count);
    }
    double start = clock_s();
    TRY(work(context, *count));
    *ms = 1e3 * (clock_s() - start) / *count;
    return STATUS_OK;
}

/* `alone`: of one trial; its state may be NULL. */
static status_t measure(const options_t *options, stepping_t *stepping, stepping_t *alone,
                        product_t *product, bench_t *b) {
    uint32_t steps = 0, steps_alone = 0, products = 0;
    progress_t progress = progress_start("bench", options->quiet, 0.0);
    for (int round = 0; round < ROUNDS; round++) {
        TRY(time_work(do_steps, stepping, &steps, &b->step_ms[round]));
        if (alone->state)
            TRY(time_work(do_steps, alone, &steps_alone, &b->alone_ms[round]));
        if (b->has_baseline)
            TRY(time_work(do_products, product, &products, &b->baseline_ms[round]));
        TRY(b->yardsticks->bandwidth(options->threads, &b->bytes_per_s[round]));
        progress_show(&progress, round + 1, ROUNDS, "rounds");
    }
    progress_end(&progress);
    return STATUS_OK;
}

/* The same network with one trial; where memory is short there is none. */
static status_t create_alone(const options_t *options, const config_t *config,
                             const network_plan_t *plan, const backend_t *backend,
                             backend_state_t **state) {
    network_plan_t one = *plan;
    backend_options_t choice = command_backend_options(options);
    connectivity_t built;
    one.net.trials = 1;
    *state = NULL;
    if (plan->net.trials == 1 || command_memory_check(&one, backend) != STATUS_OK)
        return STATUS_OK;
    TRY(backend->create(&one.net, &choice, state, &built));
    return initial_state(config, &one.net, backend, *state);
}

static status_t bench_built(const options_t *options, const config_t *config,
                            const network_plan_t *plan, const backend_t *backend,
                            backend_state_t *state, bench_t *b) {
    const network_t *net = &plan->net;
    matrix_t matrix = {0};
    stepping_t stepping = {backend, state, 0}, alone = {backend, NULL, 0};
    product_t product = {backend->yardsticks, NULL};
    TRY(initial_state(config, net, backend, state));
    status_t status = matrix_create(backend, state, net, &matrix);
    if (status == STATUS_OK)
        status = b->yardsticks->create(matrix.n, matrix.indptr, matrix.index, matrix.value,
                                       options->threads, &product.yardstick);
    b->has_baseline = status == STATUS_OK;
    if (status != STATUS_OK)
        snprintf(b->why_not, sizeof b->why_not, "%s", status_message());
    status = create_alone(options, config, plan, backend, &alone.state);
    if (status == STATUS_OK)
        status = measure(options, &stepping, &alone, &product, b);
    if (alone.state)
        backend->destroy(alone.state);
    b->yardsticks->destroy(product.yardstick);
    matrix_destroy(&matrix);
    return status;
}

static status_t bench_backend(const options_t *options, const config_t *config,
                              network_plan_t *plan, const backend_t *backend, bench_t *b) {
    backend_options_t choice = command_backend_options(options);
    backend_state_t *state;
    connectivity_t built;
    *b = (bench_t){
        .backend = backend->name, .yardsticks = backend->yardsticks, .trials = plan->net.trials};
    TRY(backend->available(b->device, sizeof b->device));
    size_t named = strlen(b->device); /* with the best instruction set */
    if (backend == &backend_cpu && options->simd != SIMD_BEST)
        snprintf(b->device + named, sizeof b->device - named, ", here --simd %s",
                 cpu_simd_name(options->simd));
    plan->net.storage = config->network.storage; /* not as another backend's memory made it */
    TRY(command_memory_check(plan, backend));
    double start = clock_s();
    TRY(backend->create(&plan->net, &choice, &state, &built));
    b->build_s = clock_s() - start;
    for (uint32_t k = 0; k < plan->net.pathways; k++)
        b->synapses += built.synapses[k];
    b->stored = built.connectivity_bytes;
    /* Every synapse once; every potential read and written, every rate written and read. */
    b->moved = b->stored + 16ull * b->trials * neurons_before(&plan->net, plan->net.populations);
    status_t status = bench_built(options, config, plan, backend, state, b);
    backend->destroy(state);
    return status;
}

/* ---- telling ---- */

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double values[ROUNDS], double *low, double *high) {
    double sorted[ROUNDS];
    memcpy(sorted, values, sizeof sorted);
    qsort(sorted, ROUNDS, sizeof sorted[0], ascending);
    *low = sorted[0];
    *high = sorted[ROUNDS - 1];
    return sorted[ROUNDS / 2];
}

/* What is derived from the rounds: ratios are medians of the rounds' ratios, and a product stands
 * beside the step of one trial. */
typedef struct {
    double step_ms, low_ms, high_ms, synapses_per_s, stored_each, gb_per_s, device_gb_per_s, share,
        baseline_ms, ratio, alone_ms, trials_ratio;
} figures_t;

static figures_t figures(const bench_t *b) {
    figures_t f;
    double share[ROUNDS], ratio[ROUNDS], trials_ratio[ROUNDS], unused[2];
    for (int r = 0; r < ROUNDS; r++) {
        share[r] = (double)b->moved / (1e-3 * b->step_ms[r]) / b->bytes_per_s[r];
        ratio[r] = b->trials * b->baseline_ms[r] / b->step_ms[r];
        trials_ratio[r] = b->alone_ms[r] > 0.0 ? b->step_ms[r] / b->alone_ms[r] : 0.0;
    }
    f.step_ms = median(b->step_ms, &f.low_ms, &f.high_ms);
    f.synapses_per_s = (double)b->synapses * b->trials / (1e-3 * f.step_ms);
    f.stored_each = b->synapses ? (double)b->stored / (double)b->synapses : 0.0;
    f.gb_per_s = 1e-6 * (double)b->moved / f.step_ms;
    f.device_gb_per_s = 1e-9 * median(b->bytes_per_s, &unused[0], &unused[1]);
    f.share = median(share, &unused[0], &unused[1]);
    f.baseline_ms = median(b->baseline_ms, &unused[0], &unused[1]);
    f.ratio = median(ratio, &unused[0], &unused[1]);
    f.alone_ms = median(b->alone_ms, &unused[0], &unused[1]);
    f.trials_ratio = median(trials_ratio, &unused[0], &unused[1]);
    return f;
}

static void print(const bench_t *b) {
    figures_t f = figures(b);
    printf("%s: %s\n"
           "  built in        %.2f s, %llu synapses\n"
           "  one step        %.4g ms (%.4g to %.4g in %d rounds)\n"
           "  synapses        %.3g a second\n"
           "  memory          %.2f bytes a synapse stored, %.1f MB moved a step\n"
           "  bandwidth       %.1f GB/s, %.0f %% of the %.1f GB/s of %s\n",
           b->backend, b->device, b->build_s, (unsigned long long)b->synapses, f.step_ms, f.low_ms,
           f.high_ms, ROUNDS, f.synapses_per_s, f.stored_each, 1e-6 * (double)b->moved, f.gb_per_s,
           100.0 * f.share, f.device_gb_per_s, b->yardsticks->bandwidth_name);
    if (b->trials > 1)
        printf("  trials          %u, %.4g ms a step of each", b->trials, f.step_ms / b->trials);
    if (f.alone_ms > 0.0)
        printf("; of one alone %.4g ms: ratio %.2f for all", f.alone_ms, f.trials_ratio);
    if (b->trials > 1)
        printf("\n");
    if (b->has_baseline)
        printf("  baseline        %s: %.4g ms, ratio %.2f\n", b->yardsticks->name, f.baseline_ms,
               f.ratio);
    else
        printf("  baseline        none: %s\n", b->why_not);
}

static json_t *bench_json(const bench_t *b) {
    figures_t f = figures(b);
    json_t *baseline = b->has_baseline ? json_pack("{s:s, s:f}", "name", b->yardsticks->name,
                                                   "step_ms", f.baseline_ms)
                                       : json_null();
    return json_pack(
        "{s:s, s:s, s:i, s:f, s:f, s:f, s:I, s:f, s:f, s:I, s:f, s:f, s:f, s:f, s:o, "
        "s:o, s:o, s:o}",
        "backend", b->backend, "device", b->device, "trials", (int)b->trials, "step_ms", f.step_ms,
        "step_ms_low", f.low_ms, "step_ms_high", f.high_ms, "synapses", (json_int_t)b->synapses,
        "synapses_per_s", f.synapses_per_s, "bytes_per_synapse", f.stored_each, "bytes_moved",
        (json_int_t)b->moved, "gb_per_s", f.gb_per_s, "device_gb_per_s", f.device_gb_per_s,
        "bandwidth_share", f.share, "build_s", b->build_s, "baseline", baseline,
        "ratio_to_baseline", b->has_baseline ? json_real(f.ratio) : json_null(),
        "one_trial_step_ms", f.alone_ms > 0.0 ? json_real(f.alone_ms) : json_null(),
        "ratio_to_one_trial", f.alone_ms > 0.0 ? json_real(f.trials_ratio) : json_null());
}

static status_t bench_all(const options_t *options, const config_t *config, network_plan_t *plan,
                          json_t *results) {
    const backend_t *asked = NULL;
    if (strcmp(options->backend, "auto") != 0)
        TRY(backend_find(options->backend, &asked));
    for (const backend_t *const *one = backend_list(); *one; one++) {
        char device[256];
        bench_t b;
        if ((asked && *one != asked) ||
            (!asked && (*one)->available(device, sizeof device) != STATUS_OK))
            continue;
        TRY(bench_backend(options, config, plan, *one, &b));
        if (options->json)
            json_array_append_new(results, bench_json(&b));
        else
            print(&b);
    }
    return STATUS_OK;
}

status_t command_bench(const options_t *options) {
    config_t config;
    network_plan_t plan;
    TRY(command_network(options, &config, &plan));
    json_t *results = json_array();
    status_t status = initial_check(&config, &plan.net);
    if (status == STATUS_OK)
        status = bench_all(options, &config, &plan, results);
    network_plan_destroy(&plan);
    config_destroy(&config);
    if (status == STATUS_OK && options->json)
        return command_print_json(json_pack("{s:o}", "results", results));
    json_decref(results);
    return status;
}
