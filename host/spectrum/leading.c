/* The leading eigenvalues by products alone, for networks of any size. */
#include "host/spectrum/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A basis of BASIS_FIRST vectors is enough for most networks; where clusters of eigenvalues need
 * more, a larger one from the vectors found does better than restarts of the first (the published
 * bump network: 716 products with restarts left 11 of 12 unconverged). */
enum { BASIS_FIRST = 200, BASIS_MAX = 800 };
static const double tolerance = 1e-8;

typedef struct {
    uint32_t mode;
    double value;
} rank_t;

static int leading_first(const void *left, const void *right) {
    const rank_t *a = left, *b = right;
    return a->value != b->value ? (a->value < b->value ? 1 : -1)
                                : (a->mode > b->mode) - (a->mode < b->mode);
}

/* A random combination of the predicted modes that lead, all their wave vectors, up to twice the
 * eigenvalues wanted; *found says whether there was any. */
static status_t start_vector(const network_plan_t *plan, const theory_t *theory,
                             const spectrum_options_t *options, double *start, bool *found) {
    rank_t *rank = malloc(sizeof *rank * (theory->n_outliers + 1));
    if (!rank)
        FAIL(STATUS_FAILED, "no memory for %zu modes", theory->n_outliers);
    for (uint32_t m = 0; m < theory->n_outliers; m++)
        rank[m] = (rank_t){m, leading_value(options->by, options->delta, theory->outliers[m].re,
                                            theory->outliers[m].im)};
    qsort(rank, theory->n_outliers, sizeof *rank, leading_first);
    uint32_t eigenvalues = 0;
    uint64_t draw = 0;
    for (size_t k = 0; k < theory->n_outliers && eigenvalues < 2 * options->leading; k++) {
        const eigenmode_t *mode = &theory->outliers[rank[k].mode];
        eigenvalues += (uint32_t)mode->multiplicity * (mode->im > 0.0 ? 2 : 1);
        for (int w = 0; w < mode->multiplicity; w++, draw += 2) {
            const double c[2] = {start_element(1, draw), start_element(1, draw + 1)};
            add_wave(&plan->net, mode, mode->right, w, c, start);
        }
    }
    *found = eigenvalues > 0;
    free(rank);
    return STATUS_OK;
}

/* Both of every conjugate pair, as lists. */
static status_t list(spectrum_t *s) {
    size_t count = 0;
    for (uint32_t k = 0; k < s->pairs.count; k++)
        count += s->pairs.im[k] > 0.0 ? 2 : 1;
    TRY(spectrum_allocate(s, count));
    size_t at = 0;
    for (uint32_t k = 0; k < s->pairs.count; k++)
        for (int conjugate = 0; conjugate < (s->pairs.im[k] > 0.0 ? 2 : 1); conjugate++, at++) {
            s->re[at] = s->pairs.re[k];
            s->im[at] = conjugate ? -s->pairs.im[k] : s->pairs.im[k];
            s->residual[at] = s->pairs.residual[k];
            s->converged[at] = s->pairs.converged[k];
            s->unconverged += !s->pairs.converged[k];
        }
    return STATUS_OK;
}

/* Whether an eigenvalue that did not converge lies beyond the disk's edge, which is dense, so that
 * nothing there does. */
static bool unfinished(const eigenpairs_t *pairs, double reach) {
    for (uint32_t k = 0; k < pairs->count; k++)
        if (!pairs->converged[k] && hypot(pairs->re[k], pairs->im[k]) > reach)
            return true;
    return false;
}

static uint32_t first_basis(uint32_t leading) {
    return 4 * leading + 20 > BASIS_FIRST ? 4 * leading + 20 : BASIS_FIRST;
}

/* Bytes of a basis of order n at most. */
static uint64_t basis_bytes(size_t n, uint32_t basis, uint32_t leading) {
    return arnoldi_bytes(n, basis < n ? basis : (uint32_t)n, leading);
}

