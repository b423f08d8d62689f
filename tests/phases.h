/* Phases of a test's field, made without the detectors: a circular band-pass of the whole record.
 */
#ifndef BRISC_PHASES_H
#define BRISC_PHASES_H

#include <complex.h>
#include <fftw3.h>

#include "tests/patterns.h"

typedef struct {
    size_t frames;
    grid_t grid;
    float *phase, *velocity; /* [frames][ny][nx]; [frames][2][ny][nx], 0 */
} phases_t;

/* phase[frames][sites] of the part e^{-i w t} of values[frames][sites], w in the band. */
static void phases_of(const float *values, size_t frames, size_t sites, double frame_ms,
                      double low_hz, double high_hz, float *phase) {
    fftw_complex *series = fftw_alloc_complex(frames);
    fftw_plan plan_there =
        fftw_plan_dft_1d((int)frames, series, series, FFTW_FORWARD, FFTW_ESTIMATE);
    fftw_plan plan_back =
        fftw_plan_dft_1d((int)frames, series, series, FFTW_BACKWARD, FFTW_ESTIMATE);
    for (size_t i = 0; i < sites; i++) {
        for (size_t t = 0; t < frames; t++)
            series[t] = (double)values[t * sites + i];
        fftw_execute(plan_there);
        for (size_t k = 0; k < frames; k++) { /* bin frames - m holds e^{-i w t} */
            double hz = (double)(frames - k) / ((double)frames * frame_ms * 1e-3);
            if (k == 0 || hz < low_hz || hz > high_hz)
                series[k] = 0.0;
        }
        fftw_execute(plan_back);
        for (size_t t = 0; t < frames; t++)
            phase[t * sites + i] = (float)carg(series[t]);
    }
    fftw_destroy_plan(plan_there);
    fftw_destroy_plan(plan_back);
    fftw_free(series);
}

static inline void phases_create(const pattern_t *pattern, double low_hz, double high_hz,
                                 phases_t *phases) {
    pattern_field_t f;
    pattern_create(*pattern, &f);
    size_t sites = grid_sites(&f.field.grid), frames = pattern->frames;
    *phases = (phases_t){.frames = frames,
                         .grid = f.field.grid,
                         .phase = malloc(frames * sites * sizeof(float)),
                         .velocity = calloc(2 * frames * sites, sizeof(float))};
    phases_of(f.values, frames, sites, pattern->frame_ms, low_hz, high_hz, phases->phase);
    pattern_destroy(&f);
}

static inline void phases_destroy(phases_t *phases) {
    free(phases->phase);
    free(phases->velocity);
    *phases = (phases_t){0};
}

#endif
