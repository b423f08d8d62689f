#include "host/weights.h"

#include <stdlib.h>

#include "kernels/draw.h"

enum { POINTS = 16, NODES = 2 * NORMAL_NODES * POINTS }; /* of the quadrature: an interval's, all */
static const double NORMAL_MAX = 6.25;                   /* largest |z| of the normal table */
static const double ERROR_GOOD = 1e-3, ERROR_MOST = 1e-2;

/* Mean and mean square of a weight. */
typedef struct {
    double mean, square;
} moments_t;

/* Larger of the two relative errors. */
static double moments_error(moments_t asked, moments_t got) {
    return fmax(fabs(got.mean / asked.mean - 1.0), fabs(got.square / asked.square - 1.0));
}

/* Every lognormal weight that the normal table can give, ascending in z's tail from both signs:
 * POINTS in each interval, of equal probability. weight[NODES]. */
static void lognormal_nodes(const pathway_t *w, float *weight) {
    const normal_node_t *table = normal_table();
    for (int node = 0; node < NORMAL_NODES; node++)
        for (int i = 0; i < POINTS; i++) {
            float z = fmaf(((float)i + 0.5f) / POINTS, table[node].slope, table[node].value);
            *weight++ = lognormal_weight(w, z);
            *weight++ = lognormal_weight(w, -z);
        }
}

/* Of what the codes of those weights stand for. */
static moments_t stored_moments(const float *weight, float scale, int32_t code_max) {
    moments_t m = {0.0, 0.0};
    for (int octave = 0; octave < NORMAL_OCTAVES; octave++) {
        double mean = 0.0, square = 0.0;
        for (int i = 0; i < 2 * NORMAL_INTERVALS * POINTS; i++) {
            double code = weight_code(*weight++, scale, code_max);
            mean += code;
            square += code * code;
        }
        double probability = ldexp(0.25 / (NORMAL_INTERVALS * POINTS), -octave);
        m.mean += probability * mean;
        m.square += probability * square;
    }
    m.mean *= (double)scale;
    m.square *= (double)scale * (double)scale;
    return m;
}

/* With the weight at z as the largest code. */
static float lognormal_scale(double log_mean, double log_std, double z, uint32_t weight_bits) {
    double log_largest = log_mean + z * log_std;
    double largest = log_largest > 0.0 ? 1.0 / fm_exp64(-log_largest) : fm_exp64(log_largest);
    return (float)(largest / weight_code_max(weight_bits));
}

/* What is asked of a lognormal pathway. */
typedef struct {
    double log_mean, log_std;
    moments_t moments;
    const float *weight; /* [NODES] */
} lognormal_t;

/* The scale that cuts off no more of the tail than it has to, and what the codes then give. */
static float scale_choose(const lognormal_t *asked, uint32_t weight_bits, moments_t *got) {
    float best = 0.0f;
    double least = INFINITY;
    *got = (moments_t){0.0, 0.0};
    for (double z = NORMAL_MAX; z >= 1.0 && least > ERROR_GOOD; z -= 0.25) {
        float scale = lognormal_scale(asked->log_mean, asked->log_std, z, weight_bits);
        moments_t m = stored_moments(asked->weight, scale, weight_code_max(weight_bits));
        if (scale > 0.0f && moments_error(asked->moments, m) < least) {
            least = moments_error(asked->moments, m);
            best = scale;
            *got = m;
        }
    }
    return best;
}

static double std_of(moments_t m) {
    return sqrt(fmax(0.0, m.square - m.mean * m.mean));
}

/* The fewest bits, more than weight_bits, that would do; 0 for none. */
static uint32_t bits_enough(const lognormal_t *asked, uint32_t weight_bits) {
    moments_t got;
    for (uint32_t bits = weight_bits + 8; bits <= 24; bits += 8) {
        scale_choose(asked, bits, &got);
        if (moments_error(asked->moments, got) <= ERROR_MOST)
            return bits;
    }
    return 0;
}

static status_t lognormal_set(pathway_t *w, const connection_config_t *c, const lognormal_t *asked,
                              uint32_t weight_bits, const char *key) {
    moments_t got;
    w->scale = scale_choose(asked, weight_bits, &got);
    if (moments_error(asked->moments, got) <= ERROR_MOST)
        return STATUS_OK;
    uint32_t enough = bits_enough(asked, weight_bits);
    char remedy[64] = "choose a smaller std";
    if (enough)
        snprintf(remedy, sizeof remedy, "say network.weight_bits: %u, or choose a smaller std",
                 enough);
    FAIL(STATUS_USAGE,
         "%s: lognormal weights of mean %.4g and std %.4g (mean: %g, std: %g) would become %.4g "
         "and %.4g in %u bits: their tail is too long; %s",
         key, asked->moments.mean, std_of(asked->moments), c->mean, c->std, got.mean, std_of(got),
         weight_bits, remedy);
}

/* What kernels see are floats. */
static status_t floats_check(const pathway_t *w, double mean, double std, double k,
                             const char *key) {
    bool none = mean == 0.0 && std == 0.0;
    if ((none || isnormal(w->scale)) && isfinite(w->mean) && isfinite(w->std) &&
        isfinite(w->log_mean) && isfinite(w->log_std))
        return STATUS_OK;
    FAIL(STATUS_USAGE,
         "%s: weights of mean %g and standard deviation %g (mean and std over out-degree %g, and "
         "its root) are beyond a 32-bit float; change mean, std or the degree",
         key, mean, std, k);
}

status_t weights_set(pathway_t *w, const connection_config_t *c, double k, uint32_t weight_bits,
                     const char *key) {
    double mean = c->mean / k, std = w->weights == WEIGHTS_CONSTANT ? 0.0 : c->std / sqrt(k);
    w->mean = (float)mean;
    w->std = (float)std;
    w->scale = (float)((fabs(mean) + NORMAL_MAX * std) / weight_code_max(weight_bits));
    if (w->weights != WEIGHTS_LOGNORMAL)
        return floats_check(w, mean, std, k, key);
    if (mean == 0.0)
        FAIL(STATUS_USAGE,
             "%s: lognormal weights have no mean of 0; give mean another value, or weights: "
             "normal",
             key);
    double log_variance = fm_log64(1.0 + std * std / (mean * mean));
    lognormal_t asked = {.log_mean = fm_log64(fabs(mean)) - 0.5 * log_variance,
                         .log_std = sqrt(log_variance),
                         .moments = {mean, mean * mean + std * std}};
    w->log_mean = (float)asked.log_mean;
    w->log_std = (float)asked.log_std;
    if (!isfinite(w->log_mean) || !isfinite(w->log_std))
        return floats_check(w, mean, std, k, key);
    float *weight = malloc(sizeof *weight * NODES);
    if (!weight)
        FAIL(STATUS_FAILED, "%s: no memory for %d weights", key, NODES);
    lognormal_nodes(w, weight);
    asked.weight = weight;
    status_t status = lognormal_set(w, c, &asked, weight_bits, key);
    free(weight);
    TRY(status);
    return floats_check(w, mean, std, k, key);
}
