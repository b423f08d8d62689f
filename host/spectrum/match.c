#include "host/spectrum/match.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/spectrum/overlap.h"

double eigenvalue_resolution(const theory_t *theory, int weight_bits) {
    double largest = 0.0;
    for (size_t m = 0; m < theory->n_outliers; m++)
        largest = fmax(largest, hypot(theory->outliers[m].re, theory->outliers[m].im));
    return largest * fmax(1e-6, ldexp(1.0, -weight_bits));
}

double disk_edge(const theory_t *theory, int weight_bits) {
    return fmax(theory->radius, eigenvalue_resolution(theory, weight_bits));
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

double disk_reach(const network_plan_t *plan, const theory_t *theory, int weight_bits) {
    return fmax(disk_edge(theory, weight_bits),
                theory->radius * (1.0 + 4.0 / sqrt(least_inputs(plan))));
}

double leading_value(leading_t by, double delta, double re, double im) {
    return by == LEADING_REAL      ? re
           : by == LEADING_MODULUS ? hypot(re, im)
                                   : hypot(1.0 - delta + delta * re, delta * im);
}

/* How far one of a mode's eigenvalues scatters: those of a degenerate group repel (theory.h). */
static double scatter(const eigenmode_t *mode) {
    return mode->std * sqrt(0.5 * (mode->multiplicity + 1));
}

static bool clear_of_disk(const match_input_t *in, const eigenmode_t *mode) {
    return hypot(mode->re, mode->im) - 3.0 * scatter(mode) >
           disk_edge(in->theory, in->config->network.weight_bits);
}

/* How many of a real or complex mode's eigenvalues an eigenpair stands for: two of a real mode's
 * may pair up as complex conjugates, and a complex mode's pair may fall on the real line. */
static double weight(bool real_mode, double im) {
    return (im > 0.0 ? 2.0 : 1.0) / (real_mode ? 1.0 : 2.0);
}

/* The m eigenvalues of a mode make a cloud of radius std sqrt(m), by the circular law. */
static double cloud(const eigenmode_t *mode) {
    return mode->std * sqrt(mode->multiplicity);
}

/* A mode that the disk's edge lies within an error bar of: nothing need stand out for it. */
static bool dissolved(const theory_t *theory, const eigenmode_t *mode) {
    return hypot(mode->re, mode->im) - mode->std < theory->radius;
}

/* Modes fall into one group where their clouds touch, or touch others of the group: the noise mixes
 * their eigenvectors. Dissolved modes stay by themselves. Groups are numbered by first mode. */
static size_t group_modes(const theory_t *theory, double resolution, size_t *group_of) {
    size_t modes = theory->n_outliers, groups = 0;
    for (size_t m = 0; m < modes; m++)
        group_of[m] = m;
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t m = 0; m < modes; m++)
            for (size_t k = 0; k < m; k++) {
                const eigenmode_t *a = &theory->outliers[m], *b = &theory->outliers[k];
                if (group_of[m] == group_of[k] || dissolved(theory, a) || dissolved(theory, b) ||
                    hypot(a->re - b->re, a->im - b->im) > cloud(a) + cloud(b) + resolution)
                    continue;
                group_of[m] = group_of[k] = group_of[k] < group_of[m] ? group_of[k] : group_of[m];
                changed = true;
            }
    }
    for (size_t m = 0; m < modes; m++)
        group_of[m] = group_of[m] == m ? groups++ : group_of[group_of[m]];
    return groups;
}

/* A pair's chance of belonging to a group (index: the group), or to one of its modes. */
typedef struct {
    uint32_t pair, index;
    double score;
} candidate_t;

static int best_first(const void *left, const void *right) {
    const candidate_t *a = left, *b = right;
    if (a->score != b->score)
        return a->score < b->score ? 1 : -1;
    return a->pair != b->pair ? (a->pair > b->pair) - (a->pair < b->pair)
                              : (a->index > b->index) - (a->index < b->index);
}

