/* Runs' files and their failures. `test_snapshot FILE` writes a small run with its result groups
 * instead, for tests/check_file.py; `test_snapshot FILE kill` dies in its midst. */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/io/snapshot.h"
#include "host/io/write_results.h"
#include "tests/folder.h"

enum { NX_E = 30, NY_E = 20, NX_I = 15, NY_I = 10, FRAMES = 21 };

/* ---- runs ---- */

static config_t two_populations(void) {
    config_t config = {
        .populations = 2,
        .population = {{.name = "E", .lattice = {NX_E, NY_E}},
                       {.name = "I", .lattice = {NX_I, NY_I}}},
        .dynamics = {.tau_ms = 20.0},
        .simulation = {.dt_ms = 0.5,
                       .duration_ms = (FRAMES - 1) * 2.0,
                       .onset_ms = 10.0,
                       .seed = UINT64_MAX,
                       .trials = 1},
        .output = {.every_ms = 2.0, .fields = FIELD_RATE},
    };
    return config;
}

static run_facts_t facts = {
    .command_line = "brisc run wave.yaml",
    .resolved_config = "populations:\n  E: {}\n",
    .backend = "cpu",
    .device = "a processor",
    .version = "0.1.0",
    .commit = "none",
    .connectivity_hash = 0x0123456789abcdefu,
};

static size_t sites(const config_t *config, uint32_t population) {
    const uint32_t *lattice = config->population[population].lattice;
    return (size_t)lattice[0] * lattice[1];
}

static float value(size_t trial, size_t frame, uint32_t population, size_t site) {
    return (float)(frame * 1000 + 100 * trial + population) + (float)site * 1e-3f;
}

/* Created and started, without a checkpoint unless the config asks for one. */
static status_t create(const char *name, int force, const config_t *config,
                       snapshot_writer_t **writer) {
    kept_frames_t none = {0};
    position_t start = {0};
    TRY(snapshot_create(name, force, config, &facts, &none, writer));
    status_t status = snapshot_start(*writer, &start);
    if (status != STATUS_OK) {
        snapshot_close(*writer);
        *writer = NULL;
    }
    return status;
}

static status_t put_frame(snapshot_writer_t *writer, const config_t *config, size_t frame) {
    uint32_t trials = (uint32_t)config->simulation.trials, n_arrays = trials * config->populations;
    for (unsigned field = FIELD_RATE; field <= FIELD_POTENTIAL; field <<= 1) {
        for (uint32_t k = 0; k < n_arrays && (config->output.fields & field); k++) {
            uint32_t trial = k / config->populations, a = k % config->populations;
            size_t n = sites(config, a);
            float *values = malloc(n * sizeof *values);
            for (size_t i = 0; i < n; i++)
                values[i] = value(trial, frame, a, i);
            status_t status = snapshot_put(writer, frame, trial, a, field, values);
            free(values);
            TRY(status);
        }
    }
    return STATUS_OK;
}

static int64_t frames_written(h5_file_t *file) {
    int64_t n = -1;
    assert_int_equal(h5_read(file, "frames_written", H5T_NATIVE_INT64, &n), STATUS_OK);
    return n;
}

/* Frames [0, n) of `variable` hold what put_frame put there. */
static void check_frames(h5_file_t *file, const char *variable, uint32_t population, size_t n) {
    h5_frames_t f;
    assert_int_equal(h5_frames(file, variable, &f), STATUS_OK);
    size_t count = f.ny * f.nx;
    float *values = malloc(count * sizeof *values);
    for (size_t k = 0; k < f.trials * n; k++) {
        size_t trial = k / n, t = k % n;
        assert_int_equal(h5_read_block(file, variable, trial, t, 1, 0, f.ny, values), STATUS_OK);
        for (size_t i = 0; i < count; i++)
            if (values[i] != value(trial, t, population, i))
                fail_msg("%s: trial %zu, frame %zu, site %zu is %g", variable, trial, t, i,
                         (double)values[i]);
    }
    free(values);
}

