/* The file before its first frame. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/io/snapshot_internal.h"

enum { TEXT_SIZE = 128 };

static const struct {
    unsigned field;
    const char *prefix, *long_name;
} fields[] = {
    {FIELD_RATE, "rate", "firing rate of population"},
    {FIELD_POTENTIAL, "potential", "potential h of population"},
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

void snapshot_variable(char name[VARIABLE_NAME], const config_t *config, uint32_t population,
                       unsigned field) {
    for (int f = 0; f < FIELDS; f++)
        if (fields[f].field == field)
            snprintf(name, VARIABLE_NAME, "%s_%s", fields[f].prefix,
                     config->population[population].name);
}

size_t snapshot_sites(const config_t *config, uint32_t population) {
    const uint32_t *lattice = config->population[population].lattice;
    return (size_t)lattice[0] * lattice[1];
}

static size_t frames_in_all(const snapshot_writer_t *writer) {
    uint64_t due = config_steps(writer->config) / config_steps_per_frame(writer->config) + 1;
    return writer->kept + due - writer->kept_due;
}

size_t snapshot_frame_due(const snapshot_writer_t *writer, uint64_t step) {
    uint64_t every = config_steps_per_frame(writer->config);
    return step % every ? SIZE_MAX : writer->kept + step / every - writer->kept_due;
}

/* *even_ms: the time from which on frames are output.every apart (other than 0 where a resume has
 * changed it). */
static status_t put_time(h5_file_t *file, const snapshot_writer_t *writer,
                         const kept_frames_t *kept, double *even_ms) {
    size_t frames = frames_in_all(writer);
    double *times = malloc(frames * sizeof *times), every_ms = writer->config->output.every_ms;
    if (times == NULL)
        FAIL(STATUS_FAILED, "%s: no memory", h5_path(file));
    *even_ms = 0.0;
    for (size_t i = 0; i < frames; i++) {
        times[i] = i < kept->frames ? kept->times_ms[i]
                                    : (double)(i - writer->kept + writer->kept_due) * every_ms;
        if (i > 0 && fabs(times[i] - times[i - 1] - every_ms) > 1e-6 * every_ms)
            *even_ms = times[i];
    }
    status_t status = h5_coordinate(file, "time", frames, times, "ms", "time from the start");
    free(times);
    return status;
}

static status_t put_variables(h5_file_t *file, const config_t *config) {
    bool by_trial = config->simulation.trials > 1;
    for (int f = 0; f < FIELDS; f++) {
        if (!(config->output.fields & fields[f].field))
            continue;
        for (uint32_t a = 0; a < config->populations; a++) {
            const char *population = config->population[a].name;
            char path[VARIABLE_NAME], y[VARIABLE_NAME], x[VARIABLE_NAME], long_name[TEXT_SIZE];
            snapshot_variable(path, config, a, fields[f].field);
            snprintf(y, sizeof y, "y_%s", population);
            snprintf(x, sizeof x, "x_%s", population);
            snprintf(long_name, sizeof long_name, "%s %s", fields[f].long_name, population);
            const char *coordinates[4] = {"trial", "time", y, x};
            TRY(h5_variable(file, path, H5T_NATIVE_FLOAT, 3 + by_trial, coordinates + !by_trial,
                            NULL, "1", long_name));
        }
    }
    return STATUS_OK;
}

status_t snapshot_lay_out(snapshot_writer_t *writer, const run_facts_t *facts,
                          const kept_frames_t *kept) {
    h5_file_t *file = writer->file;
    const config_t *config = writer->config;
    size_t bytes = 0;
    double even_ms = 0.0;
    for (int f = 0; f < FIELDS; f++)
        for (uint32_t a = 0; a < config->populations; a++)
            if (config->output.fields & fields[f].field)
                bytes += config->simulation.trials * frames_in_all(writer) *
                         snapshot_sites(config, a) * sizeof(float);
    TRY(h5_reserve(file, bytes, "the run"));
    TRY(root_attributes(file, config, facts, "Simulated activity of a spatial network"));
    TRY(put_time(file, writer, kept, &even_ms));
    TRY(h5_attribute_double(file, "/", "onset_ms", fmax(config->simulation.onset_ms, even_ms)));
    TRY(h5_attribute_double(file, "/", "frame_ms", config->output.every_ms));
    TRY(h5_attribute_int(file, "/", "complete", 0));
    TRY(h5_attribute_short_text(file, "/", "state_hash", ""));
    TRY(h5_attribute_short_text(file, "/", "frames_hash", ""));
    TRY(root_axes(file, config));
    if (config->simulation.trials > 1)
        TRY(h5_trials(file, "trial", config->simulation.trials));
    TRY(h5_variable(file, "frames_written", H5T_NATIVE_INT64, 0, NULL, NULL, "1",
                    "number of complete frames"));
    return put_variables(file, config);
}

status_t snapshot_take_layout(snapshot_writer_t *writer, layout_t *layout) {
    const config_t *config = writer->config;
    hsize_t size = 0;
    H5Fget_filesize(h5_id(writer->file), &size);
    layout->size = size;
    layout->frames = frames_in_all(writer);
    layout->trials = config->simulation.trials;
    layout->extents = 0;
    TRY(h5_offset(writer->file, "frames_written", &layout->written_at));
    for (int f = 0; f < FIELDS; f++)
        for (uint32_t a = 0; a < config->populations; a++) {
            char path[VARIABLE_NAME];
            if (!(config->output.fields & fields[f].field))
                continue;
            snapshot_variable(path, config, a, fields[f].field);
            extent_t extent = {.frame_bytes = snapshot_sites(config, a) * sizeof(float),
                               .variable = fields[f].field * POPULATIONS_MAX + a};
            TRY(h5_offset(writer->file, path, &extent.offset));
            uint64_t k = layout->extents++;
            for (; k > 0 && layout->extent[k - 1].offset > extent.offset; k--)
                layout->extent[k] = layout->extent[k - 1];
            layout->extent[k] = extent;
        }
    return layout_take_skeleton(h5_descriptor(writer->file), h5_path(writer->file), layout);
}