/* Distance of pair k from a mode in error bars, or INFINITY where it is none of its eigenvalues. */
static double bars_from(const match_input_t *in, const match_t *result, uint32_t k, size_t m) {
    const eigenmode_t *mode = &in->theory->outliers[m];
    double re = in->pairs->re[k], im = in->pairs->im[k];
    double multiplicity = result->groups[result->group_of[m]].predicted.multiplicity;
    /* What the codes of the weights cannot resolve is no distance. */
    double apart = hypot(re - mode->re, im - mode->im) - result->resolution;
    double bars = apart > 0.0 ? apart / mode->std : 0.0;
    bool beyond = hypot(re, im) > result->reach;
    if (!beyond && dissolved(in->theory, mode))
        return INFINITY;
    return bars <= sqrt(multiplicity) + (beyond || clear_of_disk(in, mode) ? 5.0 : 1.0) ? bars
                                                                                        : INFINITY;
}

/* How well a pair suits: its square overlap, less by how far it lies off. */
static double score_of(double overlap, double bars, double multiplicity) {
    return overlap * overlap * exp(-bars * bars / (multiplicity + 1.0));
}

/* The same for group g; 0 where distance or overlap say that the pair is none of it. */
static double group_score(const match_input_t *in, const double *overlap, const match_t *result,
                          uint32_t k, size_t g) {
    const theory_t *theory = in->theory;
    double multiplicity = result->groups[g].predicted.multiplicity;
    double n = 0.0, square = 0.0, least = INFINITY;
    for (uint32_t a = 0; a < theory->populations; a++)
        n += theory->size[a];
    for (size_t m = 0; m < theory->n_outliers; m++)
        if (result->group_of[m] == g) {
            double o = overlap[k * theory->n_outliers + m];
            square += o * o;
            least = fmin(least, bars_from(in, result, k, m));
        }
    double inside = theory->radius / hypot(in->pairs->re[k], in->pairs->im[k]);
    double enough = fmax(0.25 * (1.0 - inside * inside), 4.0 * multiplicity / n);
    return square >= enough ? score_of(sqrt(square), least, multiplicity) : 0.0;
}

/* Hands out places, best candidates first: place_of[pair]; the weight of a pair is that of a real
 * or a complex mode. Then those left with |lambda| > reach take one more: groups near each other
 * may have exchanged some. */
static void hand_out(const match_input_t *in, candidate_t *candidate, size_t n, const bool *real,
                     double reach, double *places, int *place_of) {
    qsort(candidate, n, sizeof *candidate, best_first);
    for (int round = 0; round < 2; round++)
        for (size_t c = 0; c < n; c++) {
            uint32_t k = candidate[c].pair, at = candidate[c].index;
            double taken = weight(real[at], in->pairs->im[k]);
            bool fits = round == 0 ? taken <= places[at]
                                   : hypot(in->pairs->re[k], in->pairs->im[k]) > reach;
            if (place_of[k] != UNMATCHED || !fits)
                continue;
            place_of[k] = (int)at;
            places[at] -= taken;
        }
}

typedef struct {
    candidate_t *candidate;
    double *places;
    bool *real;
} room_t;

/* groups[pair], then mode_of[pair] within the group. */
static void assign(const match_input_t *in, const double *overlap, const match_t *result,
                   const room_t *room, int *groups, int *mode_of) {
    const theory_t *theory = in->theory;
    size_t modes = theory->n_outliers, n = 0;
    for (size_t m = modes; m-- > 0;) /* a group is as real as its first mode */
        room->real[result->group_of[m]] = theory->outliers[m].im == 0.0;
    for (size_t g = 0; g < result->n_groups; g++)
        room->places[g] = result->groups[g].predicted.multiplicity;
    for (uint32_t k = 0; k < in->pairs->count; k++) {
        groups[k] = mode_of[k] = UNMATCHED;
        for (uint32_t g = 0; g < result->n_groups; g++) {
            double score = group_score(in, overlap, result, k, g);
            if (score > 0.0)
                room->candidate[n++] = (candidate_t){k, g, score};
        }
    }
    hand_out(in, room->candidate, n, room->real, result->reach, room->places, groups);
    n = 0;
    for (uint32_t m = 0; m < modes; m++) {
        const match_group_t *group = &result->groups[result->group_of[m]];
        room->real[m] = theory->outliers[m].im == 0.0;
        room->places[m] = theory->outliers[m].multiplicity;
        for (uint32_t k = 0; k < in->pairs->count; k++) {
            double bars = bars_from(in, result, k, m);
            if (groups[k] == (int)result->group_of[m] && bars < INFINITY)
                room->candidate[n++] = (candidate_t){
                    k, m, score_of(overlap[k * modes + m], bars, group->predicted.multiplicity)};
        }
    }
    hand_out(in, room->candidate, n, room->real, 0.0, room->places, mode_of);
}

