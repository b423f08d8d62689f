/* Dynamical mean field of a chaotic network: mean u_a and variance Delta_a of h. */
#include "host/theory/internal.h"

#include <lapacke.h>
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

/* x = (u_1..u_P, Delta_1..Delta_P): f = right-hand side - x, by Stein's identity
 * d<f>/du = <z f>/sqrt(Delta), d<f>/dDelta = <(z^2 - 1) f>/(2 Delta). */
static void mean_field_residual(const void *context, const double *x, double *f, double *jacobian) {
    const mean_network_t *net = context;
    uint32_t n = net->populations, size = 2 * n;
    for (uint32_t a = 0; a < n; a++) {
        f[a] = net->input[a] - x[a];
        f[n + a] = net->noise_variance[a] - x[n + a];
    }
    if (jacobian)
        for (uint32_t i = 0; i < size * size; i++)
            jacobian[i] = i % (size + 1) == 0 ? -1.0 : 0.0;
    for (uint32_t b = 0; b < n; b++) {
        double m[2][3], variance = x[n + b];
        gaussian_moments(net->gain[b], x[b], variance, m); /* NAN where variance < 0 */
        for (uint32_t a = 0; a < n; a++)
            for (uint32_t power = 0; power < 2; power++) {
                double g = power ? net->variance[a][b] : net->orbit[0].symbol[a][b];
                uint32_t row = power * n + a;
                f[row] += g * m[power][0];
                if (jacobian) {
                    jacobian[row * size + b] += g * m[power][1] / sqrt(variance);
                    jacobian[row * size + n + b] +=
                        g * (m[power][2] - m[power][0]) / (2.0 * variance);
                }
            }
    }
}

/* Relaxes the variances, half-way at each step, while the means follow by Newton's step: the
 * state without variance repels, and a mean that is unstable in time is found all the same. */
static bool mean_field_relax(const mean_network_t *net, double *x) {
    lapack_int n = (lapack_int)net->populations, pivot[P];
    for (int step = 0; step < 200; step++) {
        double f[2 * P], jacobian[4 * P * P], means[P * P], change[P];
        mean_field_residual(net, x, f, jacobian);
        for (lapack_int a = 0; a < n; a++) {
            change[a] = f[a];
            for (lapack_int b = 0; b < n; b++)
                means[a * n + b] = -jacobian[a * 2 * n + b];
        }
        if (LAPACKE_dgesv(LAPACK_ROW_MAJOR, n, 1, means, n, pivot, change, 1) != 0)
            return false;
        for (lapack_int a = 0; a < n; a++) {
            x[a] += change[a];
            x[n + a] += 0.5 * f[n + a];
            if (!(fabs(x[a]) < 1e12 && x[n + a] > 0.0 && x[n + a] < 1e24))
                return false;
        }
    }
    return true;
}

status_t mean_field_solve(const mean_network_t *net, theory_t *theory) {
    uint32_t n = net->populations;
    double x[2 * P];
    for (uint32_t a = 0; a < n; a++) {
        x[a] = theory->fixed_point[theory->followed].h[a];
        x[n + a] = 1.0;
    }
    if (!mean_field_relax(net, x) || !newton_solve(mean_field_residual, net, (int)(2 * n), x))
        FAIL(STATUS_FAILED,
             "the bulk radius %.4g exceeds 1 and the dynamical mean field has no finite solution: "
             "activity grows without limit; lower the weights' std and mean, or use a bounded gain "
             "(tanh, sigmoid, clipped_linear)",
             theory->bulk_radius_effective);
    for (uint32_t a = 0; a < n; a++) {
        double m[2][3];
        theory->mean[a] = x[a];
        theory->spread[a] = x[n + a];
        gaussian_moments(net->gain[a], x[a], x[n + a], m);
        theory->gain[a] = m[0][1] / sqrt(x[n + a]);
    }
    return STATUS_OK;
}
