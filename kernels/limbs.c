#include "kernels/limbs.h"

status_t limbs_choose(const network_t *net, const double *x, limbs_t *limbs) {
    limbs->bits = (int32_t)net->rate_bits;
    for (uint32_t a = 0; a < net->populations; a++) {
        uint32_t n = population_size(&net->population[a]);
        double largest = 0.0;
        for (uint32_t i = 0; i < n; i++) {
            if (!isfinite(x[i]))
                FAIL(STATUS_FAILED,
                     "the connectivity cannot be applied to a vector with %g at neuron %u of "
                     "population %u: it must be finite; look for what made it so",
                     x[i], i, a);
            largest = fmax(largest, fabs(x[i]));
        }
        frexp(largest, &limbs->exponent[a]);
        x += n;
    }
    return STATUS_OK;
}
