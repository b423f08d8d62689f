#include "host/command/spectrum_report.h"

#include <math.h>
#include <stdio.h>

#include "host/command/report.h"

enum { SHOWN = 16 };

static const char *criterion(leading_t by) {
    return by == LEADING_REAL      ? "largest real part"
           : by == LEADING_MODULUS ? "largest modulus"
                                   : "largest growth";
}

/* What growth is not of networks with unequal tau, or NULL: that of diag(1/tau) (J - 1) decides. */
static const char *unequal_tau(const measured_t *m) {
    bool equal = true;
    for (uint32_t a = 1; a < m->config.populations; a++)
        equal = equal && m->config.population[a].tau_ms == m->config.population[0].tau_ms;
    if (equal || (!m->spectrum.full && m->options.by != LEADING_GROWTH))
        return NULL;
    return "tau differs between populations: growth is measured as if all had the first one's, "
           "and so are transients; `brisc predict` has the growth with each population's own";
}

static json_t *outlier_json(const measured_t *m, const outlier_t *o) {
    const eigenmode_t *mode = o->mode == UNMATCHED ? NULL : &m->theory.outliers[o->mode];
    return json_pack("{s:i, s:i, s:f, s:f, s:o, s:o, s:o, s:o, s:f, s:o}", "nx", o->nx, "ny", o->ny,
                     "re", o->re, "im", o->im, "predicted_re", report_number(mode ? mode->re : NAN),
                     "predicted_im", report_number(mode ? mode->im : NAN), "std",
                     report_number(o->std), "z", report_number(o->z), "overlap", o->overlap,
                     "residual", report_number(o->residual));
}

static json_t *group_json(const match_group_t *g) {
    return json_pack(
        "{s:i, s:i, s:i, s:f, s:b, s:b, s:f, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "nx", g->nx,
        "ny", g->ny, "multiplicity", g->predicted.multiplicity, "found", g->found, "clear",
        g->clear, "ragged", g->ragged, "predicted_re", g->predicted.re, "predicted_im",
        g->predicted.im, "std_re", report_number(g->predicted.std_re), "std_im",
        report_number(g->predicted.std_im), "widening", report_number(g->predicted.widening), "re",
        report_number(g->re), "im", report_number(g->im), "z_re", report_number(g->z_re), "z_im",
        report_number(g->z_im));
}

static json_t *check_json(const symbol_check_t *check) {
    json_t *worst = json_array();
    for (size_t k = 0; k < check->modes; k++) {
        const symbol_error_t *e = &check->error[k];
        json_array_append_new(worst, json_pack("{s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:o}", "nx",
                                               e->nx, "ny", e->ny, "simple_re", e->simple_re,
                                               "simple_im", e->simple_im, "exact_re", e->exact_re,
                                               "exact_im", e->exact_im, "distance", e->distance,
                                               "in_std", report_number(e->in_std)));
    }
    return json_pack("{s:i, s:I, s:o}", "block", (int)check->block, "beyond_one_std",
                     (json_int_t)check->beyond, "modes", worst);
}

static json_t *leading_json(const spectrum_t *s) {
    json_t *leading = json_array();
    for (size_t k = 0; k < s->count; k++)
        json_array_append_new(leading,
                              json_pack("{s:f, s:f, s:f, s:b}", "re", s->re[k], "im", s->im[k],
                                        "residual", s->residual[k], "converged", s->converged[k]));
    return leading;
}

