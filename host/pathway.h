/* From the config to the network's plain numbers: lattices, probability tables, weight scales. */
#ifndef BRISC_PATHWAY_H
#define BRISC_PATHWAY_H

#include "host/config.h"

/* What was asked for and what the lattice gives, one a pathway, in network_t's order. */
typedef struct {
    double out_degree; /* k_ab asked for: mean number of targets of one source */
    double in_degree;  /* K_ab = k_ab N_b / N_a */
    /* alpha_ab: probability at distance 0, k/(A N_a), before wrapping and clipping. A in 2-D, in
     * 1-D: gaussian 2 pi d^2, sqrt(2 pi) d; exponential 2 pi d^2, 2d; disc pi d^2, 2d; uniform 1.
     */
    double density;
    double mean, std;       /* g_ab, sigma_ab */
    double sum_probability; /* sum over sources of the stored probability, averaged over targets */
    double clipped_share;   /* share of the in-degree lost to p > 1 */
    double range;           /* d_ab */
    bool gaussian;          /* the profile */
} pathway_facts_t;

typedef struct {
    network_t net;
    pathway_facts_t facts[PATHWAYS_MAX];
    int dimensions; /* 2, or 1 where every population has one row */
    double synapses_expected;
    double candidates; /* pairs that the build has to draw for */
} network_plan_t;

/* Connection probability p(Delta) = min(1, alpha Sum_m w(Delta + m)), m over the torus's images,
 * w(0) = 1: gaussian exp(-r^2/2d^2), exponential exp(-r/d), disc (r <= d), uniform 1; stored as
 * truncated thresholds of 2^-32, from operations that give the same bits on every machine. The
 * sum over sources is K_ab up to clipping and, for profiles that are not smooth, up to the
 * lattice's resolution: facts say what it is. Under RULE_FIXED_INDEGREE each row's weights,
 * unless they are lognormal, are recentred on their sample mean, so a row's sum is exactly
 * indegree g/k; theory relies on it.
 * Warns of clipped probabilities. STATUS_USAGE: ranges outside [1e-9, 1], a range that reaches no
 * source, an in-degree that cannot be drawn, weights that weight_bits cannot hold
 * (weights.h), tables over 1 GiB. On failure nothing is left to
 * destroy. */
status_t network_plan_create(const config_t *config, network_plan_t *plan);
void network_plan_destroy(network_plan_t *plan);

#endif
