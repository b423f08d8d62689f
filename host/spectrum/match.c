#include "host/spectrum/match.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/spectrum/overlap.h"

double leading_value(leading_t by, double delta, double re, double im) {
    return by == LEADING_REAL      ? re
           : by == LEADING_MODULUS ? hypot(re, im)
                                   : hypot(1.0 - delta + delta * re, delta * im);
}

/* How far one of a mode's eigenvalues scatters: those of a degenerate group repel (theory.h). */
static double scatter(const eigenmode_t *mode) {
    return mode->std * sqrt(0.5 * (mode->multiplicity + 1));
}

static bool clear_of_disk(const theory_t *theory, const eigenmode_t *mode) {
    return hypot(mode->re, mode->im) - 3.0 * scatter(mode) > theory->radius;
}

/* How many of a mode's eigenvalues an eigenpair stands for: one of a real mode's may pair up with
 * another as complex conjugates, and a complex mode's pair may fall on the real line. */
static double weight(const eigenmode_t *mode, double im) {
    return (im > 0.0 ? 2.0 : 1.0) / (mode->im > 0.0 ? 2.0 : 1.0);
}

typedef struct {
    uint32_t pair, mode;
    double overlap;
} candidate_t;

static int best_first(const void *left, const void *right) {
    const candidate_t *a = left, *b = right;
    if (a->overlap != b->overlap)
        return a->overlap < b->overlap ? 1 : -1;
    return a->pair != b->pair ? (a->pair > b->pair) - (a->pair < b->pair)
                              : (a->mode > b->mode) - (a->mode < b->mode);
}

/* Whether pair k may be an eigenvalue of this mode, judged by distance and overlap. */
static bool admissible(const match_input_t *in, uint32_t k, const eigenmode_t *mode,
                       double overlap) {
    double re = in->pairs->re[k], im = in->pairs->im[k], n = 0.0;
    for (uint32_t a = 0; a < in->theory->populations; a++)
        n += in->theory->size[a];
    double inside = in->theory->radius / hypot(re, im);
    double expected = 1.0 - inside * inside, chance = 4.0 * mode->multiplicity / n;
    double distance = hypot(re - mode->re, im - mode->im);
    return distance <= 6.0 * scatter(mode) && overlap * overlap >= fmax(0.25 * expected, chance);
}

/* mode_of[pair] from the overlaps [pair][mode]; best ones first, each mode up to its
 * multiplicity. */
static status_t assign(const match_input_t *in, const double *overlap, int *mode_of) {
    const theory_t *theory = in->theory;
    size_t modes = theory->n_outliers, n = 0;
    candidate_t *candidate = malloc(sizeof *candidate * (in->pairs->count * modes + 1));
    double *free_places = malloc(sizeof *free_places * (modes + 1));
    if (!candidate || !free_places) {
        free(candidate);
        free(free_places);
        FAIL(STATUS_FAILED, "no memory to match %u eigenvalues", in->pairs->count);
    }
    for (size_t m = 0; m < modes; m++)
        free_places[m] = theory->outliers[m].multiplicity;
    for (uint32_t k = 0; k < in->pairs->count; k++) {
        mode_of[k] = UNMATCHED;
        for (uint32_t m = 0; m < modes; m++)
            if (admissible(in, k, &theory->outliers[m], overlap[k * modes + m]))
                candidate[n++] = (candidate_t){k, m, overlap[k * modes + m]};
    }
    qsort(candidate, n, sizeof *candidate, best_first);
    for (size_t c = 0; c < n; c++) {
        uint32_t k = candidate[c].pair, m = candidate[c].mode;
        double taken = weight(&theory->outliers[m], in->pairs->im[k]);
        if (mode_of[k] != UNMATCHED || taken > free_places[m])
            continue;
        mode_of[k] = (int)m;
        free_places[m] -= taken;
    }
    free(free_places);
    free(candidate);
    return STATUS_OK;
}

/* Modes clear of the disk fall into one group where their eigenvalues are within two error bars of
 * each other, or of others of the group. */