json_t *spectrum_json(const measured_t *m) {
    const spectrum_t *s = &m->spectrum;
    json_t *outliers = json_array(), *groups = json_array();
    for (size_t k = 0; k < s->match.count; k++)
        json_array_append_new(outliers, outlier_json(m, &s->match.outliers[k]));
    for (size_t g = 0; g < s->match.n_groups; g++)
        json_array_append_new(groups, group_json(&s->match.groups[g]));
    bool full = s->full;
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:I, s:o, s:f, s:o, s:o, s:o, s:o, s:i, s:i, s:I, s:f, s:o}",
        "matrix", m->matrix_name, "method", full ? "full" : "leading", "solver", s->solver,
        "neurons", (json_int_t)s->n, "count", (json_int_t)s->count, "unconverged",
        (json_int_t)s->unconverged, "bulk_radius_measured",
        report_number(full ? s->bulk.radius : NAN), "bulk_radius_predicted", m->theory.radius,
        "bulk_largest", report_number(full ? s->bulk.largest : NAN), "ks",
        report_number(full ? s->bulk.ks : NAN), "outliers", outliers, "groups", groups, "missing",
        s->match.missing, "unpredicted", s->match.unpredicted, "products",
        (json_int_t)s->pairs.products, "seconds", s->seconds, "solver_seconds",
        report_number(full ? s->solver_seconds : NAN));
    if (full)
        json_object_set_new(object, "non_normality",
                            json_pack("{s:o, s:o, s:o, s:o, s:b, s:o}", "henrici",
                                      report_number(s->nonnormal.henrici), "henrici_relative",
                                      report_number(s->nonnormal.henrici_relative),
                                      "transient_growth", report_number(s->nonnormal.growth),
                                      "transient_time", report_number(s->nonnormal.time), "settled",
                                      s->nonnormal.settled, "modal_rate",
                                      report_number(s->nonnormal.alpha)));
    else
        json_object_set_new(object, "leading", leading_json(s));
    json_t *warnings = json_array();
    if (unequal_tau(m))
        json_array_append_new(warnings, json_string(unequal_tau(m)));
    json_object_set_new(object, "warnings", warnings);
    if (m->checked)
        json_object_set_new(object, "symbol_check", check_json(&m->check));
    return object;
}

static void eigenvalue_text(double re, double im, char text[48]) {
    if (im != 0.0)
        snprintf(text, 48, "%8.4f +- %.4fi", re, fabs(im));
    else
        snprintf(text, 48, "%8.4f", re);
}

static void print_outliers(const measured_t *m) {
    const match_t *match = &m->spectrum.match;
    if (match->count == 0) {
        printf("  no outlier: every eigenvalue%s belongs to the disk\n",
               m->spectrum.full ? "" : " found");
        return;
    }
    bool any = false;
    printf("\n  %-8s %-21s %-21s %-9s %-8s %s\n", "n", "measured", "predicted", "std", "distance",
           "overlap");
    for (size_t k = 0; k < match->count && k < SHOWN; k++) {
        const outlier_t *o = &match->outliers[k];
        const eigenmode_t *mode = o->mode == UNMATCHED ? NULL : &m->theory.outliers[o->mode];
        char wave[32], measured[48], predicted[48] = "not predicted", std[16] = "",
                                     distance[24] = "";
        snprintf(wave, sizeof wave, "(%d,%d)", o->nx, o->ny);
        eigenvalue_text(o->re, o->im, measured);
        if (mode) {
            eigenvalue_text(mode->re, mode->im, predicted);
            snprintf(std, sizeof std, "%.2g", o->std);
            double away = hypot(o->re - mode->re, o->im - mode->im);
            snprintf(distance, sizeof distance, o->std > 0.0 ? "%.1f std" : "%.1g",
                     o->std > 0.0 ? away / o->std : away);
        }
        bool ragged = hypot(o->re, o->im) < match->reach;
        any = any || ragged;
        printf("  %-8s %-21s %-21s %-9s %-8s %.3f%s\n", wave, measured, predicted, std, distance,
               o->overlap, ragged ? "  edge" : "");
    }
    if (match->count > SHOWN)
        printf("  ... and %zu more (--json lists all)\n", match->count - SHOWN);
    if (any)
        printf(
            "  edge: |eigenvalue| below %.3g, where states of the disk's ragged edge mix in: which "
            "mode it is, is less sure,\n        and it may lie further off than its error bar "
            "says\n",
            match->reach);
}

static void print_groups(const measured_t *m) {
    const match_t *match = &m->spectrum.match;
    size_t shown = 0;
    bool widened = false;
    for (size_t g = 0; g < match->n_groups && shown < SHOWN; g++) {
        const match_group_t *group = &match->groups[g];
        if (isnan(group->z_re))
            continue;
        if (shown++ == 0)
            printf("\n  groups of equal modes, all found: mean of their eigenvalues, and its "
                   "distance from "
                   "the prediction in its error bars\n");
        char measured[48], z[24] = "";
        eigenvalue_text(group->re, group->im, measured);
        if (!isnan(group->z_im))
            snprintf(z, sizeof z, ", im %+.1f", group->z_im);
        char wave[32];
        snprintf(wave, sizeof wave, "(%d,%d)", group->nx, group->ny);
        printf("  %-8s x%-3d %-21s  re %+.1f%s%s\n", wave, group->predicted.multiplicity, measured,
               group->z_re, z, group->ragged ? "  (ragged: z may be off)" : "");
        widened = widened || group->predicted.widening > 1.1;
    }
    if (widened)
        printf(
            "  error bars count the noise that comes by way of neighbouring modes (`widening` in "
            "--json)\n");
}

