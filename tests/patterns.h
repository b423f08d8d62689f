/* Fields whose answers are known, for the detectors' tests: amplitude 1, on a unit torus or patch,
 * white noise of the standard deviation asked for. Each test's read comes through `field`. */
#ifndef BRISC_PATTERNS_H
#define BRISC_PATTERNS_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/detect/field.h"

typedef enum {
    PATTERN_PLANE,    /* cos(2 pi (nx x + ny y) - w t) */
    PATTERN_TWO,      /* that and one along (-ny, nx), half as high, at 1.5 w */
    PATTERN_STANDING, /* cos(2 pi (nx x + ny y)) cos(w t) */
    PATTERN_SPIRAL,   /* open: one, at (1/2, 1/2): cos(atan2(y, x) + 2 pi nx r - w t); a torus has
                         four, arg(sin 2 pi x + i sin 2 pi y) - w t, of charge + at (0, 0) and
                         (1/2, 1/2), - at (1/2, 0) and (0, 1/2) */
    PATTERN_SOURCE,   /* cos(2 pi nx r - w t), r the distance from (1/2, 1/2); a torus: r^2 =
                         (sin^2 pi x' + sin^2 pi y') / pi^2, x' from there: a source there, a sink at
                         (0, 0), saddles at (1/2, 0) and (0, 1/2) */
    PATTERN_SPOT,     /* exp(-r^2 / 2 width^2) around a point that moves by (vx, vy) a second */
    PATTERN_STRIPES,  /* cos(2 pi (nx x + ny y)), at rest */
    PATTERN_NOISE,    /* nothing but the noise */
} pattern_kind_t;

typedef struct {
    pattern_kind_t kind;
    size_t frames, n_y, n_x;
    double frame_ms, frequency_hz, nx, ny, noise;
    double width, vx, vy; /* of the spot */
    double correlation;   /* of the noise: Gaussian range in sites, 0 for white */
    double keep;          /* of the noise, from one frame to the next: AR(1), 0 for white */
    bool open;
    uint64_t seed;
} pattern_t;

typedef struct {
    pattern_t pattern;
    field_t field;
    float *values; /* [frames][n_y][n_x] */
} pattern_field_t;

static double pattern_uniform(uint64_t *state) { /* splitmix64; (0, 1) */
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) * 0x1p-53;
}

/* Uniform in (-1/2, 1/2), of any place: for fields too large to be kept. */
static inline float pattern_hash(uint64_t place) {
    uint64_t state = place * 0xd1342543de82ef95u;
    return (float)(pattern_uniform(&state) - 0.5);
}

static double pattern_normal(uint64_t *state) {
    double u = pattern_uniform(state), v = pattern_uniform(state);
    return sqrt(-2.0 * log(u)) * cos(2.0 * M_PI * v);
}

static double pattern_value(const pattern_t *p, double x, double y, double t_s) {
    double w = 2.0 * M_PI * p->frequency_hz * t_s, q = 2.0 * M_PI * (p->nx * x + p->ny * y);
    double dx = x - 0.5, dy = y - 0.5, r = hypot(dx, dy);
    switch (p->kind) {
    case PATTERN_PLANE:
        return cos(q - w);
    case PATTERN_TWO:
        return cos(q - w) + 0.5 * cos(2.0 * M_PI * (p->nx * y - p->ny * x) - 1.5 * w);
    case PATTERN_STANDING:
        return cos(q) * cos(w);
    case PATTERN_SPIRAL:
        if (p->open)
            return cos(atan2(dy, dx) + 2.0 * M_PI * p->nx * r - w);
        return cos(atan2(sin(2.0 * M_PI * y), sin(2.0 * M_PI * x)) - w);
    case PATTERN_SOURCE:
        if (!p->open)
            r = hypot(sin(M_PI * dx), sin(M_PI * dy)) / M_PI;
        return cos(2.0 * M_PI * p->nx * r - w);
    case PATTERN_SPOT:
        dx -= p->vx * t_s;
        dy -= p->vy * t_s;
        if (!p->open) {
            dx -= rint(dx);
            dy -= rint(dy);
        }
        return exp(-(dx * dx + dy * dy) / (2.0 * p->width * p->width));
    case PATTERN_STRIPES:
        return cos(q);
    default:
        return 0.0;
    }
}

