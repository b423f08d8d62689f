/* Dynamical mean field of a chaotic network: mean u_a and variance Delta_a of h. */
#include "host/theory/internal.h"

#include <stdlib.h>

enum { P = POPULATIONS_MAX };

/* Composite 8-point Gauss-Legendre rule over |z| <= 9 (the normal density beyond is 1e-18), panels
 * of 1/4, broken at the gain's kinks. Nodes and weights: Abramowitz & Stegun, table 25.4. */
static const double NODE[4] = {0.1834346424956498, 0.5255324099163290, 0.7966664774136267,
                               0.9602898564975363};
static const double WEIGHT[4] = {0.3626837833783620, 0.3137066458778873, 0.2223810344533745,
                                 0.1012285362903763};

static int double_compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Where the gain's slope jumps, in h. */
static int gain_kinks(gain_t g, double kinks[2]) {
    double threshold = (double)g.threshold, slope = (double)g.slope;
    switch (g.kind) {
    case GAIN_CLIPPED_LINEAR:
        kinks[0] = threshold + (double)g.min / slope;
        kinks[1] = threshold + (double)g.max / slope;
        return 2;
    case GAIN_THRESHOLD_LINEAR:
    case GAIN_THRESHOLD_POWER:
        kinks[0] = threshold;
        return 1;
    default:
        return 0;
    }
}

void gaussian_moments(gain_t gain, double mean, double variance, double moments[2][3]) {
    enum { PANELS = 72 };
    double std = sqrt(variance), kinks[2], breaks[PANELS + 3];
    int n = 0, n_kinks = std > 0.0 ? gain_kinks(gain, kinks) : 0;
    for (int i = 0; i <= PANELS; i++)
        breaks[n++] = -9.0 + 0.25 * i;
    for (int i = 0; i < n_kinks; i++) {
        double z = (kinks[i] - mean) / std;
        if (fabs(z) < 9.0)
            breaks[n++] = z;
    }
    qsort(breaks, (size_t)n, sizeof *breaks, double_compare);
    memset(moments, 0, sizeof(double[2][3]));
    for (int i = 0; i + 1 < n; i++) {
        double centre = 0.5 * (breaks[i + 1] + breaks[i]), half = 0.5 * (breaks[i + 1] - breaks[i]);
        for (int k = 0; k < 8; k++) {
            double z = centre + (k < 4 ? half : -half) * NODE[k % 4];
            double weight = half * WEIGHT[k % 4] * 0.3989422804014327 * exp(-0.5 * z * z);
            double rate = gain_rate64(gain, mean + std * z);
            for (int power = 0; power < 2; power++, weight *= rate)
                for (int m = 0; m < 3; m++)
                    moments[power][m] += weight * rate * (m == 0 ? 1.0 : m == 1 ? z : z * z);
        }
    }
}

/* Unknowns x = (u_1..u_P, log Delta_1..log Delta_P), residual
 *   f_a = sum_b G_ab <phi_b> + I_a - u_a,   f_(P+a) = (sum_b M_ab <phi_b^2> + s_a^2)/Delta_a - 1;
 * the part of M_ab whose sum over a row is fixed passes on only what differs from the mean:
 * <phi^2> - <phi>^2 there. The state
 * without variance, which repels where the bulk radius exceeds 1, is thus no root. By Stein's
 * identity d<f>/du = <z f>/sqrt(Delta), d<f>/d log Delta = <(z^2 - 1) f>/2. */
