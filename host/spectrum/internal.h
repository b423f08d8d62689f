/* What the two ways of measuring a spectrum share. */
#ifndef BRISC_SPECTRUM_INTERNAL_H
#define BRISC_SPECTRUM_INTERNAL_H

#include "host/spectrum/spectrum.h"
#include "kernels/dense.h"

/* Room for `count` eigenvalues; spectrum_destroy frees it. */
status_t spectrum_allocate(spectrum_t *spectrum, size_t count);
/* The same for eigenpairs with their vectors; eigenpairs_destroy frees it. */
status_t eigenpairs_create(size_t n, uint32_t count, eigenpairs_t *pairs);

/* x[neurons] += Re(c vector_b exp(2 pi i n.x)), n the mode's wave vector `wave`. */
void add_wave(const network_t *net, const eigenmode_t *mode, const double _Complex *vector,
              int wave, const double c[2], double *x);

/* The solver of the plan's full spectrum; STATUS_FAILED where there is no room for it. `warn`: say
 * that the device's own solver is passed over. */
status_t full_room(const backend_t *backend, const network_plan_t *plan,
                   const spectrum_options_t *options, bool warn, const dense_solver_t **solver);
/* Whether `leading` eigenvalues of n neurons can be had; STATUS_USAGE: too many for n or for
 * ARPACK, STATUS_FAILED: not enough memory. */
status_t leading_room(size_t n, uint32_t leading);
status_t spectrum_full(const config_t *config, const network_plan_t *plan, const theory_t *theory,
                       matrix_t *matrix, const spectrum_options_t *options, spectrum_t *spectrum);
status_t spectrum_leading(const config_t *config, const network_plan_t *plan,
                          const theory_t *theory, matrix_t *matrix,
                          const spectrum_options_t *options, spectrum_t *spectrum);

#endif
