/* The prediction: from fixed point or dynamical mean field to outliers and regime. */
#include "host/theory/internal.h"

#include <stdlib.h>

static regime_t mode_regime(const eigenmode_t *mode) {
    if (mode->growth <= 1.0)
        return REGIME_ASYNCHRONOUS;
    bool moving = mode->frequency_hz > 0.0, homogeneous = mode->nx == 0 && mode->ny == 0;
    return homogeneous ? (moving ? REGIME_OSCILLATION : REGIME_SYNCHRONOUS)
                       : (moving ? REGIME_WAVE : REGIME_BUMP);
}

/* Largest growth first, those equal to 1e-8 by |n|, then nx. */
static int mode_compare(const void *left, const void *right) {
    const eigenmode_t *a = left, *b = right;
    long long growth_a = llround(a->growth * 1e8), growth_b = llround(b->growth * 1e8);
    if (growth_a != growth_b)
        return growth_a < growth_b ? 1 : -1;
    if (a->wavenumber != b->wavenumber)
        return a->wavenumber > b->wavenumber ? 1 : -1;
    return a->nx != b->nx ? a->nx - b->nx : (a->re < b->re) - (a->re > b->re);
}

/* Modes with |lambda| > `least`, sorted; the caller frees them. */
static status_t modes_collect(const mean_network_t *net, const linearization_t *at, double least,
                              eigenmode_t **modes, size_t *n) {
    size_t room = 256;
    *n = 0;
    *modes = malloc(sizeof **modes * room);
    if (!*modes)
        FAIL(STATUS_FAILED, "no memory for %zu modes", room);
    for (size_t i = 0; i < net->orbits; i++) {
        eigenmode_t here[POPULATIONS_MAX];
        int count = 0;
        status_t status = orbit_modes(net, &net->orbit[i], at, here, &count);
        eigenmode_t *grown = *modes;
        if (status == STATUS_OK && *n + POPULATIONS_MAX > room)
            grown = realloc(*modes, sizeof **modes * (room *= 2));
        if (!grown)
            status =
                status_fail(STATUS_FAILED, __FILE__, __LINE__, "no memory for %zu modes", room);
        else
            *modes = grown;
        for (int k = 0; status == STATUS_OK && k < count; k++)
            if (hypot(here[k].re, here[k].im) > least) {
                status = mode_scatter(net, at, &here[k]);
                (*modes)[(*n)++] = here[k];
            }
        if (status != STATUS_OK) {
            free(*modes);
            *modes = NULL;
            return status;
        }
    }
    qsort(*modes, *n, sizeof **modes, mode_compare);
    return STATUS_OK;
}

/* Outliers, dominant mode and effective radius of the spectrum linearized with these gains. */
static status_t linearize(const mean_network_t *net, linearization_t *at, theory_t *theory) {
    TRY(bulk_radius(net->populations, net->variance, at->square, &at->radius));
    TRY(modes_collect(net, at, at->radius, &theory->outliers, &theory->n_outliers));
    TRY(dominant_mode(net, at, &theory->dominant));
    if (theory->dominant.growth <= 1.0 && theory->n_outliers > 0)
        theory->dominant = theory->outliers[0];
    return mode_scatter(net, at, &theory->dominant);
}

static linearization_t linearization_of(const theory_t *theory) {
    linearization_t at = {.radius = theory->radius};
    memcpy(at.mean, theory->gain, sizeof at.mean);
    memcpy(at.square, theory->gain_square, sizeof at.square);
    return at;
}

static void theory_begin(const mean_network_t *net, theory_t *theory) {
    theory->populations = net->populations;
    memcpy(theory->size, net->size, sizeof theory->size);
    memcpy(theory->variance, net->variance, sizeof theory->variance);
    memcpy(theory->coupling, net->orbit[0].symbol, sizeof theory->coupling);
}

