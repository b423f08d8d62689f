#include "host/detect/verdict.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static double neighbourhood(size_t ny, size_t nx) {
    return (double)(ny < 11 ? ny : 11) * (double)(nx < 11 ? nx : 11);
}

verdict_context_t verdict_context(const config_t *config, uint32_t population) {
    const population_config_t *p = &config->population[population];
    const gain_config_t *g = &p->gain;
    verdict_context_t c = {.chance = 1.0 / neighbourhood(p->lattice[1], p->lattice[0])};
    c.noise = p->noise * fabs(g->slope);
    c.tau_ms = p->tau_ms;
    switch (g->kind) {
    case GAIN_TANH:
        c.scale = fabs(g->max);
        c.two_signed = true;
        break;
    case GAIN_CLIPPED_LINEAR:
        c.scale = fmax(fabs(g->max), fabs(g->min));
        c.two_signed = g->min < 0.0 && g->max > 0.0;
        break;
    case GAIN_SIGMOID:
        c.scale = fabs(g->max);
        c.noise *= fabs(g->max) / 4.0; /* the steepest slope */
        break;
    case GAIN_LINEAR:
        c.two_signed = true;
        break;
    default: /* threshold gains: no bound, one sign */
        break;
    }
    return c;
}

verdict_context_t verdict_context_potential(const config_t *config, uint32_t population) {
    const population_config_t *p = &config->population[population];
    return (verdict_context_t){.noise = p->noise,
                               .tau_ms = p->tau_ms,
                               .two_signed = true,
                               .chance = 1.0 / neighbourhood(p->lattice[1], p->lattice[0])};
}

static void because(char reason[200], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void because(char reason[200], const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, 200, format, arguments);
    va_end(arguments);
}

waves_seen_t waves_seen(const dataset_t *found) {
    waves_seen_t seen = {.at_rest = dataset_value(found, "wave/at_rest_share"),
                         .frequency_hz = dataset_value(found, "wave/frequency_hz")};
    const dataset_item_t *share = dataset_find(found, "wave/peak_share");
    const dataset_item_t *failed = dataset_find(found, "wave/reason");
    if (failed)
        seen.why_not = failed->text + (strncmp(failed->text, "none: ", 6) == 0 ? 6 : 0);
    for (size_t i = 0; share && i < share->count; i++)
        seen.moving += share->values[i];
    return seen;
}

typedef struct {
    bool coherent, incoherent; /* neighbours */
    double shared;             /* of the deviation in time, by all */
} agreement_t;

static agreement_t agreement(const order_t *o, double chance) {
    double moran = (o->moran - chance) / (1.0 - chance);
    return (agreement_t){
        .coherent = moran >= 0.2 || o->spatial_contrast >= 20.0,
        .incoherent = moran <= 0.1 && o->spatial_contrast<10.0, .shared = o->temporal_std> 0.0
                          ? o->global_std / o->temporal_std
                          : 0.0};
}

static bool travels(const waves_seen_t *waves) {
    return waves->moving >= 1.0 / 3.0 && waves->at_rest < 0.5;
}

