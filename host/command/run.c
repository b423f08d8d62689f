/* `run`, and `resume`, which goes on with one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/command/detect_report.h"
#include "host/command/detections.h"
#include "host/command/run_report.h"
#include "host/detect/detect.h"
#include "host/io/write_results.h"
#include "host/progress.h"
#include "host/version.h"

/* ---- the parts of a run ---- */

static status_t build(const options_t *options, run_t *run) {
    double start = clock_s();
    backend_options_t choice = command_backend_options(options);
    TRY(run->backend->create(&run->plan.net, &choice, &run->state, &run->built));
    for (uint32_t k = 0; k < run->plan.net.pathways; k++)
        run->synapses += run->built.synapses[k];
    run->build_s = clock_s() - start;
    return STATUS_OK;
}

/* A new file, all its parts laid out; `kept`: frames copied from run->checkpoint's file. */
static status_t create_file(const options_t *options, bool force, const kept_frames_t *kept,
                            run_t *run) {
    char *yaml;
    position_t position;
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
        snapshot_create(options->output, force, &run->config, &facts, kept, &run->writer);
    free(yaml);
    TRY(status);
    TRY(write_prediction(snapshot_file(run->writer), &run->theory));
    TRY(write_order(snapshot_file(run->writer), &run->observed, false));
    if (kept->frames)
        TRY(snapshot_copy_frames(run->writer, options->output, &run->checkpoint));
    TRY(simulate_position(&run->plan.net, run->backend, run->state, &run->simulation, &position));
    return snapshot_start(run->writer, &position);
}

/* Order parameters and regime of every trial; patterns of the first. */
static status_t observe(const options_t *options, run_t *run) {
    field_t field;
    verdict_context_t context = verdict_context(&run->config, 0);
    TRY(snapshot_field(snapshot_file(run->writer), NULL, -1.0, false, &field));
    bool all = run->config.output.detections == DETECTIONS_ALL;
    status_t status =
        observed_measure(&field, 0, &context, &run->observed, all ? &run->found : NULL);
    if (status == STATUS_OK && all) {
        field.choose(field.context, 0);
        status = detections_measure(options, snapshot_file(run->writer), &field, &run->found);
    }
    snapshot_field_destroy(&field);
    TRY(status);
    TRY(h5_attribute_short_text(snapshot_file(run->writer), "/", "state_hash",
                                hash_text(run->state_hash).text));
    return write_order(snapshot_file(run->writer), &run->observed, run_agrees(run));
}

static status_t expectation(const run_t *run) {
    regime_t expected = (regime_t)run->config.expect.regime;
    const seen_t *all = &run->observed.all;
    if (expected != REGIME_UNDECIDED && !observed_shows(&run->observed, expected))
        FAIL(STATUS_FAILED, "expect.regime is %s, but what was seen is %s: %s",
             regime_name(expected), regime_name(all->regime), all->reason);
    return STATUS_OK;
}

static status_t stopped(const options_t *options, const run_t *run) {
    double at_ms = (double)run->simulation.steps * run->config.simulation.dt_ms;
    bool keeps = checkpoint_is_there(options->output);
    if (keeps)
        TRY(snapshot_checkpointed(run->writer));
    FAIL(STATUS_STOPPED,
         "stopped by a signal at %.1f of %.1f ms; %s holds every frame up to there%s%s%s", at_ms,
         run->config.simulation.duration_ms, options->output, keeps ? "; `brisc resume " : "",
         keeps ? options->output : "", keeps ? "` goes on" : " (`brisc analyze` reads it)");
}

/* After all else: it makes a copy of the file, for which there may be no room. */
static status_t store_detections(const options_t *options, run_t *run) {
    if (run->found.items == 0)
        return STATUS_OK;
    snapshot_writer_t *writer = run->writer;
    bool kept = checkpoint_is_there(options->output);
    run->writer = NULL;
    TRY(snapshot_close(writer));
    checkpoint_destroy(&run->checkpoint); /* gives its lock back */
    if (detections_add(options->output, &run->found) != STATUS_OK)
        status_warn(
            "%s; the run itself is complete, without /detections: `brisc %s %s%s%s` adds "
            "them once that is mended, `brisc analyze %s -o OTHER.h5` writes them elsewhere",
            status_message(), kept ? "resume" : "analyze", options->output, kept ? "" : " -o ",
            kept ? "" : options->output, options->output);
    return STATUS_OK;
}