static void group_modes(const theory_t *theory, match_t *result) {
    size_t modes = theory->n_outliers, groups = 0;
    for (size_t m = 0; m < modes; m++)
        result->group_of[m] = m;
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t m = 0; m < modes; m++)
            for (size_t k = 0; k < m; k++) {
                const eigenmode_t *a = &theory->outliers[m], *b = &theory->outliers[k];
                if (result->group_of[m] == result->group_of[k] || !clear_of_disk(theory, a) ||
                    !clear_of_disk(theory, b) ||
                    hypot(a->re - b->re, a->im - b->im) > 2.0 * (a->std + b->std))
                    continue;
                size_t least = result->group_of[k] < result->group_of[m] ? result->group_of[k]
                                                                         : result->group_of[m];
                result->group_of[m] = result->group_of[k] = least;
                changed = true;
            }
    }
    for (size_t m = 0; m < modes; m++) /* the groups' first modes number them */
        if (result->group_of[m] == m && clear_of_disk(theory, &theory->outliers[m]))
            groups++;
    size_t next = 0;
    for (size_t m = 0; m < modes; m++)
        if (!clear_of_disk(theory, &theory->outliers[m]))
            result->group_of[m] = groups;
        else
            result->group_of[m] =
                result->group_of[m] == m ? next++ : result->group_of[result->group_of[m]];
    result->n_groups = groups;
}

/* Whether every eigenvalue of a mode ought to be among the pairs. */
static bool due(const match_input_t *in, const eigenmode_t *mode) {
    if (in->complete)
        return true;
    double last = INFINITY, delta = in->by == LEADING_GROWTH ? in->delta : 1.0;
    for (uint32_t k = 0; k < in->pairs->count; k++)
        if (in->pairs->converged[k])
            last = fmin(last, leading_value(in->by, in->delta, in->pairs->re[k], in->pairs->im[k]));
    return leading_value(in->by, in->delta, mode->re, mode->im) - 3.0 * delta * scatter(mode) >
           last;
}

static status_t measure_groups(const match_input_t *in, const int *mode_of, match_t *result) {
    const theory_t *theory = in->theory;
    size_t modes = theory->n_outliers;
    theory_group_t *predicted = malloc(sizeof *predicted * (result->n_groups + 1));
    result->groups = calloc(result->n_groups + 1, sizeof *result->groups);
    status_t status = predicted && result->groups
                          ? theory_groups(in->config, in->plan, theory, theory->outliers, modes,
                                          result->group_of, result->n_groups, predicted)
                          : status_fail(STATUS_FAILED, __FILE__, __LINE__, "no memory");
    for (size_t g = 0; status == STATUS_OK && g < result->n_groups; g++) {
        match_group_t *group = &result->groups[g];
        bool expected = true;
        group->predicted = predicted[g];
        for (size_t m = modes; m-- > 0;)
            if (result->group_of[m] == g) {
                group->nx = theory->outliers[m].nx;
                group->ny = theory->outliers[m].ny;
                expected = expected && due(in, &theory->outliers[m]);
            }
        for (uint32_t k = 0; k < in->pairs->count; k++) {
            if (mode_of[k] == UNMATCHED || result->group_of[mode_of[k]] != g)
                continue;
            double w = weight(&theory->outliers[mode_of[k]], in->pairs->im[k]);
            group->found += w;
            group->re += w * in->pairs->re[k];
            /* of a real mode's pair, the conjugates cancel */
            group->im += theory->outliers[mode_of[k]].im > 0.0 ? w * in->pairs->im[k] : 0.0;
        }
        double short_of = predicted[g].multiplicity - group->found;
        if (expected && short_of > 0.0)
            result->missing += (int)ceil(short_of);
        bool all = short_of == 0.0;
        group->re = all ? group->re / group->found : NAN;
        group->im = all ? group->im / group->found : NAN;
        group->z_re =
            predicted[g].std_re > 0.0 ? (group->re - predicted[g].re) / predicted[g].std_re : NAN;
        /* a real mode's im does not scatter but for rounding */
        group->z_im = predicted[g].im > 0.0 && predicted[g].std_im > 0.0
                          ? (group->im - predicted[g].im) / predicted[g].std_im
                          : NAN;
    }
    free(predicted);
    return status;
}

