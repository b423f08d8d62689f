#include "host/config_source.h"

#include <math.h>

/* rate_max sets a power of two that has to be a float; 1e-9 as the least gain.max. 2^-24: half a
 * unit in a float's last place. */
static const double RATE_MAX_LEAST = 1e-9, DELTA_LEAST = 0x1p-24;

/* Whether a is a whole multiple of b, 1 to 1e12 times, but for rounding: each of a, b and a/b is
 * off by at most half a unit in the last place, 3e-16 of the ratio in all; 1e-12 leaves room for
 * values that are sums. */
static bool is_multiple(double a, double b) {
    double ratio = a / b;
    return ratio <= 1e12 && round(ratio) >= 1 && fabs(ratio - round(ratio)) <= 1e-12 * ratio;
}

static status_t check_times(const config_t *config, const config_source_t *source) {
    double dt = config->simulation.dt_ms, duration = config->simulation.duration_ms;
    double every = config->output.every_ms, onset = config->simulation.onset_ms;
    if (!is_multiple(duration, dt))
        FAIL_KEY(source, "simulation.duration",
                 "%.15g ms is not a whole number (1 to 1e12) of steps of %.15g ms (simulation.dt)",
                 duration, dt);
    if (!is_multiple(every, dt))
        FAIL_KEY(source, "output.every",
                 "%.15g ms is not a whole number of steps of %.15g ms (simulation.dt)", every, dt);
    if (!is_multiple(duration, every))
        FAIL_KEY(source, "simulation.duration",
                 "%.15g ms is not a whole number of frames of %.15g ms (output.every)", duration,
                 every);
    if (onset >= duration)
        FAIL_KEY(source, "simulation.onset",
                 "%.15g ms is not before the end, %.15g ms (simulation.duration)", onset, duration);
    if (duration - onset < (FRAMES_LEAST - 1) * every)
        FAIL_KEY(source, "output.every",
                 "%.15g ms leaves fewer than %d frames between simulation.onset and the end, the "
                 "least that order parameters are computed from",
                 every, FRAMES_LEAST);
    if (!(config->output.fields & FIELD_RATE))
        FAIL_KEY(source, "output.fields",
                 "rate is not among them, but the observed regime is named from it; say [%s]",
                 "rate, potential");
    return STATUS_OK;
}

static status_t check_population(const config_t *config, const config_source_t *source,
                                 uint32_t index) {
    const population_config_t *p = &config->population[index];
    uint32_t nx = p->lattice[0], ny = p->lattice[1];
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "populations.%s.lattice", p->name);
    if ((uint64_t)nx * ny > INT32_MAX)
        FAIL_KEY(source, path, "%u x %u sites are more than %d, the most of one population", nx, ny,
                 INT32_MAX);
    if (nx == 1 && ny > 1)
        FAIL_KEY(source, path, "found a single column of %u sites; write [%u] for a ring", ny, ny);
    if ((ny == 1) != (config->population[0].lattice[1] == 1))
        FAIL_KEY(source, path,
                 "found %u row%s, but population %s has %u; all have one row (a ring) or all have "
                 "more",
                 ny, ny == 1 ? "" : "s", config->population[0].name,
                 config->population[0].lattice[1]);
    snprintf(path, sizeof path, "populations.%s.gain.min", p->name);
    if (p->gain.kind == GAIN_CLIPPED_LINEAR && p->gain.min >= p->gain.max)
        FAIL_KEY(source, path, "%.15g is not below gain.max, %.15g", p->gain.min, p->gain.max);
    snprintf(path, sizeof path, "populations.%s.rate_max", p->name);
    if (p->rate_max > 0 && p->rate_max < RATE_MAX_LEAST)
        FAIL_KEY(source, path, "%.15g is below %g; 0 takes it from the gain", p->rate_max,
                 RATE_MAX_LEAST);
    if (config->simulation.dt_ms < DELTA_LEAST * p->tau_ms)
        FAIL_KEY(source, "simulation.dt",
                 "%.15g ms is less than 2^-24 of the time constant of population %s, %.15g ms: a "
                 "step would not change a potential, which is a 32-bit float",
                 config->simulation.dt_ms, p->name, p->tau_ms);
    if (config->simulation.dt_ms > p->tau_ms)
        FAIL_KEY(source, "simulation.dt",
                 "%.15g ms is longer than the time constant of population %s, %.15g ms: Euler's "
                 "method needs dt <= tau",
                 config->simulation.dt_ms, p->name, p->tau_ms);
    return STATUS_OK;
}

static status_t check_connection(const config_t *config, const config_source_t *source,
                                 uint32_t target, uint32_t from) {
    const connection_config_t *c = &config->connection[target][from];
    const population_config_t *a = &config->population[target], *b = &config->population[from];
    double n_target = (double)a->lattice[0] * a->lattice[1];
    double n_source = (double)b->lattice[0] * b->lattice[1];
    char path[PATH_SIZE];
    if (!c->present)
        return STATUS_OK;
    snprintf(path, sizeof path, "connections.%s.%s.range_sites", a->name, b->name);
    if (c->range_kind == RANGE_SITES && c->range > 0.5)
        FAIL_KEY(source, path,
                 "%.15g sites are more than half of the %u along x of population %s; expected a "
                 "number in (0, %.15g] sites",
                 c->range_given, b->lattice[0], b->name, 0.5 * b->lattice[0]);
    snprintf(path, sizeof path, "connections.%s.%s.mean", a->name, b->name);
    if (c->weights == WEIGHTS_LOGNORMAL && c->mean == 0)
        FAIL_KEY(source, path, "found 0; lognormal weights need a mean other than 0");
    if (c->size_kind == SIZE_DENSITY)
        return STATUS_OK;
    bool out = c->size_kind == SIZE_OUT_DEGREE;
    double most = out ? n_target : n_source;
    double in_degree = out ? c->size * n_source / n_target : c->size;
    snprintf(path, sizeof path, "connections.%s.%s.%s", a->name, b->name,
             out ? "out_degree" : "in_degree");
    if (c->size > most)
        FAIL_KEY(source, path, "%.15g is more than the %.15g neurons of population %s", c->size,
                 most, out ? a->name : b->name);
    if (c->rule == RULE_FIXED_INDEGREE && in_degree < 0.5)
        FAIL_KEY(source, path,
                 "gives %.3g inputs a neuron, which rounds to 0; fixed_indegree needs at least 1",
                 in_degree);
    return STATUS_OK;
}

status_t config_check(const config_t *config, const config_source_t *source) {
    for (uint32_t a = 0; a < config->populations; a++)
        TRY(check_population(config, source, a));
    TRY(check_times(config, source));
    for (uint32_t a = 0; a < config->populations; a++)
        for (uint32_t b = 0; b < config->populations; b++)
            TRY(check_connection(config, source, a, b));
    return STATUS_OK;
}
