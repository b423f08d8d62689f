#include "host/detect/detect.h"

#include <math.h>
#include <stdio.h>

#include "host/detect/asynchrony.h"
#include "host/detect/basins.h"
#include "host/detect/bump.h"
#include "host/detect/critical.h"
#include "host/detect/modes.h"
#include "host/detect/motion.h"
#include "host/detect/structure.h"
#include "host/detect/wave_spectrum.h"
#include "host/detect/wave.h"

/* A detector's failure becomes the group's text; a usage error stays one. */
static status_t settle(status_t status, const char *group, dataset_t *found) {
    char name[DATASET_NAME], reason[1024];
    if (status == STATUS_OK || status == STATUS_USAGE)
        return status;
    snprintf(reason, sizeof reason, "none: %s", status_message());
    snprintf(name, sizeof name, "%s/reason", group);
    return dataset_find(found, name) ? STATUS_OK : dataset_text(found, name, reason);
}

/* ---- who follows the velocity fields ---- */

typedef struct {
    const grid_t *grid;
    const detect_options_t *options;
    dataset_t *found;
    critical_detector_t *critical;
    modes_t *modes;
    projection_t *projection;
} followers_t;

static status_t followers_begin(void *context, size_t frames, double start_ms, double frame_ms) {
    followers_t *f = context;
    const stored_modes_t *stored = f->options->modes;
    TRY(settle(critical_create(f->grid, frames, start_ms, frame_ms, &f->critical), "singularities",
               f->found));
    TRY(settle(modes_create(f->grid, frames, start_ms, frame_ms, &f->modes), "modes", f->found));
    return !stored ? STATUS_OK
                   : settle(projection_create(f->grid, stored, frames, start_ms, frame_ms,
                                              &f->projection),
                            "projection", f->found);
}

static status_t followers_take(void *context, const float *phase, const float *velocity) {
    followers_t *f = context;
    if (f->critical)
        TRY(critical_take(f->critical, phase, velocity));
    if (f->modes)
        TRY(modes_take(f->modes, phase, velocity));
    return f->projection ? projection_take(f->projection, phase, velocity) : STATUS_OK;
}

static status_t followers_finish(followers_t *f) {
    if (f->critical)
        TRY(settle(critical_finish(f->critical, f->found), "singularities", f->found));
    if (f->modes)
        TRY(settle(modes_finish(f->modes, f->found), "modes", f->found));
    return f->projection
               ? settle(projection_finish(f->projection, f->found), "projection", f->found)
               : STATUS_OK;
}

/* Where no band is given: around the strongest wave, if there is one. */
static status_t detect_motion(const field_t *field, const detect_options_t *options,
                              dataset_t *found) {
    followers_t followers = {.grid = &field->grid, .options = options, .found = found};
    const motion_consumer_t consumer = {&followers, followers_begin, followers_take};
    motion_options_t chosen = {.band = options->band,
                               .smoothness_rad = options->smoothness_rad,
                               .consumers = 1,
                               .consumer = &consumer};
    double wave_hz = dataset_value(found, "wave/frequency_hz");
    if (chosen.band.high_hz == 0.0 && wave_hz > 0.0) {
        chosen.band = (band_t){wave_hz / 1.5, fmin(1.5 * wave_hz, 450.0 / field->frame_ms)};
        chosen.band_reason = "around the strongest wave's frequency, 1/1.5 to 1.5 times";
    }
    status_t status = motion_detect(field, &chosen, found);
    if (status == STATUS_OK)
        status = followers_finish(&followers);
    critical_destroy(followers.critical);
    modes_destroy(followers.modes);
    projection_destroy(followers.projection);
    return status;
}

/* ---- the others ---- */

static status_t detect_bumps(const field_t *field, const detect_options_t *options,
                             dataset_t *found) {
    (void)options;
    return bumps_detect(field, &(bump_options_t){0}, found);
}

static status_t detect_pattern(const field_t *field, const detect_options_t *options,
                               dataset_t *found) {
    return structure_detect(field, options->wavelength_predicted, found);
}

static status_t detect_asynchrony(const field_t *field, const detect_options_t *options,
                                  dataset_t *found) {
    (void)options;
    return asynchrony_detect(field, found);
}

static status_t detect_basins(const field_t *field, const detect_options_t *options,
                              dataset_t *found) {
    (void)options;
    return basins_detect(field, found);
}

static const struct {
    const char *group;
    status_t (*detect)(const field_t *field, const detect_options_t *options, dataset_t *found);
} detectors[] = {
    {"flow", detect_motion},           {"bumps", detect_bumps},        {"pattern", detect_pattern},
    {"asynchrony", detect_asynchrony}, {"persistence", detect_basins},
};

status_t detect_waves(const field_t *field, dataset_t *found) {
    return settle(waves_detect(field, found), "wave", found);
}

status_t detect_all(const field_t *field, const detect_options_t *options, dataset_t *found) {
    for (size_t k = 0; k < sizeof detectors / sizeof detectors[0]; k++)
        TRY(settle(detectors[k].detect(field, options, found), detectors[k].group, found));
    return STATUS_OK;
}

uint64_t detect_memory(size_t frames, const grid_t *grid) {
    /* Blocks of frames; of each site modes and velocity fields to be kept, and the filter's frames,
     * which grow with the slowest rhythm that so many show. */
    enum { BLOCKS = 17000000, A_SITE = 1700, A_FRAME = 3, FILTERED = 420 };
    uint64_t filtered = frames < FILTERED ? frames : FILTERED;
    return frames < WAVE_FRAMES_LEAST
               ? 0
               : BLOCKS + (uint64_t)grid_sites(grid) * (A_SITE + A_FRAME * filtered);
}
