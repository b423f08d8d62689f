/* brisc spectrum: the stored matrix's eigenvalues beside the predicted ones. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/command/spectrum_report.h"
#include "host/command/stored.h"
#include "host/io/root.h"
#include "host/io/state_file.h"
#include "host/io/write_spectrum.h"
#include "host/version.h"

/* The run's file that the network comes from, or NULL where a config was given. */
static status_t load(const options_t *options, measured_t *m) {
    if (!h5_is(options->input)) {
        if (options->at_ms >= 0.0 && access(options->input, R_OK) == 0)
            FAIL(STATUS_USAGE, "--at %g: %s is no run's file and has no states; give one that is",
                 options->at_ms, options->input);
        return command_network(options, &m->config, &m->plan);
    }
    TRY(h5_open(options->input, options->output == NULL, &m->file));
    if (options->output == NULL && checkpoint_is_there(options->input)) /* keeps a resume out */
        TRY(checkpoint_lock(options->input, &m->guard));
    return stored_network(options, m->file, &m->config, &m->plan);
}

/* gain[neuron] and its averages, by what was asked for: 1, phi'(h* of theory), phi'(h(t)). */
static status_t find_gains(const options_t *options, measured_t *m) {
    const network_t *net = &m->plan.net;
    m->gain = malloc(sizeof *m->gain * neurons_before(net, net->populations));
    if (!m->gain)
        FAIL(STATUS_FAILED, "no memory for the gains");
    double fixed[POPULATIONS_MAX];
    for (uint32_t a = 0; a < net->populations; a++)
        fixed[a] = 1.0;
    if (options->at_ms >= 0.0) {
        size_t trial = options->trial > 0 ? (size_t)options->trial : 0;
        TRY(state_file_gains(m->file, &m->config, net, trial, options->at_ms, &m->at_ms, m->gain));
        m->at_state = true;
        snprintf(m->matrix_name, sizeof m->matrix_name, "J diag(phi'(h)) at %g ms", m->at_ms);
        if (m->config.simulation.trials > 1)
            snprintf(m->matrix_name + strlen(m->matrix_name),
                     sizeof m->matrix_name - strlen(m->matrix_name), " of trial %zu", trial);
        return STATUS_OK;
    }
    snprintf(m->matrix_name, sizeof m->matrix_name, options->weights ? "J" : "J diag(phi'(h*))");
    if (!options->weights) {
        theory_t rest;
        TRY(theory_predict(&m->config, &m->plan, &rest));
        if (rest.fixed_points == 0)
            FAIL(STATUS_FAILED, "%s (--weights measures J itself)", rest.unsolved);
        for (uint32_t a = 0; a < net->populations; a++)
            fixed[a] = gain_slope64(net->population[a].gain, rest.fixed_point[rest.followed].h[a]);
        theory_destroy(&rest);
    }
    for (uint32_t a = 0; a < net->populations; a++)
        for (size_t i = neurons_before(net, a); i < neurons_before(net, a + 1); i++)
            m->gain[i] = fixed[a];
    return STATUS_OK;
}

static status_t find_theory(measured_t *m) {
    const network_t *net = &m->plan.net;
    double mean[POPULATIONS_MAX] = {0}, square[POPULATIONS_MAX] = {0};
    for (uint32_t a = 0; a < net->populations; a++) {
        double n = population_size(&net->population[a]);
        for (size_t i = neurons_before(net, a); i < neurons_before(net, a + 1); i++) {
            mean[a] += m->gain[i] / n;
            square[a] += m->gain[i] * m->gain[i] / n;
        }
    }
    return theory_linearize(&m->config, &m->plan, mean, square, &m->theory);
}

/* All that can be refused or found without the network. */
static status_t prepare(const options_t *options, measured_t *m) {
    const network_t *net = &m->plan.net;
    size_t n = neurons_before(net, net->populations);
    m->options = (spectrum_options_t){
        .full = options->full || (options->leading == 0 && n <= SPECTRUM_FULL_DEFAULT),
        .leading = options->leading > 0 ? (uint32_t)options->leading : 12,
        .by = (leading_t)options->by,
        .delta = (double)net->population[0].delta,
        .single = options->single,
        .quiet = options->quiet,
        .vectors = (uint32_t)options->vectors};
    TRY(spectrum_check(m->backend, &m->plan, &m->options));
    TRY(command_memory_check(&m->plan, m->backend));
    TRY(find_gains(options, m));
    TRY(find_theory(m));
    m->checked = options->exact;
    return options->exact
               ? theory_symbol_check(&m->config, &m->plan, &m->theory, m->theory.radius, &m->check)
               : STATUS_OK;
}

