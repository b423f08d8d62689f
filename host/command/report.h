/* What several commands say: the same facts as JSON and as text. */
#ifndef BRISC_REPORT_H
#define BRISC_REPORT_H

#include "host/command/command.h"
#include "host/detect/order.h"
#include "host/theory/theory.h"

json_t *report_number(double x); /* null where it is not finite */
json_t *report_prediction_json(const config_t *config, const theory_t *theory);
json_t *report_order_json(const order_t *order);
/* Bulk, outliers, fixed points, regime; the first `most` outliers. */
void report_prediction(const config_t *config, const theory_t *theory, size_t most);

#endif