static void test_run(void **state) {
    (void)state;
    config_t config = two_populations();
    config.output.fields = FIELD_RATE | FIELD_POTENTIAL;
    snapshot_writer_t *writer;
    int64_t complete = -1;
    char *text;
    assert_int_equal(create(path, 0, &config, &writer), STATUS_OK);
    for (size_t t = 0; t < FRAMES; t++)
        assert_int_equal(put_frame(writer, &config, t), STATUS_OK);
    assert_int_equal(snapshot_finish(writer), STATUS_OK);
    assert_int_equal(snapshot_complete(writer), STATUS_OK);
    h5_file_t *file = snapshot_file(writer);
    assert_int_equal(h5_read_attribute_int(file, "/", "complete", &complete), STATUS_OK);
    assert_int_equal(complete, 1);
    assert_int_equal(frames_written(file), FRAMES);
    check_frames(file, "rate_E", 0, FRAMES);
    check_frames(file, "potential_I", 1, FRAMES);
    assert_int_equal(h5_read_attribute_text(file, "/", "connectivity_hash", &text), STATUS_OK);
    assert_string_equal(text, "0123456789abcdef");
    free(text);
    assert_int_equal(snapshot_close(writer), STATUS_OK);
    assert_int_equal(files_in_folder(), 2); /* with its .xdmf */
}

/* Several trials: a dimension before the others, a frame complete once all trials have it. */
static void test_trials(void **state) {
    (void)state;
    config_t config = two_populations();
    config.output.fields = FIELD_RATE | FIELD_POTENTIAL;
    config.simulation.trials = 3;
    snapshot_writer_t *writer;
    h5_file_t *file;
    field_t field;
    float last[NX_E * NY_E] = {0};
    assert_int_equal(create(path, 0, &config, &writer), STATUS_OK);
    for (size_t t = 0; t < 15; t++)
        assert_int_equal(put_frame(writer, &config, t), STATUS_OK);
    for (uint32_t trial = 0; trial < 2; trial++) /* all of a frame but the last trial's */
        for (uint32_t a = 0; a < 4; a++)
            assert_int_equal(
                snapshot_put(writer, 15, trial, a / 2, a % 2 ? FIELD_RATE : FIELD_POTENTIAL, last),
                STATUS_OK);
    assert_int_equal(snapshot_close(writer), STATUS_OK);
    assert_int_equal(h5_open(path, 0, &file), STATUS_OK);
    assert_int_equal(frames_written(file), 15);
    check_frames(file, "rate_E", 0, 15);
    check_frames(file, "potential_I", 1, 15);
    assert_fails(h5_read_block(file, "rate_E", 3, 0, 1, 0, NY_E, last), STATUS_FAILED, "trial 3");
    assert_int_equal(h5_read_block(file, "rate_E", 2, 15, 1, 0, NY_E, last), STATUS_OK);
    assert_true(isnan(last[0]) && isnan(last[NX_E * NY_E - 1]));
    assert_int_equal(snapshot_field(file, NULL, -1.0, false, &field), STATUS_OK);
    assert_int_equal(field.trials, 3);
    assert_int_equal(field.frames, 10);
    for (size_t trial = 0; trial < 3; trial++) {
        field.choose(field.context, trial);
        assert_int_equal(field.read(field.context, 2, 1, 3, 1, last), STATUS_OK);
        assert_float_equal(last[4], value(trial, 7, 0, 3 * NX_E + 4), 0.0);
    }
    snapshot_field_destroy(&field);
    assert_int_equal(h5_close(file), STATUS_OK);
}

