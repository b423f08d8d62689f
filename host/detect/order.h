/* Order parameters of stored frames r(t, y, x) of one population, as DESIGN.md section 1 defines
 * them, and the regime named from them alone. */
#ifndef BRISC_ORDER_H
#define BRISC_ORDER_H

#include "host/config.h"
#include "host/detect/field.h"

typedef struct {
    double mean_activity;   /* <|r|> */
    double cv;              /* mean over neurons of std over time / |mean over time| */
    double local_synchrony; /* 11 x 11 */
    double global_synchrony;
    double moran;
    double oscillation_index;
    double frequency_hz; /* of the oscillation index's peak; 0 if none */
    /* Power-weighted mean frequency of the same spectrum; 0 where the index is. Where several modes
     * share the activity, their lines change places as the highest from run to run; this does not
     * jump. */
    double frequency_mean_hz;
    double wavenumber; /* |n| at the peak of the time-averaged spatial amplitude spectrum */
    double persistence;
    /* What the verdict needs beside them. */
    double mean; /* over time and neurons */
    double min, max;
    double temporal_std;     /* rms over neurons of the std over time */
    double spatial_std;      /* rms over time of the std over neurons */
    double static_std;       /* std over neurons of the mean over time */
    double spatial_contrast; /* that spectrum's largest amplitude over its mean, both at n != 0 */
    double global_std;       /* std over time of the population mean */
    double trend;   /* rms deviation from the mean in the last third of the frames over the first */
    double span_ms; /* observed */
    double neighbourhood; /* mean number of sites with data in a site's 11 x 11 */
} order_t;

/* Two reads of the field, by frames and by sites. The result has the same bits for any number of
 * threads. Sites without data (grid.mask) count nowhere; neighbourhoods end at them and at an open
 * edge. The spatial spectrum is that of the sheet less its mean, 0 where there are no data, in
 * cycles a side. An open sheet gets no window: one would spread n = 1, the wave longest on a patch,
 * over n = 0 and 2, while the leakage of a cut wave leaves the peak where it is (its contrast
 * falls). STATUS_FAILED where a frame holds NaN or infinity (names frame and site). */
status_t order_compute(const field_t *field, order_t *order);

/* Bytes that order_compute holds at most, with all threads. */
uint64_t order_memory(size_t frames, size_t ny, size_t nx);

/* One order parameter as files, JSON and the terminal name it. */
typedef struct {
    const char *name, *unit, *long_name;
    size_t offset; /* in order_t */
} order_parameter_t;

const order_parameter_t *order_each(size_t i); /* NULL after the last */
double order_value(const order_t *order, const order_parameter_t *parameter);

#endif
