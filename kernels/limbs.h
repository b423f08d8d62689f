/* A vector as two vectors of integers, so that J x is summed by the step's own exact integer sums.
 * With 2^exponent above every |x| of a source population, and B bits,
 *   x = (high + low 2^-B) 2^(exponent - B + 1),   |high|, |low| <= 2^(B-1) integers,
 * to within 2^(exponent - 2B). Every scaling is by a power of two: the same bits on every device.
 */
#ifndef BRISC_LIMBS_H
#define BRISC_LIMBS_H

#include "kernels/network.h"
#include "kernels/status.h"

enum { LIMBS = 2 }; /* 0: high, 1: low */

typedef struct {
    int32_t exponent[POPULATIONS_MAX];
    int32_t bits; /* B: the network's rate_bits, so that no sum exceeds a step's */
} limbs_t;

#ifdef __cplusplus
extern "C" {
#endif

/* The limbs of one vector x[neurons], populations in order; STATUS_FAILED where x is not finite. */
status_t limbs_choose(const network_t *net, const double *x, limbs_t *limbs);

#ifdef __cplusplus
}
#endif

/* x 2^e, |e| <= 2044, in two factors that double can hold. */
HD double limbs_scaled(double x, int32_t e) {
    int32_t part[2] = {e / 2, e - e / 2};
    for (int k = 0; k < 2; k++) {
        uint64_t word = (uint64_t)(1023 + part[k]) << 52;
        double factor;
        memcpy(&factor, &word, sizeof factor);
        x *= factor;
    }
    return x;
}

HD int32_t limb_code(const limbs_t *limbs, uint32_t population, int limb, double x) {
    double scaled = limbs_scaled(x, limbs->bits - 1 - limbs->exponent[population]);
    double high = rint(scaled);
    return (int32_t)(limb == 0 ? high : rint(limbs_scaled(scaled - high, limbs->bits)));
}

/* x to within 2^(exponent - B): what the high limb alone says. */
HD double limb_high(const limbs_t *limbs, uint32_t population, double x) {
    int32_t e = limbs->exponent[population] - limbs->bits + 1;
    return limbs_scaled((double)limb_code(limbs, population, 0, x), e);
}

/* What the integer sum of weight codes times one limb adds to J x; `scale`: the weight codes'. */
HD double limb_value(const limbs_t *limbs, uint32_t source, int limb, int64_t sum, float scale) {
    int32_t e = limbs->exponent[source] - limbs->bits + 1 - limb * limbs->bits;
    return limbs_scaled((double)sum * (double)scale, e);
}

#endif
