#include "host/detect/detect.h"

#include <math.h>
#include <stdio.h>

#include "host/detect/basins.h"
#include "host/detect/bump.h"
#include "host/detect/motion.h"
#include "host/detect/structure.h"
#include "host/detect/wave.h"

/* Where no band is given: around the strongest wave, if there is one. */
static status_t detect_motion(const field_t *field, const detect_options_t *options,
                              dataset_t *found) {
    motion_options_t chosen = {.band = options->band, .smoothness_rad = options->smoothness_rad};
    double wave_hz = dataset_value(found, "wave/frequency_hz");
    if (chosen.band.high_hz == 0.0 && wave_hz > 0.0) {
        chosen.band = (band_t){wave_hz / 1.5, fmin(1.5 * wave_hz, 450.0 / field->frame_ms)};
        chosen.band_reason = "around the strongest wave's frequency, 1/1.5 to 1.5 times";
    }
    return motion_detect(field, &chosen, found);
}

static status_t detect_bumps(const field_t *field, const detect_options_t *options,
                             dataset_t *found) {
    double observed_ms = (double)field->frames * field->frame_ms;
    bump_options_t chosen = {.lifetime_ms = fmax(observed_ms / 10.0, 5.0 * options->tau_ms)};
    return bumps_detect(field, &chosen, found);
}

static status_t detect_pattern(const field_t *field, const detect_options_t *options,
                               dataset_t *found) {
    return structure_detect(field, options->wavelength_predicted, found);
}

static status_t detect_waves(const field_t *field, const detect_options_t *options,
                             dataset_t *found) {
    (void)options;
    return waves_detect(field, found);
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
    {"wave", detect_waves},  {"flow", detect_motion}, /* after the waves, which say where its band
                                                         is */
    {"bumps", detect_bumps}, {"pattern", detect_pattern}, {"persistence", detect_basins},
};

status_t detect_all(const field_t *field, const detect_options_t *options, dataset_t *found) {
    for (size_t k = 0; k < sizeof detectors / sizeof detectors[0]; k++) {
        char name[DATASET_NAME], reason[1024];
        status_t status = detectors[k].detect(field, options, found);
        if (status == STATUS_OK)
            continue;
        if (status == STATUS_USAGE)
            return status;
        snprintf(reason, sizeof reason, "none: %s", status_message());
        snprintf(name, sizeof name, "%s/reason", detectors[k].group);
        if (!dataset_find(found, name))
            TRY(dataset_text(found, name, reason));
    }
    return STATUS_OK;
}
