/* A measured spectrum, and how it is printed. */
#ifndef BRISC_SPECTRUM_REPORT_H
#define BRISC_SPECTRUM_REPORT_H

#include "host/command/command.h"
#include "host/io/checkpoint.h"
#include "host/spectrum/spectrum.h"

/* Everything that the command holds, so that one place frees it. */
typedef struct {
    config_t config;
    network_plan_t plan;
    h5_file_t *file;    /* the run's, where one was given */
    checkpoint_t guard; /* locks the run's file where the result goes into it */
    char output[OUTPUT_SIZE], device[256], matrix_name[64];
    const backend_t *backend;
    backend_state_t *state;
    connectivity_t built;
    double *gain;  /* [neurons] */
    bool at_state; /* whether the gains are those of a stored state, at */
    double at_ms;
    theory_t theory;
    spectrum_options_t options;
    spectrum_t spectrum;
    symbol_check_t check;
    bool checked;
} measured_t;

void spectrum_print(const measured_t *m);
json_t *spectrum_json(const measured_t *m);
/* Unequal tau, outliers missing or unpredicted, eigenvalues not converged: one warning each. */
void spectrum_warn(const measured_t *m);

#endif
