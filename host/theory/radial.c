/* Radial distribution of the bulk: eigenvalues of a matrix with independent entries whose variances
 * V_ij depend on the populations of i and j. Cook, Hachem, Najim, Renfrew, EJP 23, 110 (2018):
 * with q, q~ > 0 and sum q = sum q~ on 0 < s < R,
 *   q_i = (V^T q)_i/(s^2 + (V q~)_i (V^T q)_i),   q~_i = (V q~)_i/(s^2 + (V q~)_i (V^T q)_i),
 *   F(s) = 1 - <q, V q~>/n.
 * Here u = V q~ and v = V^T q are constant in a population; d_a = 1/(s^2 + u_a v_a) gives
 *   u_a = sum_b S_ab d_b u_b,   v_b = sum_a (N_a/N_b) S_ab d_a v_a,   F = sum_a (N_a/N) s^2 d_a,
 * S = M diag(<gain^2>). Where the gains of a population vary, parts k of it with shares w_k and
 * gain^2 = g_k <gain^2> differ in their columns alone: u is the same for all, v_k = g_k v, and
 *   sum_k w_k g_k/(s^2 + g_k u v) takes the place of d in the equations,
 *   sum_k w_k/(s^2 + g_k u v) in F.
 * F does not depend on the free scale (u, v) -> (t u, v/t), nor on how V_ij is
 * spread over the sources of one population. A reducible S falls into its strongly connected
 * classes: V is block triangular, and eigenvalues are those of its diagonal blocks. */
#include "host/theory/internal.h"

enum { P = POPULATIONS_MAX };

/* One strongly connected class at one radius, in units where its R is 1. */
typedef struct {
    uint32_t n;
    double s2;             /* (s/R)^2 */
    double forward[P][P];  /* S_ab/R^2 */
    double backward[P][P]; /* [b][a]: (N_a/N_b) S_ab/R^2 */
    double share[P];       /* N_a/N of the class */
    const gain_bins_t *gains[P];
    double mean[P]; /* <gain^2>: the bins' g is gain2/mean */
} class_t;

/* d of population b at t = u v, and -t d'/d, in [0, 1]. */
typedef struct {
    double d, falls;
} damping_t;

static damping_t damping(const class_t *c, uint32_t b, double t) {
    double sum = 0.0, slope = 0.0;
    for (uint32_t k = 0; k < c->gains[b]->bins; k++) {
        double g = c->gains[b]->gain2[k] / c->mean[b], part = g / (c->s2 + g * t);
        sum += c->gains[b]->share[k] * part;
        slope += c->gains[b]->share[k] * part * part;
    }
    return (damping_t){sum, t * slope / sum};
}

/* f_a = log(sum_b k_ab d_b e^(x_b)) - x_a of one of the two equations, d_b that of t = e^(x_b +
 * y_b). With the row-stochastic w_ab = k_ab d_b e^(x_b)/sum and q_b = -t d'_b/d_b, df_a/dx_b =
 * w_ab (1 - q_b) - delta_ab and df_a/dy_b = -w_ab q_b, put in columns x and y of jacobian[2n][2n].
 */
static void half_residual(const class_t *c, const double k[P][P], const double *x, const double *y,
                          double *f, double *jacobian_x, double *jacobian_y) {
    damping_t at[P];
    for (uint32_t b = 0; b < c->n; b++)
        at[b] = damping(c, b, exp(x[b] + y[b]));
    for (uint32_t a = 0; a < c->n; a++) {
        double term[P], sum = 0.0;
        for (uint32_t b = 0; b < c->n; b++) {
            term[b] = k[a][b] * exp(x[b] - x[a]) * at[b].d;
            sum += term[b];
        }
        f[a] = log(sum);
        for (uint32_t b = 0; jacobian_x && b < c->n; b++) {
            jacobian_x[a * 2 * c->n + b] = term[b] / sum * (1.0 - at[b].falls) - (a == b);
            jacobian_y[a * 2 * c->n + b] = -term[b] / sum * at[b].falls;
        }
    }
}