static void print_check(const symbol_check_t *check) {
    if (check->modes == 0) {
        printf("\nsymbol        no mode to compare\n");
        return;
    }
    const symbol_error_t *worst = &check->error[0];
    printf(
        "\nsymbol        against the full block of %u aliased waves, %zu modes: largest difference "
        "%.2g at (%d,%d), %.2g error bars;\n              %s\n",
        check->block, check->modes, worst->distance, worst->nx, worst->ny, worst->in_std,
        check->beyond == 0
            ? "the simple symbol is good enough for every mode"
            : "the simple symbol fails where it is beyond one error bar: ranges are short");
    for (size_t k = 0; k < check->modes && k < SHOWN && check->error[k].in_std > 1.0; k++) {
        const symbol_error_t *e = &check->error[k];
        char simple[48], exact[48];
        eigenvalue_text(e->simple_re, e->simple_im, simple);
        eigenvalue_text(e->exact_re, e->exact_im, exact);
        printf("  (%d,%d)  simple %s, block %s\n", e->nx, e->ny, simple, exact);
    }
}

static void print_normality(const nonnormality_t *n) {
    printf("normality     Henrici's departure %.4g, %.3f of the matrix's norm; largest transient "
           "growth %s%.3g%s, %s%.3g tau\n",
           n->henrici, n->henrici_relative, n->settled ? "" : "at least ", n->growth,
           n->alpha > 0.0 ? " times that of the unstable mode" : "",
           n->time > 0.99 * n->horizon ? "still rising at the end of the search, " : "at ",
           n->time);
}

void spectrum_print(const measured_t *m) {
    const spectrum_t *s = &m->spectrum;
    printf("matrix        %s, %zu neurons, hash %016llx\n", m->matrix_name, s->n,
           (unsigned long long)m->built.hash);
    if (s->full) {
        printf("spectrum      %zu eigenvalues by %s in %.1f s\n", s->count, s->solver, s->seconds);
        if (s->bulk.radius_predicted > 0.0)
            printf(
                "bulk          radius %.4f measured, %.4f predicted (%+.2f %%); Kolmogorov-Smirnov "
                "distance %.4f; ragged edge to %.4f\n",
                s->bulk.radius, s->bulk.radius_predicted,
                100.0 * (s->bulk.radius / s->bulk.radius_predicted - 1.0), s->bulk.ks,
                s->bulk.largest);
        else
            printf("bulk          none: the weights are not random\n");
        print_normality(&s->nonnormal);
    } else {
        printf("spectrum      %zu leading eigenvalues (%s) by %s in %.1f s, %u products\n",
               s->count, criterion(m->options.by), s->solver, s->seconds, s->pairs.products);
        if (s->unconverged > 0)
            printf("              %zu of them did not converge (converged = 0 in the file): Ritz "
                   "values, to about their residuals\n",
                   s->unconverged);
        printf("bulk          radius %.4f predicted", m->theory.radius);
        if (s->at_edge > 0)
            printf("; %zu of those found lie at the disk's edge, which is dense: the radius "
                   "describes it, not single eigenvalues",
                   s->at_edge);
        printf("\n");
    }
    if (m->at_state)
        printf("theory        modes of each population's mean gain, the bulk of its gains' "
               "distribution; a pattern of gains in\n              space is beyond both\n");
    print_outliers(m);
    print_groups(m);
    if (m->checked)
        print_check(&m->check);
}

void spectrum_warn(const measured_t *m) {
    const spectrum_t *s = &m->spectrum;
    if (unequal_tau(m))
        status_warn("%s", unequal_tau(m));
    if (s->match.missing > 0)
        status_warn("%d predicted outlier%s not found in the measured spectrum; `groups` in --json "
                    "says which",
                    s->match.missing, s->match.missing == 1 ? " was" : "s were");
    if (s->match.unpredicted > 0)
        status_warn("%d outlier%s found that theory does not predict", s->match.unpredicted,
                    s->match.unpredicted == 1 ? " was" : "s were");
    size_t loose = 0;
    for (size_t k = 0; k < s->count; k++)
        loose += !s->converged[k] && (s->full || hypot(s->re[k], s->im[k]) > s->match.reach);
    if (loose > 0)
        status_warn("%zu eigenvalue%s did not converge; the file marks them (converged = 0)", loose,
                    loose == 1 ? "" : "s");
}
