/* Tangent vectors carried along a trajectory of the rate model. */
#ifndef BRISC_TANGENT_H
#define BRISC_TANGENT_H

#include "kernels/backend.h"

typedef struct {
    const network_t *net;
    const backend_t *backend;
    backend_state_t *state;
    uint32_t vectors;
    size_t n;                         /* neurons */
    double *vector;                   /* [vectors][n], populations in order */
    double *scaled, *product, *slope; /* [vectors][n], [vectors][n], [n] */
    double *reflector;                /* [vectors] */
} tangent_t;

/* Pseudo-random orthonormal vectors, the same in every run. */
status_t tangent_create(const network_t *net, const backend_t *backend, backend_state_t *state,
                        uint32_t vectors, tangent_t *tangent);
void tangent_destroy(tangent_t *tangent);

/* v <- v + delta_a (-v + J (phi'(h) v)), the derivative of one Euler-Maruyama step (models/rate.h)
 * from the potentials h[n]; noise and input drop out of it. phi' is 0 where the rate is cut to its
 * fixed-point range, and where h lies on a kink of the gain, which has probability 0. phi'(h) v is
 * rounded to 2^-rate_bits of each population's largest, so that the product takes one limb. */
status_t tangent_step(tangent_t *tangent, const float *h);

/* V = QR; the vectors become Q, growth[vectors] = log |R_ii|. STATUS_FAILED where a vector has
 * vanished or is not finite. */
status_t tangent_orthonormalize(tangent_t *tangent, double *growth);

#endif
