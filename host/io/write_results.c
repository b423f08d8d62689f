#include "host/io/write_results.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 64 };

#define COLUMN(name, integer, units, long_name)                                                    \
    {                                                                                              \
#name, units, long_name, offsetof(eigenmode_t, name), sizeof(((eigenmode_t *)0)->name),    \
            integer                                                                                \
    }

static const struct {
    const char *name, *units, *long_name;
    size_t offset, bytes;
    bool integer; /* int, else double */
} columns[] = {
    COLUMN(nx, true, "1", "wave number along x, cycles a torus side"),
    COLUMN(ny, true, "1", "wave number along y, cycles a torus side"),
    COLUMN(re, false, "1", "real part of the predicted eigenvalue"),
    COLUMN(im, false, "1", "imaginary part of the predicted eigenvalue"),
    COLUMN(std, false, "1", "finite-size standard deviation of the eigenvalue"),
    COLUMN(multiplicity, true, "1", "number of wave vectors with this eigenvalue"),
    COLUMN(growth, false, "1", "growth factor over one time step"),
    COLUMN(frequency_hz, false, "Hz", "predicted frequency"),
};

status_t new_group(h5_file_t *file, const char *path) {
    if (H5Lexists(h5_id(file), path, H5P_DEFAULT) > 0)
        H5Ldelete(h5_id(file), path, H5P_DEFAULT);
    return h5_group(file, path);
}

status_t write_modes(h5_file_t *file, const char *group, const eigenmode_t *modes, size_t n) {
    char axis[PATH_SIZE];
    const char *const mode[1] = {axis};
    TRY(h5_group(file, group));
    if (n == 0)
        return STATUS_OK;
    snprintf(axis, sizeof axis, "%s/mode", group);
    size_t most = sizeof(double) > sizeof(int) ? sizeof(double) : sizeof(int);
    char *values = malloc(n * most), path[PATH_SIZE];
    if (values == NULL)
        FAIL(STATUS_FAILED, "%s: no memory", h5_path(file));
    for (size_t i = 0; i < n; i++)
        ((double *)values)[i] = (double)(i + 1);
    status_t status = h5_coordinate(file, mode[0], n, (double *)values, "1",
                                    "place of the mode, largest growth first");
    for (size_t c = 0; status == STATUS_OK && c < sizeof columns / sizeof columns[0]; c++) {
        for (size_t i = 0; i < n; i++)
            memcpy(values + i * columns[c].bytes, (const char *)&modes[i] + columns[c].offset,
                   columns[c].bytes);
        snprintf(path, sizeof path, "%s/%s", group, columns[c].name);
        hid_t type = columns[c].integer ? H5T_NATIVE_INT : H5T_NATIVE_DOUBLE;
        status =
            h5_variable(file, path, type, 1, mode, values, columns[c].units, columns[c].long_name);
    }
    free(values);
    return status;
}

status_t write_prediction(h5_file_t *file, const theory_t *theory) {
    TRY(new_group(file, "/prediction"));
    TRY(h5_attribute_text(file, "/prediction", "regime", regime_name(theory->regime)));
    TRY(h5_attribute_text(file, "/prediction", "followed", theory->followed_reason));
    TRY(h5_attribute_text(file, "/prediction", "unsolved", theory->unsolved));
    TRY(h5_variable(file, "/prediction/bulk_radius", H5T_NATIVE_DOUBLE, 0, NULL,
                    &theory->bulk_radius, "1",
                    "radius of the bulk of the connectivity's spectrum"));
    TRY(h5_variable(file, "/prediction/bulk_radius_effective", H5T_NATIVE_DOUBLE, 0, NULL,
                    &theory->bulk_radius_effective, "1",
                    "radius of the bulk with the gains at the operating point"));
    return write_modes(file, "/prediction", theory->outliers, theory->n_outliers);
}

/* Over the trials, or a scalar for one; values[trials], as `type`. */
static status_t put_by_trial(h5_file_t *file, bool create, const char *name, hid_t type,
                             const observed_t *observed, const void *values, const char *unit,
                             const char *long_name) {
    static const char *const axis[1] = {"/order/trial"};
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "/order/%s", name);
    if (!create)
        return h5_write(file, path, type, values);
    return h5_variable(file, path, type, observed->trials > 1, axis, values, unit, long_name);
}

static status_t put_regimes(h5_file_t *file, bool create, const observed_t *observed,
                            int32_t *code) {
    char long_name[200] = "regime that the trial shows:";
    for (int r = 0; r < REGIMES; r++) {
        size_t used = strlen(long_name);
        snprintf(long_name + used, sizeof long_name - used, " %d %s%s", r, regime_name((regime_t)r),
                 r + 1 < REGIMES ? "," : "");
    }
    for (size_t i = 0; i < observed->trials; i++)
        code[i] = (int32_t)observed->trial[i].regime;
    return put_by_trial(file, create, "regime_of_trial", H5T_NATIVE_INT32, observed, code, "1",
                        long_name);
}

status_t write_order(h5_file_t *file, const observed_t *observed, bool agrees) {
    bool create = H5Lexists(h5_id(file), "/order", H5P_DEFAULT) <= 0;
    const seen_t *all = &observed->all;
    TRY(h5_group(file, "/order"));
    TRY(h5_attribute_short_text(file, "/order", "regime", regime_name(all->regime)));
    TRY(h5_attribute_short_text(file, "/order", "reason", all->reason));
    TRY(h5_attribute_int(file, "/order", "agrees", agrees));
    if (create && observed->trials > 1)
        TRY(h5_trials(file, "/order/trial", observed->trials));
    double *values = malloc(observed->trials * sizeof *values);
    if (values == NULL)
        FAIL(STATUS_FAILED, "%s: no memory", h5_path(file));
    const order_parameter_t *p;
    status_t status = STATUS_OK;
    for (size_t k = 0; status == STATUS_OK && (p = order_each(k)) != NULL; k++) {
        for (size_t i = 0; i < observed->trials; i++)
            values[i] = order_value(&observed->trial[i].order, p);
        status = put_by_trial(file, create, p->name, H5T_NATIVE_DOUBLE, observed, values, p->unit,
                              p->long_name);
    }
    if (status == STATUS_OK && observed->trials > 1)
        status = put_regimes(file, create, observed, (int32_t *)values);
    free(values);
    return status;
}
