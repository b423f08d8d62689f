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
    TRY(h5_variable(file, "/prediction/bulk_radius", H5T_NATIVE_DOUBLE, 0, NULL,
                    &theory->bulk_radius, "1",
                    "radius of the bulk of the connectivity's spectrum"));
    TRY(h5_variable(file, "/prediction/bulk_radius_effective", H5T_NATIVE_DOUBLE, 0, NULL,
                    &theory->bulk_radius_effective, "1",
                    "radius of the bulk with the gains at the operating point"));
    return write_modes(file, "/prediction", theory->outliers, theory->n_outliers);
}

status_t write_order(h5_file_t *file, const order_t *order, regime_t regime, const char *reason,
                     bool agrees) {
    bool create = H5Lexists(h5_id(file), "/order", H5P_DEFAULT) <= 0;
    char path[PATH_SIZE];
    TRY(h5_group(file, "/order"));
    TRY(h5_attribute_short_text(file, "/order", "regime", regime_name(regime)));
    TRY(h5_attribute_short_text(file, "/order", "reason", reason));
    TRY(h5_attribute_int(file, "/order", "agrees", agrees));
    const order_parameter_t *parameter;
    for (size_t i = 0; (parameter = order_each(i)) != NULL; i++) {
        double value = order ? order_value(order, parameter) : NAN;
        snprintf(path, sizeof path, "/order/%s", parameter->name);
        if (create)
            TRY(h5_variable(file, path, H5T_NATIVE_DOUBLE, 0, NULL, &value, parameter->unit,
                            parameter->long_name));
        else
            TRY(h5_write(file, path, H5T_NATIVE_DOUBLE, &value));
    }
    return STATUS_OK;
}
