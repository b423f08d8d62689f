#include "host/command/stored.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

status_t stored_network(const options_t *options, h5_file_t *file, config_t *config,
                        network_plan_t *plan) {
    char *yaml = NULL;
    if (options->n_set > 0)
        FAIL(STATUS_USAGE,
             "--set %s: the network of %s is as it was run; give a config to change it",
             options->set[0], h5_path(file));
    if (h5_read_attribute_text(file, "/", "config", &yaml) != STATUS_OK)
        FAIL(STATUS_USAGE,
             "%s: holds no network (no attribute `config`); give the file of a brisc run, or a "
             "config",
             h5_path(file));
    status_t status = config_parse(yaml, h5_path(file), NULL, 0, config);
    free(yaml);
    TRY(status);
    status = network_plan_create(config, plan);
    if (status != STATUS_OK)
        config_destroy(config);
    return status;
}

status_t stored_same_network(h5_file_t *file, uint64_t built) {
    char *stored = NULL, hash[20];
    if (h5_read_attribute_text(file, "/", "connectivity_hash", &stored) != STATUS_OK)
        return STATUS_OK;
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)built);
    bool same = strcmp(stored, hash) == 0;
    if (!same)
        status_fail(STATUS_FAILED, __FILE__, __LINE__,
                    "%s: its network has connectivity hash %s, the one built from its config %s: "
                    "it was made by another version of brisc, or its config was edited",
                    h5_path(file), stored, hash);
    free(stored);
    return same ? STATUS_OK : STATUS_FAILED;
}
