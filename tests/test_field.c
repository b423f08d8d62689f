/* Measured data as fields. `test_field FILE VARIABLE OUT [open]` prints what snapshot_field says of
 * a variable and writes its values to OUT as raw floats, for tests/check_input.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/io/snapshot.h"
#include "tests/folder.h"

enum { FRAMES = 12, NY = 3, NX = 2, SITES = NY * NX };

/* What a file says; NULL units: none. */
typedef struct {
    const char *time_units, *y_units, *x_units, *boundary;
    double time[FRAMES], y[NY], x[NX];
    double values[FRAMES][SITES];
} sheet_t;

/* 10 ms a frame, 0.5 mm a site; values count up. */
static sheet_t sheet(void) {
    sheet_t s = {.time_units = "s", .y_units = "mm", .x_units = "mm", .x = {1.0, 1.5}};
    for (int t = 0; t < FRAMES; t++) {
        s.time[t] = 0.01 * t;
        for (int i = 0; i < SITES; i++)
            s.values[t][i] = t * SITES + i;
    }
    for (int y = 0; y < NY; y++)
        s.y[y] = 4.0 + 0.5 * y;
    return s;
}

static void coordinate(h5_file_t *file, const char *name, size_t n, const double *values,
                       const char *units) {
    assert_int_equal(h5_coordinate(file, name, n, values, units ? units : "1", name), STATUS_OK);
    if (!units)
        assert_true(H5Adelete_by_name(h5_id(file), name, "units", H5P_DEFAULT) >= 0);
}

static h5_file_t *store(const sheet_t *s) {
    const char *const axes[3] = {"time", "y", "x"};
    h5_file_t *file;
    assert_int_equal(h5_create(path, 1, &file), STATUS_OK);
    coordinate(file, "time", FRAMES, s->time, s->time_units);
    coordinate(file, "y", NY, s->y, s->y_units);
    coordinate(file, "x", NX, s->x, s->x_units);
    assert_int_equal(
        h5_variable(file, "lfp", H5T_NATIVE_DOUBLE, 3, axes, s->values, "uV", "potential"),
        STATUS_OK);
    if (s->boundary)
        assert_int_equal(h5_attribute_text(file, "lfp", "boundary", s->boundary), STATUS_OK);
    return file;
}

/* The grid; its length's text and its mask go with the field. */
static grid_t grid_of(const sheet_t *s, bool open) {
    field_t field;
    h5_file_t *file = store(s);
    assert_int_equal(snapshot_field(file, "lfp", -1.0, open, &field), STATUS_OK);
    grid_t grid = field.grid;
    grid.length = NULL;
    snapshot_field_destroy(&field);
    assert_int_equal(h5_close(file), STATUS_OK);
    return grid;
}

static void refuse(const sheet_t *s, const char *word) {
    field_t field;
    h5_file_t *file = store(s);
    assert_fails(snapshot_field(file, "lfp", -1.0, false, &field), STATUS_USAGE, word);
    assert_null(field.context);
    assert_int_equal(h5_close(file), STATUS_OK);
}

static void test_variable(void **state) {
    (void)state;
    field_t field;
    float block[4];
    const sheet_t s = sheet();
    h5_file_t *file = store(&s);
    assert_fails(snapshot_field(file, NULL, -1.0, false, &field), STATUS_USAGE, "lfp");
    assert_fails(snapshot_field(file, "spikes", -1.0, false, &field), STATUS_USAGE, "lfp");
    assert_fails(snapshot_field(file, "time", -1.0, false, &field), STATUS_USAGE, "lfp");
    assert_int_equal(snapshot_field(file, "/lfp", 20.0, false, &field), STATUS_OK);
    assert_int_equal(field.frames, 10);
    assert_float_equal(field.frame_ms, 10.0, 1e-9);
    assert_float_equal(field.start_ms, 20.0, 1e-9);
    assert_float_equal(field.grid.dy, 0.5, 1e-12);
    assert_string_equal(field.grid.length, "mm");
    assert_null(field.grid.mask);
    assert_int_equal(field.read(field.context, 1, 1, 1, 2, block), STATUS_OK);
    for (int i = 0; i < 4; i++)
        assert_float_equal(block[i], 3 * SITES + NX + i, 0.0);
    snapshot_field_destroy(&field);
    assert_fails(snapshot_field(file, "lfp", 60.0, false, &field), STATUS_USAGE, "6 frames");
    assert_int_equal(h5_close(file), STATUS_OK);
}

