/* The mean of a correlated series, and its error. */
#ifndef BRISC_BLOCK_AVERAGE_H
#define BRISC_BLOCK_AVERAGE_H

#include <stddef.h>

enum { BLOCKS = 10 };

typedef struct {
    double mean;
    /* Standard deviation of the means of BLOCKS equal blocks (n - 1) over sqrt(BLOCKS): right where
     * a block is longer than the correlation time; itself known to 24 %. */
    double error;
    /* Integrated autocorrelation time, 1 + 2 sum of the autocorrelation up to the first lag beyond
     * 5 times the result (Sokal, Monte Carlo Methods in Statistical Mechanics, 1996, section 3), in
     * samples. */
    double correlation;
} block_average_t;

/* Of x[n] with stride `stride`; n a multiple of BLOCKS. */
block_average_t block_average(const double *x, size_t n, size_t stride);

#endif
