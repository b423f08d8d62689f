/* Phases and velocities of a test's field, made without the detectors: a circular band-pass of the
 * whole record, and Horn-Schunck flow by plain iteration. */
#ifndef BRISC_PHASES_H
#define BRISC_PHASES_H

#include <complex.h>
#include <fftw3.h>

#include "tests/patterns.h"

typedef struct {
    size_t frames; /* one less than the field's: a velocity needs the next frame */
    grid_t grid;
    double frame_ms;
    float *phase, *velocity; /* [frames][ny][nx], [frames][2][ny][nx] */
} phases_t;

static float phases_wrap(float angle) {
    return angle > (float)M_PI    ? angle - 2.0f * (float)M_PI
           : angle < -(float)M_PI ? angle + 2.0f * (float)M_PI
                                  : angle;
}

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

/* Sites beside (y, x): left, right, above, below; an open edge repeats its own. */
static void phases_beside(const grid_t *grid, size_t y, size_t x, size_t beside[4]) {
    size_t ny = grid->ny, nx = grid->nx, row = y * nx;
    beside[0] = row + (x > 0 ? x - 1 : grid->open ? x : nx - 1);
    beside[1] = row + (x + 1 < nx ? x + 1 : grid->open ? x : 0);
    beside[2] = (y > 0 ? y - 1 : grid->open ? y : ny - 1) * nx + x;
    beside[3] = (y + 1 < ny ? y + 1 : grid->open ? y : 0) * nx + x;
}

/* Horn & Schunck 1981 on phases, from one frame to the next, in sites a frame; `flow` [2][sites]
 * holds the last frame's on entry. work: 5 * sites. */
static void phases_flow(const grid_t *grid, const float *now, const float *next, float *flow,
                        float *work) {
    enum { ITERATIONS = 30 };
    const float alpha = 0.5f;
    size_t sites = grid_sites(grid), beside[4];
    float *px = work, *py = px + sites, *pt = py + sites, *old = pt + sites;
    for (size_t i = 0; i < sites; i++) {
        phases_beside(grid, i / grid->nx, i % grid->nx, beside);
        px[i] = phases_wrap(now[beside[1]] - now[i]) + phases_wrap(now[i] - now[beside[0]]);
        py[i] = phases_wrap(now[beside[3]] - now[i]) + phases_wrap(now[i] - now[beside[2]]);
        px[i] *= 0.5f;
        py[i] *= 0.5f;
        pt[i] = phases_wrap(next[i] - now[i]);
    }
    for (int k = 0; k < ITERATIONS; k++) {
        memcpy(old, flow, 2 * sites * sizeof *old);
        for (size_t i = 0; i < sites; i++) {
            phases_beside(grid, i / grid->nx, i % grid->nx, beside);
            float u = 0.0f, v = 0.0f;
            for (int b = 0; b < 4; b++) {
                u += 0.25f * old[beside[b]];
                v += 0.25f * old[sites + beside[b]];
            }
            float rest = (px[i] * u + py[i] * v + pt[i]) /
                         (alpha * alpha + px[i] * px[i] + py[i] * py[i]);
            flow[i] = u - px[i] * rest;
            flow[sites + i] = v - py[i] * rest;
        }
    }
}

static inline void phases_create(const pattern_t *pattern, double low_hz, double high_hz,
                                 phases_t *phases) {
    pattern_field_t f;
    pattern_create(*pattern, &f);
    size_t sites = grid_sites(&f.field.grid), frames = pattern->frames;
    *phases = (phases_t){.frames = frames - 1,
                         .grid = f.field.grid,
                         .frame_ms = pattern->frame_ms,
                         .phase = malloc(frames * sites * sizeof(float)),
                         .velocity = malloc(2 * frames * sites * sizeof(float))};
    float *work = malloc(5 * sites * sizeof *work), *flow = calloc(2 * sites, sizeof *flow);
    phases_of(f.values, frames, sites, pattern->frame_ms, low_hz, high_hz, phases->phase);
    float per_x = (float)(phases->grid.dx / (pattern->frame_ms * 1e-3));
    float per_y = (float)(phases->grid.dy / (pattern->frame_ms * 1e-3));
    for (size_t t = 0; t + 1 < frames; t++) {
        const float *now = phases->phase + t * sites;
        phases_flow(&phases->grid, now, now + sites, flow, work);
        for (size_t i = 0; i < sites; i++) {
            phases->velocity[2 * t * sites + i] = flow[i] * per_x;
            phases->velocity[(2 * t + 1) * sites + i] = flow[sites + i] * per_y;
        }
    }
    free(work);
    free(flow);
    pattern_destroy(&f);
}

static inline void phases_destroy(phases_t *phases) {
    free(phases->phase);
    free(phases->velocity);
    *phases = (phases_t){0};
}

#endif
