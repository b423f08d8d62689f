/* What asynchrony_detect reads. */
#ifndef BRISC_ASYNCHRONY_PASSES_H
#define BRISC_ASYNCHRONY_PASSES_H

#include "host/detect/field.h"

enum { ASYNCHRONY_BLOCKS = 10, ASYNCHRONY_BLOCK_BYTES = 32 << 20 };

/* Each site's moments over time. */
typedef struct {
    size_t sites, data, used; /* of the grid; with data; that change */
    double *mean, *std;       /* [sites]; std 0: never changes, or no data */
    double *population;       /* [frames]: mean over data */
    double variance;          /* mean over data of the variances */
} site_moments_t;

status_t site_moments_create(const field_t *field, site_moments_t *moments);
void site_moments_destroy(site_moments_t *moments);

/* Correlation by distance. */
typedef struct {
    size_t rings;
    double *distance; /* [rings]: mean of its pairs, rising */
    double *pairs;    /* [rings]: ordered */
    double *block; /* [ASYNCHRONY_BLOCKS][rings]: products of normalized sites, summed over a tenth
                      of the frames, over pairs x frames / ASYNCHRONY_BLOCKS */
    double square[ASYNCHRONY_BLOCKS]; /* their squares, alike: on average 1 */
} site_pairs_t;

status_t site_pairs_create(const field_t *field, const site_moments_t *moments,
                           site_pairs_t *pairs);
void site_pairs_destroy(site_pairs_t *pairs);

/* Single sites in time, by blocks of `length` frames. */
typedef struct {
    size_t length, blocks;
    double *autocorrelation;     /* [blocks][length], mean over sites that change */
    double *site, *population;   /* [length / 2 + 1]: power density, field^2 / Hz */
    double *variance, *together; /* [blocks]: around the whole record's means: of the sites, mean
                                    over data; of the population */
} site_series_t;

status_t site_series_create(const field_t *field, const site_moments_t *moments,
                            site_series_t *series);
void site_series_destroy(site_series_t *series);

#endif
