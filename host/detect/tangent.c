#include "host/detect/tangent.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>

#include "host/spectrum/operator.h"
#include "kernels/limbs.h"
#include "models/rate.h"

status_t tangent_create(const network_t *net, const backend_t *backend, backend_state_t *state,
                        uint32_t vectors, tangent_t *tangent) {
    size_t n = neurons_before(net, net->populations), size = sizeof(double) * n;
    *tangent = (tangent_t){net,
                           backend,
                           state,
                           vectors,
                           n,
                           malloc(vectors * size),
                           malloc(vectors * size),
                           malloc(vectors * size),
                           malloc(size),
                           malloc(vectors * sizeof(double))};
    if (!tangent->vector || !tangent->scaled || !tangent->product || !tangent->slope ||
        !tangent->reflector)
        FAIL(STATUS_FAILED, "no memory for %u tangent vectors of %zu neurons", vectors, n);
    for (uint32_t v = 0; v < vectors; v++)
        for (size_t i = 0; i < n; i++)
            tangent->vector[v * n + i] = start_element(v, i);
    return tangent_orthonormalize(tangent, tangent->product);
}

void tangent_destroy(tangent_t *tangent) {
    free(tangent->vector);
    free(tangent->scaled);
    free(tangent->product);
    free(tangent->slope);
    free(tangent->reflector);
    *tangent = (tangent_t){0};
}

enum { TEAM_NEURONS = 4096 }; /* fewer take less time than a team of threads to gather */

static void slopes(const tangent_t *t, const float *h) {
    double *slope = t->slope;
    for (uint32_t a = 0; a < t->net->populations; a++) {
        const population_t *p = &t->net->population[a];
        float unit = rate_unit(p->rate_shift);
#pragma omp parallel for if (t->n >= TEAM_NEURONS)
        for (uint32_t i = 0; i < population_size(p); i++)
            slope[i] = rate_saturates(gain_rate(p->gain, h[i]), unit, t->net->rate_bits)
                           ? 0.0
                           : gain_slope64(p->gain, h[i]);
        slope += population_size(p);
        h += population_size(p);
    }
}

static status_t scale(const tangent_t *t, const double *v, double *scaled) {
    limbs_t limbs;
#pragma omp parallel for if (t->n >= TEAM_NEURONS)
    for (size_t i = 0; i < t->n; i++)
        scaled[i] = t->slope[i] * v[i];
    TRY(limbs_choose(t->net, scaled, &limbs));
    for (uint32_t a = 0; a < t->net->populations; a++) {
        uint32_t n = population_size(&t->net->population[a]);
#pragma omp parallel for if (t->n >= TEAM_NEURONS)
        for (uint32_t i = 0; i < n; i++)
            scaled[i] = limb_high(&limbs, a, scaled[i]);
        scaled += n;
    }
    return STATUS_OK;
}

static void move(const tangent_t *t, const double *product, double *v) {
    for (uint32_t a = 0; a < t->net->populations; a++) {
        const population_t *p = &t->net->population[a];
        double delta = (double)p->delta;
#pragma omp parallel for if (t->n >= TEAM_NEURONS)
        for (uint32_t i = 0; i < population_size(p); i++)
            v[i] += delta * (product[i] - v[i]);
        product += population_size(p);
        v += population_size(p);
    }
}

status_t tangent_step(tangent_t *t, const float *h) {
    slopes(t, h);
    for (uint32_t v = 0; v < t->vectors; v++)
        TRY(scale(t, t->vector + v * t->n, t->scaled + v * t->n));
    TRY(t->backend->apply(t->state, t->vectors, t->scaled, t->product));
    for (uint32_t v = 0; v < t->vectors; v++)
        move(t, t->product + v * t->n, t->vector + v * t->n);
    return STATUS_OK;
}

status_t tangent_orthonormalize(tangent_t *t, double *growth) {
    lapack_int n = (lapack_int)t->n, k = (lapack_int)t->vectors;
    lapack_int failed = LAPACKE_dgeqrf(LAPACK_COL_MAJOR, n, k, t->vector, n, t->reflector);
    for (size_t v = 0; v < t->vectors; v++)
        growth[v] = log(fabs(t->vector[v * t->n + v]));
    if (!failed)
        failed = LAPACKE_dorgqr(LAPACK_COL_MAJOR, n, k, k, t->vector, n, t->reflector);
    if (failed)
        FAIL(STATUS_FAILED, "QR of %u tangent vectors failed (LAPACK says %d)", t->vectors,
             (int)failed);
    for (size_t v = 0; v < t->vectors; v++)
        if (!isfinite(growth[v]))
            FAIL(STATUS_FAILED,
                 "tangent vector %zu has vanished: the network forgets it within a step (every "
                 "gain's slope is 0, or dt is tau), so its exponent is minus infinity; ask for "
                 "fewer exponents",
                 v + 1);
    return STATUS_OK;
}