static status_t predict(const network_plan_t *plan, const mean_network_t *net, theory_t *theory) {
    double ones[POPULATIONS_MAX];
    theory_begin(net, theory);
    for (uint32_t a = 0; a < net->populations; a++)
        ones[a] = 1.0;
    TRY(bulk_radius(net->populations, net->variance, ones, &theory->bulk_radius));
    TRY(fixed_points_find(net, theory));
    if (theory->fixed_points == 0) {
        theory->bulk_radius_effective = theory->aliasing = NAN;
        theory->dominant = (eigenmode_t){.re = NAN, .im = NAN, .growth = NAN};
        return STATUS_OK;
    }
    for (uint32_t a = 0; a < net->populations; a++) {
        theory->mean[a] = theory->fixed_point[theory->followed].h[a];
        theory->gain[a] = gain_slope64(net->gain[a], theory->mean[a]);
        theory->gain_square[a] = theory->gain[a] * theory->gain[a];
    }
    TRY(bulk_radius(net->populations, net->variance, theory->gain_square,
                    &theory->bulk_radius_effective));
    if (theory->bulk_radius_effective > 1.0) {
        theory->mean_field = mean_field_solve(net, theory);
        if (!theory->mean_field)
            snprintf(theory->unsolved, sizeof theory->unsolved,
                     "the bulk radius %.4g exceeds 1 and the dynamical mean field has no finite "
                     "solution near the fixed point: activity may grow without limit; lower the "
                     "weights' std and mean, or use a bounded gain (tanh, sigmoid, clipped_linear)",
                     theory->bulk_radius_effective);
    }
    linearization_t at = linearization_of(theory);
    TRY(linearize(net, &at, theory));
    theory->radius = at.radius;
    theory->regime = theory->unsolved[0] ? REGIME_UNDECIDED : mode_regime(&theory->dominant);
    if (theory->mean_field && theory->regime == REGIME_ASYNCHRONOUS)
        theory->regime = REGIME_CHAOS;
    return mode_aliasing(plan, theory->gain, &theory->dominant, &theory->aliasing);
}

status_t theory_predict(const config_t *config, const network_plan_t *plan, theory_t *theory) {
    mean_network_t net;
    *theory = (theory_t){0};
    TRY(mean_network_create(config, plan, &net));
    status_t status = predict(plan, &net, theory);
    mean_network_destroy(&net);
    if (status != STATUS_OK)
        theory_destroy(theory);
    return status;
}

status_t theory_linearize(const config_t *config, const network_plan_t *plan, const double *gain,
                          const double *gain_square, theory_t *theory) {
    mean_network_t net;
    *theory = (theory_t){0};
    TRY(mean_network_create(config, plan, &net));
    theory_begin(&net, theory);
    memcpy(theory->gain, gain, sizeof *gain * net.populations);
    memcpy(theory->gain_square, gain_square, sizeof *gain * net.populations);
    linearization_t at = linearization_of(theory);
    status_t status = linearize(&net, &at, theory);
    theory->radius = theory->bulk_radius_effective = at.radius;
    mean_network_destroy(&net);
    if (status != STATUS_OK)
        theory_destroy(theory);
    return status;
}

void theory_destroy(theory_t *theory) {
    free(theory->outliers);
    theory->outliers = NULL;
    theory->n_outliers = 0;
}

status_t theory_modes(const config_t *config, const network_plan_t *plan, const theory_t *theory,
                      double fraction, eigenmode_t **modes, size_t *n) {
    mean_network_t net;
    TRY(mean_network_create(config, plan, &net));
    linearization_t at = linearization_of(theory);
    status_t status = modes_collect(&net, &at, 0.0, modes, n);
    mean_network_destroy(&net);
    TRY(status);
    double largest = 0.0;
    for (size_t i = 0; i < *n; i++)
        largest = fmax(largest, hypot((*modes)[i].re, (*modes)[i].im));
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++)
        if (hypot((*modes)[i].re, (*modes)[i].im) > fraction * largest)
            (*modes)[kept++] = (*modes)[i];
    *n = kept;
    return STATUS_OK;
}

status_t theory_groups(const config_t *config, const network_plan_t *plan, const theory_t *theory,
                       const eigenmode_t *modes, size_t n, const size_t *group_of, size_t groups,
                       theory_group_t *group) {
    mean_network_t net;
    TRY(mean_network_create(config, plan, &net));
    linearization_t at = linearization_of(theory);
    status_t status = STATUS_OK;
    for (size_t g = 0; status == STATUS_OK && g < groups; g++)
        status = group_scatter(&net, &at, &(mode_set_t){modes, n, group_of, g}, &group[g]);
    mean_network_destroy(&net);
    return status;
}
