/* Gains at a stored state of a run. */
#ifndef BRISC_STATE_FILE_H
#define BRISC_STATE_FILE_H

#include "host/config.h"
#include "host/io/h5.h"

/* gain[neurons] = phi'(h) of one trial at the stored frame nearest to `at_ms`, whose time is
 * *found_ms: from potential_<population>, or from rate_<population>, which says the slope too
 * (gain_slope_of_rate). STATUS_USAGE: a time outside the stored frames, a trial that is not there,
 * a file with neither. */
status_t state_file_gains(h5_file_t *file, const config_t *config, const network_t *net,
                          size_t trial, double at_ms, double *found_ms, double *gain);

#endif
