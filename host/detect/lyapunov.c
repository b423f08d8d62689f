#include "host/detect/lyapunov.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/detect/tangent.h"
#include "host/progress.h"
#include "host/spectrum/operator.h"

static const double sample_tau = 0.5, default_tau = 50.0, least_tau = 10.0;
static const double most_ms = 1e9;

/* Two trajectories of one network and one noise, and the tangent vectors of the first. */
typedef struct {
    const network_t *net;
    const backend_t *backend;
    backend_state_t *state;
    size_t n;
    uint64_t step;
    uint32_t interval; /* steps between orthonormalizations */
    tangent_t tangent;
    float *h, *twin; /* [n] */
    double distance; /* between them when they last were set apart */
    double *growth;  /* [exponents] of one interval */
} walk_t;

/* ---- the two trajectories ---- */

static status_t put(const walk_t *w, const float *h) {
    for (uint32_t a = 0; a < w->net->populations; a++)
        TRY(w->backend->put_state(w->state, 0, a, h + neurons_before(w->net, a)));
    return STATUS_OK;
}

static status_t get(const walk_t *w, float *h) {
    for (uint32_t a = 0; a < w->net->populations; a++)
        TRY(w->backend->get_state(w->state, 0, a, h + neurons_before(w->net, a)));
    return STATUS_OK;
}

static double distance(const walk_t *w) {
    double sum = 0.0;
    for (size_t i = 0; i < w->n; i++) {
        double d = (double)w->twin[i] - (double)w->h[i];
        sum += d * d;
    }
    return sqrt(sum);
}

/* Root mean square distance that the twin is kept at: small, for what is not linear adds a share of
 * its own size to the growth rate; yet far above what the two round differently. That is 2^-24 of
 * h, so with 3e-4 of the rms h, rounding adds (2e-4)^2 of the distance's square a step, or 2e-6 to
 * the rate at dt = tau/100; and 2^-rate_shift, the rates' unit, where h is small. */
static double twin_distance(const walk_t *w) {
    double sum = 0.0, unit = 0.0;
    for (size_t i = 0; i < w->n; i++)
        sum += (double)w->h[i] * (double)w->h[i];
    for (uint32_t a = 0; a < w->net->populations; a++)
        unit = fmax(unit, ldexp(1.0, -w->net->population[a].rate_shift));
    return fmax(3e-4 * sqrt(sum / (double)w->n), 1e4 * unit);
}

/* Sets the twin at its distance, in the direction that it has. */
static void twin_approach(walk_t *w) {
    double factor = twin_distance(w) * sqrt((double)w->n) / distance(w);
    for (size_t i = 0; i < w->n; i++)
        w->twin[i] = (float)((double)w->h[i] + factor * ((double)w->twin[i] - (double)w->h[i]));
    w->distance = distance(w); /* as rounded */
}

/* One step of all. The backend holds the twin's potentials for its step, then the trajectory's. */
static status_t walk_step(walk_t *w) {
    TRY(tangent_step(&w->tangent, w->h));
    TRY(put(w, w->twin));
    TRY(w->backend->step(w->state, w->step, 1));
    TRY(get(w, w->twin));
    TRY(put(w, w->h));
    TRY(w->backend->step(w->state, w->step, 1));
    TRY(get(w, w->h));
    w->step++;
    return STATUS_OK;
}

/* ---- growth ---- */

/* The next interval is such that no vector grows or shrinks by more than about a factor e, so that
 * V stays well conditioned. */
static void adapt(walk_t *w, uint32_t steps) {
    double most = 0.0;
    for (uint32_t v = 0; v < w->tangent.vectors; v++)
        most = fmax(most, fabs(w->growth[v]));
    double next = fmin(most > 0.0 ? steps / most : INFINITY, 2.0 * steps);
    w->interval = next > 1.0 ? (uint32_t)fmin(next, 1e6) : 1;
}

/* `steps` steps; adds to the logarithmic growth sum[exponents] and *twin of that time. */
static status_t walk(walk_t *w, uint32_t steps, double *sum, double *twin) {
    while (steps > 0) {
        uint32_t count = w->interval < steps ? w->interval : steps;
        for (uint32_t s = 0; s < count; s++)
            TRY(walk_step(w));
        TRY(tangent_orthonormalize(&w->tangent, w->growth));
        for (uint32_t v = 0; v < w->tangent.vectors; v++)
            sum[v] += w->growth[v];
        *twin += log(distance(w) / w->distance);
        if (!isfinite(*twin))
            FAIL(STATUS_FAILED, "two trajectories met, or left every bound, at step %llu",
                 (unsigned long long)w->step);
        twin_approach(w);
        adapt(w, count);
        steps -= count;
    }
    return STATUS_OK;
}

static status_t walk_create(const network_t *net, const backend_t *backend, backend_state_t *state,
                            const lyapunov_options_t *options, walk_t *w) {
    size_t n = neurons_before(net, net->populations);
    *w = (walk_t){.net = net,
                  .backend = backend,
                  .state = state,
                  .n = n,
                  .step = options->first_step,
                  .interval = 1,
                  .h = malloc(sizeof(float) * n),
                  .twin = malloc(sizeof(float) * n),
                  .growth = malloc(sizeof(double) * options->exponents)};
    if (!w->h || !w->twin || !w->growth)
        FAIL(STATUS_FAILED, "no memory for two states of %zu neurons", n);
    TRY(tangent_create(net, backend, state, options->exponents, &w->tangent));
    TRY(get(w, w->h));
    for (size_t i = 0; i < n; i++)
        w->twin[i] = w->h[i] + (float)start_element(options->exponents, i);
    twin_approach(w);
    return STATUS_OK;
}

