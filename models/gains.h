/* Gains r = phi(h): one float body for every stepping kernel (same bits on every device), and
 * beside it the double value and slope that theory needs. tests/test_gains.c holds the two to
 * each other.
 *
 *   tanh              max tanh(slope (h - threshold) / max)
 *   linear            slope (h - threshold)
 *   clipped_linear    slope (h - threshold) clipped to [min, max]
 *   threshold_linear  slope max(0, h - threshold)
 *   threshold_power   slope max(0, h - threshold)^exponent
 *   sigmoid           max / (1 + exp(-slope (h - threshold)))                                   */
#ifndef BRISC_GAINS_H
#define BRISC_GAINS_H

#include "kernels/fmath.h"

typedef enum {
    GAIN_TANH,
    GAIN_LINEAR,
    GAIN_CLIPPED_LINEAR,
    GAIN_THRESHOLD_LINEAR,
    GAIN_THRESHOLD_POWER,
    GAIN_SIGMOID,
    GAIN_KINDS
} gain_kind_t;

typedef struct {
    int32_t kind; /* gain_kind_t */
    float max, min, slope, threshold, exponent;
} gain_t;

/* r = phi(h), in the rate's own unit. */
HD float gain_rate(gain_t g, float h) {
    float x = g.slope * (h - g.threshold);
    float up = x > 0.0f ? x : 0.0f;
    switch (g.kind) {
    case GAIN_TANH:
        return g.max * fm_tanh(x / g.max);
    case GAIN_LINEAR:
        return x;
    case GAIN_CLIPPED_LINEAR:
        return x < g.min ? g.min : x > g.max ? g.max : x;
    case GAIN_THRESHOLD_LINEAR:
        return up;
    case GAIN_THRESHOLD_POWER:
        up = h - g.threshold > 0.0f ? h - g.threshold : 0.0f;
        return g.slope * fm_pow(up, g.exponent);
    default: /* GAIN_SIGMOID */
        return g.max / (1.0f + fm_exp(-x));
    }
}

/* phi(h) and dphi/dh in double, by libm: for theory, never for a step. */
static inline double gain_rate64(gain_t g, double h) {
    double x = (double)g.slope * (h - (double)g.threshold);
    double over = h - (double)g.threshold;
    switch (g.kind) {
    case GAIN_TANH:
        return (double)g.max * tanh(x / (double)g.max);
    case GAIN_LINEAR:
        return x;
    case GAIN_CLIPPED_LINEAR:
        return fmin(fmax(x, (double)g.min), (double)g.max);
    case GAIN_THRESHOLD_LINEAR:
        return fmax(x, 0.0);
    case GAIN_THRESHOLD_POWER:
        return over > 0.0 ? (double)g.slope * pow(over, (double)g.exponent) : 0.0;
    default:
        return (double)g.max / (1.0 + exp(-x));
    }
}

static inline double gain_slope64(gain_t g, double h) {
    double slope = (double)g.slope, over = h - (double)g.threshold, x = slope * over;
    double t;
    switch (g.kind) {
    case GAIN_TANH:
        t = tanh(x / (double)g.max);
        return slope * (1.0 - t * t);
    case GAIN_LINEAR:
        return slope;
    case GAIN_CLIPPED_LINEAR:
        return x > (double)g.min && x < (double)g.max ? slope : 0.0;
    case GAIN_THRESHOLD_LINEAR:
        return over > 0.0 ? slope : 0.0;
    case GAIN_THRESHOLD_POWER:
        return over > 0.0 ? slope * (double)g.exponent * pow(over, (double)g.exponent - 1.0) : 0.0;
    default:
        t = 1.0 / (1.0 + exp(-x));
        return (double)g.max * slope * t * (1.0 - t);
    }
}

/* dphi/dh where the rate is r: what a stored rate says of the slope. Rates on a kink or at a bound
 * have slope 0. */
static inline double gain_slope_of_rate(gain_t g, double r) {
    double slope = (double)g.slope, max = (double)g.max, e = (double)g.exponent;
    switch (g.kind) {
    case GAIN_TANH:
        return slope * (1.0 - r / max * (r / max));
    case GAIN_LINEAR:
        return slope;
    case GAIN_CLIPPED_LINEAR:
        return r > (double)g.min && r < max ? slope : 0.0;
    case GAIN_THRESHOLD_LINEAR:
        return r > 0.0 ? slope : 0.0;
    case GAIN_THRESHOLD_POWER:
        return r > 0.0 ? slope * e * pow(r / slope, (e - 1.0) / e) : 0.0;
    default:
        return slope * r * (1.0 - r / max);
    }
}

#endif
