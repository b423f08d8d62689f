/* Spectrum and regime from the wiring rules alone. Source of every formula: Huang et al.,
 * "Bridging Scales", NeurIPS 2025 (DESIGN.md section 1), unless a comment says otherwise. */
#ifndef BRISC_THEORY_H
#define BRISC_THEORY_H

#include "host/pathway.h"

enum { FIXED_POINTS_MAX = 32 };

/* One eigenvalue of the effective mean matrix J phi'(h*): the outlier at wave vector n and those
 * that its symmetries give. A complex one has im > 0 and stands for the conjugate pair. */
typedef struct {
    int nx, ny; /* representative wave vector, 0 <= nx <= ny where x and y are alike */
    double re, im;
    /* Finite-size error bar sqrt(E|lambda - mean|^2) of one mode by itself (theory_group_t has that
     * of a degenerate group's mean). Modes that share an eigenvalue also repel,
     * sqrt((multiplicity + 1)/2) times as far where their noise is independent. INFINITY inside
     * the disk, where no eigenvalue answers to the mode, and for a defective symbol. */
    double std;
    int multiplicity;    /* number of wave vectors that symmetry maps to n */
    int wave[8][2];      /* [multiplicity]: these */
    double growth;       /* |step factor|: |1 - delta + delta lambda| where all tau are equal */
    double wavenumber;   /* |n|, cycles a torus side */
    double wavelength;   /* 1/|n|; INFINITY at n = 0 */
    double frequency_hz; /* |Im lambda|/(2 pi tau); with unequal tau, of the step factor */
    double phase_speed;  /* frequency / |n|, torus sides a second; 0 at n = 0 */
    /* Eigenvectors of the symbol, a population each: neuron j of population b has right[b]
     * exp(2 pi i n.x_j), and Sum_b N_b |right_b|^2 = 1; Sum_a left_a right_a N_a = 1. */
    double _Complex right[POPULATIONS_MAX], left[POPULATIONS_MAX];
} eigenmode_t;

typedef struct {
    double h[POPULATIONS_MAX];
    double growth; /* largest growth over all modes of the spectrum linearized there */
    bool stable;   /* to homogeneous perturbations (n = 0) */
} fixed_point_t;

typedef struct {
    uint32_t populations;
    double bulk_radius;           /* R = sqrt(rho(M)) of J itself */
    double bulk_radius_effective; /* the same of J phi' at the followed fixed point; above 1 the
                                   * dynamical mean field takes over */
    double variance[POPULATIONS_MAX][POPULATIONS_MAX]; /* M_ab */
    double coupling[POPULATIONS_MAX][POPULATIONS_MAX]; /* symbol at n = 0 */
    fixed_point_t fixed_point[FIXED_POINTS_MAX];
    int fixed_points;
    int followed; /* index of the fixed point linearized about */
    /* Why theory names no regime (then undecided): no fixed point, and nothing below is filled but
     * bulk_radius; or no finite mean field, and the rest is that of the fixed point. Else "". */
    char unsolved[320];
    char followed_reason[200];
    bool mean_field; /* whether the dynamical mean field replaced the fixed point (R > 1) */
    double mean[POPULATIONS_MAX];        /* its u_a; else h*_a */
    double spread[POPULATIONS_MAX];      /* its Delta_a, the variance of h; else 0 */
    double gain[POPULATIONS_MAX];        /* effective gain phi' (or its Gaussian average); modes and
                                          * outliers are those of J diag(gain) */
    double gain_square[POPULATIONS_MAX]; /* its square, or the average of phi'^2: what the
                                          * variances are multiplied by */
    double radius;                       /* of the bulk of that matrix */
    double size[POPULATIONS_MAX];        /* N_a */
    /* Largest growth of all modes where that exceeds 1, otherwise of the outliers (of all where
     * there is none). */
    eigenmode_t dominant;
    eigenmode_t *outliers; /* eigenvalues beyond the bulk, largest growth first; owned */
    size_t n_outliers;
    double aliasing; /* |lambda - lambda of the full aliased block| of the dominant mode;
                      * NAN where the block has more than 256 rows */
    regime_t regime;
} theory_t;

/* Fills `theory` from the plan (probability tables, weights) and the config (gains, tau, noise,
 * initial state). The symbol averages over target classes: all, or a regular subset of 64 where
 * there are more (lattices with little in common). Fixed points are those that Newton's method
 * finds from many starts. On failure nothing is left to destroy. */
