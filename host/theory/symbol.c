/* The mean network: lattice symbol S_ab(n) and variance M_ab, summed from the probability tables.
 */
#include "host/theory/internal.h"

#include <complex.h>
#include <fftw3.h>
#include <stdlib.h>

enum { CLASSES_MAX = 64 };
static const double PI = 3.14159265358979323846;

/* The k-th of `used` classes spread evenly over `classes`. */
static uint32_t class_sample(uint32_t k, uint32_t used, uint32_t classes) {
    return (uint32_t)((2ull * k + 1) * classes / (2ull * used));
}

/* The part of the Brillouin zone of the finest lattice with nx, ny >= 0. A pathway takes part as
 * far as both its lattices resolve: waves finer than a coarse population run in the others alone.
 */
typedef struct {
    int width, height; /* zone */
    int columns, rows; /* width/2 + 1, height/2 + 1 */
    bool square;       /* x and y are alike on every lattice */
} zone_t;

static zone_t zone_create(const network_t *net) {
    zone_t zone = {(int)net->population[0].nx, (int)net->population[0].ny, 0, 0, true};
    for (uint32_t a = 0; a < net->populations; a++) {
        const population_t *p = &net->population[a];
        zone.width = (int)p->nx > zone.width ? (int)p->nx : zone.width;
        zone.height = (int)p->ny > zone.height ? (int)p->ny : zone.height;
        zone.square = zone.square && p->nx == p->ny;
    }
    zone.columns = zone.width / 2 + 1;
    zone.rows = zone.height / 2 + 1;
    return zone;
}

/* Number of waves along one axis that both lattices of a pathway resolve. */
static uint32_t waves_x(const network_t *net, const pathway_t *w) {
    uint32_t target = net->population[w->target].nx, source = net->population[w->source].nx;
    return target < source ? target : source;
}
static uint32_t waves_y(const network_t *net, const pathway_t *w) {
    uint32_t target = net->population[w->target].ny, source = net->population[w->source].ny;
    return target < source ? target : source;
}

/* One class at a time: inclusion probabilities of the window, on the source lattice [ny][nx], and
 * their transform. */
typedef struct {
    double *pi, *lattice;
    fftw_complex *spectrum;
    fftw_plan plan;
} transform_t;

static status_t transform_create(const pathway_t *w, const population_t *source, transform_t *t) {
    *t = (transform_t){malloc(sizeof(double) * w->window_x * w->window_y),
                       fftw_alloc_real((size_t)source->nx * source->ny),
                       fftw_alloc_complex((size_t)(source->nx / 2 + 1) * source->ny), NULL};
    if (t->pi && t->lattice && t->spectrum)
        t->plan = fftw_plan_dft_r2c_2d((int)source->ny, (int)source->nx, t->lattice, t->spectrum,
                                       FFTW_ESTIMATE);
    if (!t->plan)
        FAIL(STATUS_FAILED, "no memory for the transform of a %ux%u lattice", source->nx,
             source->ny);
    return STATUS_OK;
}

static void transform_destroy(transform_t *t) {
    if (t->plan)
        fftw_destroy_plan(t->plan);
    fftw_free(t->spectrum);
    fftw_free(t->lattice);
    free(t->pi);
}

/* Adds the transform of t->pi for target class (cx, cy), weighted, to sums[rows][columns] over n:
 * Sum_Delta p(Delta) exp(-2 pi i n.Delta), whose imaginary part the classes' reflections cancel. */
static void transform_add(const network_t *net, const pathway_t *w, transform_t *t, uint32_t cx,
                          uint32_t cy, const zone_t *zone, double weight, double *sums) {
    const population_t *target = &net->population[w->target];
    const population_t *source = &net->population[w->source];
    const double *pi = t->pi;
    memset(t->lattice, 0, sizeof *t->lattice * source->nx * source->ny);
    for (uint32_t wy = 0; wy < w->window_y; wy++) {
        double *row = t->lattice + (size_t)pathway_source_y(w, 0, wy, source->ny) * source->nx;
        for (uint32_t wx = 0; wx < w->window_x; wx++)
            row[pathway_source_x(w, 0, wx, source->nx)] = *pi++;
    }
    fftw_execute(t->plan);
    double x0 = 0.5 / source->nx - (cx + 0.5) / target->nx;
    double y0 = 0.5 / source->ny - (cy + 0.5) / target->ny;
    complex double turn = cexp(-2.0 * PI * I * x0);
    for (uint32_t ny = 0; ny <= waves_y(net, w) / 2; ny++, sums += zone->columns) {
        complex double phase = weight * cexp(-2.0 * PI * I * y0 * ny);
        const fftw_complex *row = t->spectrum + (size_t)ny * (source->nx / 2 + 1);
        for (uint32_t nx = 0; nx <= waves_x(net, w) / 2; nx++, phase *= turn)
            sums[nx] += creal(row[nx] * phase);
    }
}

