/* Blocks of a few long vectors, [n][BLOCK_COLUMNS], and their small dense algebra: the same bits
 * for any number of threads. */
#ifndef BRISC_SPECTRUM_BLOCK_H
#define BRISC_SPECTRUM_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/status.h"

enum {
    BLOCK_COLUMNS = 8,
    PARALLEL_LEAST = 1000 /* order from which threads are worth their start */
};

/* Euclidean norms of the columns. */
void block_norms(size_t n, const double *x, double norm[BLOCK_COLUMNS]);
/* X becomes X M. */
void block_rotate(size_t n, double *x, const double m[BLOCK_COLUMNS][BLOCK_COLUMNS]);
/* Columns to norm 1; one that is zero stays. */
void block_normalize(size_t n, double *x);
/* Columns orthonormal; what depends on those before becomes zero. */
void block_orthonormalize(size_t n, double *x);
/* Squares of the singular values, largest first, and right singular vectors: the columns of
 * `vector`. */
status_t block_singular(size_t n, const double *x, double square[BLOCK_COLUMNS],
                        double vector[BLOCK_COLUMNS][BLOCK_COLUMNS]);

#endif