void verdict(const order_t *o, const waves_seen_t *waves, const verdict_context_t *c,
             regime_t *regime, char reason[200]) {
    double rms = sqrt(o->temporal_std * o->temporal_std + o->static_std * o->static_std);
    double scale = c->scale > 0.0 ? c->scale : fmax(o->mean_activity, rms);
    agreement_t a = agreement(o, c->chance);
    bool coherent = a.coherent, incoherent = a.incoherent;
    double share = a.shared, index = o->oscillation_index;
    bool moves = o->temporal_std >= rms / 3.0;

    if (c->two_signed && o->global_synchrony >= 0.5 && o->mean_activity > 3.0 * c->noise &&
        o->mean_activity > 0.01 * scale && o->temporal_std < o->mean_activity / 3.0) {
        *regime = REGIME_SYNCHRONOUS;
        because(reason, "rates share one sign (global synchrony %.2f) and hold it",
                o->global_synchrony);
    } else if (rms <= 4.0 * c->noise || rms <= 0.01 * scale) {
        *regime = REGIME_ASYNCHRONOUS;
        because(reason, "rates stray from their mean by %.3g, %s", rms,
                rms <= 4.0 * c->noise ? "no more than the noise drives them" : "next to nothing");
    } else if (rms <= 10.0 * c->noise && incoherent && index < 0.35) {
        *regime = REGIME_ASYNCHRONOUS;
        because(reason, "independent fluctuations (std %.3g) of the noise's order", rms);
    } else if (c->noise > 0.0 && rms <= 0.1 * scale) {
        *regime = REGIME_UNDECIDED;
        because(
            reason,
            "fluctuations (std %.3g) exceed the noise, but are small: amplified noise or a weak "
            "pattern",
            rms);
    } else if ((o->trend > 2.0 && index < 0.5) || o->trend < 0.5) {
        *regime = REGIME_UNDECIDED;
        because(reason,
                "not stationary: fluctuations in the last third are %.3g times those of the first; "
                "raise simulation.onset or duration",
                o->trend);
    } else if (index >= 0.5 && share >= 0.5) {
        *regime = REGIME_OSCILLATION;
        because(reason, "all neurons swing together at %.1f Hz", o->frequency_hz);
    } else if (index >= 0.5 && share < 0.35 && coherent && o->wavenumber > 0.0) {
        *regime = REGIME_WAVE;
        because(reason, "neighbours agree, the sheet does not, and it swings at %.1f Hz, |n| %.1f",
                o->frequency_hz, o->wavenumber);
    } else if (travels(waves) && share < 0.35 && coherent && o->wavenumber > 0.0) {
        *regime = REGIME_WAVE;
        because(reason, "waves that stand out of noise carry %.0f %% of what moves, at %.1f Hz",
                100.0 * waves->moving, waves->frequency_hz);
    } else if (index < 0.35 && moves && o->span_ms < 10.0 * c->tau_ms) {
        *regime = REGIME_UNDECIDED;
        because(reason,
                "no rhythm in %.4g ms, but that is less than 10 time constants of %.4g ms: too "
                "short to tell; raise simulation.duration",
                o->span_ms, c->tau_ms);
    } else if (index < 0.35 && coherent && o->wavenumber > 0.0) {
        *regime = REGIME_BUMP;
        because(reason, "a spatial pattern, |n| %.1f, without a rhythm", o->wavenumber);
    } else if (index < 0.35 && incoherent && share < 0.35 && moves) {
        *regime = REGIME_CHAOS;
        because(reason, "large irregular fluctuations (std %.3g), neither shared nor rhythmic",
                o->temporal_std);
    } else {
        *regime = REGIME_UNDECIDED;
        if (index >= 0.35 && index < 0.5)
            because(reason, "oscillation index %.2f lies between a rhythm and none", index);
        else if (index >= 0.5)
            because(reason,
                    "rhythmic, but neither shared by all (share %.2f) nor a clear spatial pattern "
                    "(Moran %.2f)",
                    share, o->moran);
        else if (incoherent && share < 0.35)
            because(reason, "disorder that hardly moves (temporal std %.3g of %.3g)",
                    o->temporal_std, rms);
        else
            because(reason, "no rhythm, and no clear spatial pattern (Moran %.2f, share %.2f)",
                    o->moran, share);
    }
}

bool verdict_asks_rhythm(const order_t *o) {
    return agreement(o, 1.0 / o->neighbourhood).shared >= 0.5;
}

void verdict_of_data(const order_t *o, const waves_seen_t *waves, double rhythm_hz,
                     regime_t *regime, char reason[200]) {
    agreement_t a = agreement(o, 1.0 / o->neighbourhood);
    bool pattern = a.coherent && a.shared < 0.35;
    *regime = REGIME_UNDECIDED;
    if (waves->why_not)
        because(reason, "%s", waves->why_not);
    else if (o->trend > 2.0 || o->trend < 0.5)
        because(reason,
                "not stationary: fluctuations in the last third are %.3g times those of the first",
                o->trend);
    else if (rhythm_hz > 0.0 && verdict_asks_rhythm(o)) {
        *regime = REGIME_OSCILLATION;
        because(reason, "all sites swing together at %.1f Hz", rhythm_hz);
    } else if (pattern && travels(waves)) {
        *regime = REGIME_WAVE;
        because(reason, "waves that stand out of noise carry %.0f %% of what moves, at %.1f Hz",
                100.0 * waves->moving, waves->frequency_hz);
    } else if (pattern && waves->at_rest >= 0.5) {
        *regime = REGIME_BUMP;
        because(reason, "a pattern of whose variance over space %.0f %% is at rest",
                100.0 * waves->at_rest);
    } else if (waves->moving > 0.0)
        because(
            reason,
            "waves that stand out of noise carry %.0f %% of what moves, at %.1f Hz, and are not "
            "most of what there is (at rest %.0f %%, shared by all %.0f %%)",
            100.0 * waves->moving, waves->frequency_hz, 100.0 * waves->at_rest, 100.0 * a.shared);
    else if (a.incoherent && a.shared < 0.35)
        because(reason,
                "independent fluctuations (std %.3g): noise or chaos; the noise is not known",
                o->temporal_std);
    else
        because(reason,
                "no rhythm of all sites, no waves that stand out of noise, no pattern at rest");
}
