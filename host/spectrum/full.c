/* Every eigenvalue by a dense solver: bulk, outliers, departure from normality. */
#include "host/spectrum/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/progress.h"

/* The device's solver, or the cpu's where the device has none that can be used, or not the memory.
 */
static status_t choose_solver(const backend_t *backend, size_t order, bool single, bool warn,
                              const dense_solver_t **solver) {
    const dense_solver_t *device = backend->dense;
    uint32_t n = (uint32_t)order;
    uint64_t needed = 0, unused = 0;
    *solver = backend_cpu.dense;
    if (device == backend_cpu.dense)
        return STATUS_OK;
    if (device && order > device->n_max) {
        if (warn)
            status_warn("%s takes at most %u neurons: the CPU's solver does it instead",
                        device->name, device->n_max);
    } else if (!device) {
        if (warn)
            status_warn("this build's GPU libraries have no dense eigenvalue solver (CUDA 12.6.2 "
                        "has): the CPU's solver does it instead");
    } else if (device->memory(n, single, &needed) != STATUS_OK) {
        if (warn)
            status_warn("the CPU's solver does it instead of %s: %s", device->name,
                        status_message());
    } else {
        TRY(backend->memory_free(&unused));
        if (needed <= unused)
            *solver = device;
        else if (warn)
            status_warn("%s cannot take this matrix (%.2f GB of %.2f free on the GPU): the CPU's "
                        "solver does it instead",
                        device->name, (double)needed * 1e-9, (double)unused * 1e-9);
    }
    return STATUS_OK;
}

status_t full_room(const backend_t *backend, const network_plan_t *plan,
                   const spectrum_options_t *options, bool warn, const dense_solver_t **solver) {
    static const char remedy[] =
        "measure the leading eigenvalues instead (--leading 12), or a smaller network";
    size_t n = neurons_before(&plan->net, plan->net.populations);
    TRY(choose_solver(backend, n, options->single, warn, solver));
    uint64_t own = (uint64_t)n * n * sizeof(double), needed = 0, unused = 0;
    /* Its rows, and their transpose once the solver is done; the vectors asked for. */
    uint64_t rows = (uint64_t)(plan->synapses_expected * (sizeof(uint32_t) + sizeof(double)));
    uint64_t vectors = 2 * sizeof(double) * n * (options->vectors < n ? options->vectors : n);
    TRY(backend_cpu.memory_free(&unused));
    if (n > (*solver)->n_max)
        FAIL(STATUS_FAILED,
             "a full spectrum of %zu neurons: %s takes at most %u (the matrix alone has %.1f GB); "
             "%s",
             n, (*solver)->name, (*solver)->n_max, (double)own * 1e-9, remedy);
    if (*solver == backend_cpu.dense)
        TRY((*solver)->memory((uint32_t)n, false, &needed));
    needed = own + rows + (needed > rows ? needed : rows) + vectors;
    if (needed > unused)
        FAIL(STATUS_FAILED,
             "a full spectrum of %zu neurons needs %.1f GB, and %.1f GB are free; %s", n,
             (double)needed * 1e-9, (double)unused * 1e-9, remedy);
    return STATUS_OK;
}

typedef struct {
    uint32_t place;
    double modulus, value; /* |lambda|, the criterion's value */
} entry_t;

static int leading_first(const void *left, const void *right) {
    const entry_t *a = left, *b = right;
    return a->value != b->value ? (a->value < b->value ? 1 : -1)
                                : (a->place > b->place) - (a->place < b->place);
}

/* The places of eigenvalues (im >= 0) whose vectors are wanted: those beyond the disk, and
 * `vectors` that lead. */
static status_t choose_vectors(const spectrum_t *s, const spectrum_options_t *options,
                               double radius, uint32_t **place, uint32_t *count) {
    entry_t *entry = malloc(sizeof *entry * (s->n + 1));
    *place = malloc(sizeof **place * (s->n + 1));
    if (!entry || !*place) {
        free(entry);
        FAIL(STATUS_FAILED, "no memory for %zu eigenvalues", s->n);
    }
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->im[i] >= 0.0) /* false for NAN */
            entry[n++] = (entry_t){(uint32_t)i, hypot(s->re[i], s->im[i]),
                                   leading_value(options->by, options->delta, s->re[i], s->im[i])};
    qsort(entry, n, sizeof *entry, leading_first);
    *count = 0;
    for (size_t i = 0; i < n; i++)
        if (entry[i].modulus > radius || i < options->vectors)
            (*place)[(*count)++] = entry[i].place;
    free(entry);
    return STATUS_OK;
}

static status_t take_vectors(const operator_t *op, const dense_solver_t *solver, dense_t *dense,
                             const uint32_t *place, uint32_t count, spectrum_t *s) {
    TRY(eigenpairs_create(op->n, count, &s->pairs));
    int *failed = calloc(count + 1, sizeof *failed);
    status_t status = failed ? solver->vectors(dense, count, place, s->pairs.vectors, failed)
                             : status_fail(STATUS_FAILED, __FILE__, __LINE__, "no memory");
    for (uint32_t k = 0; status == STATUS_OK && k < count; k++) {
        s->pairs.re[k] = s->re[place[k]];
        s->pairs.im[k] = s->im[place[k]];
        s->pairs.converged[k] = !failed[k];
    }
    free(failed);
    TRY(status);
    TRY(eigenpairs_residuals(op, &s->pairs));
    for (uint32_t k = 0; k < count; k++) { /* a vector that failed is 0 and says nothing */
        if (!s->pairs.converged[k])
            s->pairs.residual[k] = NAN;
        s->residual[place[k]] = s->pairs.residual[k];
    }
    return STATUS_OK;
}

