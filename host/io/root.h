/* What every file that brisc writes has at its root. */
#ifndef BRISC_ROOT_H
#define BRISC_ROOT_H

#include "host/config.h"
#include "host/io/h5.h"

/* Where a file comes from. */
typedef struct {
    const char *command_line, *resolved_config, *backend, *device, *version, *commit;
    uint64_t connectivity_hash, synapses;
} run_facts_t;

/* Root attributes: conventions, program, config, seed, device, connectivity. */
status_t root_attributes(h5_file_t *file, const config_t *config, const run_facts_t *facts,
                         const char *title);
/* Coordinates y_<population>, x_<population>: cell centres, in torus sides. */
status_t root_axes(h5_file_t *file, const config_t *config);

#endif
