#include "host/pathway.h"

#include <stdlib.h>

#include "host/weights.h"
#include "kernels/storage.h"

enum { TABLES_MAX_BYTES = 1 << 30 };
/* Far below any lattice's spacing, 1e-6; its square, and what is divided by it, are normal. */
static const double RANGE_LEAST = 1e-9;

/* Area of a profile's unit-height footprint in units of d (1-D) and d^2 (2-D), and the distance,
 * in units of d, beyond which an image adds less than 1e-17 of the height at the centre. */
static const struct {
    double area_1d, area_2d, reach;
} PROFILES[] = {
    [PROFILE_GAUSSIAN] = {2.5066282746310002, 6.283185307179586, 9.0},
    [PROFILE_EXPONENTIAL] = {2.0, 6.283185307179586, 40.0},
    [PROFILE_DISC] = {2.0, 3.141592653589793, 1.0},
};

static double profile_area(const connection_config_t *c, int dimensions) {
    if (c->profile == PROFILE_UNIFORM)
        return 1.0;
    return dimensions == 1 ? PROFILES[c->profile].area_1d * c->range
                           : PROFILES[c->profile].area_2d * c->range * c->range;
}

/* Height at displacement (x, y), 0 <= x, y <= 1/2, relative to the centre of the unwrapped
 * profile; sums the images on the torus. */
static inline double profile_height(const connection_config_t *c, int dimensions, double x,
                                    double y) {
    if (c->profile == PROFILE_UNIFORM)
        return 1.0;
    double d = c->range, reach = PROFILES[c->profile].reach * d, sum = 0.0;
    int images_x = (int)(reach + 1.0), images_y = dimensions == 1 ? 0 : images_x;
    for (int my = -images_y; my <= images_y; my++) {
        double ry = y + my;
        for (int mx = -images_x; mx <= images_x; mx++) {
            double rx = x + mx, r2 = rx * rx + ry * ry;
            if (r2 > reach * reach)
                continue;
            switch (c->profile) {
            case PROFILE_GAUSSIAN:
                sum += fm_exp64(-r2 / (2.0 * d * d));
                break;
            case PROFILE_EXPONENTIAL:
                sum += fm_exp64(-sqrt(r2) / d);
                break;
            default: /* PROFILE_DISC */
                sum += 1.0;
            }
        }
    }
    return sum;
}

/* One axis of a pathway. */
typedef struct {
    uint32_t targets, sources; /* sites along the axis */
    uint32_t classes, shift, window;
    int32_t offset;
    double nearest; /* smallest displacement of any source from any target */
} axis_t;

/* Displacement of the source at `offset` from its base site to a target of class `c`, folded into
 * [0, 1/2]. Integers until the last division: reflections give the same bits. */
static double axis_displacement(const axis_t *axis, uint32_t c, int64_t offset) {
    int64_t na = axis->targets, nb = axis->sources, period = 2 * na * nb;
    int64_t twice = ((2 * offset + 1) * na - (2 * (int64_t)c + 1) * nb) % period;
    twice = twice < 0 ? -twice : twice;
    return (double)(twice > period / 2 ? period - twice : twice) / (double)period;
}

/* The least of all classes': a cell's targets are an arc of the circle, so it is that of one of its
 * ends or of the two targets around the source. */
static double axis_nearest(const axis_t *axis, int64_t offset) {
    int64_t na = axis->targets, nb = axis->sources, last = (int64_t)axis->classes - 1;
    int64_t source = (offset % nb + nb) % nb, before = ((2 * source + 1) * na - nb) / (2 * nb);
    int64_t after = before < last ? before + 1 : last;
    before = before < last ? before : last;
    double around = fmin(axis_displacement(axis, (uint32_t)before, offset),
                         axis_displacement(axis, (uint32_t)after, offset));
    return fmin(around, fmin(axis_displacement(axis, 0, offset),
                             axis_displacement(axis, (uint32_t)last, offset)));
}

