#ifndef BRISC_FUZZ_CONFIG_H
#define BRISC_FUZZ_CONFIG_H

#include <stddef.h>

/* Refused with a message, by config_load or by the plan; accepted; accepted, and small enough that
 * its plan was made too. */
typedef enum { OUTCOME_REFUSED, OUTCOME_ACCEPTED, OUTCOME_PLANNED, OUTCOMES } outcome_t;

outcome_t config_try(const char *data, size_t size);

#endif