status_t leading_room(size_t n, uint32_t leading) {
    uint32_t basis = first_basis(leading);
    uint64_t needed = basis_bytes(n, basis, leading), unused;
    if (basis > ARNOLDI_BASIS_MAX && n > ARNOLDI_BASIS_MAX)
        FAIL(STATUS_USAGE,
             "--leading %u: takes a basis of %u vectors, and ARPACK has room for %d; ask for %d at "
             "most%s",
             leading, basis, ARNOLDI_BASIS_MAX, (ARNOLDI_BASIS_MAX - 20) / 4,
             n <= DENSE_N_MAX ? ", or for all with --full" : "");
    if ((size_t)leading + 2 > n)
        FAIL(STATUS_USAGE,
             "--leading %u: a network of %zu neurons has room for %zu at most; --full measures all",
             leading, n, n > 2 ? n - 2 : 0);
    TRY(backend_cpu.memory_free(&unused));
    if (needed > unused)
        FAIL(STATUS_FAILED,
             "%u leading eigenvalues of %zu neurons need %.4g GB beside the network, and %.4g GB "
             "are free; ask for fewer (--leading), or take a smaller network",
             leading, n, (double)needed * 1e-9, (double)unused * 1e-9);
    return STATUS_OK;
}

/* Whether a larger basis has room, beside what it starts from. */
static bool has_room(size_t n, uint32_t basis, uint32_t leading) {
    uint64_t unused;
    return backend_cpu.memory_free(&unused) == STATUS_OK &&
           basis_bytes(n, basis, leading) <= unused;
}

/* Arnoldi's method from `start` (or from anywhere, if it is 0), in bases that double. */
static status_t iterate(const operator_t *op, const spectrum_options_t *options, double reach,
                        bool found, double *start, eigenpairs_t *pairs) {
    uint32_t products = 0, n = op->n < UINT32_MAX ? (uint32_t)op->n : UINT32_MAX;
    uint32_t basis = first_basis(options->leading);
    uint32_t most = basis > BASIS_MAX ? basis : BASIS_MAX;
    for (;; basis *= 2) {
        arnoldi_options_t with = {.wanted = options->leading,
                                  .by = options->by,
                                  .delta = options->delta,
                                  .basis = basis < n ? basis : n,
                                  .tolerance = tolerance,
                                  .start = found ? start : NULL,
                                  .restarts_max = 1};
        TRY(arnoldi(op, &with, pairs));
        products += pairs->products;
        pairs->products = products;
        if (!unfinished(pairs, reach) || 2 * basis > most || basis >= n ||
            !has_room(op->n, 2 * basis, options->leading))
            return STATUS_OK;
        memset(start, 0, sizeof *start * op->n);
        for (uint32_t k = 0; k < 2 * pairs->count; k++) /* real and imaginary parts */
            for (size_t i = 0; i < op->n; i++)
                start[i] += pairs->vectors[k * op->n + i];
        found = true;
        eigenpairs_destroy(pairs);
    }
}

status_t spectrum_leading(const config_t *config, const network_plan_t *plan,
                          const theory_t *theory, matrix_t *matrix,
                          const spectrum_options_t *options, spectrum_t *s) {
    bool found = false;
    double *start = calloc(matrix->n, sizeof *start);
    operator_t op = matrix_operator(matrix);
    s->solver = "ARPACK";
    status_t status = start ? start_vector(plan, theory, options, start, &found)
                            : status_fail(STATUS_FAILED, __FILE__, __LINE__, "no memory");
    if (status == STATUS_OK)
        status = iterate(&op, options, disk_reach(plan, theory, config->network.weight_bits), found,
                         start, &s->pairs);
    free(start);
    TRY(status);
    TRY(list(s));
    match_input_t input = {config, plan, theory, &s->pairs, false, options->by, options->delta};
    TRY(match(&input, &s->match));
    s->at_edge = s->count;
    for (size_t k = 0; k < s->match.count; k++)
        s->at_edge -= s->match.outliers[k].im > 0.0 ? 2 : 1;
    return STATUS_OK;
}
