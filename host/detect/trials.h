/* What was seen in each trial, and what is said of all of them together. */
#ifndef BRISC_TRIALS_H
#define BRISC_TRIALS_H

#include "host/detect/verdict.h"

typedef struct {
    order_t order;
    regime_t regime;
    char reason[200];
} seen_t;

typedef struct {
    size_t trials;
    seen_t *trial; /* [trials] */
    seen_t all;    /* mean order parameters; the common regime, or undecided */
    order_t std;   /* of the order parameters over trials (n - 1); 0 for one trial */
} observed_t;

/* Of `trials` trials, not measured yet: NaN, undecided. */
status_t observed_create(size_t trials, observed_t *observed);
void observed_destroy(observed_t *observed);
/* Fills it from trials `first`, first + 1, ... of the field, one after the other; `context` NULL:
 * measured data (verdict_of_data). `found` gets the first one's waves (detect_waves); may
 * be NULL. */
status_t observed_measure(const field_t *field, size_t first, const verdict_context_t *context,
                          observed_t *observed, dataset_t *found);
/* Whether every trial shows that regime. */
bool observed_shows(const observed_t *observed, regime_t regime);

#endif
