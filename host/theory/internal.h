/* What the parts of the theory share. */
#ifndef BRISC_THEORY_INTERNAL_H
#define BRISC_THEORY_INTERNAL_H

#include <complex.h>

#include "host/theory/theory.h"
#include "kernels/storage.h"

/* Wave vectors that the lattice's symmetries map onto one another: (+-nx, +-ny), and (ny, nx)
 * where every lattice is square. */
typedef struct {
    int nx, ny, multiplicity;
    int wave[8][2];                                  /* [multiplicity]: all of them */
    double symbol[POPULATIONS_MAX][POPULATIONS_MAX]; /* S_ab(n), no gain */
} orbit_t;

/* All that the theory needs of a network: its mean over draws, from the probability tables. */
typedef struct {
    uint32_t populations;
    double size[POPULATIONS_MAX];         /* N_a */
    double delta[POPULATIONS_MAX], dt_ms; /* dt/tau_a */
    gain_t gain[POPULATIONS_MAX];
    double input[POPULATIONS_MAX];          /* I_a */
    double noise_variance[POPULATIONS_MAX]; /* s_a^2 */
    double initial[POPULATIONS_MAX]; /* mean of the initial state; I_a where a file gives it */
    bool initial_unread;             /* a file gives it */
    double variance[POPULATIONS_MAX][POPULATIONS_MAX]; /* M_ab */
    /* Transform of the variances, scatter[a][b][ny][nx] = Sum_Delta Var(J)(Delta) cos(2 pi n.Delta)
     * over the quarter zone, wave numbers up to half of waves_x, waves_y; at n = 0 it is M_ab. */
    double *scatter[POPULATIONS_MAX][POPULATIONS_MAX];
    int waves_x[POPULATIONS_MAX][POPULATIONS_MAX], waves_y[POPULATIONS_MAX][POPULATIONS_MAX];
    int columns;
    /* Two parts of M_ab whose sum over a row does not scatter, under RULE_FIXED_INDEGREE: that of
     * which inputs a row has, and that of its weights where they are recentred; else 0. */
    double fixed_inputs[POPULATIONS_MAX][POPULATIONS_MAX];
    double fixed_weights[POPULATIONS_MAX][POPULATIONS_MAX];
    double weight_scatter[POPULATIONS_MAX][POPULATIONS_MAX]; /* there: the weights' part of M_ab */
    /* By |n|, then nx; orbit[0] is n = 0. Those whose symbol is below 1e-6 of that at n = 0 in
     * every pathway are left out. */
    orbit_t *orbit;
    size_t orbits;
} mean_network_t;

status_t mean_network_create(const config_t *config, const network_plan_t *plan,
                             mean_network_t *net);
void mean_network_destroy(mean_network_t *net);
/* The orbit whose representative is (nx, ny); NULL where it was left out. */
const orbit_t *orbit_find(const mean_network_t *net, int nx, int ny);

/* sqrt of the spectral radius of M diag(gain_square). */
status_t bulk_radius(uint32_t populations, const double variance[POPULATIONS_MAX][POPULATIONS_MAX],
                     const double *gain_square, double *radius);

/* The gains that a spectrum is linearized with: column b of the symbol times mean[b], of the
 * variances times square[b]; radius: that of the bulk. */
typedef struct {
    double mean[POPULATIONS_MAX], square[POPULATIONS_MAX], radius;
} linearization_t;

/* Modes of one orbit; of a conjugate pair one. */
status_t orbit_modes(const mean_network_t *net, const orbit_t *orbit, const linearization_t *at,
                     eigenmode_t modes[POPULATIONS_MAX], int *n);
/* mode->std, from its eigenvectors. */
status_t mode_scatter(const mean_network_t *net, const linearization_t *at, eigenmode_t *mode);
/* The modes[i] with group_of[i] = g. */
typedef struct {
    const eigenmode_t *modes; /* [n] */
    size_t n;
    const size_t *group_of; /* [n] */
    size_t g;
} mode_set_t;