static axis_t axis_create(uint32_t targets, uint32_t sources) {
    uint32_t g = common_divisor(targets, sources);
    axis_t axis = {targets, sources, targets / g, sources / g, 0, 0, 1.0};
    for (int64_t o = 0; o < axis.shift; o++)
        axis.nearest = fmin(axis.nearest, axis_nearest(&axis, o));
    return axis;
}

/* Window along one axis: the offsets where the probability reaches 2^-32 for some class. Every
 * profile is highest where the displacement along the other axis is least. */
static void axis_window(axis_t *axis, const axis_t *other, bool is_x, const connection_config_t *c,
                        int dimensions, double density) {
    int32_t n = (int32_t)axis->sources, start = (int32_t)(axis->shift - 1) / 2 - n / 2;
    int32_t first = n, last = -1;
    for (int32_t i = 0; i < n; i++) {
        double here = axis_nearest(axis, start + i);
        double height = profile_height(c, dimensions, is_x ? here : other->nearest,
                                       is_x ? other->nearest : here);
        if (density * height * 4294967296.0 >= 1.0) {
            first = i < first ? i : first;
            last = i;
        }
    }
    axis->window = last < first ? 0 : (uint32_t)(last - first + 1);
    axis->offset = axis->window == axis->sources ? -(n / 2) : start + first;
}

/* What a class of targets adds up to: probabilities asked for, what is lost of those above 1, codes
 * stored. */
typedef struct {
    double asked, lost;
    uint64_t codes;
} class_sums_t;

/* Where the processor has fused multiplications, inlined ones: the same bits, three times as fast.
 */
#if defined(__x86_64__)
__attribute__((target_clones("fma", "default")))
#endif
static class_sums_t
class_fill(const axis_t *x, const axis_t *y, uint32_t cx, uint32_t cy, const connection_config_t *c,
           int dimensions, double density, uint32_t *table) {
    class_sums_t sums = {0};
    for (uint32_t wy = 0; wy < y->window; wy++) {
        double dy = axis_displacement(y, cy, (int64_t)y->offset + wy);
        for (uint32_t wx = 0; wx < x->window; wx++) {
            double dx = axis_displacement(x, cx, (int64_t)x->offset + wx);
            double p = density * profile_height(c, dimensions, dx, dy), code = p * 4294967296.0;
            bool always = code >= (double)UINT32_MAX;
            *table++ = always ? UINT32_MAX : (uint32_t)code;
            sums.codes += always ? 1ull << 32 : (uint32_t)code;
            sums.asked += p;
            sums.lost += p > 1.0 ? p - 1.0 : 0.0;
        }
    }
    return sums;
}

/* Fills the table and the facts that are sums over it. */
static status_t threshold_fill(const pathway_t *w, pathway_facts_t *facts, const axis_t *x,
                               const axis_t *y, const connection_config_t *c, int dimensions,
                               uint32_t *table) {
    uint32_t classes = w->classes_x * w->classes_y;
    size_t cells = (size_t)w->window_x * w->window_y;
    class_sums_t *of = malloc(classes * sizeof *of), all = {0};
    if (!of)
        FAIL(STATUS_FAILED, "no memory for %u classes of targets", classes);
#pragma omp parallel for schedule(static)
    for (uint32_t k = 0; k < classes; k++)
        of[k] = class_fill(x, y, k % w->classes_x, k / w->classes_x, c, dimensions, facts->density,
                           table + k * cells);
    for (uint32_t k = 0; k < classes; k++) { /* in one order, whatever the threads */
        all.asked += of[k].asked;
        all.lost += of[k].lost;
        all.codes += of[k].codes;
    }
    free(of);
    facts->sum_probability = (double)all.codes / 4294967296.0 / w->classes_x / w->classes_y;
    facts->clipped_share = all.asked > 0.0 ? all.lost / all.asked : 0.0;
    return STATUS_OK;
}