/* Stopped early: what is there is right, the rest is NaN, and analysis sees only the former. */
static void test_early_stop(void **state) {
    (void)state;
    config_t config = two_populations();
    snapshot_writer_t *writer;
    h5_file_t *file;
    int64_t complete = -1;
    float last[NX_E * NY_E];
    assert_int_equal(create(path, 0, &config, &writer), STATUS_OK);
    for (size_t t = 0; t < 15; t++)
        assert_int_equal(put_frame(writer, &config, t), STATUS_OK);
    assert_int_equal(snapshot_put(writer, 15, 0, 0, FIELD_RATE, last),
                     STATUS_OK); /* half a frame */
    assert_int_equal(snapshot_close(writer), STATUS_OK);
    assert_int_equal(h5_open(path, 0, &file), STATUS_OK);
    assert_int_equal(h5_read_attribute_int(file, "/", "complete", &complete), STATUS_OK);
    assert_int_equal(complete, 0);
    assert_int_equal(frames_written(file), 15);
    check_frames(file, "rate_I", 1, 15);
    assert_int_equal(h5_read_block(file, "rate_E", 0, 16, 1, 0, NY_E, last), STATUS_OK);
    assert_true(isnan(last[0]) && isnan(last[NX_E * NY_E - 1]));
    field_t field;
    assert_int_equal(snapshot_field(file, NULL, -1.0, false, &field), STATUS_OK);
    assert_int_equal(field.frames, 10); /* from 10 ms on: frames 5 to 14 */
    assert_int_equal(field.grid.ny, NY_E);
    assert_int_equal(field.grid.nx, NX_E);
    assert_float_equal(field.frame_ms, 2.0, 1e-12);
    assert_int_equal(field.read(field.context, 2, 1, 3, 1, last), STATUS_OK);
    assert_float_equal(last[4], value(0, 7, 0, 3 * NX_E + 4), 0.0);
    snapshot_field_destroy(&field);
    assert_fails(snapshot_field(file, NULL, 20.0, false, &field), STATUS_USAGE, "5 frames");
    assert_int_equal(h5_close(file), STATUS_OK);
}

static void in_child(void (*body)(int ready)) {
    int ready[2], outcome;
    char byte;
    assert_int_equal(pipe(ready), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(20); /* where the test fails before it kills the child */
        body(ready[1]);
        _exit(0);
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) == 1) { /* the child asks to be looked at, then killed */
        h5_file_t *file;
        assert_int_equal(h5_open(path, 0, &file), STATUS_OK);
        assert_true(frames_written(file) <= 12);
        assert_int_equal(h5_close(file), STATUS_OK);
        assert_fails(h5_open(path, 1, &file), STATUS_USAGE, "another program");
        usleep(200 * 1000); /* its queue empties meanwhile */
        kill(child, SIGKILL);
    }
    close(ready[0]);
    waitpid(child, &outcome, 0);
    if (WIFEXITED(outcome) && WEXITSTATUS(outcome) != 0)
        fail_msg("child: line %d", WEXITSTATUS(outcome));
    if (WIFSIGNALED(outcome) && WTERMSIG(outcome) != SIGKILL)
        fail_msg("child: signal %d", WTERMSIG(outcome));
}

/* In a child, where cmocka cannot jump: the line number modulo 256 becomes the exit status. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: %s (last message: %s)\n", __LINE__, #condition,              \
                    status_message());                                                             \
            _exit(__LINE__ % 255 + 1);                                                             \
        }                                                                                          \
    } while (0)

static void stream_until_killed(int ready) {
    config_t config = two_populations();
    snapshot_writer_t *writer;
    CHECK(create(path, 0, &config, &writer) == STATUS_OK);
    for (size_t t = 0; t < 12; t++)
        CHECK(put_frame(writer, &config, t) == STATUS_OK);
    CHECK(write(ready, "r", 1) == 1);
    pause();
}

/* While it runs the file is open to readers but to no second writer; after kill -9 it opens with
 * every frame that was written. */
static void test_kill(void **state) {
    (void)state;
    h5_file_t *file;
    in_child(stream_until_killed);
    assert_int_equal(h5_open(path, 1, &file), STATUS_OK);
    assert_int_equal(frames_written(file), 12);
    check_frames(file, "rate_E", 0, 12);
    check_frames(file, "rate_I", 1, 12);
    assert_int_equal(h5_close(file), STATUS_OK);
}