static void walk_destroy(walk_t *w) {
    tangent_destroy(&w->tangent);
    free(w->h);
    free(w->twin);
    free(w->growth);
}

/* ---- the measurement ---- */

typedef struct {
    uint32_t steps; /* of a sample */
    size_t transient, samples;
    double step_tau; /* dt / tau */
} plan_t;

static plan_t plan_of(const config_t *config, const lyapunov_options_t *options) {
    double step_tau = config->simulation.dt_ms / config->population[0].tau_ms;
    double time_tau =
        options->time_ms > 0.0 ? options->time_ms / config->population[0].tau_ms : default_tau;
    plan_t plan = {.steps = (uint32_t)fmax(1.0, rint(sample_tau / step_tau)), .step_tau = step_tau};
    double sample = plan.steps * step_tau;
    plan.samples = BLOCKS * (size_t)(time_tau / sample / BLOCKS + 1e-9);
    plan.transient = (size_t)ceil(fmax(least_tau, time_tau / 5.0) / sample);
    return plan;
}

status_t lyapunov_check(const config_t *config, const network_t *net,
                        const lyapunov_options_t *options) {
    size_t n = neurons_before(net, net->populations);
    double least_ms = least_tau * config->population[0].tau_ms;
    if (options->exponents < 1 || options->exponents > n)
        FAIL(STATUS_USAGE,
             "--lyapunov %u: the network has %zu neurons and so many exponents; ask for fewer",
             options->exponents, n);
    if (options->time_ms > most_ms)
        FAIL(STATUS_USAGE, "--time %g: too long; it can be %g ms at most", options->time_ms,
             most_ms);
    if (options->time_ms > 0.0 &&
        (options->time_ms < least_ms || plan_of(config, options).samples == 0))
        FAIL(STATUS_USAGE,
             "--time %g: too short for an error bar; it must be %g ms (10 tau of %s) or more",
             options->time_ms, fmax(least_ms, BLOCKS * config->simulation.dt_ms),
             config->population[0].name);
    return STATUS_OK;
}

double lyapunov_memory(const network_t *net, uint32_t exponents) {
    return 3.0 * sizeof(double) * exponents * (double)neurons_before(net, net->populations);
}

static status_t sample(walk_t *w, const plan_t *plan, bool quiet, lyapunov_t *lyapunov) {
    progress_t progress = progress_start("lyapunov", quiet, 0.0);
    uint32_t k = lyapunov->exponents;
    size_t all = plan->transient + plan->samples;
    for (size_t s = 0; s < all; s++) {
        size_t at = s < plan->transient ? 0 : s - plan->transient; /* the transient is dropped */
        double *growth = lyapunov->growth + at * k, *twin = lyapunov->twin_growth + at;
        memset(growth, 0, k * sizeof *growth);
        *twin = 0.0;
        TRY(walk(w, plan->steps, growth, twin));
        for (uint32_t v = 0; v < k; v++)
            growth[v] /= plan->steps * plan->step_tau;
        *twin /= plan->steps * plan->step_tau;
        progress_show(&progress, (double)(s + 1) * lyapunov->sample_ms,
                      (double)all * lyapunov->sample_ms, "ms");
    }
    progress_end(&progress);
    return STATUS_OK;
}

static void average(lyapunov_t *lyapunov) {
    size_t n = lyapunov->samples, k = lyapunov->exponents;
    double longest = 0.0;
    for (size_t v = 0; v < k; v++) {
        lyapunov->exponent[v] = block_average(lyapunov->growth + v, n, k);
        longest = fmax(longest, lyapunov->exponent[v].correlation);
    }
    lyapunov->twin = block_average(lyapunov->twin_growth, n, 1);
    if ((double)(n / BLOCKS) < 2.0 * longest)
        status_warn("Lyapunov exponents: growth rates stay correlated over %.3g ms, so blocks of "
                    "%.3g ms may understate the errors; give a longer --time",
                    longest * lyapunov->sample_ms, (double)(n / BLOCKS) * lyapunov->sample_ms);
}

status_t lyapunov_measure(const config_t *config, const network_t *net, const backend_t *backend,
                          backend_state_t *state, const lyapunov_options_t *options,
                          lyapunov_t *lyapunov) {
    plan_t plan = plan_of(config, options);
    size_t k = options->exponents;
    double sample_ms = plan.steps * config->simulation.dt_ms;
    double transient_ms = (double)plan.transient * sample_ms;
    *lyapunov = (lyapunov_t){.exponents = options->exponents,
                             .samples = plan.samples,
                             .sample_ms = sample_ms,
                             .start_ms = (double)options->first_step * config->simulation.dt_ms +
                                         transient_ms,
                             .tau_ms = config->population[0].tau_ms,
                             .transient_ms = transient_ms,
                             .growth = malloc(sizeof(double) * plan.samples * k),
                             .twin_growth = malloc(sizeof(double) * plan.samples),
                             .exponent = malloc(sizeof(block_average_t) * k)};
    if (!lyapunov->growth || !lyapunov->twin_growth || !lyapunov->exponent)
        FAIL(STATUS_FAILED, "no memory for %zu samples of %zu exponents", plan.samples, k);
    walk_t w;
    status_t status = walk_create(net, backend, state, options, &w);
    if (status == STATUS_OK)
        status = sample(&w, &plan, options->quiet, lyapunov);
    walk_destroy(&w);
    TRY(status);
    average(lyapunov);
    return STATUS_OK;
}

void lyapunov_destroy(lyapunov_t *lyapunov) {
    free(lyapunov->growth);
    free(lyapunov->twin_growth);
    free(lyapunov->exponent);
    *lyapunov = (lyapunov_t){0};
}
