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

double deviation_most(double variance) {
    const double tail = 80.0;
    return tail / 3.0 + sqrt(tail * tail / 9.0 + 2.0 * tail * variance);
}

uint32_t pathway_inputs_most(const pathway_t *w) {
    size_t cells = (size_t)w->window_x * w->window_y;
    const uint32_t *threshold = w->threshold;
    double most = 0.0;
    if (w->rule == RULE_FIXED_INDEGREE)
        return w->indegree;
    for (size_t c = 0; c < (size_t)w->classes_x * w->classes_y; c++) {
        double mean = 0.0, variance = 0.0, reachable = 0.0;
        for (size_t i = 0; i < cells; i++, threshold++) {
            double p = *threshold == UINT32_MAX ? 1.0 : *threshold * 0x1p-32;
            mean += p;
            variance += p * (1.0 - p);
            reachable += p > 0.0;
        }
        most = fmax(most, fmin(reachable, ceil(mean + deviation_most(variance))));
    }
    return (uint32_t)most;
}

uint32_t rate_bits_choose(const network_t *net) {
    uint32_t bits = net->weight_bits == 24 ? 26 : 31;
    double most = 1.0;
    for (uint32_t k = 0; k < net->pathways; k++)
        most = fmax(most, net->pathway[k].inputs_most);
    while (ldexp(most * weight_code_max(net->weight_bits), (int)bits) > 0x1p63)
        bits--;
    return bits;
}

void inclusion_probabilities(uint32_t indegree, size_t n, double *p) {
    double total = 0.0;
    size_t reachable = 0;
    for (size_t j = 0; j < n; j++) {
        total += p[j];
        reachable += p[j] > 0.0;
    }
    /* Newton on a concave increasing function, from the left: monotone. */
    int all = indegree >= reachable;
    double t = indegree / total;
    for (int step = 0; step < 200 && !all; step++) {
        double sum = 0.0, slope = 0.0;
        for (size_t j = 0; j < n; j++) {
            double missed = exp(-t * p[j]);
            sum += 1.0 - missed;
            slope += p[j] * missed;
        }
        double change = (indegree - sum) / slope;
        t += change;
        if (!(fabs(change) > 1e-13 * t))
            break;
    }
    for (size_t j = 0; j < n; j++)
        p[j] = all ? p[j] > 0.0 : -expm1(-t * p[j]);
}

void pathway_inclusion(const pathway_t *w, size_t class_index, double *pi) {
    size_t cells = (size_t)w->window_x * w->window_y;
    const uint32_t *threshold = w->threshold + class_index * cells;
    for (size_t i = 0; i < cells; i++)
        pi[i] = threshold[i] == UINT32_MAX ? 1.0 : threshold[i] / 4294967296.0;
    if (w->rule == RULE_FIXED_INDEGREE)
        inclusion_probabilities(w->indegree, cells, pi);
}
