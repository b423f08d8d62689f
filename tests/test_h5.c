/* HDF5 files: attributes, variables, creation. */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <unistd.h>

#include "host/io/h5.h"
#include "tests/folder.h"

/* ---- attributes and variables ---- */

static void test_attributes(void **state) {
    (void)state;
    h5_file_t *file;
    char *text, *long_text = malloc(200001);
    double x;
    int64_t i;
    memset(long_text, 'k', 200000); /* a config may be longer than HDF5's 64 KB object headers */
    long_text[200000] = '\0';
    assert_int_equal(h5_create(path, 0, &file), STATUS_OK);
    assert_int_equal(h5_attribute_text(file, "/", "config", long_text), STATUS_OK);
    assert_int_equal(h5_attribute_text(file, "/", "name", "\xc3\xa9t\xc3\xa9"), STATUS_OK);
    assert_int_equal(h5_attribute_text(file, "/", "name", "twice"), STATUS_OK);
    assert_int_equal(h5_attribute_text(file, "/", "empty", ""), STATUS_OK);
    assert_int_equal(h5_attribute_double(file, "/", "x", 0.25), STATUS_OK);
    assert_int_equal(h5_attribute_int(file, "/", "i", -7), STATUS_OK);
    assert_int_equal(h5_attribute_int(file, "/", "i", -8), STATUS_OK);
    assert_int_equal(h5_commit(file), STATUS_OK);
    assert_int_equal(h5_close(file), STATUS_OK);
    assert_int_equal(h5_open(path, 0, &file), STATUS_OK);
    assert_int_equal(h5_read_attribute_text(file, "/", "config", &text), STATUS_OK);
    assert_string_equal(text, long_text);
    free(text);
    assert_int_equal(h5_read_attribute_text(file, "/", "name", &text), STATUS_OK);
    assert_string_equal(text, "twice");
    free(text);
    assert_int_equal(h5_read_attribute_text(file, "/", "empty", &text), STATUS_OK);
    assert_string_equal(text, "");
    free(text);
    assert_int_equal(h5_read_attribute_double(file, "/", "x", &x), STATUS_OK);
    assert_float_equal(x, 0.25, 0.0);
    assert_int_equal(h5_read_attribute_int(file, "/", "i", &i), STATUS_OK);
    assert_int_equal(i, -8);
    assert_fails(h5_read_attribute_int(file, "/", "none", &i), STATUS_FAILED, "none");
    assert_fails(h5_read_attribute_int(file, "/", "name", &i), STATUS_FAILED, "not one number");
    assert_fails(h5_read_attribute_text(file, "/", "i", &text), STATUS_FAILED, "not one text");
    assert_int_equal(h5_close(file), STATUS_OK);
    free(long_text);
}

static void test_variables(void **state) {
    (void)state;
    h5_file_t *file;
    const double axis[3] = {0.5, 1.5, 2.5};
    const char *const axes[3] = {"/g/t", "/g/y", "/g/y"}, *const far[1] = {"/g/none"};
    float frame[9], block[6];
    int rank = 0;
    size_t size[4];
    assert_int_equal(h5_create(path, 0, &file), STATUS_OK);
    assert_int_equal(h5_group(file, "/g"), STATUS_OK);
    assert_int_equal(h5_group(file, "/g"), STATUS_OK);
    assert_int_equal(h5_coordinate(file, "/g/t", 2, axis, "ms", "time"), STATUS_OK);
    assert_int_equal(h5_coordinate(file, "/g/y", 3, axis, "1", "place"), STATUS_OK);
    assert_int_equal(h5_variable(file, "/g/v", H5T_NATIVE_FLOAT, 3, axes, NULL, "1", "values"),
                     STATUS_OK);
    for (int i = 0; i < 9; i++)
        frame[i] = (float)i;
    assert_int_equal(h5_write_frame(file, "/g/v", 0, 1, frame), STATUS_OK);
    assert_int_equal(h5_read_block(file, "/g/v", 0, 1, 1, 1, 2, block), STATUS_OK);
    assert_memory_equal(block, frame + 3, sizeof block);
    assert_int_equal(h5_read_block(file, "/g/v", 0, 0, 1, 0, 1, block), STATUS_OK);
    assert_true(isnan(block[0]) && isnan(block[2]));
    assert_int_equal(h5_dimensions(file, "/g/v", &rank, size), STATUS_OK);
    assert_true(rank == 3 && size[0] == 2 && size[1] == 3 && size[2] == 3);
    /* Refused: no unit, no description, no such coordinate or frame, there already. */
    assert_fails(h5_variable(file, "/g/w", H5T_NATIVE_FLOAT, 3, axes, NULL, "", "values"),
                 STATUS_FAILED, "no unit");
    assert_fails(h5_variable(file, "/g/w", H5T_NATIVE_FLOAT, 3, axes, NULL, "1", NULL),
                 STATUS_FAILED, "no description");
    assert_fails(h5_coordinate(file, "/g/w", 3, axis, NULL, "w"), STATUS_FAILED, "/g/w");
    assert_fails(h5_variable(file, "/g/w", H5T_NATIVE_FLOAT, 1, far, NULL, "1", "w"), STATUS_FAILED,
                 "/g/none");
    assert_fails(h5_write_frame(file, "/g/v", 0, 2, frame), STATUS_FAILED, "/g/v");
    assert_fails(h5_coordinate(file, "/g/t", 2, axis, "ms", "time"), STATUS_FAILED, "exist");
    assert_int_equal(h5_close(file), STATUS_OK);
}

