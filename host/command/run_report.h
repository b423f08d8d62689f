/* A run as commands hold it, and how it is told: on the terminal and as JSON. */
#ifndef BRISC_RUN_REPORT_H
#define BRISC_RUN_REPORT_H

#include "host/command/report.h"
#include "host/detect/dataset.h"
#include "host/detect/trials.h"
#include "host/simulate.h"

/* Everything that a run holds, so that one place frees it. */
typedef struct {
    config_t config;
    network_plan_t plan;
    theory_t theory;
    const backend_t *backend;
    backend_state_t *state;
    connectivity_t built;
    checkpoint_t checkpoint; /* that it goes on from; empty for a new run */
    snapshot_writer_t *writer;
    simulation_t simulation;
    observed_t observed;
    dataset_t found; /* patterns of the first trial */
    char device[256];
    uint64_t synapses, state_hash;
    double build_s;
} run_t;

bool run_agrees(const run_t *run); /* every trial with the prediction */
typedef struct {
    char text[20];
} hash_text_t;
hash_text_t hash_text(uint64_t hash);

void run_print_start(const options_t *options, const run_t *run);
void run_print_verdict(const options_t *options, const run_t *run);
json_t *run_json(const run_t *run);

#endif
