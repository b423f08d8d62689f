/* The network as other tools read it. */
#ifndef BRISC_EXPORT_H
#define BRISC_EXPORT_H

#include "host/config.h"
#include "host/pathway.h"
#include "kernels/backend.h"

/* One square matrix, rows are targets, populations in config order, each row-major in (y, x):
 * /csr/indptr (int64), indices (int32), data (float32, the weight
 * in h per unit rate), attribute shape; scipy.sparse.csr_matrix takes them as they are. */
status_t export_csr(const char *path, int force, const config_t *config, const network_t *net,
                    const backend_t *backend, backend_state_t *state, const connectivity_t *facts);

/* SONATA edges (Blue Brain / Allen): /edges/<source>_to_<target>/ with source_node_id,
 * target_node_id, edge_type_id, edge_group_id, edge_group_index, 0/syn_weight and the
 * index target_to_source. */
status_t export_sonata(const char *path, int force, const config_t *config, const network_t *net,
                       const backend_t *backend, backend_state_t *state,
                       const connectivity_t *facts);

#endif
