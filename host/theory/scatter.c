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
#include <stdlib.h>

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
    const orbit_t *orbit = orbit_find(net, mode->nx, mode->ny);
    return orbit ? orbit->symbol[a][b] / at_zero : 0.0;
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

/* Two waves' modes, and how noise runs on between two kicks: at q = n_k - n_m for E[delta_k
 * conj(delta_m)], or, not `conjugate`, at q = n_k + n_m for E[delta_k delta_m]. */
typedef struct {
    const eigenmode_t *k, *m;
    int q[2];
    bool conjugate;
    const complex double (*squares)[P]; /* of the resolvent; NULL: those of 1/lambda */
} two_waves_t;

static two_waves_t two_waves(const eigenmode_t *k, int i, const eigenmode_t *m, int j,
                             bool conjugate) {
    int sign = conjugate ? -1 : 1;
    return (two_waves_t){
        k,
        m,
        {k->wave[i][0] + sign * m->wave[j][0], k->wave[i][1] + sign * m->wave[j][1]},
        conjugate,
        NULL};
}

static status_t covariance(const mean_network_t *net, const linearization_t *at,
                           const two_waves_t *of, complex double *sum) {
    uint32_t n = net->populations;
    const eigenmode_t *k = of->k, *m = of->m;
    complex double value_m = of->conjugate ? m->re - I * m->im : m->re + I * m->im;
    complex double product = (k->re + I * k->im) * value_m, matrix[P * P], x[P * P];
    double v[P][P];
    for (uint32_t a = 0; a < n; a++)
        for (uint32_t b = 0; b < n; b++)
            v[a][b] = scatter_at(net, a, b, of->q[0], of->q[1]) * at->square[b];
    for (uint32_t a = 0; a < n; a++)
        for (uint32_t b = 0; b < n; b++) {
            complex double back = of->squares ? 0.0 : v[a][b] / product;
            for (uint32_t c = 0; of->squares && c < n; c++)
                back += v[a][c] * of->squares[c][b];
            matrix[b * n + a] = (a == b ? 1.0 : 0.0) - back;
            x[b * n + a] = v[a][b] - fixed_part(net, k, m, a, b) * at->square[b];
        }
    lapack_int pivot[P], order = (lapack_int)n;
    *sum = INFINITY;
    if (LAPACKE_zgesv_work(LAPACK_COL_MAJOR, order, order, matrix, order, pivot, x, order) != 0)
        return STATUS_OK;
    *sum = 0.0;
    for (uint32_t a = 0; a < n; a++)
        for (uint32_t b = 0; b < n; b++) {
            complex double left = of->conjugate ? conj(m->left[a]) : m->left[a];
            complex double right = of->conjugate ? conj(m->right[b]) : m->right[b];
            *sum += net->size[a] * k->left[a] * left * x[b * n + a] * k->right[b] * right;
        }
    return STATUS_OK;
}

static bool inside(const eigenmode_t *mode, const linearization_t *at) {
    return hypot(mode->re, mode->im) <= at->radius;
}

status_t mode_scatter(const mean_network_t *net, const linearization_t *at, eigenmode_t *mode) {
    complex double variance = INFINITY;
    two_waves_t own = two_waves(mode, 0, mode, 0, true);
    if (!inside(mode, at))
        TRY(covariance(net, at, &own, &variance));
    mode->std = isfinite(creal(variance)) ? sqrt(creal(variance)) : INFINITY;
    return STATUS_OK;
}

/* The resolvent's squares for all differences and sums of a group's waves, each found once. */
typedef struct {
    const mean_network_t *net;
    const resolvent_t *resolvent;
    int side; /* of q, by |qx|, |qy| */
    struct {
        bool known;
        complex double k[P][P];
    } * at; /* [conjugate][side][side] */
} squares_t;