static void limit_file_size(size_t bytes) {
    struct rlimit limit = {bytes, RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void create_on_full_disk(int ready) {
    (void)ready;
    config_t config = two_populations();
    snapshot_writer_t *writer;
    limit_file_size(50000);
    CHECK(create(path, 1, &config, &writer) == STATUS_FAILED);
    CHECK(strstr(status_message(), path) != NULL && strstr(status_message(), "0.063 MB"));
    CHECK(strstr(status_message(), strerror(EFBIG)) && strstr(status_message(), "output.every"));
    CHECK(writer == NULL);
    CHECK(create(path, 1, &config, &writer) == STATUS_FAILED); /* still sound */
    exit(0); /* HDF5 must not crash at exit either */
}

static void test_full_disk_at_creation(void **state) {
    (void)state;
    in_child(create_on_full_disk);
    assert_int_equal(files_in_folder(), 0);
    h5_file_t *file;
    double x = NAN;
    assert_int_equal(h5_create(path, 0, &file), STATUS_OK);
    assert_int_equal(h5_attribute_double(file, "/", "x", 3.0), STATUS_OK);
    assert_int_equal(h5_commit(file), STATUS_OK);
    assert_int_equal(h5_close(file), STATUS_OK);
    in_child(create_on_full_disk);
    assert_int_equal(files_in_folder(), 1); /* the old file, as it was */
    assert_int_equal(h5_open(path, 0, &file), STATUS_OK);
    assert_int_equal(h5_read_attribute_double(file, "/", "x", &x), STATUS_OK);
    assert_float_equal(x, 3.0, 0.0);
    assert_int_equal(h5_close(file), STATUS_OK);
}

/* The limit falls within the frames: HDF5 meets the failure itself. */
static void stream_on_full_disk(int ready) {
    (void)ready;
    config_t config = two_populations();
    config.population[0].lattice[0] = 100;
    config.population[0].lattice[1] = 100;
    snapshot_writer_t *writer;
    CHECK(create(path, 0, &config, &writer) == STATUS_OK);
    limit_file_size(500000);
    status_t status = STATUS_OK;
    for (size_t t = 0; t < FRAMES && status == STATUS_OK; t++) {
        status = put_frame(writer, &config, t);
        usleep(5000);
    }
    if (status == STATUS_OK) /* all queued before the writer gave up */
        status = snapshot_finish(writer);
    CHECK(status == STATUS_FAILED);
    CHECK(strstr(status_message(), "rate_") && strstr(status_message(), strerror(EFBIG)));
    CHECK(snapshot_finish(writer) == STATUS_FAILED);
    snapshot_close(writer);
    exit(0);
}

static void test_full_disk_while_streaming(void **state) {
    (void)state;
    h5_file_t *file;
    in_child(stream_on_full_disk);
    assert_int_equal(h5_open(path, 1, &file), STATUS_OK);
    size_t n = (size_t)frames_written(file);
    check_frames(file, "rate_E", 0, n);
    check_frames(file, "rate_I", 1, n);
    assert_int_equal(h5_close(file), STATUS_OK);
}

/* ---- results ---- */

static seen_t some_seen = {
    .order = {.mean_activity = 0.5, .frequency_hz = 12.5, .wavenumber = 5.0, .global_std = 1.0},
    .regime = REGIME_WAVE,
    .reason = "a peak at 12.5 Hz and |n| = 5"};

static status_t write_results(h5_file_t *file, size_t n_outliers) {
    eigenmode_t modes[2] = {
        {.nx = 0, .ny = 4, .re = 1.5, .im = 2.5, .multiplicity = 4, .growth = 1.01},
        {.nx = 1, .ny = 4, .re = 1.4, .std = 0.25, .multiplicity = 8}};
    theory_t theory = {.bulk_radius = 0.75,
                       .bulk_radius_effective = 0.5,
                       .outliers = modes,
                       .n_outliers = n_outliers,
                       .regime = REGIME_WAVE,
                       .followed_reason = "the only one"};
    observed_t observed = {.trials = 1, .trial = &some_seen, .all = some_seen};
    TRY(write_prediction(file, &theory));
    return write_order(file, &observed, true);
}

/* The disk fills after the run: the groups are lost, the frames are not. */
static void finish_on_full_disk(int ready) {
    (void)ready;
    config_t config = two_populations();
    snapshot_writer_t *writer;
    struct stat now;
    CHECK(create(path, 0, &config, &writer) == STATUS_OK);
    for (size_t t = 0; t < FRAMES; t++)
        CHECK(put_frame(writer, &config, t) == STATUS_OK);
    CHECK(snapshot_finish(writer) == STATUS_OK);
    CHECK(snapshot_complete(writer) == STATUS_OK);
    CHECK(stat(path, &now) == 0);
    limit_file_size((size_t)now.st_size + 100);
    CHECK(write_results(snapshot_file(writer), 2) == STATUS_FAILED);
    CHECK(strstr(status_message(), strerror(EFBIG)) != NULL);
    CHECK(snapshot_close(writer) == STATUS_OK);
    exit(0);
}

static void test_full_disk_after_the_run(void **state) {
    (void)state;
    h5_file_t *file;
    int64_t complete = -1;
    in_child(finish_on_full_disk);
    assert_int_equal(h5_open(path, 1, &file), STATUS_OK);
    assert_int_equal(h5_read_attribute_int(file, "/", "complete", &complete), STATUS_OK);
    assert_int_equal(complete, 1);
    check_frames(file, "rate_I", 1, FRAMES);
    assert_int_equal(write_results(file, 2), STATUS_OK); /* room again */
    assert_int_equal(h5_close(file), STATUS_OK);
}

static void test_results(void **state) {
    (void)state;
    h5_file_t *file;
    double values[2];
    int32_t counts[2];
    int rank;
    size_t size[4];
    char *text;
    assert_int_equal(h5_create(path, 0, &file), STATUS_OK);
    assert_int_equal(write_results(file, 0), STATUS_OK);
    assert_fails(h5_dimensions(file, "/prediction/re", &rank, size), STATUS_FAILED, "re");
    assert_int_equal(write_results(file, 2), STATUS_OK); /* replaces */
    assert_int_equal(h5_read(file, "/prediction/re", H5T_NATIVE_DOUBLE, values), STATUS_OK);
    assert_true(values[0] == 1.5 && values[1] == 1.4);
    assert_int_equal(h5_read(file, "/prediction/multiplicity", H5T_NATIVE_INT32, counts),
                     STATUS_OK);
    assert_true(counts[0] == 4 && counts[1] == 8);
    assert_int_equal(h5_read(file, "/order/frequency_hz", H5T_NATIVE_DOUBLE, values), STATUS_OK);
    assert_float_equal(values[0], 12.5, 0.0);
    assert_int_equal(h5_read_attribute_text(file, "/prediction", "regime", &text), STATUS_OK);
    assert_string_equal(text, "wave");
    free(text);
    assert_int_equal(h5_close(file), STATUS_OK);
}

static int sample_file(const char *name, bool killed) {
    config_t config = two_populations();
    config.output.fields = FIELD_RATE | FIELD_POTENTIAL;
    snapshot_writer_t *writer;
    status_t status = create(name, 1, &config, &writer);
    for (size_t t = 0; status == STATUS_OK && t < FRAMES - 1; t++)
        status = put_frame(writer, &config, t);
    if (killed) {
        usleep(200 * 1000); /* the queue empties */
        raise(SIGKILL);
    }
    if (status == STATUS_OK)
        status = snapshot_finish(writer);
    if (status == STATUS_OK)
        status = write_results(snapshot_file(writer), 2);
    if (status == STATUS_OK)
        status = snapshot_close(writer);
    if (status != STATUS_OK)
        fprintf(stderr, "%s\n", status_message());
    return status;
}

int main(int n_arguments, char **arguments) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_run, empty_folder),
        cmocka_unit_test_teardown(test_trials, empty_folder),
        cmocka_unit_test_teardown(test_early_stop, empty_folder),
        cmocka_unit_test_teardown(test_kill, empty_folder),
        cmocka_unit_test_teardown(test_full_disk_at_creation, empty_folder),
        cmocka_unit_test_teardown(test_full_disk_while_streaming, empty_folder),
        cmocka_unit_test_teardown(test_full_disk_after_the_run, empty_folder),
        cmocka_unit_test_teardown(test_results, empty_folder),
    };
    if (n_arguments > 1)
        return sample_file(arguments[1], n_arguments > 2);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
