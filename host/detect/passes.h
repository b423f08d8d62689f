/* The two passes of order_compute over the data; each fills its own members of order_t. */
#ifndef BRISC_PASSES_H
#define BRISC_PASSES_H

#include "host/detect/order.h"

enum { ORDER_BUFFER_BYTES = 64 << 20 }; /* of frames read at once, or one frame if it is larger */

/* Frame by frame: activity, synchrony, Moran's index, wave number, persistence. */
status_t order_spatial_pass(const field_t *field, order_t *order);
/* Site by site over all times: CV, oscillation index; `order->mean` must be there. */
status_t order_temporal_pass(const field_t *field, order_t *order);

/* Bytes that each holds. */
uint64_t order_spatial_memory(const field_t *field);
uint64_t order_temporal_memory(const field_t *field);

#endif
