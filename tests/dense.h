/* Dense matrices of small networks, mean or drawn, and their eigenvalues. Include after cmocka.h.
 */
#ifndef BRISC_TEST_DENSE_H
#define BRISC_TEST_DENSE_H

#include <complex.h>
#include <lapacke.h>
#include <stdlib.h>

#include "host/theory/internal.h"

static inline double random_uniform(void) { /* splitmix64 */
    static uint64_t seed = 7;
    uint64_t z = (seed += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) * 0x1p-53;
}

static inline double random_normal(void) {
    return sqrt(-2.0 * log(random_uniform())) * cos(2.0 * acos(-1.0) * random_uniform());
}

typedef struct {
    size_t n, first[POPULATIONS_MAX];
    lapack_int order;
} layout_t;

static inline layout_t layout(const network_t *net) {
    layout_t at = {0};
    for (uint32_t a = 0; a < net->populations; a++) {
        at.first[a] = at.n;
        at.n += population_size(&net->population[a]);
    }
    at.order = (lapack_int)at.n;
    return at;
}

typedef enum { MEAN, DRAWN } fill_t;

/* J diag(gain), column-major [n][n]: the mean matrix p g/k, or one draw of the network. */
static inline double *dense_matrix(const network_plan_t *plan, const double *gain, fill_t fill) {
    const network_t *net = &plan->net;
    layout_t at = layout(net);
    double *matrix = calloc(at.n * at.n, sizeof *matrix);
    for (uint32_t i = 0; i < net->pathways; i++) {
        const pathway_t *w = &net->pathway[i];
        const population_t *target = &net->population[w->target];
        const population_t *source = &net->population[w->source];
        size_t cells = (size_t)w->window_x * w->window_y;
        double mean = plan->facts[i].mean / plan->facts[i].out_degree, *pi = malloc(8 * cells);
        double std = plan->facts[i].std / sqrt(plan->facts[i].out_degree);
        double log_variance = log(1.0 + std * std / (mean * mean));
        double *row = malloc(8 * cells), *clock = malloc(8 * cells);
        for (uint32_t t = 0; t < population_size(target); t++) {
            uint32_t tx = t % target->nx, ty = t / target->nx;
            pathway_inclusion(w, ty % w->classes_y * w->classes_x + tx % w->classes_x, pi);
            const uint32_t *threshold = pathway_threshold(w, tx, ty);
            double excess = 0.0;
            for (size_t j = 0; j < cells; j++) {
                row[j] = random_uniform() < pi[j] ? mean + std * random_normal() : 0.0;
                clock[j] = threshold[j] ? -log(random_uniform()) / threshold[j] : INFINITY;
            }
            for (uint32_t k = 0; w->rule == RULE_FIXED_INDEGREE && k < w->indegree; k++) {
                size_t next = 0; /* successive sampling: the next of the clocks to ring */
                for (size_t j = 0; j < cells; j++) {
                    row[j] = k ? row[j] : 0.0;
                    next = clock[j] < clock[next] ? j : next;
                }
                clock[next] = INFINITY;
                row[next] =
                    w->weights == WEIGHTS_LOGNORMAL
                        ? mean * exp(sqrt(log_variance) * random_normal() - log_variance / 2)
                        : mean + std * random_normal();
                excess += pathway_recentred(w) ? (row[next] - mean) / w->indegree : 0.0;
            }
            for (size_t j = 0; j < cells; j++) {
                uint32_t sx = pathway_source_x(w, pathway_base_x(w, tx),
                                               (uint32_t)(j % w->window_x), source->nx);
                uint32_t sy = wrapped(
                    (int32_t)(pathway_base_y(w, ty) + j / w->window_x) + w->offset_y, source->ny);
                double value = fill == MEAN ? pi[j] * mean : row[j] == 0.0 ? 0.0 : row[j] - excess;
                matrix[(at.first[w->source] + sy * source->nx + sx) * at.n + at.first[w->target] +
                       t] = gain[w->source] * value;
            }
        }
        free(clock);
        free(row);
        free(pi);
    }
    return matrix;
}

/* Eigenvalues of a dense matrix, which is freed. */
static inline double complex *eigenvalues(double *matrix, lapack_int n) {
    size_t size = (size_t)n;
    double *re = malloc(8 * size), *im = malloc(8 * size), none[1];
    assert_int_equal(
        LAPACKE_dgeev(LAPACK_COL_MAJOR, 'N', 'N', n, matrix, n, re, im, none, 1, none, 1), 0);
    double complex *value = malloc(sizeof *value * size);
    for (size_t i = 0; i < size; i++)
        value[i] = re[i] + I * im[i];
    free(im);
    free(re);
    free(matrix);
    return value;
}

#endif
