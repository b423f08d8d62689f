/* The regime named from what was seen, never from the prediction. */
#ifndef BRISC_VERDICT_H
#define BRISC_VERDICT_H

#include "host/detect/dataset.h"
#include "host/detect/order.h"

/* What one has to know of the network, not of the theory, to read its rates. */
typedef struct {
    double noise;    /* std of r that its own noise gives an uncoupled neuron; 0 if there is none */
    double scale;    /* a large rate: the gain's bound; 0 where it has none */
    bool two_signed; /* whether the gain gives rates of both signs */
    double tau_ms;   /* time constant; 0 where it is not known */
    double chance;   /* Moran's index of independent neurons: 1 / sites of the neighbourhood */
} verdict_context_t;

/* Waves that stand out of what noise gives (wave.h). */
typedef struct {
    const char *why_not; /* NULL, or why the data could not be looked at: a text of the dataset */
    double moving;  /* share of the variance in time that the stated peaks carry; 0: none stated */
    double at_rest; /* share of the variance over space that does not move; NAN: not known */
    double frequency_hz; /* of the strongest */
} waves_seen_t;

waves_seen_t waves_seen(const dataset_t *found); /* of the group "wave", which need not be there */

/* For the rates, and for the potentials, of that population. */
verdict_context_t verdict_context(const config_t *config, uint32_t population);
verdict_context_t verdict_context_potential(const config_t *config, uint32_t population);

/* With A = rms deviation of r from its mean over time and neurons, C = global_std / temporal_std,
 * O = oscillation index, S = Moran's index beyond chance, in this order:
 *   synchronous    two-signed rates of mostly one sign: global synchrony >= 0.5, activity above the
 *                  noise, and no global oscillation (temporal_std < activity / 3)
 *   asynchronous   A <= 4 noise, or A <= 1 % of the scale; or S and O both low with A <= 10 noise
 *   (undecided     A <= 10 % of the scale where noise may be amplified)
 *   (undecided     last third's deviations over the first's below 1/2, or beyond 2 without a
 *                  rhythm, O < 0.5, that may just be growing: not stationary)
 *   oscillation    O >= 0.5 and C >= 0.5
 *   (undecided     O < 0.35, it moves, and less than 10 tau were observed: too short for a rhythm)
 *   wave           C < 0.35, S high, |n| > 0, and O >= 0.5; or, of less than half of it at rest,
 *                  stated waves carry a third of the variance in time
 *   bump           O < 0.35, S high, |n| > 0
 *   chaos          O < 0.35, S low, C < 0.35, temporal_std >= A / 3 (it moves: not frozen
 * disorder), noise known S is high from 0.2 (or where the spatial spectrum's peak is 20 times its
 * mean: patterns finer than the neighbourhood), low to 0.1. Everything else is undecided; `reason`
 * says why. */
void verdict(const order_t *order, const waves_seen_t *waves, const verdict_context_t *context,
             regime_t *regime, char reason[200]);

/* Of measured data, of which no noise, bound or time constant is known, and whose level says
 * nothing. rhythm_hz: of the sites' mean spectrum, where it stands out (band.h), else 0. In this
 * order:
 *   (undecided     too short, constant or without even times; or not stationary, as above)
 *   oscillation    a rhythm, and C >= 0.5
 *   wave           C < 0.35, S high, less than half of the spatial variance at rest, and stated
 *                  waves carry a third of the variance in time
 *   bump           C < 0.35, S high, at least half of the spatial variance at rest
 *
 * Everything else is undecided: what is irregular may be noise or chaos. */
bool verdict_asks_rhythm(const order_t *order); /* whether rhythm_hz makes a difference */
void verdict_of_data(const order_t *order, const waves_seen_t *waves, double rhythm_hz,
                     regime_t *regime, char reason[200]);

#endif
