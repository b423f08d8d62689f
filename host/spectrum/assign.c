#include "host/spectrum/assign.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int best_first(const void *left, const void *right) {
    const candidate_t *a = left, *b = right;
    if (a->mixed != b->mixed)
        return a->mixed ? 1 : -1;
    if (a->score != b->score)
        return a->score < b->score ? 1 : -1;
    if (a->value / 2 != b->value / 2)
        return a->value < b->value ? -1 : 1;
    return a->index != b->index ? (a->index > b->index) - (a->index < b->index)
                                : (a->value > b->value) - (a->value < b->value);
}

static void move(assignment_t *a, uint32_t value, int to) {
    int from = a->place_of[value];
    if (from != UNMATCHED)
        a->free[from]++;
    if (to != UNMATCHED)
        a->free[to]--;
    a->place_of[value] = to;
}

static int shortage(const assignment_t *a, uint32_t place) {
    return a->free[place] - a->spare[place];
}

/* Whether a place that is short of one would have half of a pair for it. */
static bool halves(const assignment_t *a, uint32_t place, uint32_t value) {
    return a->pairs->im[value / 2] > 0.0 && a->place_of[value ^ 1] != (int)place &&
           shortage(a, place) == 1;
}

/* An augmenting path (Kuhn's) to one more candidate for a place, `whole`: without halves of pairs.
 * Each place is asked once. */
static bool fill(assignment_t *a, uint32_t place, bool whole, bool *asked) {
    asked[place] = true;
    for (size_t c = 0; c < a->n; c++) {
        uint32_t v = a->candidate[c].value;
        int from = a->place_of[v];
        if (a->candidate[c].index != place || (from != UNMATCHED && asked[from]) ||
            (whole && halves(a, place, v)))
            continue;
        move(a, v, (int)place);
        if (from == UNMATCHED || shortage(a, (uint32_t)from) <= 0 ||
            fill(a, (uint32_t)from, whole, asked))
            return true;
        move(a, v, from);
    }
    return false;
}

static status_t exchange(assignment_t *a) {
    bool *asked = malloc(a->places + 1);
    if (!asked)
        FAIL(STATUS_FAILED, "no memory to match %u eigenvalues", a->pairs->count);
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t p = 0; p < a->places; p++)
            do
                memset(asked, 0, a->places);
            while (shortage(a, p) > 0 && fill(a, p, pass == 0, asked));
    free(asked);
    return STATUS_OK;
}

/* What a place has too many of goes to others that have room. */
static void relieve(assignment_t *a) {
    for (size_t c = 0; c < a->n; c++) {
        uint32_t v = a->candidate[c].value, to = a->candidate[c].index;
        int from = a->place_of[v];
        if (from != UNMATCHED && a->free[from] < 0 && a->free[to] > 0)
            move(a, v, (int)to);
    }
}

/* Whether candidates c and c + 1 are a conjugate pair with the same place in view. */
static bool twins(const assignment_t *a, size_t c) {
    const candidate_t *one = &a->candidate[c], *next = one + 1;
    return c + 1 < a->n && one->value / 2 == next->value / 2 && one->index == next->index;
}

status_t assign(assignment_t *a) {
    qsort(a->candidate, a->n, sizeof *a->candidate, best_first);
    for (uint32_t v = 0; v < 2 * a->pairs->count; v++)
        a->place_of[v] = UNMATCHED;
    for (int round = 0; round < 2; round++)
        for (size_t c = 0, size; c < a->n; c += size) {
            uint32_t v = a->candidate[c].value, p = a->candidate[c].index;
            size = twins(a, c) ? 2 : 1;
            bool fits = round == 0 ? a->free[p] >= (int)size
                                   : hypot(a->pairs->re[v / 2], a->pairs->im[v / 2]) > a->reach;
            bool taken = a->candidate[c].mixed || a->place_of[v] != UNMATCHED;
            for (uint32_t i = 0; fits && !taken && i < size; i++)
                move(a, v + i, (int)p);
        }
    if (!a->spare)
        return STATUS_OK;
    TRY(exchange(a));
    relieve(a);
    return STATUS_OK;
}
