#include "host/detect/trials.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/detect/band.h"
#include "host/detect/detect.h"

static double *member(order_t *order, const order_parameter_t *parameter) {
    return (double *)((char *)order + parameter->offset);
}

status_t observed_create(size_t trials, observed_t *observed) {
    seen_t unseen = {.regime = REGIME_UNDECIDED, .reason = "not measured yet"};
    for (size_t k = 0; order_each(k); k++)
        *member(&unseen.order, order_each(k)) = NAN;
    *observed = (observed_t){.trials = trials, .all = unseen, .std = unseen.order};
    observed->trial = malloc(trials * sizeof *observed->trial);
    if (!observed->trial)
        FAIL(STATUS_FAILED, "no memory for the order parameters of %zu trials", trials);
    for (size_t i = 0; i < trials; i++)
        observed->trial[i] = unseen;
    return STATUS_OK;
}

void observed_destroy(observed_t *observed) {
    free(observed->trial);
    *observed = (observed_t){0};
}

bool observed_shows(const observed_t *observed, regime_t regime) {
    for (size_t i = 0; i < observed->trials; i++)
        if (observed->trial[i].regime != regime)
            return false;
    return true;
}

static void average(observed_t *o, const order_parameter_t *parameter) {
    double mean = 0.0, squares = 0.0, n = (double)o->trials;
    for (size_t i = 0; i < o->trials; i++)
        mean += order_value(&o->trial[i].order, parameter) / n;
    for (size_t i = 0; i < o->trials; i++) {
        double d = order_value(&o->trial[i].order, parameter) - mean;
        squares += d * d;
    }
    *member(&o->all.order, parameter) = mean;
    *member(&o->std, parameter) = sqrt(squares / (n - 1.0));
}

/* "the trials differ: 2 wave, 1 bump", by falling number. */
static void count_regimes(const observed_t *o, char reason[200]) {
    size_t count[REGIMES] = {0};
    for (size_t i = 0; i < o->trials; i++)
        count[o->trial[i].regime]++;
    snprintf(reason, 200, "the trials differ");
    for (int listed = 0; listed < REGIMES; listed++) {
        int most = 0;
        for (int r = 1; r < REGIMES; r++)
            most = count[r] > count[most] ? r : most;
        size_t used = strlen(reason);
        if (count[most])
            snprintf(reason + used, 200 - used, "%s %zu %s", listed ? "," : ":", count[most],
                     regime_name((regime_t)most));
        count[most] = 0;
    }
}

static void summarize(observed_t *o) {
    const seen_t *first = &o->trial[0];
    if (o->trials == 1) {
        o->all = *first;
        o->std = (order_t){0};
        return;
    }
    for (size_t k = 0; order_each(k); k++)
        average(o, order_each(k));
    o->all.order.span_ms = first->order.span_ms;
    o->all.regime = observed_shows(o, first->regime) ? first->regime : REGIME_UNDECIDED;
    if (observed_shows(o, first->regime))
        snprintf(o->all.reason, sizeof o->all.reason, "all %zu trials; the first: %.160s",
                 o->trials, first->reason);
    else
        count_regimes(o, o->all.reason);
}

static status_t measure(const field_t *field, const verdict_context_t *context, dataset_t *found,
                        seen_t *seen) {
    TRY(order_compute(field, &seen->order));
    TRY(detect_waves(field, found));
    waves_seen_t waves = waves_seen(found);
    if (context) {
        verdict(&seen->order, &waves, context, &seen->regime, seen->reason);
        return STATUS_OK;
    }
    band_choice_t rhythm = {0};
    if (!waves.why_not && verdict_asks_rhythm(&seen->order))
        TRY(band_choose(field, &rhythm));
    verdict_of_data(&seen->order, &waves, rhythm.peak_hz, &seen->regime, seen->reason);
    return STATUS_OK;
}

status_t observed_measure(const field_t *field, size_t first, const verdict_context_t *context,
                          observed_t *observed, dataset_t *found) {
    for (size_t i = 0; i < observed->trials; i++) {
        char message[1024];
        dataset_t own = {0};
        if (field->choose)
            field->choose(field->context, first + i);
        status_t status =
            measure(field, context, i == 0 && found ? found : &own, &observed->trial[i]);
        dataset_destroy(&own);
        snprintf(message, sizeof message, "%s", status_message());
        if (status != STATUS_OK && field->trials > 1)
            FAIL(status, "trial %zu: %s", first + i, message);
        TRY(status);
    }
    summarize(observed);
    return STATUS_OK;
}
