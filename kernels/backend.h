/* A backend builds the connectivity of a network on its device, from the pathways' probability
 * tables, and steps it. One struct of functions, an instance a device; the host never knows which
 * one it drives. Every instance gives the same bits (DESIGN.md section 5, promise 1). */
#ifndef BRISC_BACKEND_H
#define BRISC_BACKEND_H

#include <stddef.h>

#include "kernels/dense.h"
#include "kernels/network.h"
#include "kernels/status.h"
#include "kernels/yardstick.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint64_t synapses[PATHWAYS_MAX]; /* stored, a pathway */
    uint64_t connectivity_bytes; /* weights, indices, row pointers; probability tables are gone */
    uint64_t state_bytes;        /* potentials, rates, sums */
    uint64_t hash;               /* of all synapses (target, source, code), order-free */
} connectivity_t;

typedef enum { SIMD_BEST, SIMD_PORTABLE, SIMD_AVX2, SIMD_AVX512 } simd_t;

typedef struct {
    int threads; /* cpu: 0 for all */
    int simd;    /* cpu: simd_t; what the processor lacks is refused */
} backend_options_t;

typedef struct backend_state backend_state_t;

typedef struct {
    const char *name;
    /* STATUS_OK and the device's name, or STATUS_FAILED with the reason why it cannot be used. */
    status_t (*available)(char *device, size_t size);
    /* Memory that the device has free, in bytes. */
    status_t (*memory_free)(uint64_t *bytes);
    /* Bytes that create will hold for good: connectivity, expected to a fraction of a percent, and
     * state, exactly. */
    status_t (*footprint)(const network_t *net, uint64_t *connectivity_bytes,
                          uint64_t *state_bytes);
    /* Builds the connectivity. The network is copied; its tables are not needed afterwards. */
    status_t (*create)(const network_t *net, const backend_options_t *options,
                       backend_state_t **state, connectivity_t *connectivity);
    void (*destroy)(backend_state_t *state);
    /* Potential h of one population in one trial: [ny][nx]. */
    status_t (*put_state)(backend_state_t *state, uint32_t trial, uint32_t population,
                          const float *h);
    status_t (*get_state)(backend_state_t *state, uint32_t trial, uint32_t population, float *h);
    /* Rates phi(h) of one population in one trial, [ny][nx], in the rate's own unit. */
    status_t (*get_rate)(backend_state_t *state, uint32_t trial, uint32_t population, float *rate);
    /* Steps first_step, ..., first_step + count - 1 of every trial (the step numbers address the
     * noise). */
    status_t (*step)(backend_state_t *state, uint64_t first_step, uint32_t count);
    /* Neuron-steps so far, of all trials, whose rate saturated its fixed-point range. */
    status_t (*saturated)(backend_state_t *state, uint64_t *count);
    /* Inputs of targets [first, first + count) of one pathway, by ascending source:
     * indptr[count + 1] from 0, then sources and codes (weight = code * scale) of at most
     * `capacity` synapses. With sources NULL only indptr is filled. */
    status_t (*edges)(backend_state_t *state, uint32_t pathway, uint32_t first, uint32_t count,
                      uint64_t *indptr, uint32_t *sources, int32_t *codes);
    /* Y = J X with the stored weights; X, Y: [vectors][neurons], populations in order, each
     * [ny][nx]. Exact but for 2^(1 - 2 rate_bits) of a source population's largest |x| and the few
     * roundings of adding limbs and pathways in double (limbs.h); the same bits on every device.
     * Potentials, rates and what the next step does are unchanged. cuda keeps, from the
     * first call on and beyond footprint's, 16 bytes a neuron and vector and 4 bytes an image site
     * and limb, for at most 4 vectors. A vector that is not finite: STATUS_FAILED, and Y is
     * undefined. */
    status_t (*apply)(backend_state_t *state, uint32_t vectors, const double *x, double *y);
    const dense_solver_t *dense; /* NULL where its library is too old: the cpu's serves instead */
    const yardsticks_t *yardsticks;
} backend_t;

extern const backend_t backend_cpu;
int cpu_has_simd(int simd); /* whether this processor runs that simd_t */
const char *cpu_simd_name(int simd);
#ifdef BRISC_CUDA
extern const backend_t backend_cuda;
#endif

/* "auto" (cuda where a device is usable, else cpu), "cpu" or "cuda"; STATUS_USAGE for any other
 * name, STATUS_FAILED where the named one cannot be used. */
status_t backend_find(const char *name, const backend_t **backend);
/* The instances of this build, NULL-terminated, cpu first. */
const backend_t *const *backend_list(void);

/* 64-bit hash of the whole state (the bits of every h of every trial). */
status_t backend_state_hash(const backend_t *backend, backend_state_t *state, const network_t *net,
                            uint64_t *hash);

#ifdef __cplusplus
}
#endif
#endif
