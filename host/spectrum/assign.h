/* Eigenpairs to places: which group of modes, or which mode of a group, takes which. */
#ifndef BRISC_SPECTRUM_ASSIGN_H
#define BRISC_SPECTRUM_ASSIGN_H

#include "host/spectrum/eigenpairs.h"

enum { UNMATCHED = -1 };

/* A pair's chance of belonging to a place. */
typedef struct {
    uint32_t pair, index;
    double score;
    bool mixed; /* too little of its vector for a first choice: it may only help out */
} candidate_t;

typedef struct {
    const eigenpairs_t *pairs;
    candidate_t *candidate; /* [n] */
    size_t n;
    const bool *real;    /* [places] whether of a real mode */
    double *free;        /* [places] eigenvalues that it still takes; below 0: those beyond it */
    const double *spare; /* [places] how many of `free` may stay so, or NULL: all */
    uint32_t places;
    double reach;  /* beyond it a pair is taken even by a place that is full */
    int *place_of; /* [pairs] */
} assignment_t;

/* How many of a real or complex mode's eigenvalues an eigenpair stands for: two of a real mode's
 * may pair up as complex conjugates, and a complex mode's pair may fall on the real line. */
double pair_weight(bool real_mode, double im);

/* Hands out places, best candidates first, then those beyond reach to full ones. A place that is
 * short still, with more free than may stay so, takes a candidate, mixed or not, that nobody has,
 * or from a place that can do without: one that is not short then, or gets another for it in the
 * same way. */
status_t assign(assignment_t *a);

#endif
