#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/io/snapshot.h"

enum { PATH_SIZE = 256 };

/* Steps of the time axis may differ by this share of a step: times stored in single precision
 * over a run of 10^5 frames stay within it. */
static const double uneven_max = 0.01;

typedef struct {
    h5_file_t *file;
    char *variable;
    size_t trial, first_frame;
} source_t;

static status_t read_source(void *context, size_t first_frame, size_t n_frames, size_t first_row,
                            size_t n_rows, float *out) {
    source_t *source = context;
    return h5_read_block(source->file, source->variable, source->trial,
                         source->first_frame + first_frame, n_frames, first_row, n_rows, out);
}

static void choose_trial(void *context, size_t trial) {
    ((source_t *)context)->trial = trial;
}

static const char *without_root(const char *path) {
    return path[0] == '/' ? path + 1 : path;
}

/* The variable asked for, or the first one of rates; a failure lists what the file has. */
static status_t choose_variable(h5_file_t *file, const char *wanted, char path[PATH_SIZE]) {
    char **found, list[512] = "", *populations = NULL, rate[PATH_SIZE] = "";
    const char *chosen = NULL;
    if (wanted == NULL &&
        h5_read_attribute_text(file, "/", "populations", &populations) == STATUS_OK)
        snprintf(rate, sizeof rate, "rate_%.*s", (int)strcspn(populations, " "), populations);
    free(populations);
    TRY(h5_frame_variables(file, &found));
    for (char **name = found; *name != NULL; name++) {
        const char *base = strrchr(*name, '/');
        base = base != NULL ? base + 1 : *name;
        if (wanted != NULL
                ? strcmp(*name, without_root(wanted)) == 0
                : strcmp(*name, rate) == 0 || (chosen == NULL && strncmp(base, "rate_", 5) == 0))
            chosen = *name;
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", used > 0 ? ", " : "", *name);
    }
    if (chosen != NULL)
        snprintf(path, PATH_SIZE, "%s", chosen);
    free(found);
    if (chosen == NULL)
        FAIL(STATUS_USAGE, "%s: has no (time, y, x) variable %s; %s%s (--variable names one)",
             h5_path(file), wanted != NULL ? wanted : "rate_*",
             list[0] != '\0' ? "it has " : "it has none of three dimensions, nor with trials",
             list);
    return STATUS_OK;
}

/* Milliseconds in one unit of the time coordinate. */
static status_t time_unit(h5_file_t *file, const char *coordinate, double *unit_ms) {
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ms", 1},     {"millisecond", 1}, {"milliseconds", 1}, {"s", 1000},
                 {"sec", 1000}, {"second", 1000},   {"seconds", 1000}};
    char *text = NULL;
    *unit_ms = 1.0;
    if (h5_read_attribute_text(file, coordinate, "units", &text) != STATUS_OK || text[0] == '\0') {
        free(text);
        status_warn("%s: %s has no units; taken as ms", h5_path(file), coordinate);
        return STATUS_OK;
    }
    size_t i = 0, n = sizeof units / sizeof units[0];
    while (i < n && strcmp(units[i].name, text) != 0)
        i++;
    char named[64];
    snprintf(named, sizeof named, "%s", text);
    free(text);
    if (i == n)
        FAIL(STATUS_USAGE, "%s: %s is in \"%s\"; its units must be ms or s", h5_path(file),
             coordinate, named);
    *unit_ms = units[i].ms;
    return STATUS_OK;
}

/* times[frames] in ms, from the variable's time coordinate, else from `time` beside it, else from
 * the root attribute frame_ms. */
