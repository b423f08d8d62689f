/* From the config to the network's plain numbers: lattices, probability tables, weight scales. */
#ifndef BRISC_PATHWAY_H
#define BRISC_PATHWAY_H

#include "host/config.h"

/* What was asked for and what the lattice gives, one a pathway, in network_t's order. */
typedef struct {
    double out_degree;      /* k_ab asked for: mean number of targets of one source */
    double in_degree;       /* K_ab = k_ab N_b / N_a */
    double density;         /* alpha_ab: probability at distance 0 */
    double mean, std;       /* g_ab, sigma_ab */
    double sum_probability; /* sum over sources of the stored probability, averaged over targets */
    double clipped_share;   /* share of the in-degree lost to p > 1 */
    double range;           /* d_ab */
} pathway_facts_t;

typedef struct {
    network_t net;
    pathway_facts_t facts[PATHWAYS_MAX];
    int dimensions; /* 2, or 1 where every population has one row */
    double synapses_expected;
    double candidates; /* pairs that the build has to draw for */
} network_plan_t;

/* Warns of clipped probabilities; refuses ranges wider than the torus (STATUS_USAGE). Tables are
 * owned by the plan. */
status_t network_plan_create(const config_t *config, network_plan_t *plan);
void network_plan_destroy(network_plan_t *plan);

#endif
