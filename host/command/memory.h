/* The memory that a run takes, before it is begun. In bytes. */
#ifndef BRISC_MEMORY_H
#define BRISC_MEMORY_H

#include "host/command/command.h"

typedef struct {
    uint32_t trials;
    uint64_t program;        /* code, libraries, stacks, probability tables */
    uint64_t prediction;     /* most that the theory holds, before the build; then it is free */
    uint64_t network, state; /* on the device; the build's own room is a few MB */
    uint64_t frames;         /* on their way to the file, and checkpoints */
    uint64_t order;          /* order parameters or patterns, once the network is gone */
    uint64_t device;         /* network and state */
    uint64_t process;        /* most that is resident at once: what is on the host of all these */
    uint64_t device_free, free; /* on the device, on the host; the same on the cpu backend */
    bool on_host;               /* the device is the host */
} memory_plan_t;

/* A storage `auto` that does not fit becomes `bitmap` in the plan. */
status_t memory_plan(const config_t *config, network_plan_t *plan, const backend_t *backend,
                     memory_plan_t *memory);
/* STATUS_FAILED where more is needed than is free. */
status_t memory_plan_check(const memory_plan_t *memory, const backend_t *backend);

#endif
