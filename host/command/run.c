#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/command/report.h"
#include "host/detect/verdict.h"
#include "host/io/write_results.h"
#include "host/progress.h"
#include "host/simulate.h"
#include "host/version.h"

/* Everything that a run holds, so that one place frees it. */
typedef struct {
    config_t config;
    network_plan_t plan;
    theory_t theory;
    const backend_t *backend;
    backend_state_t *state;
    connectivity_t built;
    snapshot_writer_t *writer;
    simulation_t simulation;
    order_t order;
    regime_t regime;
    char reason[200], device[256];
    uint64_t synapses, state_hash;
    double build_s;
} run_t;

static bool agrees(const run_t *run) {
    return run->regime == run->theory.regime;
}

typedef struct {
    char text[20];
} hash_text_t;

static hash_text_t hash_text(uint64_t hash) {
    hash_text_t h;
    snprintf(h.text, sizeof h.text, "%016llx", (unsigned long long)hash);
    return h;
}

static double bytes_per_synapse(const run_t *run) {
    return run->synapses ? (double)run->built.connectivity_bytes / (double)run->synapses : 0.0;
}

static status_t build(const options_t *options, run_t *run) {
    double start = clock_s();
    backend_options_t choice = command_backend_options(options);
    TRY(run->backend->create(&run->plan.net, &choice, &run->state, &run->built));
    for (uint32_t k = 0; k < run->plan.net.pathways; k++)
        run->synapses += run->built.synapses[k];
    run->build_s = clock_s() - start;
    return initial_state(&run->config, &run->plan.net, run->backend, run->state);
}

static status_t create_file(const options_t *options, run_t *run) {
    char *yaml;
    TRY(config_resolved(&run->config, &yaml));
    run_facts_t facts = {.command_line = options->command_line,
                         .resolved_config = yaml,
                         .backend = run->backend->name,
                         .device = run->device,
                         .version = BRISC_VERSION,
                         .commit = BRISC_COMMIT,
                         .connectivity_hash = run->built.hash,
                         .synapses = run->synapses};
    status_t status =
        snapshot_create(options->output, options->force, &run->config, &facts, &run->writer);
    free(yaml);
    TRY(status);
    TRY(write_prediction(snapshot_file(run->writer), &run->theory));
    return h5_flush(snapshot_file(run->writer));
}

static status_t observe(run_t *run) {
    field_t field;
    TRY(snapshot_field(snapshot_file(run->writer), NULL, -1.0, &field));
    status_t status = order_compute(&field, &run->order);
    snapshot_field_destroy(&field);
    TRY(status);
    verdict_context_t context = verdict_context(&run->config, 0);
    verdict(&run->order, &context, &run->regime, run->reason);
    return write_order(snapshot_file(run->writer), &run->order, run->regime, run->reason,
                       agrees(run));
}

static void print_start(const run_t *run) {
    const eigenmode_t *d = &run->theory.dominant;
    uint64_t neurons = 0;
    for (uint32_t a = 0; a < run->plan.net.populations; a++)
        neurons += population_size(&run->plan.net.population[a]);
    printf("predicted     %s: bulk radius %.4f; dominant eigenvalue %.4f",
           regime_name(run->theory.regime), run->theory.bulk_radius, d->re);
    if (d->im != 0.0)
        printf(" +- %.4fi", d->im);
    printf(" at n = (%d,%d), growth %.5f\n", d->nx, d->ny, d->growth);
    printf("network       %llu neurons, %llu synapses, hash %016llx\n"
           "              built in %.2f s: %.2f bytes a synapse, %.1f MB in all, state %.1f MB\n"
           "device        %s: %s\n",
           (unsigned long long)neurons, (unsigned long long)run->synapses,
           (unsigned long long)run->built.hash, run->build_s, bytes_per_synapse(run),
           (double)run->built.connectivity_bytes * 1e-6, (double)run->built.state_bytes * 1e-6,
           run->backend->name, run->device);
    fflush(stdout);
}

/* One line of the table; NAN leaves a column empty. */
static void row(const char *name, const char *unit, double predicted, double observed) {
    char column[2][32] = {"", ""};
    double value[2] = {predicted, observed};
    for (int k = 0; k < 2; k++)
        if (isfinite(value[k]))
            snprintf(column[k], sizeof column[k], "%.4g %s", value[k], unit);
    printf("  %-20s %-16s %s\n", name, column[0], column[1]);
}