/* ---- creation ---- */

static void small_file(int force, double x) {
    h5_file_t *file;
    assert_int_equal(h5_create(path, force, &file), STATUS_OK);
    assert_int_equal(h5_attribute_double(file, "/", "x", x), STATUS_OK);
    assert_int_equal(h5_commit(file), STATUS_OK);
    assert_int_equal(h5_close(file), STATUS_OK);
}

static double stored_x(void) {
    h5_file_t *file;
    double x = NAN;
    assert_int_equal(h5_open(path, 0, &file), STATUS_OK);
    assert_int_equal(h5_read_attribute_double(file, "/", "x", &x), STATUS_OK);
    assert_int_equal(h5_close(file), STATUS_OK);
    return x;
}

static void test_existing_file(void **state) {
    (void)state;
    h5_file_t *file, *late;
    small_file(0, 1.0);
    assert_fails(h5_create(path, 0, &file), STATUS_USAGE, "--force");
    assert_int_equal(h5_create(path, 1, &file), STATUS_OK);
    assert_float_equal(stored_x(), 1.0, 0.0); /* there until the new one is complete */
    assert_int_equal(h5_close(file), STATUS_OK);
    assert_float_equal(stored_x(), 1.0, 0.0);
    small_file(1, 2.0);
    assert_float_equal(stored_x(), 2.0, 0.0);
    assert_int_equal(files_in_folder(), 1);
    /* Another program creates the file meanwhile. */
    assert_int_equal(remove(path), 0);
    assert_int_equal(h5_create(path, 0, &late), STATUS_OK);
    char other[320];
    snprintf(other, sizeof other, "touch '%s'", path);
    assert_int_equal(system(other), 0);
    assert_fails(h5_commit(late), STATUS_USAGE, "exists");
    assert_int_equal(h5_close(late), STATUS_OK);
    assert_int_equal(files_in_folder(), 1);
}

/* Killed between the link and the unlink of h5_commit: the output's two names are one file, and
 * what is written next must not be written over it. */
static void test_two_names(void **state) {
    (void)state;
    char temporary[320];
    h5_file_t *file;
    double value = 0.0;
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    assert_int_equal(h5_create(path, 1, &file), STATUS_OK);
    assert_int_equal(h5_attribute_double(file, "/", "x", 1.0), STATUS_OK);
    assert_int_equal(h5_commit(file), STATUS_OK);
    assert_int_equal(h5_close(file), STATUS_OK);
    for (int copy = 0; copy < 2; copy++) {
        assert_int_equal(link(path, temporary), 0);
        assert_int_equal(copy ? h5_open_copy(path, &file) : h5_create(path, 1, &file), STATUS_OK);
        assert_int_equal(h5_close(file), STATUS_OK); /* given up */
        assert_int_equal(h5_open(path, 0, &file), STATUS_OK);
        assert_int_equal(h5_read_attribute_double(file, "/", "x", &value), STATUS_OK);
        assert_int_equal(h5_close(file), STATUS_OK);
        assert_true(value == 1.0 && access(temporary, F_OK) != 0);
    }
}

static void test_places_that_cannot_be(void **state) {
    (void)state;
    h5_file_t *file;
    char nowhere[400];
    snprintf(nowhere, sizeof nowhere, "%s/none/run.h5", folder);
    assert_fails(h5_create(nowhere, 0, &file), STATUS_USAGE, strerror(ENOENT));
    assert_fails(h5_create(folder, 1, &file), STATUS_USAGE, "not a regular file");
    assert_fails(h5_open(nowhere, 0, &file), STATUS_USAGE, strerror(ENOENT));
    FILE *text = fopen(path, "w");
    fputs("populations:\n", text);
    fclose(text);
    assert_fails(h5_open(path, 0, &file), STATUS_USAGE, "HDF5");
    snprintf(nowhere, sizeof nowhere, "%s/run.h5", path);
    assert_fails(h5_create(nowhere, 0, &file), STATUS_USAGE, strerror(ENOTDIR));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_attributes, empty_folder),
        cmocka_unit_test_teardown(test_variables, empty_folder),
        cmocka_unit_test_teardown(test_existing_file, empty_folder),
        cmocka_unit_test_teardown(test_two_names, empty_folder),
        cmocka_unit_test_teardown(test_places_that_cannot_be, empty_folder),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
