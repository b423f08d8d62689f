#include "host/spectrum/internal.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>

#include "host/progress.h"

static const double PI = 3.14159265358979323846;

status_t spectrum_allocate(spectrum_t *s, size_t count) {
    s->count = count;
    s->re = calloc(count + 1, sizeof *s->re);
    s->im = calloc(count + 1, sizeof *s->im);
    s->residual = calloc(count + 1, sizeof *s->residual);
    s->converged = calloc(count + 1, sizeof *s->converged);
    if (!s->re || !s->im || !s->residual || !s->converged)
        FAIL(STATUS_FAILED, "no memory for %zu eigenvalues", count);
    return STATUS_OK;
}

void add_wave(const network_t *net, const eigenmode_t *mode, const double _Complex *vector,
              int wave, const double c[2], double *x) {
    for (uint32_t b = 0; b < net->populations; b++) {
        const population_t *p = &net->population[b];
        for (uint32_t iy = 0; iy < p->ny; iy++)
            for (uint32_t ix = 0; ix < p->nx; ix++) {
                double phase = 2.0 * PI *
                               (mode->wave[wave][0] * (ix + 0.5) / p->nx +
                                mode->wave[wave][1] * (iy + 0.5) / p->ny);
                *x++ += creal((c[0] + I * c[1]) * vector[b] * cexp(I * phase));
            }
    }
}

status_t spectrum_check(const backend_t *backend, const network_plan_t *plan,
                        const spectrum_options_t *options) {
    const dense_solver_t *solver;
    return options->full
               ? full_room(backend, plan, options, false, &solver)
               : leading_room(neurons_before(&plan->net, plan->net.populations), options->leading);
}

status_t spectrum_measure(const config_t *config, const network_plan_t *plan,
                          const theory_t *theory, matrix_t *matrix,
                          const spectrum_options_t *options, spectrum_t *s) {
    double start = clock_s();
    *s = (spectrum_t){.full = options->full, .n = matrix->n};
    TRY(spectrum_check(matrix->backend, plan, options));
    status_t status = (options->full ? spectrum_full : spectrum_leading)(config, plan, theory,
                                                                         matrix, options, s);
    s->seconds = clock_s() - start;
    if (status != STATUS_OK)
        spectrum_destroy(s);
    return status;
}

void spectrum_destroy(spectrum_t *s) {
    free(s->re);
    free(s->im);
    free(s->residual);
    free(s->converged);
    eigenpairs_destroy(&s->pairs);
    match_destroy(&s->match);
    *s = (spectrum_t){0};
}
