/* What `bench` measures a backend against, on the same device: its memory's bandwidth, and the same
 * matrix in a library's (or the plainest) format. An instance a backend (backend.h). */
#ifndef BRISC_YARDSTICK_H
#define BRISC_YARDSTICK_H

#include <stdint.h>

#include "kernels/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct yardstick yardstick_t; /* a matrix and two vectors on the device */

typedef struct {
    const char *name;           /* of the format and of who multiplies it */
    const char *bandwidth_name; /* of what is timed */
    /* Best of a few passes over memory far larger than any cache, in bytes a second. */
    status_t (*bandwidth)(int threads, double *bytes_per_s);
    /* CSR, float32: indptr[n + 1], index[indptr[n]] below n, value[indptr[n]]; borrowed by the cpu
     * until destroy. */
    status_t (*create)(uint32_t n, const uint64_t *indptr, const uint32_t *index,
                       const float *value, int threads, yardstick_t **yardstick);
    /* y = A x, `count` times over; returns when all are done. */
    status_t (*product)(yardstick_t *yardstick, uint32_t count);
    void (*destroy)(yardstick_t *yardstick);
} yardsticks_t;

#ifdef __cplusplus
}
#endif

#endif