static void test_times(void **state) {
    (void)state;
    static const struct {
        const char *units;
        double frame_ms, start_ms;
    } cases[] = {{NULL, 0.01, 0.005},
                 {"ms", 0.01, 0.005},
                 {"seconds", 10, 5},
                 {"us", 1e-5, 5e-6},
                 {"min", 600, 300},
                 {"days", 864e3, 432e3},
                 {"milliseconds since 2020-01-01 00:00", 0.01, 0},
                 {"seconds since 1970-01-01", 10, 0}};
    sheet_t s = sheet();
    for (int t = 0; t < FRAMES; t++)
        s.time[t] += 0.005;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        field_t field;
        s.time_units = cases[k].units;
        h5_file_t *file = store(&s);
        assert_int_equal(snapshot_field(file, "lfp", -1.0, false, &field), STATUS_OK);
        assert_float_equal(field.frame_ms / cases[k].frame_ms, 1.0, 1e-12);
        assert_float_equal(field.start_ms, cases[k].start_ms, 1e-12 * cases[k].frame_ms);
        snapshot_field_destroy(&field);
        assert_int_equal(h5_close(file), STATUS_OK);
    }
    static const char *const refused[] = {"fortnights", "months since 2020-01-01", "ms ago", "1"};
    for (size_t k = 0; k < sizeof refused / sizeof refused[0]; k++) {
        s.time_units = refused[k];
        refuse(&s, refused[k]);
    }
    s = sheet();
    for (int t = 0; t < FRAMES; t++)
        s.time[t] -= 0.05; /* relative to a stimulus: all of it is taken */
    field_t field;
    h5_file_t *file = store(&s);
    assert_int_equal(snapshot_field(file, "lfp", -1.0, false, &field), STATUS_OK);
    assert_true(field.frames == FRAMES && fabs(field.start_ms + 50.0) < 1e-9);
    snapshot_field_destroy(&field);
    assert_int_equal(h5_close(file), STATUS_OK);
    s.time[5] += 0.003;
    refuse(&s, "even steps");
}

static void test_positions(void **state) {
    (void)state;
    sheet_t s = sheet();
    grid_t grid = grid_of(&s, true);
    assert_true(grid.ny == NY && grid.nx == NX);
    assert_float_equal(grid.dy, 0.5, 1e-12);
    assert_float_equal(grid.dx, 0.5, 1e-12);
    s.y_units = s.x_units = NULL; /* only their ratio is known */
    s.x[1] = 1.25;
    grid = grid_of(&s, true);
    assert_float_equal(grid.dy, 2.0, 1e-12);
    assert_float_equal(grid.dx, 1.0, 1e-12);
    s = sheet();
    for (int y = 0; y < NY; y++)
        s.y[y] = -s.y[y];
    assert_float_equal(grid_of(&s, true).dy, 0.5, 1e-12);
    s.y_units = "um";
    refuse(&s, "one unit");
    s.y_units = "mm";
    s.y[1] += 0.006; /* 1.2 % of a step */
    refuse(&s, "even steps");
    s.y[1] -= 0.002;
    assert_float_equal(grid_of(&s, true).dy, 0.5, 1e-12);
}

static void test_boundary(void **state) {
    (void)state;
    sheet_t s = sheet();
    assert_true(grid_of(&s, false).open); /* mm: tissue */
    s.boundary = "periodic";
    assert_false(grid_of(&s, false).open);
    assert_true(grid_of(&s, true).open);
    s.boundary = "torus";
    refuse(&s, "\"torus\"");
    s = sheet();
    s.y_units = s.x_units = NULL;
    assert_false(grid_of(&s, false).open); /* sites: not known */
    s.boundary = "open";
    assert_true(grid_of(&s, false).open);
    s.boundary = NULL;
    for (int t = 0; t < FRAMES; t++)
        s.values[t][4] = NAN;
    assert_true(grid_of(&s, false).open); /* a mask: tissue */
    s = sheet();                          /* as brisc lays its own files out */
    s.y_units = s.x_units = "1";
    for (int y = 0; y < NY; y++)
        s.y[y] = (y + 0.5) / NY;
    for (int x = 0; x < NX; x++)
        s.x[x] = (x + 0.5) / NX;
    const grid_t grid = grid_of(&s, false);
    assert_false(grid.open);
    assert_true(grid.dy == 1.0 / NY && grid.dx == 1.0 / NX);
}