static status_t indegree_set(pathway_t *w, const pathway_facts_t *facts, const char *key) {
    double indegree = floor(facts->in_degree + 0.5);
    size_t cells = (size_t)w->window_x * w->window_y, fewest = cells;
    for (size_t c = 0; c < (size_t)w->classes_x * w->classes_y; c++) {
        size_t reachable = 0;
        for (size_t i = 0; i < cells; i++)
            reachable += w->threshold[c * cells + i] > 0;
        fewest = reachable < fewest ? reachable : fewest;
    }
    if (indegree < 1.0 || indegree > (double)fewest)
        FAIL(STATUS_USAGE,
             "%s: rule fixed_indegree asks for %.0f inputs a neuron, but it must be 1 to %zu, the "
             "sources within reach; change in_degree (out_degree, density) or range",
             key, indegree, fewest);
    w->indegree = (uint32_t)indegree;
    return STATUS_OK;
}

static void population_set(population_t *p, const population_config_t *c, double dt_ms) {
    const gain_config_t *g = &c->gain;
    double delta = dt_ms / c->tau_ms;
    *p = (population_t){.nx = c->lattice[0], .ny = c->lattice[1]};
    p->gain = (gain_t){.kind = g->kind,
                       .max = (float)g->max,
                       .min = (float)g->min,
                       .slope = (float)g->slope,
                       .threshold = (float)g->threshold,
                       .exponent = (float)g->exponent};
    p->delta = (float)delta;
    p->noise = (float)(c->noise * sqrt(2.0 * delta));
    p->input = (float)c->input;
}

static int32_t rate_shift_of(const population_config_t *c, uint32_t rate_bits) {
    const gain_config_t *g = &c->gain;
    double rate_max = c->rate_max;
    if (rate_max <= 0.0)
        rate_max = g->kind == GAIN_TANH || g->kind == GAIN_SIGMOID ? fabs(g->max)
                   : g->kind == GAIN_CLIPPED_LINEAR ? fmax(fabs(g->min), fabs(g->max))
                                                    : 128.0;
    int exponent = 0; /* rate_max = mantissa 2^exponent, 1/2 <= mantissa < 1 */
    double mantissa = frexp(rate_max, &exponent);
    return (int32_t)rate_bits - (mantissa == 0.5 ? exponent - 1 : exponent);
}

