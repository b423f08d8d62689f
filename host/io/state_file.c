#include "host/io/state_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The frame nearest to at_ms among those written. */
static status_t find_frame(h5_file_t *file, double at_ms, size_t *frame, double *found_ms) {
    int rank = 0;
    size_t size[4] = {0};
    int64_t written = 0;
    if (h5_dimensions(file, "time", &rank, size) != STATUS_OK || rank != 1)
        FAIL(STATUS_USAGE, "--at %g: %s holds no states (no variable `time`); give a run's file",
             at_ms, h5_path(file));
    TRY(h5_read(file, "frames_written", H5T_NATIVE_INT64, &written));
    size_t frames = written >= 0 && (size_t)written < size[0] ? (size_t)written : size[0];
    double *time = malloc(sizeof *time * (size[0] + 1));
    if (!time)
        FAIL(STATUS_FAILED, "%s: no memory for %zu times", h5_path(file), size[0]);
    status_t status = h5_read(file, "time", H5T_NATIVE_DOUBLE, time);
    double first = time[0], last = frames > 0 ? time[frames - 1] : NAN;
    double half = frames > 1 ? 0.5 * (time[1] - time[0]) : 0.0;
    *frame = 0;
    for (size_t i = 0; status == STATUS_OK && i < frames; i++)
        if (fabs(time[i] - at_ms) < fabs(time[*frame] - at_ms))
            *frame = i;
    *found_ms = time[*frame];
    free(time);
    TRY(status);
    if (frames == 0)
        FAIL(STATUS_USAGE, "%s: no complete frame is stored, so there is no state to take",
             h5_path(file));
    if (!(at_ms >= first - half && at_ms <= last + half))
        FAIL(STATUS_USAGE, "--at %g: %s holds states from %g to %g ms", at_ms, h5_path(file), first,
             last);
    return STATUS_OK;
}

static status_t population_gains(h5_file_t *file, const population_config_t *p, gain_t g,
                                 size_t trial, size_t frame, float *values, double *gain) {
    char name[2][NAME_SIZE + 16];
    h5_frames_t frames;
    size_t sites = (size_t)p->lattice[0] * p->lattice[1];
    snprintf(name[0], sizeof name[0], "potential_%s", p->name);
    snprintf(name[1], sizeof name[1], "rate_%s", p->name);
    int found = 0;
    while (found < 2 && h5_frames(file, name[found], &frames) != STATUS_OK)
        found++;
    if (found == 2 || frames.ny != p->lattice[1] || frames.nx != p->lattice[0])
        FAIL(STATUS_USAGE,
             "%s: holds no %s or %s of %u x %u sites; store rate or potential "
             "(output.fields)",
             h5_path(file), name[0], name[1], p->lattice[0], p->lattice[1]);
    if (trial >= frames.trials)
        FAIL(STATUS_USAGE, "--trial %zu: %s of %s has %zu trial%s, 0 to %zu", trial, name[found],
             h5_path(file), frames.trials, frames.trials == 1 ? "" : "s", frames.trials - 1);
    TRY(h5_read_block(file, name[found], trial, frame, 1, 0, p->lattice[1], values));
    for (size_t i = 0; i < sites; i++) {
        if (!isfinite(values[i]))
            FAIL(STATUS_USAGE, "%s: %s is not finite at neuron %zu of frame %zu", h5_path(file),
                 name[found], i, frame);
        gain[i] = found == 0 ? gain_slope64(g, values[i]) : gain_slope_of_rate(g, values[i]);
    }
    return STATUS_OK;
}

status_t state_file_gains(h5_file_t *file, const config_t *config, const network_t *net,
                          size_t trial, double at_ms, double *found_ms, double *gain) {
    size_t frame = 0, largest = 0;
    TRY(find_frame(file, at_ms, &frame, found_ms));
    for (uint32_t a = 0; a < net->populations; a++)
        largest = population_size(&net->population[a]) > largest
                      ? population_size(&net->population[a])
                      : largest;
    float *values = malloc(sizeof *values * largest);
    if (!values)
        FAIL(STATUS_FAILED, "%s: no memory for a state", h5_path(file));
    status_t status = STATUS_OK;
    for (uint32_t a = 0; status == STATUS_OK && a < net->populations; a++) {
        status = population_gains(file, &config->population[a], net->population[a].gain, trial,
                                  frame, values, gain);
        gain += population_size(&net->population[a]);
    }
    free(values);
    return status;
}