status_t theory_predict(const config_t *config, const network_plan_t *plan, theory_t *theory);
void theory_destroy(theory_t *theory);
/* Bytes that theory_predict holds at most, about: for a profile whose transform falls off slowly,
 * as if every wave vector mattered. */
uint64_t theory_memory(const network_plan_t *plan);

/* All eigenvalues of the symbol J diag(theory->gain) with |lambda| above `fraction` of the largest
 * one's, one entry an orbit and eigenvalue, largest growth first: the predicted spectrum without
 * its bulk. The caller frees `modes`. */
status_t theory_modes(const config_t *config, const network_plan_t *plan, const theory_t *theory,
                      double fraction, eigenmode_t **modes, size_t *n);

/* The spectrum (populations, variance, coupling, gain, radius, dominant, outliers) of J diag(phi')
 * for gains of the caller's: their mean over each population, and that of their squares. */
status_t theory_linearize(const config_t *config, const network_plan_t *plan, const double *gain,
                          const double *gain_square, theory_t *theory);

/* Modes that share an eigenvalue, as far as their error bars can tell. */
typedef struct {
    int multiplicity; /* wave vectors in all */
    double re, im;    /* mean of their eigenvalues */
    /* Finite-size error bars of that mean, which count the noise that comes by way of all other
     * modes (coupling.c); INFINITY where those are so near that it outweighs the rest tenfold. */
    double std_re, std_im;
    double widening; /* by how much those modes widen the error bar of a single one, at least 1 */
} theory_group_t;

/* group[g], of all modes[i] with group_of[i] = g. */
status_t theory_groups(const config_t *config, const network_plan_t *plan, const theory_t *theory,
                       const eigenmode_t *modes, size_t n, const size_t *group_of, size_t groups,
                       theory_group_t *group);

/* How far one eigenvalue of the symbol is from the exact one, an eigenvalue of the matrix that
 * couples all wave vectors which the lattices alias onto one another. */
typedef struct {
    int nx, ny; /* representative wave vector */
    double simple_re, simple_im, exact_re, exact_im;
    double distance; /* |simple - exact|; the largest of those that symmetry makes equal */
    double in_std;   /* distance in error bars (eigenmode_t's std): 0 where it is rounding or the
                      * bar infinite, INFINITY where the bar is 0 */
} symbol_error_t;

typedef struct {
    uint32_t block;        /* rows of the aliased block: 5 for lattices 4:1; 1 a population where
                            * all are equal */
    size_t modes, beyond;  /* compared; off by more than an error bar */
    symbol_error_t *error; /* [modes], largest distance first; owned */
} symbol_check_t;

/* Compares every mode of theory_modes with |lambda| > least. A wave vector beyond the coarse
 * lattices' zone is folded into it: all modes of one folded wave vector share a block and are
 * matched one to one, nearest pairs first. (On the zone's rim the symbol may count a coarse
 * population twice; what is left over is compared with the nearest eigenvalue.) STATUS_USAGE where
 * the block has more than 256 rows. On failure nothing is left to destroy. */
status_t theory_symbol_check(const config_t *config, const network_plan_t *plan,
                             const theory_t *theory, double least, symbol_check_t *check);
void symbol_check_destroy(symbol_check_t *check);

/* Gains of a population that vary from neuron to neuron, wherever it is: squares gain2[bins] of the
 * shares share[bins] of the neurons, which add up to 1. */
enum { GAIN_BINS = 32 };
typedef struct {
    uint32_t bins;
    double share[GAIN_BINS], gain2[GAIN_BINS];
} gain_bins_t;

/* Fraction of the bulk's eigenvalues with |lambda| <= radius[n] (in any order), many neurons and
 * independent entries: variance is M_ab, size N_a, gain2 <phi'^2> of each population. It is 1 from
 * R = sqrt(rho(M diag(gain2))) on; its value at 0 is the share of eigenvalues that zero blocks keep
 * there, to what lies within 1e-6 R. Accurate to 1e-6 or better. STATUS_FAILED where a variance is
 * negative or not finite, or where it did not converge. */
status_t radial_distribution(uint32_t populations,
                             const double variance[POPULATIONS_MAX][POPULATIONS_MAX],
                             const double *size, const double *gain2, size_t n,
                             const double *radius, double *fraction);
/* The same of gains that vary: gains[populations]. */
status_t radial_distribution_bins(uint32_t populations,
                                  const double variance[POPULATIONS_MAX][POPULATIONS_MAX],
                                  const double *size, const gain_bins_t *gains, size_t n,
                                  const double *radius, double *fraction);

#endif
