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

/* By how much neighbours widen a mode's error bar. Where they leave none, as if to the limit of
 * what theory follows: the square tenfold. */
static double widening(const match_t *result, size_t m) {
    return fmin(result->groups[result->group_of[m]].predicted.widening, sqrt(10.0));
}

/* A mode's eigenvalues, conjugates too. */
static int eigenvalues_of(const eigenmode_t *mode) {
    return mode->multiplicity * (mode->im > 0.0 ? 2 : 1);
}

/* How far one of a mode's eigenvalues scatters: those of a degenerate group repel (theory.h). */
static double scatter(const match_input_t *in, const match_t *result, size_t m) {
    const eigenmode_t *mode = &in->theory->outliers[m];
    return widening(result, m) * mode->std * sqrt(0.5 * (mode->multiplicity + 1));
}

static bool clear_of_disk(const match_input_t *in, const match_t *result, size_t m) {
    const eigenmode_t *mode = &in->theory->outliers[m];
    return hypot(mode->re, mode->im) - 3.0 * scatter(in, result, m) >
           disk_edge(in->theory, in->config->network.weight_bits);
}

/* A mode that the disk's edge lies within an error bar of: nothing need stand out for it. */
static bool dissolved(const theory_t *theory, const eigenmode_t *mode) {
    return hypot(mode->re, mode->im) - mode->std < theory->radius;
}

/* Modes fall into one group where their clouds touch, or touch others of the group: the noise mixes
 * their eigenvectors. The m eigenvalues of a mode make a cloud of radius std sqrt(m), by the
 * circular law: cloud[mode]. Dissolved modes stay by themselves. Groups are numbered by first mode.
 */
static size_t group_modes(const theory_t *theory, const double *cloud, double resolution,
                          size_t *group_of) {
    size_t modes = theory->n_outliers, groups = 0;
    for (size_t m = 0; m < modes; m++)
        group_of[m] = m;
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t m = 0; m < modes; m++)
            for (size_t k = 0; k < m; k++) {
                const eigenmode_t *a = &theory->outliers[m], *b = &theory->outliers[k];
                if (group_of[m] == group_of[k] || dissolved(theory, a) || dissolved(theory, b) ||
                    hypot(a->re - b->re, a->im - b->im) > cloud[m] + cloud[k] + resolution)
                    continue;
                group_of[m] = group_of[k] = group_of[k] < group_of[m] ? group_of[k] : group_of[m];
                changed = true;
            }
    }
    for (size_t m = 0; m < modes; m++)
        group_of[m] = group_of[m] == m ? groups++ : group_of[group_of[m]];
    return groups;
}

/* How many error bars from a mode its eigenvalues may lie (match.h). */
static double bars_most(const match_t *result, size_t m, bool clear) {
    return sqrt(result->groups[result->group_of[m]].predicted.multiplicity) + (clear ? 5.0 : 1.0);
}

/* Distance of pair k from a mode in error bars, or INFINITY where it is none of its eigenvalues. */
static double bars_from(const match_input_t *in, const match_t *result, uint32_t k, size_t m) {
    const eigenmode_t *mode = &in->theory->outliers[m];
    double re = in->pairs->re[k], im = in->pairs->im[k];
    /* What the codes of the weights cannot resolve is no distance. */
    double apart = hypot(re - mode->re, im - mode->im) - result->resolution;
    double bars = apart > 0.0 ? apart / (widening(result, m) * mode->std) : 0.0;
    bool beyond = hypot(re, im) > result->reach;
    if (!beyond && dissolved(in->theory, mode))
        return INFINITY;
    bool clear = beyond || clear_of_disk(in, result, m);
    return bars <= bars_most(result, m, clear) ? bars : INFINITY;
}

/* How well a pair suits: its square overlap, less by how far it lies off. */
static double score_of(double overlap, double bars, double multiplicity) {
    return overlap * overlap * exp(-bars * bars / (multiplicity + 1.0));
}

typedef struct {
    candidate_t *candidate;    /* [2 pairs][modes] */
    int *free, *spare, *count; /* [modes], and of as many groups */
} room_t;

/* What a pair has to do with a group: distance in error bars, INFINITY where it is none of it, and
 * square overlap. */
typedef struct {
    double bars, square;
} nearness_t;

static nearness_t nearness(const match_input_t *in, const double *overlap, const match_t *result,
                           uint32_t k, size_t g) {
    size_t modes = in->theory->n_outliers;
    nearness_t near = {INFINITY, 0.0};
    for (size_t m = 0; m < modes; m++)
        if (result->group_of[m] == g) {
            near.square += overlap[k * modes + m] * overlap[k * modes + m];
            near.bars = fmin(near.bars, bars_from(in, result, k, m));
        }
    return near;
}

