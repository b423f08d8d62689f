/* How much a field's sites do together: correlations by distance, spectra, correlation time,
 * synchrony. */
#ifndef BRISC_ASYNCHRONY_H
#define BRISC_ASYNCHRONY_H

#include "host/detect/dataset.h"
#include "host/detect/field.h"

enum { ASYNCHRONY_FRAMES_LEAST = 80 };

/* Errors from which correlation is stated: Student's t of 9 degrees of freedom exceeds 6 with a
 * probability of 1e-4, for each of the two that are looked at. */
#define ASYNCHRONY_ERRORS 6.0

/* Adds the group "asynchrony". Three reads of the field, each streamed; a number a frame is kept.
 *
 * asynchrony/correlation over asynchrony/distance: mean of Pearson's coefficient over time of all
 * pairs of sites that far apart (rings as wide as sites are apart; exact, by the autocorrelation of
 * the frames of normalized sites), and asynchrony/correlation_error. On a torus the shortest way;
 * on a sheet, pairs inside it. Sites that never change have no coefficient and are left out.
 * mean_correlation (all pairs), neighbour_correlation (the first ring), correlation_length (where
 * it falls to 1/e, from 1 at distance 0, geometric between rings; 0 where the first ring is below
 * that, NaN where none is), each with ..._error, a jackknife over 10 blocks of time.
 * asynchrony/state: "correlated" where either correlation exceeds ASYNCHRONY_ERRORS of its errors,
 * "uncorrelated within errors", or "too short to say" under 20 autocorrelation times.
 *
 * autocorrelation_time_ms: integral of the sites' mean autocorrelation (asynchrony/autocorrelation)
 * to its first zero; NaN where that is beyond a fifth of the record, or 1024 frames. The record's
 * mean is taken away: with v = 2 time / record, it is low by about v (1 + ln 1/v) of it.
 * synchrony_chi = sqrt(Var_t(mean over sites) / mean over sites of Var_t): 1 for identical sites, 1
 * / sqrt(N) (synchrony_chi_independent) for independent ones (Golomb & Rinzel, Physica D 72:259,
 * 1994). population_spectrum, site_spectrum over asynchrony/frequency_hz: one-sided power density
 * of the mean over sites, and mean over sites (Welch, Hann). Independent sites: N times less.
 *
 * STATUS_FAILED: too few frames, no frame interval, fewer than two sites that change, NaN or
 * infinity among the data. */
status_t asynchrony_detect(const field_t *field, dataset_t *found);

#endif