/* Mean number of inputs of a neuron, in the population that has the fewest. */
static double least_inputs(const network_plan_t *plan) {
    double least = INFINITY;
    for (uint32_t a = 0; a < plan->net.populations; a++) {
        double inputs = 0.0;
        for (uint32_t k = 0; k < plan->net.pathways; k++)
            if (plan->net.pathway[k].target == a)
                inputs += plan->facts[k].sum_probability;
        least = inputs > 0.0 ? fmin(least, inputs) : least;
    }
    return least;
}

/* Whether a mode would have had pair k, but for better ones: a state of the disk's edge that has
 * mixed with them. */
static bool taken(const match_input_t *in, const double *overlap, uint32_t k) {
    size_t modes = in->theory->n_outliers;
    for (size_t m = 0; m < modes; m++)
        if (admissible(in, k, &in->theory->outliers[m], overlap[k * modes + m]))
            return true;
    return false;
}

static status_t collect(const match_input_t *in, const double *overlap, const wave_share_t *share,
                        const int *mode_of, match_t *result) {
    const theory_t *theory = in->theory;
    result->outliers = malloc(sizeof *result->outliers * (in->pairs->count + 1));
    if (!result->outliers)
        FAIL(STATUS_FAILED, "no memory for %u outliers", in->pairs->count);
    for (uint32_t k = 0; k < in->pairs->count; k++) {
        double re = in->pairs->re[k], im = in->pairs->im[k], modulus = hypot(re, im);
        bool coherent = share[k].share > 0.3 && modulus > theory->radius && !taken(in, overlap, k);
        if (mode_of[k] == UNMATCHED &&
            !((coherent || modulus > result->reach) && in->pairs->converged[k]))
            continue;
        outlier_t *o = &result->outliers[result->count++];
        *o = (outlier_t){.pair = k,
                         .mode = mode_of[k],
                         .re = re,
                         .im = im,
                         .z = NAN,
                         .residual = in->pairs->residual[k]};
        result->unpredicted += mode_of[k] == UNMATCHED;
        if (mode_of[k] == UNMATCHED) {
            o->nx = share[k].nx;
            o->ny = share[k].ny;
            o->overlap = sqrt(share[k].share);
            continue;
        }
        const eigenmode_t *mode = &theory->outliers[mode_of[k]];
        o->nx = mode->nx;
        o->ny = mode->ny;
        o->overlap = overlap[k * theory->n_outliers + (size_t)mode_of[k]];
        size_t g = result->group_of[mode_of[k]];
        if (g < result->n_groups && result->groups[g].predicted.multiplicity == 1)
            o->z = result->groups[g].z_re;
    }
    return STATUS_OK;
}

static status_t match_all(const match_input_t *in, double *overlap, wave_share_t *share,
                          int *mode_of, match_t *result) {
    const theory_t *theory = in->theory;
    if (!overlap || !share || !mode_of || !result->group_of)
        FAIL(STATUS_FAILED, "no memory to match %u eigenvalues", in->pairs->count);
    result->reach = theory->radius * (1.0 + 4.0 / sqrt(least_inputs(in->plan)));
    TRY(overlaps(&in->plan->net, in->pairs, theory->outliers, theory->n_outliers, theory->radius,
                 overlap, share));
    TRY(assign(in, overlap, mode_of));
    group_modes(theory, result);
    TRY(measure_groups(in, mode_of, result));
    return collect(in, overlap, share, mode_of, result);
}

status_t match(const match_input_t *in, match_t *result) {
    size_t modes = in->theory->n_outliers, count = in->pairs->count;
    *result = (match_t){.group_of = malloc(sizeof *result->group_of * (modes + 1))};
    double *overlap = calloc(count * modes + 1, sizeof *overlap);
    wave_share_t *share = calloc(count + 1, sizeof *share);
    int *mode_of = malloc(sizeof *mode_of * (count + 1));
    status_t status = match_all(in, overlap, share, mode_of, result);
    free(mode_of);
    free(share);
    free(overlap);
    if (status != STATUS_OK)
        match_destroy(result);
    return status;
}

void match_destroy(match_t *result) {
    free(result->outliers);
    free(result->groups);
    free(result->group_of);
    *result = (match_t){0};
}