/* Adds a chance of pair k, and the same of its conjugate. */
static void add_chance(const match_input_t *in, uint32_t k, candidate_t chance, assignment_t *a) {
    for (uint32_t v = 2 * k; v <= 2 * k + (in->pairs->im[k] > 0.0); v++) {
        chance.value = v;
        a->candidate[a->n++] = chance;
    }
}

/* Adds pair k's candidates among the groups. */
static void add_candidates(const match_input_t *in, const double *overlap, const match_t *result,
                           uint32_t k, assignment_t *a) {
    const theory_t *theory = in->theory;
    double n = 0.0, shared = 0.0,
           inside = theory->radius / hypot(in->pairs->re[k], in->pairs->im[k]);
    for (uint32_t b = 0; b < theory->populations; b++)
        n += theory->size[b];
    size_t first = a->n;
    for (uint32_t g = 0; g < result->n_groups; g++) {
        nearness_t near = nearness(in, overlap, result, k, g);
        double multiplicity = result->groups[g].predicted.multiplicity;
        double enough = fmax(0.25 * (1.0 - inside * inside), 4.0 * multiplicity / n);
        if (!(near.bars < INFINITY))
            continue;
        shared += near.square;
        if (near.square >= 0.5 * enough)
            add_chance(in, k,
                       (candidate_t){.index = g,
                                     .score = score_of(sqrt(near.square), near.bars, multiplicity),
                                     .mixed = near.square < enough},
                       a);
    }
    size_t kept = first;
    for (size_t c = first; c < a->n; c++)
        if (!a->candidate[c].mixed || shared >= 0.25 * (1.0 - inside * inside))
            a->candidate[kept++] = a->candidate[c];
    a->n = kept;
}

/* The criterion's value down to which leading eigenvalues are whole: the last one's, or that of the
 * last before the first that has not converged. INFINITY: there is none. */
static double whole_to(const match_input_t *in) {
    double last = INFINITY;
    for (uint32_t k = 0; k < in->pairs->count && in->pairs->converged[k]; k++)
        last = fmin(last, leading_value(in->by, in->delta, in->pairs->re[k], in->pairs->im[k]));
    return last;
}

/* How many of a mode's eigenvalues ought to be among the pairs: none unless all places where one
 * would be taken for the mode's lead what the list is whole to. A Krylov space has one vector of an
 * eigenvalue, so that of modes which nothing splits all others are found by rounding, or not. */
static int due(const match_input_t *in, const match_t *result, size_t m) {
    const eigenmode_t *mode = &in->theory->outliers[m];
    if (!clear_of_disk(in, result, m))
        return 0;
    if (in->complete)
        return eigenvalues_of(mode);
    double delta = in->by == LEADING_GROWTH ? in->delta : 1.0,
           std = widening(result, m) * mode->std;
    double far = bars_most(result, m, true) * std + result->resolution;
    if (leading_value(in->by, in->delta, mode->re, mode->im) - delta * far <= whole_to(in))
        return 0;
    return eigenvalues_of(mode) / (std > result->resolution ? 1 : mode->multiplicity);
}

/* groups[2 pairs], then mode_of[2 pairs] within the group. */
static status_t assign_pairs(const match_input_t *in, const double *overlap, const match_t *result,
                             const room_t *room, int *groups, int *mode_of) {
    const theory_t *theory = in->theory;
    size_t modes = theory->n_outliers;
    assignment_t a = {.pairs = in->pairs,
                      .candidate = room->candidate,
                      .free = room->free,
                      .spare = room->spare,
                      .places = (uint32_t)result->n_groups,
                      .reach = result->reach,
                      .place_of = groups};
    for (size_t g = 0; g < result->n_groups; g++)
        room->free[g] = room->spare[g] = 0;
    for (size_t m = 0; m < modes; m++) {
        int values = eigenvalues_of(&theory->outliers[m]);
        room->free[result->group_of[m]] += values;
        room->spare[result->group_of[m]] += values - due(in, result, m);
    }
    for (uint32_t k = 0; k < in->pairs->count; k++)
        add_candidates(in, overlap, result, k, &a);
    TRY(assign(&a));
    a.n = 0;
    a.places = (uint32_t)modes;
    a.spare = NULL;
    a.reach = 0.0;
    a.place_of = mode_of;
    for (uint32_t m = 0; m < modes; m++) {
        const match_group_t *group = &result->groups[result->group_of[m]];
        room->free[m] = eigenvalues_of(&theory->outliers[m]);
        for (uint32_t v = 0; v < 2 * in->pairs->count; v++) {
            double bars = bars_from(in, result, v / 2, m);
            if (groups[v] == (int)result->group_of[m] && bars < INFINITY)
                a.candidate[a.n++] = (candidate_t){
                    v, m, score_of(overlap[v / 2 * modes + m], bars, group->predicted.multiplicity),
                    false};
        }
    }
    return assign(&a);
}

