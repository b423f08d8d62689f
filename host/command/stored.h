/* The network of a run, built anew from the config that its file holds. */
#ifndef BRISC_STORED_H
#define BRISC_STORED_H

#include "host/command/command.h"
#include "host/io/h5.h"

/* STATUS_USAGE where the file holds no config, or --set would change it. On failure nothing is left
 * to destroy. */
status_t stored_network(const options_t *options, h5_file_t *file, config_t *config,
                        network_plan_t *plan);
/* STATUS_FAILED where the file says that its network was another. */
status_t stored_same_network(h5_file_t *file, uint64_t hash);

#endif
