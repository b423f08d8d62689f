#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/io/h5_internal.h"

#include <hdf5_hl.h> /* dimension scales */

/* ---- attributes ---- */

/* Replaces the attribute, `type` in memory, `stored` in the file; a value of the same fixed type in
 * place, without new space in the file. */
static status_t attribute_write(h5_file_t *file, const char *object, const char *name, hid_t stored,
                                hid_t type, size_t bytes, const void *value) {
    /* By its object: 1.10 cannot write an attribute that was opened by its object's name. */
    hid_t place = H5Oopen(h5_id(file), object, H5P_DEFAULT), attribute = H5I_INVALID_HID;
    bool present = place >= 0 && H5Aexists(place, name) > 0, in_place = false;
    status_t status = STATUS_OK;
    if (present) {
        attribute = H5Aopen(place, name, H5P_DEFAULT);
        hid_t before = H5Aget_type(attribute);
        in_place = H5Tequal(before, stored) > 0 && H5Tis_variable_str(stored) <= 0;
        H5Tclose(before);
    }
    if (!in_place)
        status = h5_reserve(file, bytes, name);
    if (!in_place && status == STATUS_OK) {
        if (present) {
            H5Aclose(attribute);
            H5Adelete(place, name);
        }
        hid_t space = H5Screate(H5S_SCALAR);
        attribute = H5Acreate2(place, name, stored, space, H5P_DEFAULT, H5P_DEFAULT);
        H5Sclose(space);
    }
    if (status == STATUS_OK && (attribute < 0 || H5Awrite(attribute, type, value) < 0))
        status = status_fail(STATUS_FAILED, __FILE__, __LINE__,
                             "%s: cannot write attribute %s of %s: %s", h5_path(file), name, object,
                             h5_reason());
    if (attribute >= 0)
        H5Aclose(attribute);
    if (place >= 0)
        H5Oclose(place);
    return status;
}

status_t h5_attribute_text(h5_file_t *file, const char *object, const char *name,
                           const char *text) {
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    status_t status = attribute_write(file, object, name, type, type, strlen(text), &text);
    H5Tclose(type);
    return status;
}

status_t h5_attribute_short_text(h5_file_t *file, const char *object, const char *name,
                                 const char *text) {
    enum { SIZE = 256 };
    char padded[SIZE] = {0};
    snprintf(padded, sizeof padded, "%s", text);
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, SIZE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    status_t status = attribute_write(file, object, name, type, type, SIZE, padded);
    H5Tclose(type);
    return status;
}

status_t h5_attribute_double(h5_file_t *file, const char *object, const char *name, double value) {
    return attribute_write(file, object, name, H5T_NATIVE_DOUBLE, H5T_NATIVE_DOUBLE, sizeof value,
                           &value);
}

status_t h5_attribute_int(h5_file_t *file, const char *object, const char *name, int64_t value) {
    return attribute_write(file, object, name, H5T_NATIVE_INT64, H5T_NATIVE_INT64, sizeof value,
                           &value);
}

status_t h5_attribute_uint(h5_file_t *file, const char *object, const char *name, uint64_t value) {
    return attribute_write(file, object, name, H5T_NATIVE_UINT64, H5T_NATIVE_UINT64, sizeof value,
                           &value);
}

/* The attribute, one element, of a class that `type`'s class can be read from. */
static status_t attribute_open(h5_file_t *file, const char *object, const char *name, hid_t type,
                               hid_t *attribute) {
    *attribute = H5Aopen_by_name(h5_id(file), object, name, H5P_DEFAULT, H5P_DEFAULT);
    if (*attribute < 0)
        FAIL(STATUS_FAILED, "%s: %s has no attribute %s", h5_path(file), object, name);
    hid_t stored = H5Aget_type(*attribute), space = H5Aget_space(*attribute);
    bool text = H5Tget_class(stored) == H5T_STRING;
    bool number = H5Tget_class(stored) == H5T_INTEGER || H5Tget_class(stored) == H5T_FLOAT;
    bool fits = H5Tget_class(type) == H5T_STRING ? text : number;
    fits = fits && H5Sget_simple_extent_npoints(space) == 1;
    H5Sclose(space);
    H5Tclose(stored);
    if (!fits) {
        H5Aclose(*attribute);
        FAIL(STATUS_FAILED, "%s: attribute %s of %s is not one %s", h5_path(file), name, object,
             H5Tget_class(type) == H5T_STRING ? "text" : "number");
    }
    return STATUS_OK;
}

static status_t attribute_number(h5_file_t *file, const char *object, const char *name, hid_t type,
                                 void *value) {
    hid_t attribute;
    TRY(attribute_open(file, object, name, type, &attribute));
    herr_t read = H5Aread(attribute, type, value);
    H5Aclose(attribute);
    if (read < 0)
        H5_FAIL(file, "read attribute", name);
    return STATUS_OK;
}

status_t h5_read_attribute_double(h5_file_t *file, const char *object, const char *name,
                                  double *value) {
    return attribute_number(file, object, name, H5T_NATIVE_DOUBLE, value);
}