/* From a state and an open file to the verdict. */
static status_t go(const options_t *options, run_t *run) {
    if (!options->json)
        run_print_start(options, run);
    TRY(simulate(&run->config, &run->plan.net, run->backend, run->state, run->writer,
                 options->quiet, &run->simulation));
    if (run->simulation.stopped)
        return stopped(options, run);
    if (run->simulation.saturated > 0.0)
        status_warn(
            "%.2g %% of all rates exceeded populations.*.rate_max and were cut to it; raise "
            "rate_max",
            100.0 * run->simulation.saturated);
    TRY(backend_state_hash(run->backend, run->state, &run->plan.net, &run->state_hash));
    run->backend->destroy(run->state);
    run->state = NULL;
    TRY(observe(options, run));
    TRY(snapshot_complete(run->writer));
    if (options->json) {
        TRY(command_print_json(run_json(run)));
    } else {
        run_print_verdict(options, run);
        if (run->found.items > 0)
            printf("\npatterns (`brisc analyze %s` tells all)\n", options->output);
        report_detections_briefly(&run->found);
    }
    TRY(store_detections(options, run));
    return expectation(run);
}

/* `anew`: the output is yet to be written. */
static status_t prepare(const options_t *options, bool anew, run_t *run) {
    TRY(backend_find(options->backend, &run->backend));
    TRY(run->backend->available(run->device, sizeof run->device));
    TRY(command_memory_check(&run->plan, run->backend));
    if (anew)
        TRY(command_disk_check(options, &run->config));
    TRY(command_run_memory_check(&run->config, &run->plan, run->backend));
    TRY(observed_create(run->plan.net.trials, &run->observed));
    return theory_predict(&run->config, &run->plan, &run->theory);
}

static status_t end(run_t *run, status_t status) {
    status_t closed = snapshot_close(run->writer);
    if (run->state)
        run->backend->destroy(run->state);
    theory_destroy(&run->theory);
    dataset_destroy(&run->found);
    observed_destroy(&run->observed);
    network_plan_destroy(&run->plan);
    config_destroy(&run->config);
    checkpoint_destroy(&run->checkpoint);
    return status != STATUS_OK ? status : closed;
}

/* ---- run ---- */

static status_t run_new(const options_t *options, run_t *run) {
    kept_frames_t none = {0};
    TRY(command_output_check(options));
    if (checkpoint_is_there(options->output)) /* --force replaces no file that is being written */
        TRY(checkpoint_lock(options->output, &run->checkpoint));
    TRY(command_network(options, &run->config, &run->plan));
    for (uint32_t a = 0; a < run->config.populations; a++)
        if (run->config.population[a].initial.kind == INITIAL_FILE)
            TRY(command_not_input(options->output, run->config.population[a].initial.file));
    TRY(initial_check(&run->config, &run->plan.net));
    TRY(prepare(options, true, run));
    TRY(build(options, run));
    TRY(initial_state(&run->config, &run->plan.net, run->backend, run->state));
    TRY(create_file(options, options->force, &none, run));
    return go(options, run);
}

status_t command_run(const options_t *given) {
    run_t run = {0};
    options_t with_output = *given;
    char output[OUTPUT_SIZE];
    TRY(command_default_output(given, "", output));
    with_output.output = output;
    return end(&run, run_new(&with_output, &run));
}

/* ---- resume ---- */

/* The checkpoint's config with what was changed on the command line. */
static status_t changed_config(const options_t *options, run_t *run, bool *changed) {
    config_t before;
    char until[64], keys[1024];
    const char **set = calloc(options->n_set + 1, sizeof *set);
    if (!set)
        FAIL(STATUS_FAILED, "no memory");
    size_t n = options->n_set;
    if (n > 0)
        memcpy(set, options->set, n * sizeof *set);
    snprintf(until, sizeof until, "simulation.duration=%.17g", options->until_ms);
    if (options->until_ms >= 0.0)
        set[n++] = until;
    status_t status =
        config_parse(run->checkpoint.config, "the checkpoint's config", set, n, &run->config);
    free(set);
    TRY(status);
    TRY(config_parse(run->checkpoint.config, "the checkpoint's config", NULL, 0, &before));
    size_t fixed = config_difference(&before, &run->config, true, keys, sizeof keys);
    *changed = fixed || config_difference(&before, &run->config, false, keys, sizeof keys) > 0;
    if (fixed)
        config_difference(&before, &run->config, true, keys, sizeof keys);
    config_destroy(&before);
    if (fixed)
        FAIL(STATUS_USAGE,
             "%s: a resume cannot change these keys (checkpoint, asked for): %s; start anew with "
             "`brisc run` and another -o",
             options->input, keys);
    if (config_steps(&run->config) < run->checkpoint.position.step)
        FAIL(STATUS_USAGE, "%s: is at %.15g ms already, so it cannot end at %.15g ms",
             options->input, (double)run->checkpoint.position.step * run->config.simulation.dt_ms,
             run->config.simulation.duration_ms);
    return STATUS_OK;
}

