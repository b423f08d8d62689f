#include "host/command/detections.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/detect/detect.h"
#include "host/io/checkpoint.h"
#include "host/io/write_detections.h"
#include "host/version.h"

/* The leading mode's wavelength, where a run's file predicts one that grows; else 0. */
static double wavelength_predicted(h5_file_t *file) {
    int rank = 0;
    size_t size[4] = {0};
    char *regime = NULL;
    if (h5_read_attribute_text(file, "/prediction", "regime", &regime) != STATUS_OK)
        return 0.0;
    bool pattern = strcmp(regime, "bump") == 0 || strcmp(regime, "wave") == 0;
    free(regime);
    if (!pattern || h5_dimensions(file, "/prediction/nx", &rank, size) != STATUS_OK || rank != 1)
        return 0.0;
    double *n = malloc(2 * size[0] * sizeof *n), wavelength = 0.0;
    if (n && h5_read(file, "/prediction/nx", H5T_NATIVE_DOUBLE, n) == STATUS_OK &&
        h5_read(file, "/prediction/ny", H5T_NATIVE_DOUBLE, n + size[0]) == STATUS_OK)
        wavelength = 1.0 / hypot(n[0], n[size[0]]);
    free(n);
    return isfinite(wavelength) ? wavelength : 0.0;
}

status_t detections_measure(const options_t *options, h5_file_t *file, const field_t *field,
                            double tau_ms, dataset_t *found) {
    detect_options_t chosen = {.band = {options->band_hz[0], options->band_hz[1]},
                               .smoothness_rad = options->smoothness,
                               .wavelength_predicted = wavelength_predicted(file),
                               .tau_ms = tau_ms};
    return detect_all(field, &chosen, found);
}

status_t detections_add(const char *path, const dataset_t *found) {
    h5_file_t *file = NULL;
    checkpoint_t guard = {0}; /* no run may be writing it */
    if (checkpoint_is_there(path))
        TRY(checkpoint_lock(path, &guard));
    status_t status = h5_open_copy(path, &file);
    if (status == STATUS_OK)
        status = write_detections(file, found);
    if (status == STATUS_OK)
        status = h5_commit(file);
    status_t closed = h5_close(file);
    checkpoint_destroy(&guard);
    return status != STATUS_OK ? status : closed;
}

status_t detections_create(const options_t *options, const dataset_t *found) {
    h5_file_t *file;
    const char *const attribute[][2] = {{"Conventions", "CF-1.8"},
                                        {"title", "Patterns in spatial activity"},
                                        {"source", "brisc " BRISC_VERSION},
                                        {"git_commit", BRISC_COMMIT},
                                        {"command_line", options->command_line},
                                        {"input", options->input}};
    TRY(h5_create(options->output, options->force, &file));
    status_t status = STATUS_OK;
    for (size_t k = 0; status == STATUS_OK && k < sizeof attribute / sizeof attribute[0]; k++)
        status = h5_attribute_text(file, "/", attribute[k][0], attribute[k][1]);
    if (status == STATUS_OK)
        status = write_detections(file, found);
    if (status == STATUS_OK)
        status = h5_commit(file);
    status_t closed = h5_close(file);
    return status != STATUS_OK ? status : closed;
}