/* Whether every eigenvalue of a mode ought to be among the pairs. */
static bool due(const match_input_t *in, const eigenmode_t *mode) {
    if (!clear_of_disk(in, mode))
        return false;
    if (in->complete)
        return true;
    double last = INFINITY, delta = in->by == LEADING_GROWTH ? in->delta : 1.0;
    for (uint32_t k = 0; k < in->pairs->count; k++)
        if (in->pairs->converged[k])
            last = fmin(last, leading_value(in->by, in->delta, in->pairs->re[k], in->pairs->im[k]));
    return leading_value(in->by, in->delta, mode->re, mode->im) - 5.0 * delta * scatter(mode) >
           last;
}

/* Whether another group's cloud is within its own and this one's width: they push each other. */
static bool crowded(const theory_t *theory, const size_t *group_of, size_t g) {
    for (size_t m = 0; m < theory->n_outliers; m++)
        for (size_t k = 0; group_of[m] == g && k < theory->n_outliers; k++) {
            const eigenmode_t *a = &theory->outliers[m], *b = &theory->outliers[k];
            if (group_of[k] != g &&
                hypot(a->re - b->re, a->im - b->im) < 2.0 * (cloud(a) + cloud(b)))
                return true;
        }
    return false;
}

static double z_of(double x, double predicted, double std) {
    return std > 0.0 && isfinite(std) ? (x - predicted) / std : NAN;
}

/* What was found of each group. */
static void measure_groups(const match_input_t *in, const int *groups, match_t *result) {
    const theory_t *theory = in->theory;
    double missing = 0.0, free_places = 0.0, surplus = 0.0;
    for (size_t g = 0; g < result->n_groups; g++) {
        match_group_t *group = &result->groups[g];
        const theory_group_t *predicted = &group->predicted;
        bool clear = true, complex = predicted->im > 0.0;
        int expected = 0;
        for (size_t m = theory->n_outliers; m-- > 0;) {
            const eigenmode_t *mode = &theory->outliers[m];
            if (result->group_of[m] != g)
                continue;
            group->nx = mode->nx;
            group->ny = mode->ny;
            clear = clear && clear_of_disk(in, mode);
            expected += due(in, mode) ? mode->multiplicity : 0;
        }
        for (uint32_t k = 0; k < in->pairs->count; k++) {
            double w = weight(!complex, in->pairs->im[k]);
            if (groups[k] != (int)g)
                continue;
            group->found += w;
            group->re += w * in->pairs->re[k];
            group->im += complex ? w * in->pairs->im[k] : 0.0; /* else the conjugates cancel */
        }
        missing += fmax(0.0, expected - group->found);
        free_places += fmax(0.0, predicted->multiplicity - group->found);
        surplus += fmax(0.0, group->found - predicted->multiplicity);
        bool all = clear && group->found == predicted->multiplicity;
        group->re = all ? group->re / group->found : NAN;
        group->im = all ? group->im / group->found : NAN;
        group->clear = clear;
        group->ragged = hypot(predicted->re, predicted->im) < result->reach ||
                        crowded(theory, result->group_of, g);
        group->z_re = z_of(group->re, predicted->re, predicted->std_re);
        group->z_im = complex ? z_of(group->im, predicted->im, predicted->std_im) : NAN;
    }
    /* A place too many in one group makes up for one too few in another. */
    result->missing = (int)ceil(fmax(0.0, missing - surplus));
    result->unpredicted = (int)ceil(fmax(0.0, surplus - free_places));
}

