#include "host/command/run_report.h"

#include "host/command/detect_report.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

bool run_agrees(const run_t *run) {
    return !run->theory.unsolved[0] && observed_shows(&run->observed, (regime_t)run->theory.regime);
}

hash_text_t hash_text(uint64_t hash) {
    hash_text_t h;
    snprintf(h.text, sizeof h.text, "%016llx", (unsigned long long)hash);
    return h;
}

static double bytes_per_synapse(const run_t *run) {
    return run->synapses ? (double)run->built.connectivity_bytes / (double)run->synapses : 0.0;
}

static double step_ms(const run_t *run) {
    uint64_t steps = run->simulation.steps - run->simulation.first_step;
    return steps ? 1e3 * run->simulation.seconds / (double)steps : 0.0;
}

void run_print_start(const options_t *options, const run_t *run) {
    const eigenmode_t *d = &run->theory.dominant;
    uint64_t neurons = 0;
    for (uint32_t a = 0; a < run->plan.net.populations; a++)
        neurons += population_size(&run->plan.net.population[a]);
    if (run->theory.unsolved[0]) {
        printf("predicted     nothing: %s\n", run->theory.unsolved);
    } else {
        printf("predicted     %s: bulk radius %.4f; dominant eigenvalue %.4f",
               regime_name(run->theory.regime), run->theory.bulk_radius, d->re);
        if (d->im != 0.0)
            printf(" +- %.4fi", d->im);
        printf(" at n = (%d,%d), growth %.5f\n", d->nx, d->ny, d->growth);
    }
    if (run->plan.net.trials > 1)
        printf("trials        %u side by side\n", run->plan.net.trials);
    printf("network       %llu neurons, %llu synapses, hash %016llx\n"
           "              built in %.2f s: %.2f bytes a synapse, %.1f MB in all, state %.1f MB\n"
           "device        %s: %s\n",
           (unsigned long long)neurons, (unsigned long long)run->synapses,
           (unsigned long long)run->built.hash, run->build_s, bytes_per_synapse(run),
           (double)run->built.connectivity_bytes * 1e-6, (double)run->built.state_bytes * 1e-6,
           run->backend->name, run->device);
    if (run->checkpoint.config)
        printf("resumed       %s at %.0f of %.0f ms\n", options->output,
               (double)run->simulation.first_step * run->config.simulation.dt_ms,
               run->config.simulation.duration_ms);
    fflush(stdout);
}

/* One line of the table; what is not finite leaves a column empty. */
static void row(const run_t *run, const order_parameter_t *p, double predicted) {
    const char *unit = strcmp(p->unit, "1") == 0 ? "" : p->unit;
    char column[32] = "", observed[64] = "";
    if (isfinite(predicted))
        snprintf(column, sizeof column, "%.4g %s", predicted, unit);
    if (isfinite(order_value(&run->observed.all.order, p)))
        report_value(&run->observed, p, observed);
    printf("  %-20s %-16s %s %s\n", p->name, column, observed, observed[0] ? unit : "");
}

void run_print_verdict(const options_t *options, const run_t *run) {
    const eigenmode_t *d = &run->theory.dominant;
    bool solved = !run->theory.unsolved[0], grows = solved && d->growth > 1.0;
    checkpoint_cost_t kept = snapshot_checkpoint_cost(run->writer);
    uint64_t steps = run->simulation.steps - run->simulation.first_step;
    printf("simulated     %.0f ms in %.1f s (%.3f ms a step), state hash %016llx\n",
           (double)steps * run->config.simulation.dt_ms, run->simulation.seconds, step_ms(run),
           (unsigned long long)run->state_hash);
    if (kept.stored)
        printf("checkpoints   %llu of %.2f MB, at most %.0f ms each (%s.checkpoint)\n",
               (unsigned long long)kept.stored, (double)kept.bytes * 1e-6, 1e3 * kept.longest_s,
               options->output);
    printf("file          %s, frames hash %016llx\n\n  %-20s %-16s %s", options->output,
           (unsigned long long)snapshot_frames_hash(run->writer), "", "predicted", "observed");
    if (run->observed.trials > 1)
        printf(" (mean +- std of %zu trials)", run->observed.trials);
    printf("\n");
    for (size_t k = 0; order_each(k); k++) {
        const order_parameter_t *p = order_each(k);
        double predicted = NAN;
        if (p->offset == offsetof(order_t, frequency_hz))
            predicted = grows ? d->frequency_hz : solved ? 0.0 : NAN;
        if (p->offset == offsetof(order_t, wavenumber))
            predicted = grows ? d->wavenumber : NAN;
        row(run, p, predicted);
    }
    printf("  %-20s %-16s %s\n\n  %s: %s\n", "regime",
           solved ? regime_name(run->theory.regime) : "", regime_name(run->observed.all.regime),
           !solved           ? "nothing predicted"
           : run_agrees(run) ? "agree"
                             : "disagree",
           run->observed.all.reason);
}

json_t *run_json(const run_t *run) {
    hash_text_t connectivity = hash_text(run->built.hash), state = hash_text(run->state_hash),
                frames = hash_text(snapshot_frames_hash(run->writer));
    checkpoint_cost_t kept = snapshot_checkpoint_cost(run->writer);
    const simulation_t *done = &run->simulation;
    json_t *timing = json_pack(
        "{s:f, s:f, s:I, s:f, s:I, s:f, s:I, s:I}", "build_s", run->build_s, "simulate_s",
        done->seconds, "steps", (json_int_t)(done->steps - done->first_step), "step_ms",
        step_ms(run), "synapses", (json_int_t)run->synapses, "bytes_per_synapse",
        bytes_per_synapse(run), "connectivity_bytes", (json_int_t)run->built.connectivity_bytes,
        "state_bytes", (json_int_t)run->built.state_bytes);
    json_t *checkpoints =
        json_pack("{s:I, s:I, s:f, s:f, s:f}", "stored", (json_int_t)kept.stored, "bytes",
                  (json_int_t)kept.bytes, "longest_ms", 1e3 * kept.longest_s, "seconds",
                  kept.seconds, "sync_s", kept.sync_s);
    json_t *object =
        json_pack("{s:o}", "prediction", report_prediction_json(&run->config, &run->theory));
    json_object_update_new(object, report_observed_json(&run->observed));
    json_object_update_new(
        object,
        json_pack("{s:o, s:o, s:o, s:{s:s, s:s, s:s}, s:f, s:s, s:s, s:f}", "agrees",
                  run->theory.unsolved[0] ? json_null() : json_boolean(run_agrees(run)), "timing",
                  timing, "checkpoints", checkpoints, "hash", "connectivity", connectivity.text,
                  "state", state.text, "frames", frames.text, "resumed_from_ms",
                  (double)done->first_step * run->config.simulation.dt_ms, "backend",
                  run->backend->name, "device", run->device, "saturated", done->saturated));
    json_object_update_new(object, report_detections_json(&run->found));
    return object;
}