status_t h5_read_attribute_int(h5_file_t *file, const char *object, const char *name,
                               int64_t *value) {
    return attribute_number(file, object, name, H5T_NATIVE_INT64, value);
}

status_t h5_read_attribute_text(h5_file_t *file, const char *object, const char *name,
                                char **text) {
    hid_t attribute;
    *text = NULL;
    TRY(attribute_open(file, object, name, H5T_C_S1, &attribute));
    hid_t type = H5Aget_type(attribute);
    herr_t read = -1;
    if (H5Tis_variable_str(type) > 0) {
        char *stored = NULL;
        read = H5Aread(attribute, type, &stored);
        if (read >= 0)
            *text = strdup(stored != NULL ? stored : "");
        H5free_memory(stored);
    } else {
        *text = calloc(1, H5Tget_size(type) + 1);
        if (*text != NULL)
            read = H5Aread(attribute, type, *text);
    }
    H5Tclose(type);
    H5Aclose(attribute);
    if (read < 0 || *text == NULL) {
        free(*text);
        *text = NULL;
        H5_FAIL(file, "read attribute", name);
    }
    return STATUS_OK;
}

/* ---- groups and variables ---- */

status_t h5_group(h5_file_t *file, const char *path) {
    if (H5Lexists(h5_id(file), path, H5P_DEFAULT) > 0)
        return STATUS_OK;
    TRY(h5_reserve(file, 0, path));
    hid_t properties = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_link_creation_order(properties, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    H5Pset_obj_track_times(properties, 0);
    hid_t group = H5Gcreate2(h5_id(file), path, H5P_DEFAULT, properties, H5P_DEFAULT);
    H5Pclose(properties);
    if (group < 0)
        H5_FAIL(file, "create group", path);
    H5Gclose(group);
    return STATUS_OK;
}

static status_t described(h5_file_t *file, const char *path, const char *units,
                          const char *long_name) {
    if (units == NULL || units[0] == '\0' || long_name == NULL || long_name[0] == '\0')
        FAIL(STATUS_FAILED,
             "%s: %s has no unit or no description, so it is not written (a plain "
             "number's unit is \"1\")",
             h5_path(file), path);
    return STATUS_OK;
}

/* Creates the dataset [dimensions] with its attributes; leaves it open. */
static status_t dataset_create(h5_file_t *file, const char *path, hid_t type, int rank,
                               const hsize_t *dimensions, const void *data, const char *units,
                               const char *long_name, hid_t *dataset) {
    TRY(described(file, path, units, long_name));
    size_t bytes = H5Tget_size(type);
    for (int d = 0; d < rank; d++)
        bytes *= dimensions[d];
    TRY(h5_reserve(file, bytes, path));
    hid_t space = rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, dimensions, NULL);
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(properties, 0);
    H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY);
    bool fill = data == NULL, real = H5Tget_class(type) == H5T_FLOAT;
    double nan = NAN;
    if (fill && real)
        H5Pset_fill_value(properties, H5T_NATIVE_DOUBLE, &nan);
    H5Pset_fill_time(properties, fill ? H5D_FILL_TIME_ALLOC : H5D_FILL_TIME_NEVER);
    *dataset = H5Dcreate2(h5_id(file), path, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    H5Pclose(properties);
    H5Sclose(space);
    if (*dataset < 0)
        H5_FAIL(file, "create", path);
    status_t status = h5_attribute_text(file, path, "units", units);
    if (status == STATUS_OK)
        status = h5_attribute_text(file, path, "long_name", long_name);
    if (status == STATUS_OK && fill && real)
        status =
            attribute_write(file, path, "_FillValue", type, H5T_NATIVE_DOUBLE, sizeof nan, &nan);
    if (status == STATUS_OK && !fill)
        status = h5_write(file, path, type, data);
    if (status != STATUS_OK)
        H5Dclose(*dataset);
    return status;
}

status_t h5_coordinate(h5_file_t *file, const char *path, size_t n, const double *values,
                       const char *units, const char *long_name) {
    hid_t dataset;
    hsize_t dimensions[1] = {n};
    TRY(dataset_create(file, path, H5T_NATIVE_DOUBLE, 1, dimensions, values, units, long_name,
                       &dataset));
    const char *slash = strrchr(path, '/');
    herr_t scaled = H5DSset_scale(dataset, slash != NULL ? slash + 1 : path);
    H5Dclose(dataset);
    if (scaled < 0)
        H5_FAIL(file, "make a coordinate of", path);
    return STATUS_OK;
}

static status_t attach(h5_file_t *file, const char *path, hid_t dataset, int rank,
                       const char *const *coordinates) {
    for (int d = 0; d < rank; d++) {
        hid_t scale = H5Dopen2(h5_id(file), coordinates[d], H5P_DEFAULT);
        herr_t attached = scale < 0 ? -1 : H5DSattach_scale(dataset, scale, (unsigned)d);
        if (attached < 0)
            H5_FAIL(file, "attach the coordinates of", path);
        H5Dclose(scale);
    }
    return STATUS_OK;
}

