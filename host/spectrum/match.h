/* Which predicted mode each measured eigenvalue beyond the disk is. */
#ifndef BRISC_SPECTRUM_MATCH_H
#define BRISC_SPECTRUM_MATCH_H

#include "host/spectrum/arnoldi.h"
#include "host/spectrum/assign.h"
#include "host/theory/theory.h"

/* A measured eigenvalue taken for an outlier: matched to a predicted mode, or not predicted. */
typedef struct {
    uint32_t pair; /* its place among the eigenpairs */
    int mode;      /* index of the theory's outlier, or UNMATCHED */
    int nx, ny;    /* the mode's; of an unmatched one, the wave vector that holds most of it */
    double re, im, residual;
    double std; /* the mode's error bar, as other modes widen it; NAN without a mode */
    /* Norm of its eigenvector's projection on the plane waves of (nx, ny) and its symmetries: with
     * the mode's weights on the populations, or, unmatched, with any. About sqrt(1 -
     * R^2/|lambda|^2) for an outlier, 1/sqrt(n) for a vector of the bulk. */
    double overlap;
    /* (Re lambda - predicted)/(its error bar): a standard normal for a mode that stands alone (its
     * group's multiplicity is 1); NAN otherwise, where the group's z says it. */
    double z;
} outlier_t;

/* Predicted modes that share an eigenvalue to within their error bars, and what was found. */
typedef struct {
    theory_group_t predicted;
    int nx, ny;      /* of its first mode */
    int eigenvalues; /* in all, conjugates of complex modes too */
    double found;    /* eigenvalues matched, conjugates of complex modes not counted */
    double re, im;   /* their mean; NAN unless all are found, of a group of one kind */
    bool clear;      /* every mode 3 error bars or more beyond the disk */
    /* z may be off: within `reach`, whose states mix in; or with one eigenvalue of a conjugate pair
     * whose other is not its own; or beside a group of which too few or too many were found, so
     * that some may be this one's; or modes so near that there is no error bar (theory_group_t). */
    bool ragged;
    double z_re, z_im; /* its distance from the predicted mean in error bars of the mean */
} match_group_t;

typedef struct {
    outlier_t *outliers; /* [count], in the order of the eigenpairs */
    size_t count;
    match_group_t *groups; /* [n_groups] */
    size_t n_groups;
    size_t *group_of;  /* [theory's outliers]: index of the group */
    int missing;       /* eigenvalues not found, of modes 3 error bars beyond the disk, though they
                        * ought to be among the pairs */
    int unpredicted;   /* outliers without a mode, or with one that has room for half a pair */
    double resolution; /* eigenvalue_resolution: distances below it are none */
    double reach;      /* how far localized states of the disk's edge may lie */
} match_t;

typedef struct {
    const config_t *config;
    const network_plan_t *plan;
    const theory_t *theory;
    const eigenpairs_t *pairs; /* with vectors; those inside the disk are passed over */
    bool complete;             /* whether pairs hold every eigenvalue beyond the disk; otherwise */
    leading_t by;              /* those that lead by this criterion */
    double delta;
} match_input_t;

/* Predicted modes whose clouds of eigenvalues touch form a group. An eigenvalue beyond the disk
 * goes to the group, and in it to the mode, that it suits best by overlap and distance, if it lies
 * within sqrt(m) + 5 error bars of the mode, m the group's modes (their noise makes a cloud of
 * radius sqrt(m) error bars, besides eigenvalue_resolution; + 1 where both mode and eigenvalue are
 * near the disk, whose edge is easily mistaken for the mode; nothing within an error bar of the
 * disk), and if the overlap is at least half of what theory expects of an outlier there. (Here an
 * error bar is as other modes widen it, theory_group_t.) A group takes as many as it has wave
 * vectors; more only beyond `reach`. One that is short takes an eigenvalue that a neighbour can do
 * without, also one whose vector the noise has shared out among groups near it, at least half of
 * the overlap wanted its own; if need be one of a conjugate pair, since one eigenvalue each of two
 * groups of real modes may meet and leave the real line. A group is short of eigenvalues that ought
 * to be among the pairs: of a list of leading ones, where all that would be taken for a mode leads
 * its end, or the first that has not converged.
 * What is left is an unpredicted outlier if it lies beyond `reach` and no mode just inside the disk
 * explains it; otherwise it belongs to the ragged edge of the disk: with K inputs a neuron, local
 * fluctuations carry localized states beyond R, to 1.25 R at K = 30 and 1.78 R at K = 7 in 20 draws
 * each (scripts/study_spectrum.py null); reach = R (1 + 4/sqrt(K)) leaves room for more. */
status_t match(const match_input_t *input, match_t *result);
void match_destroy(match_t *result);

/* What the stored weights' codes and rounding leave open of an eigenvalue: 2^-bits, or 1e-6, of the
 * largest predicted one. (Rows of fixed sums have modes without any error bar; 16 bits moved one by
 * 4e-7 of it.) */
double eigenvalue_resolution(const theory_t *theory, int weight_bits);
/* The disk's radius; where weights are not random, as far as rounding may carry a zero eigenvalue.
 */
double disk_edge(const theory_t *theory, int weight_bits);
/* How far localized states of the disk's edge may lie (match). */
double disk_reach(const network_plan_t *plan, const theory_t *theory, int weight_bits);

/* The criterion's value: what "leading" sorts by. */
double leading_value(leading_t by, double delta, double re, double im);

#endif