status_t group_scatter(const mean_network_t *net, const linearization_t *at, const mode_set_t *set,
                       theory_group_t *group);

/* G(p) = (lambda - A)^-1 of the mean matrix at its waves p, without the modes of a set
 * (coupling.c). */
typedef struct {
    double _Complex lambda;
    size_t entries; /* populations^2 */
    int reach;      /* largest wave number */
    bool pole;      /* lambda is an eigenvalue of another wave: nothing else is known */
    /* [reach + 1][reach + 1][entries], by |ny|, |nx|: G(p) - 1/lambda; 0 where it is negligible. */
    double _Complex *excess;
    int (*wave)[2]; /* [waves] where it is not */
    size_t waves;
} resolvent_t;

status_t resolvent_create(const mean_network_t *net, const linearization_t *at,
                          const mode_set_t *set, double _Complex lambda, resolvent_t *resolvent);
void resolvent_destroy(resolvent_t *resolvent);
/* k_bc = Sum_l G_jl G*_jl exp(2 pi i q.(x_l - x_j)), j in b, l over c; without `conjugate`, of G^2
 * in place of |G|^2. */
void resolvent_squares(const mean_network_t *net, const resolvent_t *resolvent, const int q[2],
                       bool conjugate, double _Complex k[POPULATIONS_MAX][POPULATIONS_MAX]);
/* rho(V K(0)): what a kick's variance comes back with; from 1 on lambda is within the spectrum's
 * reach. */
status_t resolvent_feedback(const mean_network_t *net, const linearization_t *at,
                            const resolvent_t *resolvent, double *feedback);

/* The mode of largest growth of all orbits, without its std; of equal ones (to 1e-8) that of least
 * |n|. */
status_t dominant_mode(const mean_network_t *net, const linearization_t *at, eigenmode_t *mode);
/* Distance from `mode`'s eigenvalue to the nearest one of the block of all wave vectors that alias
 * onto its own: what leaving them out costs. NAN where the block is larger than BLOCK_MAX. */
status_t mode_aliasing(const network_plan_t *plan, const double *gain, const eigenmode_t *mode,
                       double *distance);

/* The mean matrix J diag(gain) is periodic in the unit cell that all lattices share, gx x gy of
 * them: its eigenvalues are those of the Bloch matrices at the gx x gy wave vectors of the cells'
 * lattice. */
enum { BLOCK_MAX = 256 };
typedef struct {
    uint64_t size;                   /* sites in a cell, the block's rows */
    uint32_t gx, gy;                 /* cells along x and y */
    uint32_t first[POPULATIONS_MAX]; /* first row of a population */
    uint32_t width[POPULATIONS_MAX], height[POPULATIONS_MAX]; /* its sites in a cell */
} cell_t;

cell_t cell_create(const network_t *net);
/* Eigenvalues value[waves][size] of the blocks at wave[waves] = (nx, ny); size <= BLOCK_MAX. */
status_t block_eigenvalues(const network_plan_t *plan, const cell_t *cell, const double *gain,
                           size_t waves, const int (*wave)[2], complex double *value);

/* Newton's method with step halving on f(x) = 0, x[n], n <= 2 POPULATIONS_MAX. `residual` fills
 * f[n] and, unless it is NULL, jacobian[n][n] (row-major, contiguous). True if it converged. */
typedef void residual_t(const void *context, const double *x, double *f, double *jacobian);
bool newton_solve(residual_t *residual, const void *context, int n, double *x);

/* Fills theory->fixed_point*, followed and its reason; or unsolved where there is none. */
status_t fixed_points_find(const mean_network_t *net, theory_t *theory);

/* Moments over h ~ Normal(mean, variance): [power - 1][k] = <z^k phi(h)^power>, z = (h - mean)/std.
 */
void gaussian_moments(gain_t gain, double mean, double variance, double moments[2][3]);
/* Fills theory->mean, spread and gain, starting from the followed fixed point; false where there
 * is no finite solution. */
bool mean_field_solve(const mean_network_t *net, theory_t *theory);

#endif
