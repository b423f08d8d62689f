/* The small groups written after a run: /prediction and /order. Written again, they replace what
 * was there. */
#ifndef BRISC_WRITE_RESULTS_H
#define BRISC_WRITE_RESULTS_H

#include <stdbool.h>

#include "host/detect/trials.h"
#include "host/io/h5.h"
#include "host/theory/theory.h"

/* /prediction: the outliers over dimension `mode`, largest growth first (no such variables where
 * there are none), the bulk's radii; attributes regime, followed. */
status_t write_prediction(h5_file_t *file, const theory_t *theory);

/* /order: every order parameter a scalar, or over dimension `trial` where there are several, and
 * then each trial's regime as a number too; attributes regime (the common one, else undecided),
 * reason, agrees (0 or 1). */
status_t write_order(h5_file_t *file, const observed_t *observed, bool agrees);

/* What the groups share: a new group in place of an old one; one of predicted modes. */
status_t new_group(h5_file_t *file, const char *path);
status_t write_modes(h5_file_t *file, const char *group, const eigenmode_t *modes, size_t n);

#endif
