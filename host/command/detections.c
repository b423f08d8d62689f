#include "host/command/detections.h"

#include <math.h>
#include <stdio.h>
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

/* The modes in another file's /detections; velocities: [2][n][ny][nx], the caller's to free. */
static status_t read_modes(const char *path, stored_modes_t *modes, double **velocities) {
    static const char *const names[2] = {"/detections/modes/velocity_x",
                                         "/detections/modes/velocity_y"};
    h5_file_t *file;
    int rank = 0;
    size_t size[4] = {0};
    TRY(h5_open(path, 0, &file));
    if (H5Lexists(h5_id(file), "/detections", H5P_DEFAULT) <= 0 ||
        H5Lexists(h5_id(file), "/detections/modes", H5P_DEFAULT) <= 0 ||
        h5_dimensions(file, names[0], &rank, size) != STATUS_OK || rank != 3) {
        h5_close(file);
        FAIL(
            STATUS_USAGE,
            "--modes %s: holds no modes of velocity fields; `brisc analyze` finds them where there "
            "is a rhythm, and -o stores them",
            path);
    }
    size_t n = size[0] * size[1] * size[2];
    *velocities = malloc(2 * n * sizeof **velocities);
    status_t status = *velocities ? STATUS_OK
                                  : status_fail(STATUS_FAILED, __FILE__, __LINE__,
                                                "--modes %s: no memory for them", path);
    for (int k = 0; status == STATUS_OK && k < 2; k++)
        status = h5_read(file, names[k], H5T_NATIVE_DOUBLE, *velocities + (size_t)k * n);
    *modes = (stored_modes_t){size[0], size[1], size[2], *velocities, *velocities + n};
    h5_close(file);
    return status;
}

status_t detections_measure(const options_t *options, h5_file_t *file, const field_t *field,
                            dataset_t *found) {
    uint64_t needed = detect_memory(field->frames, &field->grid), there = 0;
    TRY(backend_cpu.memory_free(&there));
    if (needed > there) {
        char reason[160];
        snprintf(reason, sizeof reason,
                 "none: patterns of %zu x %zu sites need %.3g GB of memory, %.3g GB are free",
                 field->grid.ny, field->grid.nx, (double)needed * 1e-9, (double)there * 1e-9);
        return dataset_text(found, "reason", reason);
    }
    stored_modes_t modes = {0};
    double *velocities = NULL;
    double wavelength = wavelength_predicted(file);
    status_t status = options->modes ? read_modes(options->modes, &modes, &velocities) : STATUS_OK;
    detect_options_t chosen = {.band = {options->band_hz[0], options->band_hz[1]},
                               .smoothness_rad = options->smoothness,
                               .wavelength_predicted = wavelength,
                               .modes = options->modes ? &modes : NULL};
    if (status == STATUS_OK)
        status = detect_all(field, &chosen, found);
    free(velocities);
    return status;
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
        status = h5_commit_close(file);
    else
        h5_close(file);
    checkpoint_destroy(&guard);
    return status;
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