static double z_of(double x, double predicted, double std) {
    return std > 0.0 && isfinite(std) ? (x - predicted) / std : NAN;
}

/* Whether one of group h's eigenvalues lies where it might be of group g. */
static bool reaches(const match_input_t *in, const match_t *result, const int *groups, size_t g,
                    size_t h) {
    for (uint32_t v = 0; v < 2 * in->pairs->count; v++)
        for (size_t m = 0; groups[v] == (int)h && m < in->theory->n_outliers; m++)
            if (result->group_of[m] == g && bars_from(in, result, v / 2, m) < INFINITY)
                return true;
    return false;
}

/* An eigenvalue too many in one group makes up for one too few in another near it. */
static void settle(const match_input_t *in, const match_t *result, const int *groups, int *surplus,
                   int *lack) {
    for (size_t g = 0; g < result->n_groups; g++)
        for (size_t h = 0; h < result->n_groups; h++)
            if (lack[g] > 0 && surplus[h] > 0 && reaches(in, result, groups, g, h)) {
                int both = lack[g] < surplus[h] ? lack[g] : surplus[h];
                lack[g] -= both;
                surplus[h] -= both;
            }
}

/* Eigenvalues count[group], conjugates of complex modes not counted. */
static int sum_of(const match_t *result, const int *count) {
    double sum = 0.0;
    for (size_t g = 0; g < result->n_groups; g++) {
        const match_group_t *group = &result->groups[g];
        sum += (double)count[g] * group->predicted.multiplicity / group->eigenvalues;
    }
    return (int)ceil(sum);
}

/* What was found of group g: count[g] eigenvalues, lack[g] too few of those due. */
static void measure_group(const match_input_t *in, const int *groups, size_t g, match_t *result,
                          int *count, int *lack) {
    match_group_t *group = &result->groups[g];
    const theory_group_t *predicted = &group->predicted;
    bool complex = predicted->im > 0.0;
    double re = 0.0, im = 0.0;
    group->clear = true;
    count[g] = lack[g] = 0;
    for (size_t m = in->theory->n_outliers; m-- > 0;) {
        const eigenmode_t *mode = &in->theory->outliers[m];
        if (result->group_of[m] != g)
            continue;
        group->nx = mode->nx;
        group->ny = mode->ny;
        group->clear = group->clear && clear_of_disk(in, result, m);
        group->eigenvalues += eigenvalues_of(mode);
        lack[g] += due(in, result, m);
    }
    for (uint32_t v = 0; v < 2 * in->pairs->count; v++)
        if (groups[v] == (int)g) {
            count[g]++;
            re += in->pairs->re[v / 2];
            im += complex ? in->pairs->im[v / 2] : 0.0; /* else the conjugates cancel */
        }
    lack[g] = lack[g] > count[g] ? lack[g] - count[g] : 0;
    bool pure = group->eigenvalues == predicted->multiplicity * (complex ? 2 : 1);
    bool all = group->clear && count[g] == group->eigenvalues && pure;
    group->found = (double)count[g] * predicted->multiplicity / group->eigenvalues;
    group->re = all ? re / count[g] : NAN;
    group->im = all ? im / count[g] : NAN;
    group->z_re = z_of(group->re, predicted->re, predicted->std_re);
    group->z_im = complex ? z_of(group->im, predicted->im, predicted->std_im) : NAN;
}

static void find_ragged(const match_input_t *in, const int *groups, match_t *result) {
    for (size_t g = 0; g < result->n_groups; g++) {
        const theory_group_t *predicted = &result->groups[g].predicted;
        result->groups[g].ragged =
            hypot(predicted->re, predicted->im) < result->reach || !isfinite(predicted->widening);
        for (size_t h = 0; h < result->n_groups; h++) {
            const match_group_t *other = &result->groups[h];
            bool whole = other->found == 0.0 || other->found == other->predicted.multiplicity;
            if (h != g && !whole && reaches(in, result, groups, g, h))
                result->groups[g].ragged = true;
        }
    }
    for (uint32_t v = 0; v < 2 * in->pairs->count; v++)
        if (in->pairs->im[v / 2] > 0.0 && groups[v] != UNMATCHED && groups[v] != groups[v ^ 1])
            result->groups[groups[v]].ragged = true;
}

static void measure_groups(const match_input_t *in, const int *groups, const room_t *room,
                           match_t *result) {
    int *surplus = room->free, *lack = room->spare, *count = room->count;
    for (size_t g = 0; g < result->n_groups; g++) {
        measure_group(in, groups, g, result, count, lack);
        int more = count[g] - result->groups[g].eigenvalues;
        surplus[g] = more > 0 ? more : 0;
    }
    find_ragged(in, groups, result);
    settle(in, result, groups, surplus, lack);
    result->missing = sum_of(result, lack);
    for (size_t g = 0; g < result->n_groups; g++) { /* nor is it one too many where there is room */
        int fewer = result->groups[g].eigenvalues - count[g];
        lack[g] = fewer > 0 ? fewer : 0;
    }
    settle(in, result, groups, surplus, lack);
    result->unpredicted = sum_of(result, surplus);
}