/* Unknowns (log u, log v). The free scale is fixed by k = mean(log u - log v) = 0: added to the
 * first half and taken from the second, it makes the roots those with S d u = e^-k u and
 * (S d)^T v = e^k v, and as both are the Perron root of one matrix, k = 0. */
static void class_residual(const void *context, const double *x, double *f, double *jacobian) {
    const class_t *c = context;
    uint32_t n = c->n;
    double *lower = jacobian ? jacobian + 2 * n * n : NULL, scale = 0.0;
    half_residual(c, c->forward, x, x + n, f, jacobian, jacobian ? jacobian + n : NULL);
    half_residual(c, c->backward, x + n, x, f + n, lower ? lower + n : NULL, lower);
    for (uint32_t a = 0; a < n; a++)
        scale += (x[a] - x[n + a]) / n;
    for (uint32_t a = 0; a < 2 * n; a++) {
        f[a] += a < n ? scale : -scale;
        for (uint32_t b = 0; jacobian && b < 2 * n; b++)
            jacobian[a * 2 * n + b] += ((a < n) == (b < n) ? 1.0 : -1.0) / n;
    }
}

/* Solves for x at c->s2 from the x given. x + f (without the scale's part) does not stretch
 * distances: each row of its derivative has absolute sum 1. So half steps of it converge from
 * anywhere (Ishikawa, Proc. AMS 59, 65 (1976)), slowly near s = R and s = 0; Newton's method goes
 * on from there. */
static bool class_solve(const class_t *c, double x[2 * P]) {
    enum { ROUNDS = 40, HALF_STEPS = 50 };
    for (int round = 0; round < ROUNDS; round++) {
        double f[2 * P], trial[2 * P];
        for (int i = 0; i < HALF_STEPS; i++) {
            half_residual(c, c->forward, x, x + c->n, f, NULL, NULL);
            half_residual(c, c->backward, x + c->n, x, f + c->n, NULL, NULL);
            for (uint32_t a = 0; a < 2 * c->n; a++)
                x[a] += 0.5 * f[a];
        }
        memcpy(trial, x, sizeof trial);
        if (newton_solve(class_residual, c, (int)(2 * c->n), trial)) {
            memcpy(x, trial, sizeof trial);
            return true;
        }
    }
    return false;
}

/* F of one class at s = share R, 0 < share < 1. Where eigenvalues stay at 0, u and v go as powers
 * of s: followed there from R/2, a factor 2 at a time. */
static bool class_fraction(class_t *c, double share, double *fraction) {
    double x[2 * P] = {0}, here = fmax(share, 0.5);
    for (uint32_t a = 0; a < c->n; a++)
        x[a] = x[c->n + a] = 0.5 * log(1.0 - here * here); /* exact for one population */
    for (;; here = fmax(share, 0.5 * here)) {
        c->s2 = here * here;
        if (!class_solve(c, x))
            return false;
        if (here <= share)
            break;
    }
    *fraction = 0.0;
    for (uint32_t a = 0; a < c->n; a++)
        for (uint32_t k = 0; k < c->gains[a]->bins; k++) {
            double g = c->gains[a]->gain2[k] / c->mean[a];
            *fraction +=
                c->share[a] * c->gains[a]->share[k] * c->s2 / (c->s2 + g * exp(x[a] + x[c->n + a]));
        }
    return true;
}

