/* Homogeneous fixed points h_a = sum_b G_ab phi_b(h_b) + I_a, G the symbol at n = 0. */
#include "host/theory/internal.h"

#include <lapacke.h>

enum { P = POPULATIONS_MAX, UNKNOWNS_MAX = 2 * P };
#define NEWTON_LOOSE 1e-9 /* largest residual of a solution, a share of 1 + |x| */

static double norm(int n, const double *x) {
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

bool newton_solve(residual_t *residual, const void *context, int n, double *x) {
    double f[UNKNOWNS_MAX], jacobian[UNKNOWNS_MAX * UNKNOWNS_MAX], trial[UNKNOWNS_MAX];
    lapack_int pivot[UNKNOWNS_MAX];
    residual(context, x, f, jacobian);
    double error = norm(n, f);
    for (int iteration = 0; iteration < 100; iteration++) {
        if (error <= 1e-12 * (1.0 + norm(n, x)))
            return true;
        double step[UNKNOWNS_MAX], damping = 1.0, trial_error = INFINITY;
        memcpy(step, f, sizeof step);
        if (LAPACKE_dgesv(LAPACK_ROW_MAJOR, n, 1, jacobian, n, pivot, step, 1) != 0)
            return false;
        for (; damping > 1e-6; damping *= 0.5) {
            for (int i = 0; i < n; i++)
                trial[i] = x[i] - damping * step[i];
            residual(context, trial, f, NULL);
            trial_error = norm(n, f);
            if (trial_error < error)
                break;
        }
        if (!(trial_error < error)) /* rounding is all that is left, or a local minimum */
            return error <= NEWTON_LOOSE * (1.0 + norm(n, x));
        memcpy(x, trial, sizeof *x * (size_t)n);
        residual(context, x, f, jacobian);
        error = trial_error;
    }
    return false;
}

/* The map at a share of the full coupling. */
typedef struct {
    const mean_network_t *net;
    double coupling;
} homogeneous_t;

/* -h + c G phi(h) + I, and its derivative. */
static void homogeneous_residual(const void *context, const double *h, double *f,
                                 double *jacobian) {
    const homogeneous_t *map = context;
    const mean_network_t *net = map->net;
    uint32_t n = net->populations;
    double rate[P], slope[P];
    for (uint32_t b = 0; b < n; b++) {
        rate[b] = gain_rate64(net->gain[b], h[b]);
        slope[b] = jacobian ? gain_slope64(net->gain[b], h[b]) : 0.0;
    }
    for (uint32_t a = 0; a < n; a++) {
        f[a] = net->input[a] - h[a];
        for (uint32_t b = 0; b < n; b++) {
            double g = map->coupling * net->orbit[0].symbol[a][b];
            f[a] += g * rate[b];
            if (jacobian)
                jacobian[a * n + b] = g * slope[b] - (a == b);
        }
    }
}

/* The rest state, followed from no coupling (h = I) to the full one. */
static bool rest_branch(const mean_network_t *net, double *h) {
    enum { STEPS = 64 };
    memcpy(h, net->input, sizeof *h * P);
    for (int i = 1; i <= STEPS; i++) {
        homogeneous_t map = {net, (double)i / STEPS};
        if (!newton_solve(homogeneous_residual, &map, (int)net->populations, h))
            return false;
    }
    return true;
}

/* Where tau_a dh_a/dt = -h_a + sum_b G_ab phi_b(h_b) + I_a leads from the initial mean, by steps of
 * dt, at least a hundredth of the shortest tau; false if it has not come to rest after 1000 of the
 * longest tau, or after a million steps. */
static bool trajectory_end(const mean_network_t *net, double *h) {
    enum { STEPS_MAX = 1000000 };
    homogeneous_t map = {net, 1.0};
    int n = (int)net->populations;
    double f[P], least = net->delta[0], most = net->delta[0];
    for (int a = 1; a < n; a++) {
        least = fmin(least, net->delta[a]);
        most = fmax(most, net->delta[a]);
    }
    double stretch = fmax(1.0, 0.01 / most);
    memcpy(h, net->initial, sizeof *h * P);
    for (int step = 0; step < STEPS_MAX && step * stretch * least < 1000.0; step++) {
        homogeneous_residual(&map, h, f, NULL);
        double speed = norm(n, f), size = norm(n, h);
        if (!(size < 1e9))
            return false;
        if (speed < 1e-10 * (1.0 + size))
            return newton_solve(homogeneous_residual, &map, n, h);
        for (int a = 0; a < n; a++)
            h[a] += stretch * net->delta[a] * f[a];
    }
    return false;
}

/* Whether two solutions are one root: Newton's method leaves them near each other, or, where the
 * root is of higher order (a network at its critical point), with no residual between them. */
static bool same_root(const mean_network_t *net, const double *one, const double *other) {
    homogeneous_t map = {net, 1.0};
    int n = (int)net->populations;
    double difference[P], between[P], f[P];
    for (int a = 0; a < n; a++)
        difference[a] = other[a] - one[a];
    double size = 1.0 + norm(n, one), worst = 0.0;
    for (int quarter = 1; quarter < 4; quarter++) {
        for (int a = 0; a < n; a++)
            between[a] = one[a] + 0.25 * quarter * difference[a];
        homogeneous_residual(&map, between, f, NULL);
        worst = fmax(worst, norm(n, f));
    }
    return norm(n, difference) < 1e-6 * size || worst <= NEWTON_LOOSE * size;
}

/* Index of the fixed point, -1 where the table is full. */
static status_t fixed_point_add(const mean_network_t *net, const double *h, theory_t *theory,
                                int *index) {
    int n = (int)net->populations;
    for (*index = 0; *index < theory->fixed_points; ++*index)
        if (same_root(net, h, theory->fixed_point[*index].h))
            return STATUS_OK;
    if (theory->fixed_points == FIXED_POINTS_MAX) {
        *index = -1;
        return STATUS_OK;
    }
    fixed_point_t *point = &theory->fixed_point[theory->fixed_points];
    linearization_t at = {0}; /* growths need no radius */
    eigenmode_t modes[P], dominant;
    int count = 0;
    for (int a = 0; a < n; a++) {
        point->h[a] = h[a];
        at.mean[a] = gain_slope64(net->gain[a], h[a]);
    }
    TRY(orbit_modes(net, &net->orbit[0], &at, modes, &count));
    point->stable = true;
    for (int k = 0; k < count; k++)
        point->stable = point->stable && modes[k].growth <= 1.0;
    TRY(dominant_mode(net, &at, &dominant));
    point->growth = dominant.growth;
    theory->fixed_points++;
    return STATUS_OK;
}

/* Least and largest rate of a bounded gain; false for an unbounded one. */
static bool gain_range(gain_t g, double range[2]) {
    bool both = g.kind == GAIN_TANH;
    range[0] = both ? -fabs((double)g.max) : g.kind == GAIN_CLIPPED_LINEAR ? (double)g.min : 0.0;
    range[1] = both ? fabs((double)g.max) : (double)g.max;
    return both || g.kind == GAIN_CLIPPED_LINEAR || g.kind == GAIN_SIGMOID;
}

/* Point `index` of a low-discrepancy sequence over the states that bounded gains can reach; over
 * [-1000, 1000], densest at the input, where an unbounded gain takes part. */
static void start_point(const mean_network_t *net, int index, double *h) {
    uint32_t n = net->populations;
    double ratio = 2.0; /* root of x^(n+1) = x + 1: M. Roberts' R_n sequence */
    for (int i = 0; i < 60; i++)
        ratio = pow(1.0 + ratio, 1.0 / (n + 1));
    double step = 1.0;
    for (uint32_t a = 0; a < n; a++) {
        step /= ratio;
        double u = fmod(0.5 + step * (index + 1), 1.0);
        double low = net->input[a], high = net->input[a];
        bool bounded = true;
        for (uint32_t b = 0; b < n; b++) {
            double range[2], g = net->orbit[0].symbol[a][b];
            bounded = (gain_range(net->gain[b], range) || g == 0.0) && bounded;
            low += fmin(g * range[0], g * range[1]);
            high += fmax(g * range[0], g * range[1]);
        }
        double s = 2.0 * u - 1.0;
        h[a] = bounded ? low + u * (high - low) : net->input[a] + 1000.0 * s * s * s;
    }
}

static status_t follow(const mean_network_t *net, theory_t *theory) {
    double h[P];
    int rest = -1, end = -1;
    if (rest_branch(net, h))
        TRY(fixed_point_add(net, h, theory, &rest));
    if (trajectory_end(net, h))
        TRY(fixed_point_add(net, h, theory, &end));
    const char *reason = "";
    if (rest >= 0 && rest == end) {
        theory->followed = rest;
        reason = "the rest state, where the homogeneous dynamics leads from the initial state";
    } else if (rest >= 0 && end < 0) {
        theory->followed = rest;
        reason =
            "the rest state, because the homogeneous dynamics does not settle from the initial "
            "state";
    } else if (rest >= 0 && theory->fixed_point[rest].growth > 1.0) {
        theory->followed = rest;
        reason = "the rest state, because it is unstable: what leaves it makes the state seen";
    } else if (end >= 0) {
        theory->followed = end;
        reason = rest >= 0
                     ? "where the homogeneous dynamics leads from the initial state, although "
                       "the rest state is stable too"
                     : "where the homogeneous dynamics leads from the initial state; the rest "
                       "state ends before full coupling";
    } else {
        theory->followed = 0;
        reason =
            "the first one found: the rest state ends before full coupling, and the homogeneous "
            "dynamics does not settle from the initial state";
    }
    snprintf(theory->followed_reason, sizeof theory->followed_reason, "%s%s", reason,
             net->initial_unread ? " (taken to be the input: its file is not read here)" : "");
    return STATUS_OK;
}

status_t fixed_points_find(const mean_network_t *net, theory_t *theory) {
    enum { STARTS = 256 };
    homogeneous_t map = {net, 1.0};
    theory->fixed_points = 0;
    TRY(follow(net, theory));
    for (int i = -1; i < STARTS; i++) {
        double h[P];
        int index = 0;
        if (i < 0)
            memcpy(h, net->initial, sizeof h);
        else
            start_point(net, i, h);
        if (newton_solve(homogeneous_residual, &map, (int)net->populations, h))
            TRY(fixed_point_add(net, h, theory, &index));
    }
    if (theory->fixed_points > 0)
        return STATUS_OK;
    theory->followed_reason[0] = '\0';
    snprintf(theory->unsolved, sizeof theory->unsolved,
             "the mean field has no fixed point (none from %d starts): activity grows "
             "without limit; weaken excitation or use a bounded gain",
             STARTS);
    return STATUS_OK;
}