static status_t pattern_read(void *context, size_t first_frame, size_t n_frames, size_t first_row,
                             size_t n_rows, float *out) {
    const pattern_field_t *f = context;
    size_t ny = f->field.grid.ny, nx = f->field.grid.nx;
    for (size_t t = 0; t < n_frames; t++)
        memcpy(out + t * n_rows * nx, f->values + ((first_frame + t) * ny + first_row) * nx,
               n_rows * nx * sizeof *out);
    return STATUS_OK;
}

/* noise[ny][nx] blurred by a Gaussian of `range` sites, periodic, its standard deviation kept. */
static void pattern_blur(double *noise, double *copy, size_t ny, size_t nx, double range) {
    int reach = (int)ceil(4.0 * range);
    double *kernel = malloc((size_t)(2 * reach + 1) * sizeof *kernel), squares = 0.0;
    for (int k = -reach; k <= reach; k++) {
        kernel[reach + k] = exp(-(double)(k * k) / (2.0 * range * range));
        squares += kernel[reach + k] * kernel[reach + k];
    }
    for (int axis = 0; axis < 2; axis++) {
        memcpy(copy, noise, ny * nx * sizeof *copy);
        for (size_t y = 0; y < ny; y++)
            for (size_t x = 0; x < nx; x++) {
                double sum = 0.0;
                for (int k = -reach; k <= reach; k++) {
                    long n = (long)(axis ? ny : nx), at = (long)(axis ? y : x) + k;
                    while (at < 0)
                        at += n;
                    while (at >= n)
                        at -= n;
                    sum +=
                        kernel[reach + k] * copy[axis ? (size_t)at * nx + x : y * nx + (size_t)at];
                }
                noise[y * nx + x] = sum / sqrt(squares);
            }
    }
    free(kernel);
}

/* The site (iy, ix) lies at ((ix + 1/2)/nx, (iy + 1/2)/ny). */
static inline void pattern_create(pattern_t pattern, pattern_field_t *f) {
    size_t ny = pattern.n_y, nx = pattern.n_x, sites = ny * nx;
    uint64_t state = pattern.seed;
    f->pattern = pattern;
    f->field = (field_t){.trials = 1,
                         .frames = pattern.frames,
                         .grid = grid_torus(ny, nx),
                         .frame_ms = pattern.frame_ms,
                         .context = f,
                         .read = pattern_read};
    f->field.grid.open = pattern.open;
    f->values = malloc(pattern.frames * sites * sizeof *f->values);
    double *noise = malloc(2 * sites * sizeof *noise), *kept = calloc(sites, sizeof *kept);
    for (size_t t = 0; t < pattern.frames; t++) {
        double t_s = (double)t * pattern.frame_ms * 1e-3;
        for (size_t i = 0; i < sites; i++)
            noise[i] = pattern.noise > 0.0 ? pattern.noise * pattern_normal(&state) : 0.0;
        if (pattern.correlation > 0.0)
            pattern_blur(noise, noise + sites, ny, nx, pattern.correlation);
        for (size_t i = 0; i < sites; i++) {
            double x = ((double)(i % nx) + 0.5) / (double)nx;
            double y = ((double)(i / nx) + 0.5) / (double)ny;
            double keep = t > 0 ? pattern.keep : 0.0;
            kept[i] = keep * kept[i] + sqrt(1.0 - keep * keep) * noise[i];
            f->values[t * sites + i] = (float)(pattern_value(&pattern, x, y, t_s) + kept[i]);
        }
    }
    free(noise);
    free(kept);
}

static inline void pattern_destroy(pattern_field_t *f) {
    free(f->values);
    f->values = NULL;
}

#endif
