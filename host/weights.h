/* How a pathway's weights are stored: from mean and std to integer codes and their scale. */
#ifndef BRISC_WEIGHTS_H
#define BRISC_WEIGHTS_H

#include "host/config.h"

/* Fills mean, std, log_mean, log_std and scale of a pathway of mean out-degree k; rule and weights
 * are set. The largest weight that the normal table can give has the largest code; lognormal
 * weights are cut off earlier where that brings their codes' mean and second moment to within 0.1 %
 * of those asked for, or else as near as it can. STATUS_USAGE: `key` is lognormal and has mean 0,
 * one of the two is off by more than 1 %, or the
 * weights are beyond a 32-bit float. */
status_t weights_set(pathway_t *w, const connection_config_t *c, double k, uint32_t weight_bits,
                     const char *key);

#endif