/* The read that meets a hole in the data names it. */
static void read_fails(const sheet_t *s, const char *frame, const char *site) {
    field_t field;
    float block[FRAMES * SITES];
    h5_file_t *file = store(s);
    assert_int_equal(snapshot_field(file, "lfp", 10.0, true, &field), STATUS_OK);
    assert_int_equal(field.read(field.context, 0, field.frames, 0, NY, block), STATUS_FAILED);
    assert_non_null(strstr(status_message(), frame));
    assert_non_null(strstr(status_message(), site));
    assert_int_equal(field.read(field.context, 0, 2, 0, NY, block), STATUS_OK);
    snapshot_field_destroy(&field);
    assert_int_equal(h5_close(file), STATUS_OK);
}

static void test_mask(void **state) {
    (void)state;
    sheet_t s = sheet();
    for (int t = 0; t < FRAMES; t++)
        s.values[t][3] = s.values[t][0] = NAN;
    field_t field;
    float block[SITES];
    h5_file_t *file = store(&s);
    assert_int_equal(snapshot_field(file, "lfp", -1.0, true, &field), STATUS_OK);
    const unsigned char mask[SITES] = {0, 1, 1, 0, 1, 1};
    assert_memory_equal(field.grid.mask, mask, sizeof mask);
    assert_int_equal(grid_count(&field.grid), 4);
    assert_int_equal(field.read(field.context, 3, 1, 0, NY, block), STATUS_OK);
    assert_true(isnan(block[3]) && block[4] == 3 * SITES + 4);
    snapshot_field_destroy(&field);
    assert_int_equal(h5_close(file), STATUS_OK);
    s.values[7][3] = 1.0;
    read_fails(&s, "frame 7", "(y 1, x 1), which had none");
    s.values[7][3] = NAN;
    s.values[9][4] = NAN;
    read_fails(&s, "frame 9", "(y 2, x 0), which had data");
    s.values[9][4] = INFINITY;
    read_fails(&s, "inf in frame 9", "(y 2, x 0), which had data");
    for (int i = 0; i < SITES; i++)
        s.values[0][i] = NAN;
    file = store(&s);
    assert_fails(snapshot_field(file, "lfp", -1.0, true, &field), STATUS_FAILED, "no data");
    assert_int_equal(h5_close(file), STATUS_OK);
}

static status_t print_field(h5_file_t *file, const char *variable, bool open, FILE *out) {
    field_t field;
    TRY(snapshot_field(file, variable, -1.0, open, &field));
    const grid_t *g = &field.grid;
    printf("trials %zu\nframes %zu\nny %zu\nnx %zu\nstart_ms %.17g\nframe_ms %.17g\ndy %.17g\n"
           "dx %.17g\nlength %s\nopen %d\ncount %zu\n",
           field.trials, field.frames, g->ny, g->nx, field.start_ms, field.frame_ms, g->dy, g->dx,
           g->length, g->open, grid_count(g));
    float *row = malloc(field.frames * g->nx * sizeof *row);
    status_t status = row ? STATUS_OK : STATUS_FAILED;
    for (size_t trial = 0; trial < field.trials; trial++) {
        field.choose(field.context, trial);
        for (size_t y = 0; status == STATUS_OK && y < g->ny; y++) {
            status = field.read(field.context, 0, field.frames, y, 1, row);
            fwrite(row, sizeof *row, field.frames * g->nx, out); /* [trial][y][time][x] */
        }
    }
    free(row);
    snapshot_field_destroy(&field);
    return status;
}

static int print(char **arguments) {
    h5_file_t *file;
    FILE *out = fopen(arguments[2], "wb");
    if (!out || h5_open(arguments[0], 0, &file) != STATUS_OK)
        return 2;
    status_t status =
        print_field(file, arguments[1], arguments[3] && strcmp(arguments[3], "open") == 0, out);
    if (status != STATUS_OK)
        fprintf(stderr, "%s\n", status_message());
    h5_close(file);
    fclose(out);
    return status;
}

int main(int n_arguments, char **arguments) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_variable, empty_folder),
        cmocka_unit_test_teardown(test_times, empty_folder),
        cmocka_unit_test_teardown(test_positions, empty_folder),
        cmocka_unit_test_teardown(test_boundary, empty_folder),
        cmocka_unit_test_teardown(test_mask, empty_folder),
    };
    if (n_arguments > 3)
        return print(arguments + 1);
    status_quiet(1); /* each guess is a warning */
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