/* Variance of a synapse's weight, sigma^2/k; recentred rows lose 1/indegree of it. */
static double weight_variance_of(const network_plan_t *plan, uint32_t index) {
    const pathway_t *w = &plan->net.pathway[index];
    const pathway_facts_t *facts = &plan->facts[index];
    double variance =
        w->weights == WEIGHTS_CONSTANT ? 0.0 : facts->std * facts->std / facts->out_degree;
    return pathway_recentred(w) ? variance * (1.0 - 1.0 / w->indegree) : variance;
}

/* Symbol of one pathway and the transform of its variances p E[w^2] - p^2 E[w]^2, both
 * [rows][columns]. With E[w] = g/k. */
static status_t pathway_symbol(const network_plan_t *plan, uint32_t index, const zone_t *zone,
                               double *symbol, double *scatter) {
    const pathway_t *w = &plan->net.pathway[index];
    const pathway_facts_t *facts = &plan->facts[index];
    double mean = facts->mean / facts->out_degree;
    double weight_variance = weight_variance_of(plan, index);
    uint32_t used_x = w->classes_x, used_y = w->classes_y;
    while (used_x * used_y > CLASSES_MAX)
        *(used_x > used_y ? &used_x : &used_y) -= 1;
    double share = 1.0 / (used_x * used_y);

    transform_t transform;
    status_t status = transform_create(w, &plan->net.population[w->source], &transform);
    memset(symbol, 0, sizeof *symbol * (size_t)zone->rows * (size_t)zone->columns);
    memset(scatter, 0, sizeof *scatter * (size_t)zone->rows * (size_t)zone->columns);
    for (uint32_t i = 0; status == STATUS_OK && i < used_x * used_y; i++) {
        uint32_t cx = class_sample(i % used_x, used_x, w->classes_x);
        uint32_t cy = class_sample(i / used_x, used_y, w->classes_y);
        double *pi = transform.pi;
        pathway_inclusion(w, (size_t)cy * w->classes_x + cx, pi);
        transform_add(&plan->net, w, &transform, cx, cy, zone, share * mean, symbol);
        for (size_t j = 0; j < (size_t)w->window_x * w->window_y; j++)
            pi[j] = pi[j] * (weight_variance + mean * mean) - pi[j] * pi[j] * mean * mean;
        transform_add(&plan->net, w, &transform, cx, cy, zone, share, scatter);
    }
    transform_destroy(&transform);
    return status;
}

static int orbit_compare(const void *left, const void *right) {
    const orbit_t *a = left, *b = right;
    int64_t a2 = (int64_t)a->nx * a->nx + (int64_t)a->ny * a->ny;
    int64_t b2 = (int64_t)b->nx * b->nx + (int64_t)b->ny * b->ny;
    return a2 != b2 ? (a2 > b2) - (a2 < b2) : a->nx - b->nx;
}

/* Number of signs: 1 at 0 and at the Nyquist wave number, which is its own negative. */
static int signs(int n, uint32_t waves) {
    return n == 0 || 2 * (uint32_t)n == waves ? 1 : 2;
}