static void mean_field_residual(const void *context, const double *x, double *f, double *jacobian) {
    const mean_network_t *net = context;
    uint32_t n = net->populations, size = 2 * n;
    double variance[P];
    for (uint32_t a = 0; a < n; a++) {
        variance[a] = exp(x[n + a]);
        f[a] = net->input[a] - x[a];
        f[n + a] = fmax(net->noise_variance[a], 1e-12); /* never quite 0 */
    }
    if (jacobian)
        memset(jacobian, 0, sizeof *jacobian * size * size);
    for (uint32_t b = 0; b < n; b++) {
        double m[2][3];
        gaussian_moments(net->gain[b], x[b], variance[b], m);
        for (uint32_t a = 0; a < n; a++)
            for (uint32_t power = 0; power < 2; power++) {
                double g = power ? net->variance[a][b] : net->orbit[0].symbol[a][b];
                double fixed = power ? net->fixed_inputs[a][b] + net->fixed_weights[a][b] : 0.0;
                double mean = m[0][0];
                uint32_t row = power * n + a;
                f[row] += g * m[power][0] - fixed * mean * mean;
                if (jacobian) {
                    jacobian[row * size + b] +=
                        (g * m[power][1] - 2.0 * fixed * mean * m[0][1]) / sqrt(variance[b]);
                    jacobian[row * size + n + b] +=
                        0.5 * g * (m[power][2] - m[power][0]) - fixed * mean * (m[0][2] - m[0][0]);
                }
            }
    }
    for (uint32_t a = 0; a < n; a++) {
        f[n + a] /= variance[a];
        if (jacobian) {
            for (uint32_t j = 0; j < size; j++)
                jacobian[(n + a) * size + j] /= variance[a];
            jacobian[a * size + a] -= 1.0;
            jacobian[(n + a) * size + n + a] -= f[n + a];
        }
        f[n + a] -= 1.0;
    }
}

typedef struct {
    const mean_network_t *net;
    const double *log_variance;
} means_t;

/* The equations of the means alone, at given variances. */
static void means_residual(const void *context, const double *u, double *f, double *jacobian) {
    const means_t *means = context;
    uint32_t n = means->net->populations;
    double x[2 * P], full[2 * P], full_jacobian[4 * P * P];
    memcpy(x, u, sizeof *x * n);
    memcpy(x + n, means->log_variance, sizeof *x * n);
    mean_field_residual(means->net, x, full, jacobian ? full_jacobian : NULL);
    memcpy(f, full, sizeof *f * n);
    for (uint32_t a = 0; jacobian && a < n; a++)
        memcpy(jacobian + a * n, full_jacobian + 2 * n * a, sizeof *jacobian * n);
}

/* Lets the variances grow from small ones, the means solved for at every step, until Newton's
 * method on the whole takes hold. */
static bool mean_field_find(const mean_network_t *net, double *x) {
    enum { STEPS = 40 };
    uint32_t n = net->populations;
    for (int step = 0; step < STEPS; step++) {
        double trial[2 * P], f[2 * P];
        memcpy(trial, x, sizeof trial);
        if (newton_solve(mean_field_residual, net, (int)(2 * n), trial)) {
            memcpy(x, trial, sizeof trial);
            return true;
        }
        mean_field_residual(net, x, f, NULL);
        for (uint32_t a = n; a < 2 * n; a++)
            x[a] += log(1.0 + 0.5 * f[a]); /* half-way to the right-hand side */
        means_t means = {net, x + n};
        if (!newton_solve(means_residual, &means, (int)n, x))
            return false;
    }
    return false;
}

bool mean_field_solve(const mean_network_t *net, theory_t *theory) {
    uint32_t n = net->populations;
    double x[2 * P] = {0};
    for (uint32_t a = 0; a < n; a++) {
        x[a] = theory->fixed_point[theory->followed].h[a];
        x[n + a] = log(0.01);
    }
    if (!mean_field_find(net, x))
        return false;
    for (uint32_t a = 0; a < n; a++) {
        double m[2][3];
        theory->mean[a] = x[a];
        theory->spread[a] = exp(x[n + a]);
        gaussian_moments(net->gain[a], x[a], theory->spread[a], m);
        theory->gain[a] = m[0][1] / sqrt(theory->spread[a]); /* <phi'>, Stein */
        theory->gain_square[a] = theory->gain[a] * theory->gain[a];
    }
    return true;
}
