/* The largest Lyapunov exponents of a rate network under frozen noise: tangent vectors along the
 * simulation's own trajectory, orthonormalized every few steps (Benettin, Galgani, Giorgilli,
 * Strelcyn, Meccanica 15 (1980) 9-30; QR: Geist, Parlitz, Lauterborn, Prog. Theor. Phys. 83 (1990)
 * 875-893; rate networks: Engelken, Wolf, Abbott, Phys. Rev. Research 5 (2023) 043044); and the
 * largest one a second time, from two trajectories side by side. They are the exponents of the
 * Euler-Maruyama map at the config's dt; those of the flow differ by O(dt/tau).
 *
 * Averages over a time T approach the exponents from what tangent vectors do before they have their
 * directions, as 1/T; an exponent that is 0, of a phase that may shift, as ln(T)/T where shear lets
 * vectors grow in proportion to time. The errors do not know of this: `convergence` shows it. */
#ifndef BRISC_LYAPUNOV_H
#define BRISC_LYAPUNOV_H

#include "host/config.h"
#include "host/detect/block_average.h"
#include "host/detect/dataset.h"
#include "kernels/backend.h"

typedef struct {
    uint32_t exponents;  /* k */
    double time_ms;      /* to average over; 0: 50 tau of the first population */
    uint64_t first_step; /* that follows the state at hand */
    bool quiet;
} lyapunov_options_t;

/* Times in ms, rates in 1/tau of the first population. */
typedef struct {
    uint32_t exponents;
    size_t samples; /* of half a tau each, a multiple of BLOCKS */
    double sample_ms, start_ms, tau_ms;
    double transient_ms;       /* before start_ms: the vectors turn to their directions */
    double *growth;            /* [samples][exponents], mean growth rate in each sample */
    double *twin_growth;       /* [samples] */
    block_average_t *exponent; /* [exponents] */
    block_average_t twin;
} lyapunov_t;

/* STATUS_USAGE: more exponents than neurons, a time under 10 tau or over 1e9 ms. Needs no built
 * network. */
status_t lyapunov_check(const config_t *config, const network_t *net,
                        const lyapunov_options_t *options);
/* Bytes that k tangent vectors take, and their products; what else is held is small. */
double lyapunov_memory(const network_t *net, uint32_t exponents);
/* From the state at hand (net->trials is 1), which goes on as it would have gone by itself. Warns
 * where the blocks are not longer than the correlation time. */
status_t lyapunov_measure(const config_t *config, const network_t *net, const backend_t *backend,
                          backend_state_t *state, const lyapunov_options_t *options,
                          lyapunov_t *lyapunov);
void lyapunov_destroy(lyapunov_t *lyapunov);

/* Kaplan-Yorke dimension j + (sum of the first j)/|exponent j+1|, j the last whose sum is >= 0
 * (Kaplan, Yorke, 1979), and the sum of the positive ones, the bound on the Kolmogorov-Sinai
 * entropy that Pesin's formula makes an equality; NaN where the k do not suffice. */
double kaplan_yorke(const double *exponents, size_t k);
double positive_sum(const double *exponents, size_t k);

/* Adds the group "lyapunov". */
status_t lyapunov_found(const lyapunov_t *lyapunov, dataset_t *found);

#endif