/* |lambda| of everything that is not an outlier. */
static status_t measure_bulk(const theory_t *theory, const matrix_t *matrix, const uint32_t *place,
                             spectrum_t *s) {
    gain_bins_t gains[POPULATIONS_MAX];
    for (uint32_t a = 0; a < theory->populations; a++) {
        size_t first = neurons_before(matrix->net, a);
        TRY(bin_gains(matrix->gain + first, neurons_before(matrix->net, a + 1) - first, &gains[a]));
    }
    double *modulus = malloc(sizeof *modulus * (s->n + 1));
    bool *outlier = calloc(s->n + 1, sizeof *outlier);
    size_t n = 0;
    for (size_t k = 0; outlier && k < s->match.count; k++) {
        size_t i = place[s->match.outliers[k].pair];
        outlier[i] = true;
        outlier[i + (s->im[i] > 0.0)] = true; /* its conjugate follows */
    }
    for (size_t i = 0; modulus && outlier && i < s->n; i++)
        if (!outlier[i] && s->converged[i])
            modulus[n++] = hypot(s->re[i], s->im[i]);
    status_t status = modulus && outlier ? bulk_measure(theory, gains, modulus, n, &s->bulk)
                                         : status_fail(STATUS_FAILED, __FILE__, __LINE__,
                                                       "no memory for %zu eigenvalues", s->n);
    free(modulus);
    free(outlier);
    return status;
}

/* Starts of the climb to the largest transient: every population alone, and the directions that
 * feed the dominant mode (its left eigenvector). */
static status_t measure_normality(const network_plan_t *plan, const theory_t *theory,
                                  const csr_t *csr, spectrum_t *s) {
    size_t n = s->n, starts = plan->net.populations + 1;
    double *start = calloc(starts * n, sizeof *start), squares = 0.0, most = -INFINITY;
    if (!start)
        FAIL(STATUS_FAILED, "no memory for %zu vectors", starts);
    for (uint32_t a = 0; a < plan->net.populations; a++)
        for (size_t i = neurons_before(&plan->net, a); i < neurons_before(&plan->net, a + 1); i++)
            start[a * n + i] = 1.0;
    add_wave(&plan->net, &theory->dominant, theory->dominant.left, 0, (double[2]){1.0, 0.0},
             start + (starts - 1) * n);
    for (size_t i = 0; i < n; i++) {
        squares += s->re[i] * s->re[i] + s->im[i] * s->im[i]; /* NAN if one is missing */
        most = fmax(most, s->re[i]);
    }
    nonnormality_options_t options = {most - 1.0, squares, start, starts};
    status_t status = nonnormality(csr, &options, &s->nonnormal);
    free(start);
    return status;
}

/* Says what is going on where it may take minutes: no solver tells how far it is. */
static void stage(const spectrum_options_t *options, const spectrum_t *s, const char *what) {
    enum { LONG = 2000 };
    if (!options->quiet && s->n >= LONG)
        fprintf(stderr, "spectrum: %s of %zu neurons (%s)\n", what, s->n, s->solver);
}

static status_t solve(const config_t *config, const network_plan_t *plan, const theory_t *theory,
                      matrix_t *matrix, const spectrum_options_t *options,
                      const dense_solver_t *solver, const csr_t *csr, double *dense_matrix,
                      spectrum_t *s) {
    uint32_t unconverged = 0, count = 0, *place = NULL;
    dense_t *dense = NULL;
    operator_t op = matrix_operator(matrix);
    csr_dense(csr, dense_matrix);
    double start = clock_s();
    stage(options, s, "eigenvalues");
    TRY(solver->create((uint32_t)s->n, dense_matrix, options->single, true, s->re, s->im,
                       &unconverged, &dense));
    s->solver_seconds = clock_s() - start;
    s->unconverged = unconverged;
    for (size_t i = 0; i < s->n; i++) {
        s->converged[i] = !isnan(s->re[i]);
        s->residual[i] = NAN;
    }
    status_t status =
        choose_vectors(s, options, disk_edge(theory, config->network.weight_bits), &place, &count);
    stage(options, s, "eigenvectors");
    if (status == STATUS_OK)
        status = take_vectors(&op, solver, dense, place, count, s);
    solver->destroy(dense);
    match_input_t input = {config, plan, theory, &s->pairs, true, options->by, options->delta};
    if (status == STATUS_OK)
        status = match(&input, &s->match);
    if (status == STATUS_OK)
        status = measure_bulk(theory, matrix, place, s);
    free(place);
    TRY(status);
    stage(options, s, "transient growth");
    return measure_normality(plan, theory, csr, s);
}

status_t spectrum_full(const config_t *config, const network_plan_t *plan, const theory_t *theory,
                       matrix_t *matrix, const spectrum_options_t *options, spectrum_t *s) {
    const dense_solver_t *solver;
    TRY(full_room(matrix->backend, plan, options, true, &solver));
    TRY(spectrum_allocate(s, matrix->n));
    s->solver = solver->name;
    csr_t csr;
    TRY(matrix_csr(matrix, &csr));
    double *dense_matrix = malloc(sizeof *dense_matrix * s->n * s->n);
    status_t status =
        dense_matrix ? solve(config, plan, theory, matrix, options, solver, &csr, dense_matrix, s)
                     : status_fail(STATUS_FAILED, __FILE__, __LINE__,
                                   "no memory for a matrix of %zu x %zu", s->n, s->n);
    free(dense_matrix);
    csr_destroy(&csr);
    return status;
}