static status_t measure(measured_t *m) {
    matrix_t matrix;
    TRY(matrix_create(&m->plan.net, m->backend, m->state, m->gain, &matrix));
    status_t status =
        spectrum_measure(&m->config, &m->plan, &m->theory, &matrix, &m->options, &m->spectrum);
    matrix_destroy(&matrix);
    return status;
}

/* A file of its own, unless the group goes into the run's. */
static status_t store(const options_t *options, measured_t *m) {
    if (!options->output && m->file) {
        h5_file_t *run = m->file;
        m->file = NULL;
        TRY(h5_close(run));
        TRY(h5_open_copy(options->input, &m->file));
        TRY(write_spectrum(m->file, &m->config, &m->theory, &m->spectrum, m->matrix_name,
                           m->options.vectors));
        h5_file_t *whole = m->file;
        m->file = NULL;
        return h5_commit_close(whole);
    }
    char *yaml;
    h5_file_t *file;
    uint64_t synapses = 0;
    for (uint32_t k = 0; k < m->plan.net.pathways; k++)
        synapses += m->built.synapses[k];
    TRY(h5_create(m->output, options->force, &file));
    status_t status = config_resolved(&m->config, &yaml);
    if (status == STATUS_OK) {
        run_facts_t facts = {options->command_line, yaml,         m->backend->name, m->device,
                             BRISC_VERSION,         BRISC_COMMIT, m->built.hash,    synapses};
        status = root_attributes(file, &m->config, &facts, "Spectrum of a spatial network");
        free(yaml);
    }
    if (status == STATUS_OK)
        status = root_axes(file, &m->config);
    if (status == STATUS_OK)
        status = write_spectrum(file, &m->config, &m->theory, &m->spectrum, m->matrix_name,
                                m->options.vectors);
    if (status == STATUS_OK)
        status = h5_commit(file);
    status_t closed = h5_close(file);
    return status != STATUS_OK ? status : closed;
}

static status_t perform(const options_t *options, measured_t *m) {
    backend_options_t choice = command_backend_options(options);
    m->plan.net.trials = 1; /* nothing is stepped */
    TRY(backend_find(options->backend, &m->backend));
    TRY(m->backend->available(m->device, sizeof m->device));
    TRY(prepare(options, m));
    TRY(m->backend->create(&m->plan.net, &choice, &m->state, &m->built));
    if (m->file)
        TRY(stored_same_network(m->file, m->built.hash));
    TRY(measure(m));
    TRY(store(options, m));
    spectrum_warn(m);
    if (options->json)
        return command_print_json(spectrum_json(m));
    spectrum_print(m);
    return STATUS_OK;
}

/* The output's name, and whether it can be written; none where the group goes into the run's file.
 */
static status_t find_output(const options_t *options, measured_t *m) {
    options_t named = *options;
    if (!options->output && h5_is(options->input))
        return STATUS_OK;
    TRY(command_default_output(options, "_spectrum", m->output));
    if (command_same_file(m->output, options->input))
        FAIL(STATUS_USAGE,
             "%s is the input itself, which the result would replace; leave out -o to add the "
             "group /spectrum to a run's file, or give another name",
             m->output);
    named.output = m->output;
    return command_output_check(&named);
}

status_t command_spectrum(const options_t *options) {
    measured_t *m = calloc(1, sizeof *m);
    if (!m)
        FAIL(STATUS_FAILED, "no memory");
    status_t status = find_output(options, m);
    if (status == STATUS_OK)
        status = load(options, m);
    if (status == STATUS_OK) {
        status = perform(options, m);
        spectrum_destroy(&m->spectrum);
        symbol_check_destroy(&m->check);
        theory_destroy(&m->theory);
        if (m->state)
            m->backend->destroy(m->state);
        network_plan_destroy(&m->plan);
        config_destroy(&m->config);
    }
    status_t closed = h5_close(m->file);
    checkpoint_destroy(&m->guard);
    free(m->gain);
    free(m);
    return status != STATUS_OK ? status : closed;
}