static status_t predict_groups(const match_input_t *in, match_t *result) {
    result->resolution = eigenvalue_resolution(in->theory, in->config->network.weight_bits);
    result->n_groups = group_modes(in->theory, result->resolution, result->group_of);
    theory_group_t *predicted = malloc(sizeof *predicted * (result->n_groups + 1));
    result->groups = calloc(result->n_groups + 1, sizeof *result->groups);
    status_t status =
        predicted && result->groups
            ? theory_groups(in->config, in->plan, in->theory, in->theory->outliers,
                            in->theory->n_outliers, result->group_of, result->n_groups, predicted)
            : status_fail(STATUS_FAILED, __FILE__, __LINE__, "no memory");
    for (size_t g = 0; status == STATUS_OK && g < result->n_groups; g++)
        result->groups[g].predicted = predicted[g];
    free(predicted);
    return status;
}

/* Whether an unmatched pair goes with a mode just inside the disk, which lifts states of the edge
 * of its own wave vector beyond reach. */
static bool lifted(const match_input_t *in, uint32_t k, const wave_share_t *share,
                   const eigenmode_t *modes, size_t n) {
    double radius = in->theory->radius;
    for (size_t m = 0; m < n; m++) {
        bool same = (modes[m].nx == share->nx && modes[m].ny == share->ny) ||
                    (modes[m].nx == share->ny && modes[m].ny == share->nx);
        double modulus = hypot(modes[m].re, modes[m].im);
        double apart = hypot(modes[m].re - in->pairs->re[k], modes[m].im - in->pairs->im[k]);
        if (same && modulus > 0.7 * radius && modulus <= radius && apart < 0.5 * radius)
            return true;
    }
    return false;
}

static status_t collect(const match_input_t *in, const double *overlap, const wave_share_t *share,
                        const int *mode_of, match_t *result) {
    const theory_t *theory = in->theory;
    result->outliers = malloc(sizeof *result->outliers * (in->pairs->count + 1));
    if (!result->outliers)
        FAIL(STATUS_FAILED, "no memory for %u outliers", in->pairs->count);
    eigenmode_t *modes;
    size_t n_modes;
    TRY(theory_modes(in->config, in->plan, theory, 0.0, &modes, &n_modes));
    for (uint32_t k = 0; k < in->pairs->count; k++) {
        double re = in->pairs->re[k], im = in->pairs->im[k], modulus = hypot(re, im);
        if (mode_of[k] == UNMATCHED && (modulus <= result->reach || !in->pairs->converged[k] ||
                                        lifted(in, k, &share[k], modes, n_modes)))
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
        if (result->groups[g].predicted.multiplicity == 1)
            o->z = result->groups[g].z_re;
    }
    free(modes);
    return STATUS_OK;
}

static status_t match_all(const match_input_t *in, double *overlap, wave_share_t *share,
                          int *mode_of, const room_t *room, match_t *result) {
    const theory_t *theory = in->theory;
    uint32_t pairs = in->pairs->count;
    if (!overlap || !share || !mode_of || !result->group_of || !room->candidate || !room->places ||
        !room->real)
        FAIL(STATUS_FAILED, "no memory to match %u eigenvalues", pairs);
    double edge = disk_edge(theory, in->config->network.weight_bits);
    result->reach = disk_reach(in->plan, theory, in->config->network.weight_bits);
    TRY(overlaps(&in->plan->net, in->pairs, theory->outliers, theory->n_outliers, edge, overlap,
                 share));
    TRY(predict_groups(in, result));
    assign(in, overlap, result, room, mode_of + pairs, mode_of);
    measure_groups(in, mode_of + pairs, result);
    return collect(in, overlap, share, mode_of, result);
}

status_t match(const match_input_t *in, match_t *result) {
    size_t modes = in->theory->n_outliers, count = in->pairs->count;
    *result = (match_t){.group_of = malloc(sizeof *result->group_of * (modes + 1))};
    double *overlap = calloc(count * modes + 1, sizeof *overlap);
    wave_share_t *share = calloc(count + 1, sizeof *share);
    int *mode_of = malloc(sizeof *mode_of * 2 * (count + 1)); /* and the groups */
    room_t room = {calloc(count * modes + 1, sizeof *room.candidate),
                   calloc(modes + 1, sizeof *room.places), calloc(modes + 1, sizeof *room.real)};
    status_t status = match_all(in, overlap, share, mode_of, &room, result);
    free(room.candidate);
    free(room.places);
    free(room.real);
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