static status_t read_times(h5_file_t *file, const char *variable, int by_trial, size_t frames,
                           double *times) {
    char coordinate[PATH_SIZE];
    int rank = 0;
    size_t size[4];
    double unit_ms = 1.0;
    TRY(h5_dimension_coordinate(file, variable, by_trial, coordinate, sizeof coordinate));
    if (coordinate[0] == '\0') {
        const char *slash = strrchr(variable, '/');
        int parent = slash != NULL ? (int)(slash - variable) + 1 : 0;
        snprintf(coordinate, sizeof coordinate, "%.*stime", parent, variable);
    }
    if (h5_dimensions(file, coordinate, &rank, size) == STATUS_OK && rank == 1 &&
        size[0] == frames) {
        TRY(time_unit(file, coordinate, &unit_ms));
        TRY(h5_read(file, coordinate, H5T_NATIVE_DOUBLE, times));
        for (size_t i = 0; i < frames; i++)
            times[i] *= unit_ms;
        return STATUS_OK;
    }
    if (h5_read_attribute_double(file, "/", "frame_ms", &unit_ms) != STATUS_OK)
        status_warn("%s: %s has no time coordinate; taken as one frame a ms", h5_path(file),
                    variable);
    for (size_t i = 0; i < frames; i++)
        times[i] = (double)i * unit_ms;
    return STATUS_OK;
}

/* Frames [first, end) of the field from the times; its frame_ms. */
static status_t choose_frames(h5_file_t *file, const char *variable, const double *times,
                              size_t written, double onset_ms, size_t *first, field_t *field) {
    *first = 0;
    double step = written > 1 ? (times[written - 1] - times[0]) / (double)(written - 1) : 0.0;
    while (*first < written && times[*first] < onset_ms - 1e-6 * step)
        ++*first;
    field->frames = written - *first;
    if (field->frames < FRAMES_LEAST)
        FAIL(STATUS_USAGE,
             "%s: %s has %zu frames from the onset (%g ms) on; at least %d are needed: a longer "
             "run or an earlier onset",
             h5_path(file), variable, field->frames, onset_ms, FRAMES_LEAST);
    step = (times[written - 1] - times[*first]) / (double)(field->frames - 1);
    for (size_t i = *first + 1; i < written; i++)
        if (!(fabs(times[i] - times[i - 1] - step) <= uneven_max * fabs(step)) || !(step > 0.0))
            FAIL(STATUS_USAGE,
                 "%s: time does not go in even steps: frame %zu at %g ms follows %g ms, the mean "
                 "step is %g ms; resample the data",
                 h5_path(file), i, times[i], times[i - 1], step);
    field->start_ms = times[*first];
    field->frame_ms = step;
    return STATUS_OK;
}

status_t snapshot_field(h5_file_t *file, const char *variable, double onset_ms, field_t *field) {
    char path[PATH_SIZE];
    h5_frames_t stored;
    size_t first;
    *field = (field_t){0};
    TRY(choose_variable(file, variable, path));
    TRY(h5_frames(file, path, &stored));
    size_t written = stored.frames;
    int64_t frames_written;
    int written_rank;
    size_t written_size[4];
    if (h5_dimensions(file, "frames_written", &written_rank, written_size) == STATUS_OK &&
        written_rank == 0) {
        TRY(h5_read(file, "frames_written", H5T_NATIVE_INT64, &frames_written));
        if (frames_written >= 0 && (size_t)frames_written < written)
            written = (size_t)frames_written;
    }
    if (onset_ms < 0.0 && h5_read_attribute_double(file, "/", "onset_ms", &onset_ms) != STATUS_OK)
        onset_ms = 0.0;
    double *times = malloc((stored.frames + 1) * sizeof *times);
    if (times == NULL)
        FAIL(STATUS_FAILED, "%s: no memory", h5_path(file));
    status_t status = read_times(file, path, stored.by_trial, stored.frames, times);
    if (status == STATUS_OK)
        status = choose_frames(file, path, times, written, onset_ms, &first, field);
    free(times);
    TRY(status);
    source_t *source = malloc(sizeof *source);
    if (source == NULL || (source->variable = strdup(path)) == NULL) {
        free(source);
        FAIL(STATUS_FAILED, "%s: no memory", h5_path(file));
    }
    source->file = file;
    source->trial = 0;
    source->first_frame = first;
    field->trials = stored.trials;
    field->grid = grid_torus(stored.ny, stored.nx);
    field->context = source;
    field->read = read_source;
    field->choose = choose_trial;
    return STATUS_OK;
}

void snapshot_field_destroy(field_t *field) {
    source_t *source = field->context;
    if (source != NULL)
        free(source->variable);
    free(source);
    *field = (field_t){0};
}