static status_t pathway_add(const config_t *config, uint32_t a, uint32_t b, double *bytes,
                            network_plan_t *plan) {
    network_t *net = &plan->net;
    const population_t *target = &net->population[a], *source = &net->population[b];
    const connection_config_t *c = &config->connection[a][b];
    double n_target = population_size(target), n_source = population_size(source);
    char key[2 * NAME_SIZE + 16];
    snprintf(key, sizeof key, "connections.%s.%s", config->population[a].name,
             config->population[b].name);
    if (c->profile != PROFILE_UNIFORM && !(c->range >= RANGE_LEAST && c->range <= 1.0))
        FAIL(STATUS_USAGE,
             "%s.range%s: %g torus sides are not within [%g, 1]: the torus has side 1; for "
             "connections over the whole torus use profile: uniform",
             key, c->range_kind == RANGE_SITES ? "_sites" : "", c->range, RANGE_LEAST);

    double area = profile_area(c, plan->dimensions);
    double k = c->size_kind == SIZE_OUT_DEGREE  ? c->size
               : c->size_kind == SIZE_IN_DEGREE ? c->size * n_target / n_source
                                                : c->size * area * n_target;
    if (!(k > 0.0))
        FAIL(STATUS_USAGE, "%s: a mean out-degree of %g is not above 0; leave the connection out",
             key, k);

    axis_t x = axis_create(target->nx, source->nx), y = axis_create(target->ny, source->ny);
    pathway_t *w = &net->pathway[net->pathways];
    pathway_facts_t *facts = &plan->facts[net->pathways];
    *facts = (pathway_facts_t){.out_degree = k,
                               .in_degree = k * n_source / n_target,
                               .density = k / (area * n_target),
                               .mean = c->mean,
                               .std = c->std,
                               .range = c->range,
                               .gaussian = c->profile == PROFILE_GAUSSIAN};
    axis_window(&x, &y, true, c, plan->dimensions, facts->density);
    axis_window(&y, &x, false, c, plan->dimensions, facts->density);
    if (x.window == 0 || y.window == 0)
        FAIL(STATUS_USAGE, "%s: range %g reaches no site of the %ux%u source lattice; raise it",
             key, c->range, source->nx, source->ny);

    double classes = (double)x.classes * y.classes, cells = (double)x.window * y.window;
    *bytes += 4.0 * classes * cells;
    if (*bytes > TABLES_MAX_BYTES)
        FAIL(STATUS_USAGE,
             "%s: the probability tables up to here take %.1f GiB, more than 1 GiB: %ux%u sources "
             "within reach of each of %ux%u kinds of targets, whose lattice %ux%u meets %ux%u; "
             "choose a shorter range, or lattice sizes with a large common divisor",
             key, *bytes / TABLES_MAX_BYTES, x.window, y.window, x.classes, y.classes, target->nx,
             target->ny, source->nx, source->ny);
    uint32_t *table = malloc((size_t)(4.0 * classes * cells));
    if (!table)
        FAIL(STATUS_FAILED, "%s: no memory for a probability table of %.0f MB", key,
             4e-6 * classes * cells);
    *w = (pathway_t){.target = a,
                     .source = b,
                     .rule = c->rule,
                     .weights = c->weights,
                     .classes_x = x.classes,
                     .classes_y = y.classes,
                     .shift_x = x.shift,
                     .shift_y = y.shift,
                     .offset_x = x.offset,
                     .offset_y = y.offset,
                     .window_x = x.window,
                     .window_y = y.window,
                     .threshold = table};
    net->pathways++; /* from here on the plan owns the table */
    TRY(threshold_fill(w, facts, &x, &y, c, plan->dimensions, table));
    if (facts->clipped_share > 0x1p-32) /* what a stored probability can show */
        status_warn("%s: probabilities above 1 are clipped; %.3g %% of the in-degree is lost "
                    "(%.4g instead of %.4g inputs); lower density (out_degree, in_degree) or raise "
                    "range",
                    key, 100.0 * facts->clipped_share, facts->sum_probability, facts->in_degree);
    TRY(weights_set(w, c, k, net->weight_bits, key));
    if (w->rule == RULE_FIXED_INDEGREE)
        TRY(indegree_set(w, facts, key));
    w->inputs_most = pathway_inputs_most(w);
    plan->candidates += n_target * cells;
    plan->synapses_expected +=
        n_target * (w->rule == RULE_FIXED_INDEGREE ? w->indegree : facts->sum_probability);
    return STATUS_OK;
}

static status_t plan_fill(const config_t *config, network_plan_t *plan) {
    network_t *net = &plan->net;
    net->populations = config->populations;
    net->seed = config->simulation.seed;
    net->trials = (uint32_t)config->simulation.trials;
    net->storage = config->network.storage;
    net->weight_bits = (uint32_t)config->network.weight_bits;
    plan->dimensions = 1;
    for (uint32_t a = 0; a < config->populations; a++) {
        population_set(&net->population[a], &config->population[a], config->simulation.dt_ms);
        if (net->population[a].ny > 1)
            plan->dimensions = 2;
    }
    double bytes = 0.0;
    for (uint32_t a = 0; a < config->populations; a++)
        for (uint32_t b = 0; b < config->populations; b++)
            if (config->connection[a][b].present)
                TRY(pathway_add(config, a, b, &bytes, plan));
    net->rate_bits = rate_bits_choose(net);
    for (uint32_t a = 0; a < config->populations; a++)
        net->population[a].rate_shift = rate_shift_of(&config->population[a], net->rate_bits);
    return STATUS_OK;
}

status_t network_plan_create(const config_t *config, network_plan_t *plan) {
    *plan = (network_plan_t){0};
    status_t status = plan_fill(config, plan);
    if (status != STATUS_OK)
        network_plan_destroy(plan);
    return status;
}

void network_plan_destroy(network_plan_t *plan) {
    for (uint32_t i = 0; i < plan->net.pathways; i++)
        free((void *)plan->net.pathway[i].threshold);
    *plan = (network_plan_t){0};
}
