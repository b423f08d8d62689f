#include "kernels/backend.h"

#include <stdlib.h>

#include "kernels/draw.h"

const backend_t *const *backend_list(void) {
    static const backend_t *const list[] = {
        &backend_cpu,
#ifdef BRISC_CUDA
        &backend_cuda,
#endif
        NULL,
    };
    return list;
}

status_t backend_find(const char *name, const backend_t **backend) {
    const backend_t *const *list = backend_list();
    int automatic = strcmp(name, "auto") == 0;
    char device[256];
    for (size_t k = 0; list[k]; k++) {
        if (automatic && (k == 0 || list[k]->available(device, sizeof device) != STATUS_OK))
            continue;
        if (automatic || strcmp(name, list[k]->name) == 0) {
            *backend = list[k];
            return list[k]->available(device, sizeof device);
        }
    }
    if (automatic) {
        *backend = list[0];
        return STATUS_OK;
    }
    if (strcmp(name, "cuda") == 0)
        FAIL(STATUS_FAILED,
             "--backend cuda: this brisc was built without CUDA; build it where nvcc "
             "is found, or use --backend cpu");
    FAIL(STATUS_USAGE, "--backend: found \"%s\", expected auto, cpu or cuda", name);
}

status_t backend_state_hash(const backend_t *backend, backend_state_t *state, const network_t *net,
                            uint64_t *hash) {
    *hash = 0;
    for (uint32_t a = 0; a < net->populations; a++) {
        uint32_t n = population_size(&net->population[a]);
        float *h = malloc(n * sizeof *h);
        if (!h)
            FAIL(STATUS_FAILED, "no memory for %u potentials", n);
        status_t status = STATUS_OK;
        for (uint32_t trial = 0; trial < net->trials && status == STATUS_OK; trial++) {
            status = backend->get_state(state, trial, a, h);
            for (uint32_t i = 0; status == STATUS_OK && i < n; i++)
                *hash += hash_state(trial, a, i, h[i]);
        }
        free(h);
        TRY(status);
    }
    return STATUS_OK;
}
