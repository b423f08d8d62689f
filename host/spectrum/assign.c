#include "host/spectrum/assign.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double pair_weight(bool real_mode, double im) {
    return (im > 0.0 ? 2.0 : 1.0) / (real_mode ? 1.0 : 2.0);
}

static int best_first(const void *left, const void *right) {
    const candidate_t *a = left, *b = right;
    if (a->mixed != b->mixed)
        return a->mixed ? 1 : -1;
    if (a->score != b->score)
        return a->score < b->score ? 1 : -1;
    return a->pair != b->pair ? (a->pair > b->pair) - (a->pair < b->pair)
                              : (a->index > b->index) - (a->index < b->index);
}

static void move(assignment_t *a, uint32_t k, int to) {
    int from = a->place_of[k];
    if (from != UNMATCHED)
        a->free[from] += pair_weight(a->real[from], a->pairs->im[k]);
    if (to != UNMATCHED)
        a->free[to] -= pair_weight(a->real[to], a->pairs->im[k]);
    a->place_of[k] = to;
}

static double shortage(const assignment_t *a, uint32_t place) {
    return fmax(0.0, a->free[place] - a->spare[place]);
}

static double shortages(const assignment_t *a) {
    double sum = 0.0;
    for (uint32_t p = 0; p < a->places; p++)
        sum += shortage(a, p);
    return sum;
}

/* An augmenting path (Kuhn's) to one more candidate for a place; each place is asked once. */
static bool fill(assignment_t *a, uint32_t place, bool *asked) {
    asked[place] = true;
    for (size_t c = 0; c < a->n; c++) {
        uint32_t k = a->candidate[c].pair;
        int from = a->place_of[k];
        if (a->candidate[c].index != place || (from != UNMATCHED && asked[from]) ||
            pair_weight(a->real[place], a->pairs->im[k]) > a->free[place])
            continue;
        move(a, k, (int)place);
        if (from == UNMATCHED || shortage(a, (uint32_t)from) == 0.0 ||
            fill(a, (uint32_t)from, asked))
            return true;
        move(a, k, from);
    }
    return false;
}

/* One path at a time, kept where all places together are less short for it. */
static status_t exchange(assignment_t *a) {
    size_t pairs = a->pairs->count;
    bool *asked = malloc(a->places + 1);
    int *place_of = malloc(sizeof *place_of * (pairs + 1));
    double *free_before = malloc(sizeof *free_before * (a->places + 1));
    bool room = asked && place_of && free_before;
    for (uint32_t p = 0; room && p < a->places; p++)
        for (bool better = true; better && shortage(a, p) > 0.0;) {
            double before = shortages(a);
            memset(asked, 0, a->places);
            memcpy(place_of, a->place_of, sizeof *place_of * pairs);
            memcpy(free_before, a->free, sizeof *free_before * a->places);
            better = fill(a, p, asked) && shortages(a) < before;
            if (better)
                continue;
            memcpy(a->place_of, place_of, sizeof *place_of * pairs);
            memcpy(a->free, free_before, sizeof *free_before * a->places);
        }
    free(free_before);
    free(place_of);
    free(asked);
    if (!room)
        FAIL(STATUS_FAILED, "no memory to match %zu eigenvalues", pairs);
    return STATUS_OK;
}

status_t assign(assignment_t *a) {
    qsort(a->candidate, a->n, sizeof *a->candidate, best_first);
    for (uint32_t k = 0; k < a->pairs->count; k++)
        a->place_of[k] = UNMATCHED;
    for (int round = 0; round < 2; round++)
        for (size_t c = 0; c < a->n; c++) {
            uint32_t k = a->candidate[c].pair, p = a->candidate[c].index;
            bool fits = round == 0 ? pair_weight(a->real[p], a->pairs->im[k]) <= a->free[p]
                                   : hypot(a->pairs->re[k], a->pairs->im[k]) > a->reach;
            if (!a->candidate[c].mixed && a->place_of[k] == UNMATCHED && fits)
                move(a, k, (int)p);
        }
    return a->spare ? exchange(a) : STATUS_OK;
}