/* Adds one class's share of F. */
static status_t class_add(uint32_t n, const uint32_t *member, const double s[P][P],
                          const double *size, const gain_bins_t *gains, const double *mean,
                          double weight, size_t radii, const double *radius, double *fraction) {
    /* R = 1 exactly is where the solution ends, and s = 0 where it may diverge (zero blocks leave
     * eigenvalues at 0): F at 0 is read off at this share of R. */
    const double least = 1e-6;
    double block[P][P] = {{0}}, ones[P], edge = 0.0, total = 0.0;
    class_t c = {.n = n};
    for (uint32_t a = 0; a < n; a++) {
        ones[a] = 1.0;
        total += size[member[a]];
        for (uint32_t b = 0; b < n; b++)
            block[a][b] = s[member[a]][member[b]];
    }
    TRY(bulk_radius(n, block, ones, &edge));
    for (uint32_t a = 0; edge > 0.0 && a < n; a++) {
        c.share[a] = size[member[a]] / total;
        c.gains[a] = &gains[member[a]];
        c.mean[a] = mean[member[a]];
        for (uint32_t b = 0; b < n; b++) {
            c.forward[a][b] = block[a][b] / edge / edge;
            c.backward[b][a] = size[member[a]] / size[member[b]] * block[a][b] / edge / edge;
        }
    }
    for (size_t i = 0; i < radii; i++) {
        double here = radius[i] < 0.0 ? 0.0 : 1.0;
        if (radius[i] >= 0.0 && radius[i] < edge) {
            double share = fmax(radius[i] / edge, least);
            if (share * share < 1.0 && !class_fraction(&c, share, &here))
                FAIL(STATUS_FAILED,
                     "the radial distribution of the bulk did not converge at radius %g of %g: "
                     "variances of %u populations differ by too many orders of magnitude; leave "
                     "out the connections of least variance",
                     radius[i], edge, n);
        }
        fraction[i] += weight * here;
    }
    return STATUS_OK;
}

status_t radial_distribution(uint32_t populations, const double variance[P][P], const double *size,
                             const double *gain2, size_t n, const double *radius,
                             double *fraction) {
    gain_bins_t gains[P];
    for (uint32_t a = 0; a < populations; a++)
        gains[a] = (gain_bins_t){1, {1.0}, {gain2[a]}};
    return radial_distribution_bins(populations, variance, size, gains, n, radius, fraction);
}

status_t radial_distribution_bins(uint32_t populations, const double variance[P][P],
                                  const double *size, const gain_bins_t *gains, size_t n,
                                  const double *radius, double *fraction) {
    double s[P][P], mean[P] = {0}, total = 0.0;
    bool reaches[P][P], placed[P] = {false};
    for (uint32_t b = 0; b < populations; b++)
        for (uint32_t k = 0; k < gains[b].bins; k++)
            mean[b] += gains[b].share[k] * gains[b].gain2[k];
    for (uint32_t a = 0; a < populations; a++) {
        total += size[a];
        for (uint32_t b = 0; b < populations; b++) {
            s[a][b] = variance[a][b] * mean[b];
            if (!(s[a][b] >= 0.0 && isfinite(s[a][b])))
                FAIL(STATUS_FAILED,
                     "the bulk has no radial distribution: variance %g from population %u to %u; "
                     "variances are finite and not negative",
                     s[a][b], b, a);
            reaches[a][b] = s[a][b] > 0.0;
        }
    }
    for (uint32_t k = 0; k < populations; k++) /* Warshall: by way of k too */
        for (uint32_t a = 0; a < populations; a++)
            for (uint32_t b = 0; b < populations; b++)
                reaches[a][b] = reaches[a][b] || (reaches[a][k] && reaches[k][b]);
    for (size_t i = 0; i < n; i++)
        fraction[i] = 0.0;
    for (uint32_t a = 0; a < populations; a++) {
        uint32_t member[P], members = 0;
        double weight = 0.0;
        for (uint32_t b = a; b < populations; b++)
            if (!placed[b] && (b == a || (reaches[a][b] && reaches[b][a]))) {
                member[members++] = b;
                weight += size[b] / total;
                placed[b] = true;
            }
        if (members > 0)
            TRY(class_add(members, member, s, size, gains, mean, weight, n, radius, fraction));
    }
    return STATUS_OK;
}
