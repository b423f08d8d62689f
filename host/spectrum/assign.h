/* Eigenvalues to places: which group of modes, or which mode of a group, takes which. */
#ifndef BRISC_SPECTRUM_ASSIGN_H
#define BRISC_SPECTRUM_ASSIGN_H

#include "host/spectrum/eigenpairs.h"

enum { UNMATCHED = -1 };

/* An eigenvalue's chance of belonging to a place. Value v is pair v/2's own, or its conjugate where
 * v is odd: one each of two places' may have left the real line together. */
typedef struct {
    uint32_t value, index;
    double score;
    bool mixed; /* too little of its vector for a first choice: it may only help out */
} candidate_t;

typedef struct {
    const eigenpairs_t *pairs;
    candidate_t *candidate; /* [n] */
    size_t n;
    int *free;        /* [places] eigenvalues that it still takes; below 0: those beyond it */
    const int *spare; /* [places] how many of `free` may stay so, or NULL: all */
    uint32_t places;
    double reach;  /* beyond it an eigenvalue is taken even by a place that is full */
    int *place_of; /* [2 pairs] */
} assignment_t;

/* Hands out places, best candidates first, then those beyond reach to full ones; conjugate pairs
 * stay whole. A place that is short still, with more free than may stay so, takes a candidate,
 * mixed or not, if need be half of a pair, that nobody has, or from a place that can do without:
 * one that is not short then, or gets another for it in the same way. Last, what a full place has
 * too many of goes to others that have room. */
status_t assign(assignment_t *a);

#endif
