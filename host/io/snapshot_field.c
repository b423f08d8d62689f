#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/io/snapshot.h"
#include "host/io/snapshot_axes.h"

enum { PATH_SIZE = 256 };

/* Steps of the time axis may differ by this share of a step: times stored in single precision
 * over a run of 10^5 frames stay within it. */
static const double uneven_max = 0.01;

/* How stored numbers stand for values: number * scale + offset, none where it is one of `fill`
 * (CF conventions 2.5.1 and 8.1). */
typedef struct {
    bool packed;
    double scale, offset;
    float fill[2];
} packing_t;

typedef struct {
    h5_file_t *file;
    char *variable;
    size_t trial, first_frame, nx;
    packing_t packing;
    unsigned char *mask; /* [ny][nx]; NULL: data everywhere */
    char length[32];     /* the grid's */
} source_t;

static packing_t packing_of(h5_file_t *file, const char *variable) {
    static const char *const name[2] = {"_FillValue", "missing_value"};
    packing_t p = {.scale = 1.0, .fill = {NAN, NAN}};
    for (int k = 0; k < 2; k++) {
        double value = NAN;
        if (h5_read_attribute_double(file, variable, name[k], &value) == STATUS_OK)
            p.fill[k] = (float)value;
        p.packed = p.packed || !isnan(p.fill[k]);
    }
    if (h5_read_attribute_double(file, variable, "scale_factor", &p.scale) == STATUS_OK)
        p.packed = true;
    if (h5_read_attribute_double(file, variable, "add_offset", &p.offset) == STATUS_OK)
        p.packed = true;
    return p;
}

static void unpack(const packing_t *p, size_t n, float *values) {
    for (size_t i = 0; i < n; i++) {
        bool none = values[i] == p->fill[0] || values[i] == p->fill[1];
        values[i] = none ? NAN : (float)((double)values[i] * p->scale + p->offset);
    }
}

