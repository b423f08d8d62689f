#include "host/command/report.h"

#include <math.h>
#include <stdio.h>

/* JSON has no infinity and no NaN: null stands for "none". */
json_t *report_number(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *mode_json(const eigenmode_t *m) {
    return json_pack("{s:i, s:i, s:o, s:o, s:o, s:i, s:o, s:o, s:o, s:o, s:o}", "nx", m->nx, "ny",
                     m->ny, "re", report_number(m->re), "im", report_number(m->im), "std",
                     report_number(m->std), "multiplicity", m->multiplicity, "growth",
                     report_number(m->growth), "wavenumber", report_number(m->wavenumber),
                     "wavelength", report_number(m->wavelength), "frequency_hz",
                     report_number(m->frequency_hz), "phase_speed", report_number(m->phase_speed));
}

static json_t *by_population(const config_t *config, const double *value) {
    json_t *object = json_object();
    for (uint32_t a = 0; a < config->populations; a++)
        json_object_set_new(object, config->population[a].name, report_number(value[a]));
    return object;
}

json_t *report_prediction_json(const config_t *config, const theory_t *theory) {
    json_t *outliers = json_array(), *points = json_array();
    for (size_t k = 0; k < theory->n_outliers; k++)
        json_array_append_new(outliers, mode_json(&theory->outliers[k]));
    for (int k = 0; k < theory->fixed_points; k++) {
        const fixed_point_t *f = &theory->fixed_point[k];
        json_array_append_new(points,
                              json_pack("{s:o, s:o, s:b, s:b}", "h", by_population(config, f->h),
                                        "growth", report_number(f->growth), "stable", f->stable,
                                        "followed", k == theory->followed));
    }
    json_t *object =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:s, s:s*}", "bulk_radius",
                  report_number(theory->bulk_radius), "bulk_radius_effective",
                  report_number(theory->bulk_radius_effective), "outliers", outliers, "dominant",
                  theory->fixed_points ? mode_json(&theory->dominant) : json_null(), "fixed_points",
                  points, "followed", theory->followed_reason, "aliasing",
                  report_number(theory->aliasing), "regime", regime_name((regime_t)theory->regime),
                  "unsolved", theory->unsolved[0] ? theory->unsolved : NULL);
    if (theory->mean_field)
        json_object_set_new(object, "mean_field",
                            json_pack("{s:o, s:o, s:o}", "mean",
                                      by_population(config, theory->mean), "variance",
                                      by_population(config, theory->spread), "gain",
                                      by_population(config, theory->gain)));
    return object;
}

static void complex_text(const eigenmode_t *m, char text[48]) {
    if (m->im != 0.0)
        snprintf(text, 48, "%9.4f +- %.4fi", m->re, fabs(m->im));
    else
        snprintf(text, 48, "%9.4f", m->re);
}

void report_prediction(const config_t *config, const theory_t *theory, size_t most) {
    printf("bulk radius   %.4f", theory->bulk_radius);
    if (fabs(theory->bulk_radius_effective - theory->bulk_radius) > 5e-5)
        printf(" (with the gains at work: %.4f)", theory->bulk_radius_effective);
    printf("%s\n",
           theory->bulk_radius_effective > 1.0 ? ": beyond 1, the rest state is not stable" : "");
    for (int k = 0; k < theory->fixed_points; k++) {
        const fixed_point_t *f = &theory->fixed_point[k];
        printf("%-13s", k == 0 ? "fixed points" : "");
        for (uint32_t a = 0; a < config->populations; a++)
            printf(" h_%s %-9.4g", config->population[a].name, f->h[a]);
        printf(" growth %.5f%s\n", f->growth, k == theory->followed ? "  <- linearized here" : "");
    }
    if (theory->fixed_points == 0) {
        printf("\npredicted     nothing: %s\n", theory->unsolved);
        return;
    }
    printf("              %s\n", theory->followed_reason);
    if (theory->mean_field)
        for (uint32_t a = 0; a < config->populations; a++)
            printf("%-13s h_%s mean %.4g, std %.4g, mean gain %.4f\n", a == 0 ? "mean field" : "",
                   config->population[a].name, theory->mean[a], sqrt(theory->spread[a]),
                   theory->gain[a]);
    printf("\n  %-9s %-22s %-9s %-5s %-9s %-8s %s\n", "n", "eigenvalue", "std", "modes", "growth",
           "|n|", "frequency");
    size_t shown = theory->n_outliers < most ? theory->n_outliers : most;
    for (size_t k = 0; k < shown; k++) {
        const eigenmode_t *m = &theory->outliers[k];
        char value[48], wave[32];
        complex_text(m, value);
        snprintf(wave, sizeof wave, "(%d,%d)", m->nx, m->ny);
        printf("  %-9s %-22s %-9.2g %-5d %-9.5f %-8.3f %.2f Hz\n", wave, value, m->std,
               m->multiplicity, m->growth, m->wavenumber, m->frequency_hz);
    }
    if (shown < theory->n_outliers)
        printf("  ... and %zu more outliers (--json lists all)\n", theory->n_outliers - shown);
    if (theory->n_outliers == 0)
        printf("  no eigenvalue beyond the bulk\n");
    if (isfinite(theory->aliasing) && theory->aliasing > 1e-3)
        printf(
            "  the lattices alias: the dominant eigenvalue moves by %.2g where wave vectors that "
            "fall onto one another are coupled\n",
            theory->aliasing);
    if (theory->unsolved[0])
        printf("\npredicted     nothing: %s\n", theory->unsolved);
    else
        printf("\npredicted     %s\n", regime_name((regime_t)theory->regime));
}

static json_t *order_json(const order_t *order) {
    json_t *object = json_object();
    for (size_t k = 0; order_each(k); k++)
        json_object_set_new(object, order_each(k)->name,
                            report_number(order_value(order, order_each(k))));
    return object;
}

static json_t *seen_json(const seen_t *seen) {
    return json_pack("{s:o, s:s, s:s}", "order", order_json(&seen->order), "regime",
                     regime_name(seen->regime), "reason", seen->reason);
}

json_t *report_observed_json(const observed_t *observed) {
    json_t *object = seen_json(&observed->all), *trials = json_array();
    for (size_t i = 0; observed->trials > 1 && i < observed->trials; i++)
        json_array_append_new(trials, seen_json(&observed->trial[i]));
    if (observed->trials > 1) {
        json_object_set_new(object, "order_std", order_json(&observed->std));
        json_object_set(object, "trials", trials);
    }
    json_decref(trials);
    return object;
}

void report_value(const observed_t *observed, const order_parameter_t *parameter, char text[64]) {
    double value = order_value(&observed->all.order, parameter);
    if (observed->trials > 1)
        snprintf(text, 64, "%.4g +- %.2g", value, order_value(&observed->std, parameter));
    else
        snprintf(text, 64, "%.4g", value);
}
