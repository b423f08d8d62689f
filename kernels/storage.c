#include "kernels/storage.h"

#include <stdlib.h>

static int by_source(const void *a, const void *b) {
    uint32_t x = ((const edge_t *)a)->source, y = ((const edge_t *)b)->source;
    return (x > y) - (x < y);
}

void edges_put(edge_t *edge, uint32_t n, uint32_t t, uint64_t *indptr, uint32_t *sources,
               int32_t *codes) {
    indptr[t + 1] = indptr[t] + n;
    if (!sources)
        return;
    qsort(edge, n, sizeof *edge, by_source);
    for (uint32_t k = 0; k < n; k++) {
        sources[indptr[t] + k] = edge[k].source;
        codes[indptr[t] + k] = edge[k].code;
    }
}

double pathway_indegree(const pathway_t *w) {
    if (w->rule == RULE_FIXED_INDEGREE)
        return w->indegree;
    uint64_t classes = (uint64_t)w->classes_x * w->classes_y;
    uint64_t cells = classes * w->window_x * w->window_y;
    double sum = 0.0;
    for (uint64_t k = 0; k < cells; k++)
        sum += (double)w->threshold[k] * 0x1p-32;
    return sum / (double)classes;
}