static void print_verdict(const options_t *options, const run_t *run) {
    const eigenmode_t *d = &run->theory.dominant;
    bool grows = d->growth > 1.0;
    printf("simulated     %.0f ms in %.1f s (%.3f ms a step), state hash %016llx\n"
           "file          %s\n\n  %-20s %-16s %s\n",
           (double)run->simulation.steps * run->config.simulation.dt_ms, run->simulation.seconds,
           1e3 * run->simulation.seconds / (double)run->simulation.steps,
           (unsigned long long)run->state_hash, options->output, "", "predicted", "observed");
    for (size_t k = 0; order_each(k); k++) {
        const order_parameter_t *p = order_each(k);
        double predicted = NAN;
        if (p->offset == offsetof(order_t, frequency_hz))
            predicted = grows ? d->frequency_hz : 0.0;
        if (p->offset == offsetof(order_t, wavenumber))
            predicted = grows ? d->wavenumber : NAN;
        row(p->name, strcmp(p->unit, "1") == 0 ? "" : p->unit, predicted,
            order_value(&run->order, p));
    }
    printf("  %-20s %-16s %s\n\n  %s: %s\n", "regime", regime_name(run->theory.regime),
           regime_name(run->regime), agrees(run) ? "agree" : "disagree", run->reason);
}

static json_t *run_json(const run_t *run) {
    hash_text_t connectivity = hash_text(run->built.hash), state = hash_text(run->state_hash);
    return json_pack(
        "{s:o, s:o, s:s, s:s, s:b, s:{s:f, s:f, s:I, s:I, s:f, s:I, s:I}, s:{s:s, s:s}, s:s, s:s, "
        "s:f}",
        "prediction", report_prediction_json(&run->config, &run->theory), "order",
        report_order_json(&run->order), "regime", regime_name(run->regime), "reason", run->reason,
        "agrees", agrees(run), "timing", "build_s", run->build_s, "simulate_s",
        run->simulation.seconds, "steps", (json_int_t)run->simulation.steps, "synapses",
        (json_int_t)run->synapses, "bytes_per_synapse", bytes_per_synapse(run),
        "connectivity_bytes", (json_int_t)run->built.connectivity_bytes, "state_bytes",
        (json_int_t)run->built.state_bytes, "hash", "connectivity", connectivity.text, "state",
        state.text, "backend", run->backend->name, "device", run->device, "saturated",
        run->simulation.saturated);
}

static status_t expectation(const run_t *run) {
    regime_t expected = (regime_t)run->config.expect.regime;
    if (expected != REGIME_UNDECIDED && expected != run->regime)
        FAIL(STATUS_FAILED, "expect.regime is %s, but what was seen is %s: %s",
             regime_name(expected), regime_name(run->regime), run->reason);
    return STATUS_OK;
}

static status_t run_all(const options_t *options, run_t *run) {
    TRY(backend_find(options->backend, &run->backend));
    TRY(run->backend->available(run->device, sizeof run->device));
    TRY(initial_check(&run->config, &run->plan.net));
    TRY(command_memory_check(&run->plan, run->backend));
    TRY(theory_predict(&run->config, &run->plan, &run->theory));
    TRY(build(options, run));
    TRY(create_file(options, run));
    if (!options->json)
        print_start(run);
    status_t status = simulate(&run->config, &run->plan.net, run->backend, run->state, run->writer,
                               options->quiet, &run->simulation);
    status_t finished = snapshot_finish(run->writer);
    TRY(status);
    TRY(finished);
    if (run->simulation.stopped)
        FAIL(STATUS_STOPPED,
             "stopped by a signal at %.1f of %.1f ms; %s holds every frame up to there (`brisc "
             "analyze` reads it)",
             (double)run->simulation.steps * run->config.simulation.dt_ms,
             run->config.simulation.duration_ms, options->output);
    if (run->simulation.saturated > 0.0)
        status_warn(
            "%.2g %% of all rates exceeded populations.*.rate_max and were cut to it; raise "
            "rate_max",
            100.0 * run->simulation.saturated);
    TRY(backend_state_hash(run->backend, run->state, &run->plan.net, &run->state_hash));
    TRY(h5_attribute_text(snapshot_file(run->writer), "/", "state_hash",
                          hash_text(run->state_hash).text));
    TRY(observe(run));
    if (options->json)
        TRY(command_print_json(run_json(run)));
    else
        print_verdict(options, run);
    return expectation(run);
}

status_t command_run(const options_t *given) {
    run_t run = {0};
    options_t with_output = *given, *options = &with_output;
    char output[OUTPUT_SIZE];
    TRY(command_default_output(given, "", output));
    options->output = output;
    TRY(command_output_check(options));
    TRY(command_network(options, &run.config, &run.plan));
    status_t status = run_all(options, &run);
    status_t closed = snapshot_close(run.writer);
    if (run.state)
        run.backend->destroy(run.state);
    theory_destroy(&run.theory);
    network_plan_destroy(&run.plan);
    config_destroy(&run.config);
    return status != STATUS_OK ? status : closed;
}