/* Collects the orbits that matter from the pathways' symbols [pathway][rows][columns]. */
static status_t orbits_collect(const network_plan_t *plan, const zone_t *zone,
                               const double *symbols, mean_network_t *net) {
    size_t points = (size_t)zone->rows * (size_t)zone->columns, capacity = 0;
    for (int ny = 0; ny < zone->rows; ny++)
        for (int nx = 0; nx < zone->columns; nx++) {
            if (zone->square && nx > ny)
                continue;
            orbit_t orbit = {.nx = nx, .ny = ny};
            bool keep = nx == 0 && ny == 0;
            uint32_t width = 0, height = 0; /* zone of the finest pathway that takes part */
            for (uint32_t i = 0; i < plan->net.pathways; i++) {
                const double *symbol = symbols + i * points;
                const pathway_t *w = &plan->net.pathway[i];
                double value = symbol[(size_t)ny * (size_t)zone->columns + (size_t)nx];
                orbit.symbol[w->target][w->source] = value;
                if (fabs(value) <= 1e-6 * fabs(symbol[0]))
                    continue;
                keep = true;
                width = waves_x(&plan->net, w) > width ? waves_x(&plan->net, w) : width;
                height = waves_y(&plan->net, w) > height ? waves_y(&plan->net, w) : height;
            }
            if (!keep)
                continue;
            for (int swap = 0; swap < (zone->square && nx != ny ? 2 : 1); swap++)
                for (int y = 0; y < signs(ny, height); y++)
                    for (int x = 0; x < signs(nx, width); x++) {
                        int *wave = orbit.wave[orbit.multiplicity++];
                        wave[swap] = x ? -nx : nx;
                        wave[1 - swap] = y ? -ny : ny;
                    }
            if (net->orbits == capacity) {
                capacity = capacity ? 2 * capacity : 256;
                orbit_t *grown = realloc(net->orbit, sizeof *grown * capacity);
                if (!grown)
                    FAIL(STATUS_FAILED, "no memory for %zu wave vectors", capacity);
                net->orbit = grown;
            }
            net->orbit[net->orbits++] = orbit;
        }
    qsort(net->orbit, net->orbits, sizeof *net->orbit, orbit_compare);
    return STATUS_OK;
}

static status_t symbols_fill(const network_plan_t *plan, const zone_t *zone, double *symbols,
                             mean_network_t *net) {
    size_t points = (size_t)zone->rows * (size_t)zone->columns;
    net->columns = zone->columns;
    for (uint32_t i = 0; i < plan->net.pathways; i++) {
        const pathway_t *w = &plan->net.pathway[i];
        double *scatter = malloc(sizeof *scatter * points);
        if (!scatter)
            FAIL(STATUS_FAILED, "no memory for the variances at %zu wave vectors", points);
        net->scatter[w->target][w->source] = scatter;
        TRY(pathway_symbol(plan, i, zone, symbols + i * points, scatter));
        net->variance[w->target][w->source] = scatter[0];
        net->waves_x[w->target][w->source] = (int)waves_x(&plan->net, w);
        net->waves_y[w->target][w->source] = (int)waves_y(&plan->net, w);
        if (w->rule != RULE_FIXED_INDEGREE)
            continue;
        double weights = w->indegree * weight_variance_of(plan, i);
        net->weight_scatter[w->target][w->source] = weights;
        net->fixed_inputs[w->target][w->source] = scatter[0] - weights;
        net->fixed_weights[w->target][w->source] = pathway_recentred(w) ? weights : 0.0;
    }
    return orbits_collect(plan, zone, symbols, net);
}

static double initial_mean(const initial_config_t *initial, double otherwise) {
    switch (initial->kind) {
    case INITIAL_UNIFORM:
        return 0.5 * (initial->value[0] + initial->value[1]);
    case INITIAL_NORMAL:
    case INITIAL_CONSTANT:
        return initial->value[0];
    default:
        return otherwise;
    }
}

status_t mean_network_create(const config_t *config, const network_plan_t *plan,
                             mean_network_t *net) {
    *net =
        (mean_network_t){.populations = plan->net.populations, .dt_ms = config->simulation.dt_ms};
    for (uint32_t a = 0; a < net->populations; a++) {
        const population_config_t *p = &config->population[a];
        net->size[a] = population_size(&plan->net.population[a]);
        net->delta[a] = net->dt_ms / p->tau_ms;
        net->gain[a] = plan->net.population[a].gain;
        net->input[a] = p->input;
        net->noise_variance[a] = p->noise * p->noise;
        net->initial[a] = initial_mean(&p->initial, p->input);
        net->initial_unread |= p->initial.kind == INITIAL_FILE;
    }
    zone_t zone = zone_create(&plan->net);
    size_t points = (size_t)zone.rows * (size_t)zone.columns;
    double *symbols = malloc(sizeof *symbols * points * (plan->net.pathways + 1));
    if (!symbols)
        FAIL(STATUS_FAILED, "no memory for the symbol at %zu wave vectors", points);
    status_t status = symbols_fill(plan, &zone, symbols, net);
    free(symbols);
    if (status != STATUS_OK)
        mean_network_destroy(net);
    return status;
}

void mean_network_destroy(mean_network_t *net) {
    for (uint32_t a = 0; a < POPULATIONS_MAX; a++)
        for (uint32_t b = 0; b < POPULATIONS_MAX; b++)
            free(net->scatter[a][b]);
    free(net->orbit);
    *net = (mean_network_t){0};
}