static status_t predict(const match_input_t *in, const double *cloud, theory_group_t *predicted,
                        match_t *result) {
    const theory_t *theory = in->theory;
    result->n_groups = group_modes(theory, cloud, result->resolution, result->group_of);
    TRY(theory_groups(in->config, in->plan, theory, theory->outliers, theory->n_outliers,
                      result->group_of, result->n_groups, predicted));
    for (size_t g = 0; g < result->n_groups; g++)
        result->groups[g].predicted = predicted[g];
    return STATUS_OK;
}

/* Groups by the modes' own clouds, then by those that their neighbours widen. */
static status_t predict_groups(const match_input_t *in, match_t *result) {
    const theory_t *theory = in->theory;
    size_t modes = theory->n_outliers;
    theory_group_t *predicted = malloc(sizeof *predicted * (modes + 1));
    double *cloud = malloc(sizeof *cloud * (modes + 1));
    result->resolution = eigenvalue_resolution(theory, in->config->network.weight_bits);
    result->groups = calloc(modes + 1, sizeof *result->groups);
    status_t status = predicted && cloud && result->groups
                          ? STATUS_OK
                          : status_fail(STATUS_FAILED, __FILE__, __LINE__, "no memory");
    for (int pass = 0; status == STATUS_OK && pass < 2; pass++) {
        for (size_t m = 0; m < modes; m++)
            cloud[m] = (pass == 0 ? 1.0 : widening(result, m)) * theory->outliers[m].std *
                       sqrt(theory->outliers[m].multiplicity);
        status = predict(in, cloud, predicted, result);
    }
    free(cloud);
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
        int own = mode_of[2 * k], conjugate = im > 0.0 ? mode_of[2 * k + 1] : own;
        int m = own != UNMATCHED ? own : conjugate;
        if (m == UNMATCHED && (modulus <= result->reach || !in->pairs->converged[k] ||
                               lifted(in, k, &share[k], modes, n_modes)))
            continue;
        outlier_t *o = &result->outliers[result->count++];
        *o = (outlier_t){.pair = k,
                         .mode = m,
                         .re = re,
                         .im = im,
                         .z = NAN,
                         .std = NAN,
                         .residual = in->pairs->residual[k]};
        result->unpredicted += m == UNMATCHED || (modulus > result->reach &&
                                                  (own == UNMATCHED || conjugate == UNMATCHED));
        if (m == UNMATCHED) {
            o->nx = share[k].nx;
            o->ny = share[k].ny;
            o->overlap = sqrt(share[k].share);
            continue;
        }
        const eigenmode_t *mode = &theory->outliers[m];
        size_t g = result->group_of[m];
        o->std = widening(result, (size_t)m) * mode->std;
        o->nx = mode->nx;
        o->ny = mode->ny;
        o->overlap = overlap[k * theory->n_outliers + (size_t)m];
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
    if (!overlap || !share || !mode_of || !result->group_of || !room->candidate || !room->free ||
        !room->spare || !room->count)
        FAIL(STATUS_FAILED, "no memory to match %u eigenvalues", pairs);
    double edge = disk_edge(theory, in->config->network.weight_bits);
    result->reach = disk_reach(in->plan, theory, in->config->network.weight_bits);
    TRY(overlaps(&in->plan->net, in->pairs, theory->outliers, theory->n_outliers, edge, overlap,
                 share));
    TRY(predict_groups(in, result));
    TRY(assign_pairs(in, overlap, result, room, mode_of + 2 * pairs, mode_of));
    measure_groups(in, mode_of + 2 * pairs, room, result);
    return collect(in, overlap, share, mode_of, result);
}

status_t match(const match_input_t *in, match_t *result) {
    size_t modes = in->theory->n_outliers, count = in->pairs->count;
    *result = (match_t){.group_of = malloc(sizeof *result->group_of * (modes + 1))};
    double *overlap = calloc(count * modes + 1, sizeof *overlap);
    wave_share_t *share = calloc(count + 1, sizeof *share);
    int *mode_of = malloc(sizeof *mode_of * 4 * (count + 1)); /* and the groups */
    room_t room = {calloc(2 * count * modes + 1, sizeof *room.candidate),
                   calloc(modes + 1, sizeof *room.free), calloc(modes + 1, sizeof *room.spare),
                   calloc(modes + 1, sizeof *room.count)};
    status_t status = match_all(in, overlap, share, mode_of, &room, result);
    free(room.candidate);
    free(room.free);
    free(room.spare);
    free(room.count);
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
