/* Finite-size error bars: how far an outlier lies from its predicted place, from one draw of the
 * weights to the next.
 *
 * With J = mean + noise X and an outlier's vectors u, v (u.v = 1), perturbation theory gives
 * delta = u.X v + u.X X v / lambda + ...; the terms are uncorrelated, as the entries of X are
 * independent, and their variances add up to
 *   E|delta|^2 = Sum_ij |u_i|^2 [V (1 - V/|lambda|^2)^-1]_ij |v_j|^2,   V_ij = Var J_ij
 * (leading order in 1/N; the first term alone, V, is DESIGN.md's first-order error bar, and the
 * rest makes it grow without limit at the disk's edge, where the outlier dissolves). For plane
 * waves at n and m the sums run over V's transform at n - m; so the mean over a degenerate group,
 * Sum delta_n / m, has the covariances of all pairs of its waves. */
#include "host/theory/internal.h"

#include <complex.h>
#include <lapacke.h>

enum { P = POPULATIONS_MAX };

/* Transform of the variances at wave vector (qx, qy). */
static double scatter_at(const mean_network_t *net, uint32_t a, uint32_t b, int qx, int qy) {
    if (!net->scatter[a][b])
        return 0.0;
    int waves_x = net->waves_x[a][b], waves_y = net->waves_y[a][b];
    qx = abs(qx) % waves_x;
    qy = abs(qy) % waves_y;
    qx = qx > waves_x / 2 ? waves_x - qx : qx;
    qy = qy > waves_y / 2 ? waves_y - qy : qy;
    return net->scatter[a][b][(size_t)qy * (size_t)net->columns + (size_t)qx];
}

/* A wave's mean over a row's inputs, over that of the uniform one: of a pathway with fixed row
 * sums.
 */
static double coherence_of(const mean_network_t *net, const eigenmode_t *mode, uint32_t a,
                           uint32_t b) {
    double at_zero = net->orbit[0].symbol[a][b];
    if (at_zero == 0.0) /* zero mean: the variances are as the inclusions */
        return scatter_at(net, a, b, mode->nx, mode->ny) / net->variance[a][b];
    for (size_t i = 0; i < net->orbits; i++)
        if (net->orbit[i].nx == mode->nx && net->orbit[i].ny == mode->ny)
            return net->orbit[i].symbol[a][b] / at_zero;
    return 0.0;
}

/* What fixed row sums take off the covariance of two waves. Independent x_j of variances V_j given
 * that they add up to nothing have the covariances V_j delta_jl - V_j V_l/Sum V. That holds for
 * recentred weights of a row about their sample mean, V = p sigma^2/k, and for which inputs it has,
 * V = p (1 - p) (g/k)^2 (to leading order in 1/indegree). */
static double fixed_part(const mean_network_t *net, const eigenmode_t *k, const eigenmode_t *m,
                         uint32_t a, uint32_t b) {
    double inputs = net->fixed_inputs[a][b];
    if (inputs <= 0.0 && net->fixed_weights[a][b] <= 0.0)
        return 0.0;
    double in_k = coherence_of(net, k, a, b), in_m = coherence_of(net, m, a, b);
    double of_k = scatter_at(net, a, b, k->nx, k->ny) - net->weight_scatter[a][b] * in_k;
    double of_m = scatter_at(net, a, b, m->nx, m->ny) - net->weight_scatter[a][b] * in_m;
    return net->fixed_weights[a][b] * in_k * in_m + (inputs > 0.0 ? of_k * of_m / inputs : 0.0);
}

/* E[delta_k conj(delta_m)] of two waves whose difference is q, or with `second` = the second one's
 * conjugate, E[delta_k delta_m]. */
static status_t covariance(const mean_network_t *net, const linearization_t *at,
                           const eigenmode_t *k, const eigenmode_t *m, const int q[2],
                           bool conjugate, complex double *sum) {
    uint32_t n = net->populations;
    complex double value_m = conjugate ? m->re - I * m->im : m->re + I * m->im;
    complex double product = (k->re + I * k->im) * value_m, matrix[P * P], x[P * P];
    for (uint32_t a = 0; a < n; a++)
        for (uint32_t b = 0; b < n; b++) {
            double v = scatter_at(net, a, b, q[0], q[1]) * at->square[b];
            matrix[b * n + a] = (a == b ? 1.0 : 0.0) - v / product;
            x[b * n + a] = v - fixed_part(net, k, m, a, b) * at->square[b];
        }
    lapack_int pivot[P], order = (lapack_int)n;
    *sum = INFINITY;
    if (LAPACKE_zgesv_work(LAPACK_COL_MAJOR, order, order, matrix, order, pivot, x, order) != 0)
        return STATUS_OK;
    *sum = 0.0;
    for (uint32_t a = 0; a < n; a++)
        for (uint32_t b = 0; b < n; b++) {
            complex double left = conjugate ? conj(m->left[a]) : m->left[a];
            complex double right = conjugate ? conj(m->right[b]) : m->right[b];
            *sum += net->size[a] * k->left[a] * left * x[b * n + a] * k->right[b] * right;
        }
    return STATUS_OK;
}

static bool inside(const eigenmode_t *mode, const linearization_t *at) {
    return hypot(mode->re, mode->im) <= at->radius;
}

status_t mode_scatter(const mean_network_t *net, const linearization_t *at, eigenmode_t *mode) {
    complex double variance = INFINITY;
    const int none[2] = {0, 0};
    if (!inside(mode, at))
        TRY(covariance(net, at, mode, mode, none, true, &variance));
    mode->std = isfinite(creal(variance)) ? sqrt(creal(variance)) : INFINITY;
    return STATUS_OK;
}

status_t group_scatter(const mean_network_t *net, const linearization_t *at,
                       const eigenmode_t *modes, size_t n, const size_t *group_of, size_t g,
                       theory_group_t *group) {
    complex double square = 0.0, pseudo = 0.0;
    *group = (theory_group_t){0};
    for (size_t k = 0; k < n; k++) {
        if (group_of[k] != g)
            continue;
        group->multiplicity += modes[k].multiplicity;
        group->re += modes[k].multiplicity * modes[k].re;
        group->im += modes[k].multiplicity * modes[k].im;
        for (size_t m = 0; m < n; m++) {
            if (group_of[m] != g)
                continue;
            for (int i = 0; i < modes[k].multiplicity; i++)
                for (int j = 0; j < modes[m].multiplicity; j++) {
                    const int *a = modes[k].wave[i], *b = modes[m].wave[j];
                    complex double c;
                    TRY(covariance(net, at, &modes[k], &modes[m],
                                   (int[2]){a[0] - b[0], a[1] - b[1]}, true, &c));
                    square += inside(&modes[k], at) ? INFINITY : c;
                    TRY(covariance(net, at, &modes[k], &modes[m],
                                   (int[2]){a[0] + b[0], a[1] + b[1]}, false, &c));
                    pseudo += c;
                }
        }
    }
    double m = group->multiplicity;
    group->re /= m;
    group->im /= m;
    group->std_re = sqrt(fmax(0.0, creal(square) + creal(pseudo)) / 2.0) / m;
    group->std_im = sqrt(fmax(0.0, creal(square) - creal(pseudo)) / 2.0) / m;
    return STATUS_OK;
}
