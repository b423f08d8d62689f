#include "host/detect/block_average.h"

#include <assert.h>
#include <math.h>

static double sum_of(const double *x, size_t n, size_t stride) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += x[i * stride];
    return sum;
}

static double covariance(const double *x, size_t n, size_t stride, double mean, size_t lag) {
    double sum = 0.0;
    for (size_t i = 0; i + lag < n; i++)
        sum += (x[i * stride] - mean) * (x[(i + lag) * stride] - mean);
    return sum / (double)n;
}

static double correlation_time(const double *x, size_t n, size_t stride, double mean) {
    double variance = covariance(x, n, stride, mean, 0), time = 1.0;
    if (!(variance > 0.0))
        return time;
    for (size_t lag = 1; lag < n && (double)lag < 5.0 * time; lag++)
        time += 2.0 * covariance(x, n, stride, mean, lag) / variance;
    return time;
}

block_average_t block_average(const double *x, size_t n, size_t stride) {
    size_t size = n / BLOCKS;
    assert(size > 0 && n % BLOCKS == 0);
    double mean = sum_of(x, n, stride) / (double)n, squares = 0.0;
    for (size_t b = 0; b < BLOCKS; b++) {
        double away = sum_of(x + b * size * stride, size, stride) / (double)size - mean;
        squares += away * away;
    }
    return (block_average_t){mean, sqrt(squares / (BLOCKS - 1) / BLOCKS),
                             correlation_time(x, n, stride, mean)};
}
