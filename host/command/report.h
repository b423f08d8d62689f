/* What several commands say: the same facts as JSON and as text. */
#ifndef BRISC_REPORT_H
#define BRISC_REPORT_H

#include "host/command/command.h"
#include "host/detect/trials.h"
#include "host/theory/theory.h"

json_t *report_number(double x); /* null where it is not finite */
json_t *report_prediction_json(const config_t *config, const theory_t *theory);
/* {order, regime, reason}; of several trials, their mean, and order_std, trials: one such object
 * each. */
json_t *report_observed_json(const observed_t *observed);
/* "0.394", or "0.394 +- 0.012" of several trials. */
void report_value(const observed_t *observed, const order_parameter_t *parameter, char text[64]);
/* Bulk, outliers, fixed points, regime; the first `most` outliers. */
void report_prediction(const config_t *config, const theory_t *theory, size_t most);

#endif