/* A changed config (a longer run, another rate) gets a new file, which takes the old one's place.
 */
static status_t rewrite_file(const options_t *options, run_t *run) {
    kept_frames_t kept = {run->checkpoint.position.step, run->checkpoint.position.frames, NULL};
    h5_file_t *old;
    double *times = malloc((run->checkpoint.layout.frames + 1) * sizeof *times);
    if (!times)
        FAIL(STATUS_FAILED, "%s: no memory", options->output);
    status_t status = h5_open(options->output, 0, &old);
    if (status == STATUS_OK) {
        status = h5_read(old, "time", H5T_NATIVE_DOUBLE, times);
        h5_close(old);
    }
    kept.times_ms = times;
    if (status == STATUS_OK)
        status = create_file(options, true, &kept, run);
    free(times);
    return status;
}

static status_t same_network(const options_t *options, const run_t *run) {
    if (run->built.hash != run->checkpoint.connectivity_hash)
        FAIL(STATUS_FAILED,
             "%s: its network's hash is %016llx, this brisc builds %016llx from the same config; "
             "resume with the version that began the run (attribute git_commit)",
             options->input, (unsigned long long)run->checkpoint.connectivity_hash,
             (unsigned long long)run->built.hash);
    return STATUS_OK;
}

/* Whether HDF5 can go through all of it. */
static bool opens(const char *path) {
    h5_file_t *file;
    char **variables = NULL;
    if (h5_open(path, 0, &file) != STATUS_OK)
        return false;
    bool whole = h5_frame_variables(file, &variables) == STATUS_OK;
    free(variables);
    return h5_close(file) == STATUS_OK && whole;
}

/* A run that was killed after its last frame, before its patterns were in the file. */
static status_t add_missing_detections(const options_t *options, run_t *run) {
    h5_file_t *file;
    field_t field;
    if (run->config.output.detections != DETECTIONS_ALL)
        return STATUS_OK;
    TRY(h5_open(options->output, 0, &file));
    bool missing = H5Lexists(h5_id(file), "/detections", H5P_DEFAULT) <= 0;
    status_t status = missing ? snapshot_field(file, NULL, -1.0, false, &field) : STATUS_OK;
    if (missing && status == STATUS_OK) {
        status = detect_waves(&field, &run->found);
        if (status == STATUS_OK)
            status = detections_measure(options, file, &field, &run->found);
        snapshot_field_destroy(&field);
    }
    h5_close(file);
    TRY(status);
    return store_detections(options, run);
}

static status_t resume(const options_t *options, run_t *run) {
    bool changed = false;
    TRY(checkpoint_find(options->output, &run->checkpoint));
    TRY(changed_config(options, run, &changed));
    if (run->checkpoint.position.finished && !changed) {
        if (!opens(options->output))
            TRY(checkpoint_mend(options->output, &run->checkpoint));
        TRY(add_missing_detections(options, run));
        if (options->json)
            TRY(command_print_json(json_pack("{s:b, s:f}", "complete", 1, "resumed_from_ms",
                                             run->config.simulation.duration_ms)));
        else
            printf("%s is complete (%.15g ms); `brisc resume %s --until MS` extends it\n",
                   options->output, run->config.simulation.duration_ms, options->output);
        return STATUS_OK;
    }
    /* A complete file is left as it is, with what was added to it, until the longer one is there.
     */
    if (!(changed && run->checkpoint.position.finished && opens(options->output)))
        TRY(checkpoint_mend(options->output, &run->checkpoint));
    TRY(network_plan_create(&run->config, &run->plan));
    TRY(prepare(options, false, run));
    TRY(build(options, run));
    TRY(same_network(options, run));
    TRY(simulate_go_to(&run->plan.net, run->backend, run->state, &run->checkpoint.position,
                       &run->simulation));
    if (changed)
        TRY(rewrite_file(options, run));
    else
        TRY(snapshot_reopen(options->output, &run->config, &run->checkpoint, &run->writer));
    return go(options, run);
}

status_t command_resume(const options_t *given) {
    run_t run = {0};
    options_t with_output = *given;
    with_output.output = given->input;
    return end(&run, resume(&with_output, &run));
}
