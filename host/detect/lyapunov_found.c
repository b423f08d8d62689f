/* What is told of Lyapunov exponents. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/detect/lyapunov.h"

double kaplan_yorke(const double *exponents, size_t k) {
    double sum = 0.0;
    for (size_t j = 0; j < k; j++) {
        if (sum + exponents[j] < 0.0)
            return (double)j + sum / fabs(exponents[j]);
        sum += exponents[j];
    }
    return NAN;
}

double positive_sum(const double *exponents, size_t k) {
    double sum = 0.0;
    for (size_t j = 0; j < k; j++) {
        if (exponents[j] < 0.0)
            return sum;
        sum += exponents[j];
    }
    return NAN;
}

/* The exponents by themselves, and how they converge: means up to the end of each sample. */
static status_t add_exponents(const lyapunov_t *l, double *exponents, double *errors, double *time,
                              double *means, dataset_t *found) {
    static const char *const axes[2] = {"lyapunov/time", "lyapunov/index"};
    size_t k = l->exponents;
    for (size_t v = 0; v < k; v++) {
        exponents[v] = l->exponent[v].mean;
        errors[v] = l->exponent[v].error;
        double sum = 0.0;
        for (size_t s = 0; s < l->samples; s++) {
            sum += l->growth[s * k + v];
            means[s * k + v] = sum / (double)(s + 1);
        }
    }
    for (size_t s = 0; s < l->samples; s++)
        time[s] = l->start_ms + (double)(s + 1) * l->sample_ms;
    TRY(dataset_axis(found, axes[1], k, NULL, "1", "number of the exponent, the largest first"));
    TRY(dataset_axis(found, axes[0], l->samples, time, "ms", "time of the trajectory"));
    TRY(dataset_list(found, "lyapunov/exponents", axes[1], exponents, "1/tau",
                     "largest Lyapunov exponents under frozen noise"));
    TRY(dataset_list(found, "lyapunov/errors", axes[1], errors, "1/tau",
                     "their standard errors, from the means of 10 blocks of time"));
    return dataset_array(found, "lyapunov/convergence", 2, axes, means, "1/tau",
                         "mean growth rates from the start to each time");
}

static status_t add_numbers(const lyapunov_t *l, const double *exponents, dataset_t *found) {
    double longest = 0.0, dimension = kaplan_yorke(exponents, l->exponents);
    double entropy = positive_sum(exponents, l->exponents);
    for (size_t v = 0; v < l->exponents; v++)
        longest = fmax(longest, l->exponent[v].correlation);
    TRY(dataset_text(found, "lyapunov/unit", "1/tau"));
    TRY(dataset_number(found, "lyapunov/tau_ms", l->tau_ms, "ms",
                       "tau of the first population, the exponents' unit of time"));
    TRY(dataset_number(found, "lyapunov/largest_per_s", 1e3 * exponents[0] / l->tau_ms, "1/s",
                       "largest exponent a second"));
    TRY(dataset_number(found, "lyapunov/twin", l->twin.mean, "1/tau",
                       "largest exponent by two trajectories side by side"));
    TRY(dataset_number(found, "lyapunov/twin_error", l->twin.error, "1/tau", "its standard error"));
    TRY(dataset_number(found, "lyapunov/kaplan_yorke", dimension, "1",
                       "Kaplan-Yorke dimension of the attractor"));
    TRY(dataset_number(found, "lyapunov/entropy", entropy, "1/tau",
                       "sum of the positive exponents"));
    if (isnan(dimension)) {
        char note[120];
        snprintf(note, sizeof note, "the dimension%s would take more than %u exponents",
                 isnan(entropy) ? " and the sum of the positive ones" : "", l->exponents);
        TRY(dataset_text(found, "lyapunov/note", note));
    }
    TRY(dataset_number(found, "lyapunov/start_ms", l->start_ms, "ms", "averages begin here"));
    TRY(dataset_number(found, "lyapunov/time_ms", (double)l->samples * l->sample_ms, "ms",
                       "averages are over this time"));
    TRY(dataset_number(found, "lyapunov/block_ms", (double)(l->samples / BLOCKS) * l->sample_ms,
                       "ms", "length of a block, for the errors"));
    return dataset_number(found, "lyapunov/correlation_ms", longest * l->sample_ms, "ms",
                          "longest correlation time of the growth rates; blocks must be longer");
}

status_t lyapunov_found(const lyapunov_t *l, dataset_t *found) {
    size_t k = l->exponents;
    double *exponents = malloc(sizeof *exponents * k), *errors = malloc(sizeof *errors * k);
    double *time = malloc(sizeof *time * l->samples);
    double *means = malloc(sizeof *means * l->samples * k);
    status_t status = exponents && errors && time && means
                          ? add_exponents(l, exponents, errors, time, means, found)
                          : status_fail(STATUS_FAILED, __FILE__, __LINE__,
                                        "no memory for %zu samples", l->samples);
    if (status == STATUS_OK)
        status = add_numbers(l, exponents, found);
    free(exponents);
    free(errors);
    free(time);
    free(means);
    return status;
}
