#include "kernels/limbs.h"

int32_t limbs_bits(const network_t *net) {
    double most = 1.0; /* inputs of a target from one pathway */
    for (uint32_t k = 0; k < net->pathways; k++) {
        const pathway_t *w = &net->pathway[k];
        double inputs = w->rule == RULE_FIXED_INDEGREE ? (double)w->indegree
                                                       : (double)w->window_x * w->window_y;
        most = fmax(most, inputs);
    }
    int32_t bits = (int32_t)net->rate_bits;
    while (ldexp(most * weight_code_max(net->weight_bits), bits - 1) >= 0x1p63)
        bits--;
    return bits;
}

status_t limbs_choose(const network_t *net, const double *x, limbs_t *limbs) {
    limbs->bits = limbs_bits(net);
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