status_t h5_variable(h5_file_t *file, const char *path, hid_t type, int rank,
                     const char *const *coordinates, const void *data, const char *units,
                     const char *long_name) {
    hsize_t dimensions[4] = {0};
    hid_t dataset;
    for (int d = 0; d < rank; d++) {
        int coordinate_rank = 0;
        size_t length[4];
        TRY(h5_dimensions(file, coordinates[d], &coordinate_rank, length));
        if (coordinate_rank != 1)
            FAIL(STATUS_FAILED, "%s: %s is not a coordinate", h5_path(file), coordinates[d]);
        dimensions[d] = length[0];
    }
    TRY(dataset_create(file, path, type, rank, dimensions, data, units, long_name, &dataset));
    status_t status = attach(file, path, dataset, rank, coordinates);
    H5Dclose(dataset);
    return status;
}

status_t h5_offset(h5_file_t *file, const char *path, uint64_t *offset) {
    hid_t dataset = H5Dopen2(h5_id(file), path, H5P_DEFAULT);
    haddr_t address = dataset < 0 ? HADDR_UNDEF : H5Dget_offset(dataset);
    if (dataset >= 0)
        H5Dclose(dataset);
    if (address == HADDR_UNDEF)
        H5_FAIL(file, "find the place of", path);
    *offset = address;
    return STATUS_OK;
}

/* ---- values ---- */

status_t h5_transfer(h5_file_t *file, const char *path, h5_transfer_t way, hid_t type, int rank,
                     const hsize_t *start, const hsize_t *count, void *values) {
    h5_quiet(); /* this may be a thread of its own */
    hid_t dataset = H5Dopen2(h5_id(file), path, H5P_DEFAULT);
    if (dataset < 0)
        H5_FAIL(file, way == H5_READ ? "read" : "write", path);
    hid_t stored = H5S_ALL, memory = H5S_ALL;
    herr_t done = 0;
    if (start != NULL) {
        stored = H5Dget_space(dataset);
        memory = H5Screate_simple(rank, count, NULL);
        done = H5Sselect_hyperslab(stored, H5S_SELECT_SET, start, NULL, count, NULL);
    }
    if (done >= 0)
        done = way == H5_READ ? H5Dread(dataset, type, memory, stored, H5P_DEFAULT, values)
                              : H5Dwrite(dataset, type, memory, stored, H5P_DEFAULT, values);
    if (start != NULL) {
        H5Sclose(stored);
        H5Sclose(memory);
    }
    H5Dclose(dataset);
    if (done < 0)
        H5_FAIL(file, way == H5_READ ? "read" : "write", path);
    return STATUS_OK;
}

status_t h5_write(h5_file_t *file, const char *path, hid_t type, const void *values) {
    return h5_transfer(file, path, H5_WRITE, type, 0, NULL, NULL, (void *)values);
}

status_t h5_read(h5_file_t *file, const char *path, hid_t type, void *values) {
    return h5_transfer(file, path, H5_READ, type, 0, NULL, NULL, values);
}

/* ---- what a file holds ---- */

/* Dimensions of a dataset of numbers; -1 where it is none or has more than 4. */
static int number_rank(hid_t dataset, size_t dimensions[4]) {
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    H5T_class_t class = H5Tget_class(type);
    int rank = H5Sget_simple_extent_ndims(space);
    hsize_t size[H5S_MAX_RANK];
    if ((class != H5T_FLOAT && class != H5T_INTEGER) || rank > 4 ||
        H5Sget_simple_extent_dims(space, size, NULL) < 0)
        rank = -1;
    for (int d = 0; d < rank; d++)
        dimensions[d] = size[d];
    H5Sclose(space);
    H5Tclose(type);
    return rank;
}

status_t h5_dimensions(h5_file_t *file, const char *path, int *rank, size_t dimensions[4]) {
    hid_t dataset = H5Dopen2(h5_id(file), path, H5P_DEFAULT);
    if (dataset < 0)
        FAIL(STATUS_FAILED, "%s: has no variable %s", h5_path(file), path);
    *rank = number_rank(dataset, dimensions);
    H5Dclose(dataset);
    if (*rank < 0)
        FAIL(STATUS_FAILED, "%s: %s is not a variable of numbers with at most 4 dimensions",
             h5_path(file), path);
    return STATUS_OK;
}

typedef struct {
    char *path;
    size_t size;
} name_t;

static herr_t take_name(hid_t dataset, unsigned dimension, hid_t scale, void *result) {
    (void)dataset, (void)dimension;
    name_t *name = result;
    return H5Iget_name(scale, name->path, name->size) > 0 ? 1 : 0;
}

status_t h5_dimension_coordinate(h5_file_t *file, const char *path, int dimension, char *coordinate,
                                 size_t size) {
    coordinate[0] = '\0';
    hid_t dataset = H5Dopen2(h5_id(file), path, H5P_DEFAULT);
    if (dataset < 0)
        FAIL(STATUS_FAILED, "%s: has no variable %s", h5_path(file), path);
    name_t name = {coordinate, size};
    if (H5DSget_num_scales(dataset, (unsigned)dimension) > 0)
        H5DSiterate_scales(dataset, (unsigned)dimension, NULL, take_name, &name);
    H5Dclose(dataset);
    return STATUS_OK;
}