static status_t read_source(void *context, size_t first_frame, size_t n_frames, size_t first_row,
                            size_t n_rows, float *out) {
    const source_t *source = context;
    size_t frame = source->first_frame + first_frame, block = n_rows * source->nx;
    TRY(h5_read_block(source->file, source->variable, source->trial, frame, n_frames, first_row,
                      n_rows, out));
    if (source->packing.packed)
        unpack(&source->packing, n_frames * block, out);
    const unsigned char *mask = source->mask ? source->mask + first_row * source->nx : NULL;
    for (size_t t = 0; t < n_frames; t++)
        for (size_t i = 0; i < block; i++) {
            float value = out[t * block + i];
            bool expected = !mask || mask[i];
            if (expected ? isfinite(value) : isnan(value))
                continue;
            FAIL(STATUS_FAILED,
                 "%s: %s is %g in frame %zu at site (y %zu, x %zu), %s: a site must have data in "
                 "every frame or be NaN in every frame; interpolate it, or mask it throughout",
                 h5_path(source->file), source->variable, (double)value, frame + t,
                 first_row + i / source->nx, i % source->nx,
                 expected ? "which had data in the first frame" : "which had none in the first");
        }
    return STATUS_OK;
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
    int rank = 0;
    size_t size[4];
    h5_frames_t frames;
    if (chosen == NULL && wanted != NULL && h5_dimensions(file, wanted, &rank, size) == STATUS_OK &&
        rank > 2) {
        TRY(h5_frames(file, wanted, &frames)); /* says what it lacks, unless it is a link */
        snprintf(path, PATH_SIZE, "%s", without_root(wanted));
        return STATUS_OK;
    }
    if (chosen == NULL)
        FAIL(STATUS_USAGE, "%s: has no (time, y, x) variable %s; %s%s (--variable names one)",
             h5_path(file), wanted != NULL ? wanted : "rate_*",
             list[0] != '\0' ? "it has " : "it has none of three dimensions, nor with trials",
             list);
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

/* Frames that are there: a stopped run's file has places for more. */
static status_t count_written(h5_file_t *file, size_t *frames) {
    int64_t written;
    int rank;
    size_t size[4];
    if (h5_dimensions(file, "frames_written", &rank, size) != STATUS_OK || rank != 0)
        return STATUS_OK;
    TRY(h5_read(file, "frames_written", H5T_NATIVE_INT64, &written));
    if (written >= 0 && (size_t)written < *frames)
        *frames = (size_t)written;
    return STATUS_OK;
}

static status_t find_frames(h5_file_t *file, const char *variable, const h5_frames_t *stored,
                            double onset_ms, size_t *first, field_t *field) {
    size_t written = stored->frames;
    TRY(count_written(file, &written));
    if (onset_ms < 0.0 && h5_read_attribute_double(file, "/", "onset_ms", &onset_ms) != STATUS_OK)
        onset_ms = -INFINITY;
    double *times = malloc((stored->frames + 1) * sizeof *times);
    if (times == NULL)
        FAIL(STATUS_FAILED, "%s: no memory", h5_path(file));
    status_t status = axes_times(file, variable, stored, times);
    if (isinf(onset_ms))
        onset_ms = status == STATUS_OK && stored->frames > 0 ? times[0] : 0.0;
    if (status == STATUS_OK)
        status = choose_frames(file, variable, times, written, onset_ms, first, field);
    free(times);
    return status;
}

/* The sites that are NaN in the first frame; every later read holds the others to theirs. */
static status_t find_mask(source_t *source, size_t sites, grid_t *grid) {
    size_t count = 0;
    float *frame = malloc(sites * sizeof *frame);
    source->mask = malloc(sites);
    status_t status = frame && source->mask
                          ? h5_read_block(source->file, source->variable, 0, source->first_frame, 1,
                                          0, grid->ny, frame)
                          : status_fail(STATUS_FAILED, __FILE__, __LINE__, "%s: no memory",
                                        h5_path(source->file));
    if (status == STATUS_OK && source->packing.packed)
        unpack(&source->packing, sites, frame);
    for (size_t i = 0; status == STATUS_OK && i < sites; i++)
        count += source->mask[i] = !isnan(frame[i]);
    free(frame);
    TRY(status);
    if (count == 0)
        FAIL(STATUS_FAILED, "%s: frame %zu of %s is NaN at every site: there are no data",
             h5_path(source->file), source->first_frame, source->variable);
    if (count < sites) {
        grid->mask = source->mask;
        status_warn("%s: %zu of the %zu sites of %s hold no data (NaN) and are left out",
                    h5_path(source->file), sites - count, sites, source->variable);
        return STATUS_OK;
    }
    free(source->mask);
    source->mask = NULL;
    return STATUS_OK;
}

static status_t open_source(h5_file_t *file, const char *variable, double onset_ms, bool open,
                            source_t *source, field_t *field) {
    h5_frames_t stored;
    char path[PATH_SIZE];
    TRY(choose_variable(file, variable, path));
    TRY(h5_frames(file, path, &stored));
    source->file = file;
    source->variable = strdup(path);
    if (source->variable == NULL)
        FAIL(STATUS_FAILED, "%s: no memory", h5_path(file));
    TRY(find_frames(file, path, &stored, onset_ms, &source->first_frame, field));
    TRY(axes_grid(file, path, &stored, source->length, &field->grid));
    source->nx = stored.nx;
    source->packing = packing_of(file, path);
    TRY(find_mask(source, stored.ny * stored.nx, &field->grid));
    field->trials = stored.trials;
    field->grid.open = open;
    return open ? STATUS_OK : axes_boundary(file, path, &field->grid);
}

status_t snapshot_field(h5_file_t *file, const char *variable, double onset_ms, bool open,
                        field_t *field) {
    source_t *source = calloc(1, sizeof *source);
    if (source == NULL)
        FAIL(STATUS_FAILED, "%s: no memory", h5_path(file));
    *field = (field_t){.context = source, .read = read_source, .choose = choose_trial};
    status_t status = open_source(file, variable, onset_ms, open, source, field);
    if (status != STATUS_OK)
        snapshot_field_destroy(field);
    return status;
}

void snapshot_field_destroy(field_t *field) {
    source_t *source = field->context;
    if (source != NULL) {
        free(source->variable);
        free(source->mask);
    }
    free(source);
    *field = (field_t){0};
}