static const complex double (*squares_at(squares_t *s, const two_waves_t *of))[P] {
    int side = s->side, qx = abs(of->q[0]), qy = abs(of->q[1]);
    size_t place = ((size_t)of->conjugate * (size_t)side + (size_t)qy) * (size_t)side + (size_t)qx;
    if (!s->at[place].known)
        resolvent_squares(s->net, s->resolvent, of->q, of->conjugate, s->at[place].k);
    s->at[place].known = true;
    return (const complex double(*)[P])s->at[place].k;
}

/* Sums of the covariances over all pairs of the set's waves, and by how much the resolvent widens
 * the error bar of the first. */
static status_t sum_pairs(const linearization_t *at, const mode_set_t *set, squares_t *s,
                          theory_group_t *group) {
    complex double square = 0.0, pseudo = 0.0, c;
    for (size_t k = 0; k < set->n; k++)
        for (size_t m = 0; set->group_of[k] == set->g && m < set->n; m++) {
            if (set->group_of[m] != set->g)
                continue;
            for (int i = 0; i < set->modes[k].multiplicity; i++)
                for (int j = 0; j < set->modes[m].multiplicity; j++)
                    for (int conjugate = 0; conjugate < 2; conjugate++) {
                        two_waves_t of = two_waves(&set->modes[k], i, &set->modes[m], j, conjugate);
                        of.squares = squares_at(s, &of);
                        TRY(covariance(s->net, at, &of, &c));
                        *(conjugate ? &square : &pseudo) += c;
                        if (conjugate && k == m && i == 0 && j == 0 && set->modes[k].std > 0.0)
                            group->widening =
                                fmax(group->widening, sqrt(creal(c)) / set->modes[k].std);
                    }
        }
    double m = group->multiplicity;
    group->std_re = sqrt(fmax(0.0, creal(square) + creal(pseudo)) / 2.0) / m;
    group->std_im = sqrt(fmax(0.0, creal(square) - creal(pseudo)) / 2.0) / m;
    return STATUS_OK;
}

static status_t coupled_scatter(const mean_network_t *net, const linearization_t *at,
                                const mode_set_t *set, const resolvent_t *r,
                                theory_group_t *group) {
    /* The series in it, 1/(1 - feedback), is that of its first orders up to here. */
    const double most = 0.9;
    double feedback;
    TRY(resolvent_feedback(net, at, r, &feedback));
    if (feedback > most) {
        group->widening = INFINITY;
        return STATUS_OK;
    }
    int longest = 0;
    for (size_t k = 0; k < set->n; k++)
        if (set->group_of[k] == set->g)
            for (int axis = 0; axis < 2; axis++)
                longest = abs(set->modes[k].wave[0][axis]) > longest
                              ? abs(set->modes[k].wave[0][axis])
                              : longest;
    squares_t s = {net, r, 2 * longest + 1, NULL};
    s.at = calloc(2 * (size_t)s.side * (size_t)s.side, sizeof *s.at);
    if (!s.at)
        FAIL(STATUS_FAILED, "no memory for a group of %d waves", group->multiplicity);
    status_t status = sum_pairs(at, set, &s, group);
    free(s.at);
    return status;
}

status_t group_scatter(const mean_network_t *net, const linearization_t *at, const mode_set_t *set,
                       theory_group_t *group) {
    bool known = true;
    *group = (theory_group_t){.std_re = INFINITY, .std_im = INFINITY, .widening = 1.0};
    for (size_t k = 0; k < set->n; k++) {
        const eigenmode_t *mode = &set->modes[k];
        if (set->group_of[k] != set->g)
            continue;
        group->multiplicity += mode->multiplicity;
        group->re += mode->multiplicity * mode->re;
        group->im += mode->multiplicity * mode->im;
        known = known && isfinite(mode->std);
    }
    group->re /= group->multiplicity;
    group->im /= group->multiplicity;
    if (!known)
        return STATUS_OK;
    resolvent_t r;
    TRY(resolvent_create(net, at, set, group->re + I * group->im, &r));
    status_t status = coupled_scatter(net, at, set, &r, group);
    resolvent_destroy(&r);
    return status;
}
