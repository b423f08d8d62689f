#include "host/detect/wave.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/detect/wave_epoch.h"
#include "host/detect/wave_peak.h"

enum { SPECTRUM_BYTES = 96 << 20, RINGS = 128 };

typedef struct {
    const field_t *field;
    dataset_t *found;
    harmonics_t modes;
    wave_spectrum_t spectrum;
    double moving; /* variance over space and time around the sites' means over time */
    wave_peak_t peak[WAVE_PEAKS];
    size_t peaks;
    wave_segments_t segments;
    wave_epochs_t epochs;
    const char *kind;
    double value[WAVE_NUMBERS], error[WAVE_NUMBERS];
    char per_length[40], per_time[40];
} wave_t;

static status_t check(const field_t *field) {
    if (!(field->frame_ms > 0.0) || !isfinite(field->frame_ms))
        FAIL(STATUS_FAILED, "waves: frames are %g ms apart: their times must rise evenly",
             field->frame_ms);
    if (field->frames < WAVE_FRAMES_LEAST)
        FAIL(STATUS_FAILED,
             "waves: %zu frames from the onset on: a spectrum with error bars needs %d or more; "
             "record longer or more often",
             field->frames, WAVE_FRAMES_LEAST);
    return STATUS_OK;
}

static void take(void *context, const harmonics_block_t *block) {
    wave_t *wave = context;
    wave_segments_take(&wave->segments, block);
    wave_epochs_take(&wave->epochs, block);
}

/* The second read: the peak's numbers and errors, and when it carries the field. */
static status_t measure(wave_t *wave) {
    const field_t *field = wave->field;
    TRY(wave_segments_create(&wave->modes, &wave->spectrum, field->frames, wave->peak, wave->peaks,
                             &wave->segments));
    TRY(wave_epochs_create(field, &wave->modes, wave->spectrum.mean, wave->peak[0].frequency_hz,
                           &wave->epochs));
    TRY(harmonics_stream(&wave->modes, field, take, wave));
    TRY(wave_segments_estimate(&wave->segments, wave->value, wave->error));
    double index = wave->value[WAVE_INDEX], margin = 2.0 * wave->error[WAVE_INDEX];
    wave->kind = index - margin >= 0.5   ? "travelling"
                 : index + margin <= 0.5 ? "standing, or both ways"
                                         : "partly travelling";
    if (index + margin <= 0.5)
        wave->value[WAVE_DIRECTION] = wave->error[WAVE_DIRECTION] = NAN;
    return STATUS_OK;
}

/* The strongest mode of the mean over time, where it is more than slow noise and WAVE_AT_REST of
 * the spatial variance: it does not move. */
static void find_at_rest(wave_t *wave) {
    const wave_spectrum_t *spectrum = &wave->spectrum;
    double most = 0.0;
    size_t best = 0;
    for (size_t m = 0; m < wave->modes.modes; m++) {
        double power = pow(cabs(spectrum->mean[wave->modes.mode[m].place]), 2.0);
        if (power > most)
            best = m, most = power;
    }
    /* Noise at f = 0 in a mean over all frames, from the lowest bins, of a segment each. */
    const double *power = spectrum->power + best * spectrum->length;
    double noise = 0.5 * (power[1] + power[spectrum->length - 1]) * (double)spectrum->length /
                   (double)wave->field->frames;
    double threshold = wave_threshold(1, wave_freedom(spectrum->segments, 1),
                                      WAVE_FALSE_ALARM / (double)wave->modes.modes);
    if (2.0 * most < WAVE_AT_REST * spectrum->variance || most <= threshold * noise)
        return;
    wave->kind = "at rest";
    wave->value[WAVE_WAVENUMBER] = hypot(wave->modes.mode[best].ky, wave->modes.mode[best].kx);
    wave->value[WAVE_FREQUENCY] = wave->value[WAVE_SPEED] = 0.0;
}

static status_t add_numbers(const wave_t *wave) {
    const double degree = 180.0 / M_PI;
    const struct {
        const char *name, *unit, *long_name;
        double unit_size;
    } row[WAVE_NUMBERS] = {
        [WAVE_WAVENUMBER] = {"wavenumber", wave->per_length,
                             "wave number |k| of the strongest peak", 1.0},
        [WAVE_FREQUENCY] = {"frequency_hz", "Hz", "its frequency; 0 for a pattern at rest", 1.0},
        [WAVE_SPEED] = {"speed", wave->per_time, "its phase speed, frequency over wave number",
                        1.0},
        [WAVE_DIRECTION] = {"direction_deg", "degree",
                            "where it travels to, from x to y; none for one both ways", degree},
        [WAVE_INDEX] = {"travelling_index", "1",
                        "(P(+k) - P(-k)) / (P(+k) + P(-k)) at its frequency", 1.0},
    };
    char name[64], long_name[160];
    TRY(dataset_text(wave->found, "wave/kind", wave->kind));
    TRY(dataset_text(wave->found, "wave/window",
                     wave->modes.windowed
                         ? "Hann over the sheet: wave numbers within 2 cycles across it blend"
                         : "none: a torus"));
    for (int k = 0; k < WAVE_NUMBERS; k++) {
        snprintf(name, sizeof name, "wave/%s", row[k].name);
        TRY(dataset_number(wave->found, name, wave->value[k] * row[k].unit_size, row[k].unit,
                           row[k].long_name));
        snprintf(name, sizeof name, "wave/%s_error", row[k].name);
        snprintf(long_name, sizeof long_name,
                 "standard error of %s, jackknife over segments, with that between bins",
                 row[k].name);
        TRY(dataset_number(wave->found, name, wave->error[k] * row[k].unit_size, row[k].unit,
                           long_name));
    }
    const wave_spectrum_t *s = &wave->spectrum;
    TRY(dataset_number(wave->found, "wave/at_rest_share",
                       s->variance > 0.0 ? s->at_rest / s->variance : NAN, "1",
                       "share of the variance over space that the mean over time has"));
    TRY(dataset_number(
        wave->found, "wave/false_alarm", WAVE_FALSE_ALARM, "1",
        "probability that noise whose spectra have no peak gives one, over the field, at most"));
    return dataset_number(
        wave->found, "wave/threshold",
        wave_threshold(s->segments, wave_freedom(s->segments, WAVE_SIDE),
                       WAVE_FALSE_ALARM / (double)wave_tests(&wave->modes, s)),
        "1", "ratio of power to background from which a peak is stated, 8 bins to each side");
}

static status_t add_peaks(const wave_t *wave) {
    enum { N_X, N_Y, WAVENUMBER, FREQUENCY, SHARE, RATIO, COLUMNS };
    const char *axis = "wave/peak";
    const char *const name[COLUMNS][3] = {
        {"wave/peak_nx", "1", "periods along x, positive where it travels to larger x"},
        {"wave/peak_ny", "1", "periods along y"},
        {"wave/peak_wavenumber", wave->per_length, "wave number"},
        {"wave/peak_frequency_hz", "Hz", "frequency, of the bin"},
        {"wave/peak_share", "1", "share of the variance around the sites' means over time"},
        {"wave/peak_ratio", "1", "power over the background of neighbouring frequencies"},
    };
    double column[COLUMNS][WAVE_PEAKS];
    for (size_t k = 0; k < wave->peaks; k++) {
        const wave_peak_t *peak = &wave->peak[k];
        column[N_X][k] = peak->n_x;
        column[N_Y][k] = peak->n_y;
        column[WAVENUMBER][k] = hypot(peak->ky, peak->kx);
        column[FREQUENCY][k] = peak->frequency_hz;
        column[SHARE][k] = peak->share;
        column[RATIO][k] = peak->ratio;
    }
    TRY(dataset_axis(wave->found, axis, wave->peaks, NULL, "1", "peaks of the k-omega spectrum"));
    for (int k = 0; k < COLUMNS; k++)
        TRY(dataset_list(wave->found, name[k][0], axis, column[k], name[k][1], name[k][2]));
    return STATUS_OK;
}

/* power[rings][length]: of modes of like |k|, frequency rising from -Nyquist; positive for those
 * that travel within 90 degrees of the peak's k (along x where there is none). */
static void sum_rings(const wave_t *wave, double width, size_t rings, double *power) {
    const wave_spectrum_t *spectrum = &wave->spectrum;
    size_t length = spectrum->length;
    double ky = wave->peaks > 0 ? wave->peak[0].ky : 0.0;
    double kx = wave->peaks > 0 ? wave->peak[0].kx : 1.0;
    for (size_t m = 0; m < wave->modes.modes; m++) {
        const harmonic_t *mode = &wave->modes.mode[m];
        size_t ring = (size_t)lrint(hypot(mode->ky, mode->kx) / width);
        int sign = ky * mode->ky + kx * mode->kx < 0.0 ? -1 : 1;
        for (size_t k = 1; k < length && ring < rings; k++) {
            long f = sign * ((long)k - (long)length / 2);
            power[ring * length + k] +=
                2.0 * spectrum->power[m * length + (size_t)(f < 0 ? f + (long)length : f)];
        }
    }
}

static status_t add_spectrum(const wave_t *wave) {
    const wave_spectrum_t *spectrum = &wave->spectrum;
    const grid_t *grid = &wave->modes.grid;
    size_t length = spectrum->length, rings = 1;
    double most = 0.0, axis[RINGS + 1];
    double width = fmin(grid->ny > 1 ? 1.0 / ((double)grid->ny * grid->dy) : INFINITY,
                        grid->nx > 1 ? 1.0 / ((double)grid->nx * grid->dx) : INFINITY);
    for (size_t m = 0; m < wave->modes.modes; m++)
        most = fmax(most, hypot(wave->modes.mode[m].ky, wave->modes.mode[m].kx));
    width = fmax(width, most / (RINGS - 1));
    for (rings = 0; rings <= (size_t)(most / width + 0.5) && rings < RINGS; rings++)
        axis[rings] = (double)rings * width;
    double *power = calloc(rings * length + length, sizeof *power);
    if (!power)
        FAIL(STATUS_FAILED, "waves: no memory for a spectrum of %zu frequencies", length);
    sum_rings(wave, width, rings, power);
    double *frequency = power + rings * length;
    for (size_t k = 0; k < length; k++)
        frequency[k] = ((double)k - (double)(length / 2)) * spectrum->bin_hz;
    const char *const axes[] = {"wave/spectrum_wavenumber", "wave/spectrum_frequency_hz"};
    status_t status = dataset_axis(wave->found, axes[0], rings, axis, wave->per_length,
                                   "wave number |k|, middle of a ring");
    if (status == STATUS_OK)
        status =
            dataset_axis(wave->found, axes[1], length, frequency, "Hz",
                         "frequency; positive: travels within 90 degrees of the strongest peak");
    if (status == STATUS_OK)
        status = dataset_array(wave->found, "wave/power", 2, axes, power, "1",
                               "variance a bin, summed over the ring's modes");
    free(power);
    return status;
}

static status_t detect(wave_t *wave) {
    const field_t *field = wave->field;
    size_t length = wave_segment_length(field->frames);
    TRY(harmonics_create(&field->grid,
                         SPECTRUM_BYTES / (length * (sizeof(double) + sizeof(float complex))),
                         &wave->modes));
    TRY(wave_spectrum_create(field, &wave->modes, &wave->spectrum));
    const wave_spectrum_t *spectrum = &wave->spectrum;
    if (spectrum->variance == 0.0 && spectrum->mean_least == spectrum->mean_most)
        FAIL(STATUS_FAILED, "waves: the field is constant, %g everywhere: it has no spectrum",
             spectrum->mean_least);
    double moving = spectrum->variance - spectrum->at_rest;
    wave->moving = moving + spectrum->uniform;
    if (moving > 1e-12 * spectrum->variance) /* rounding of sums of floats otherwise */
        TRY(wave_peaks_find(&wave->modes, spectrum, wave->moving, wave->peak, &wave->peaks));
    if (wave->peaks > 0)
        TRY(measure(wave));
    else if (spectrum->variance > 0.0)
        find_at_rest(wave);
    TRY(add_numbers(wave));
    TRY(add_peaks(wave));
    TRY(add_spectrum(wave));
    return wave_epochs_add(&wave->epochs, wave->found);
}

status_t waves_detect(const field_t *field, dataset_t *found) {
    wave_t wave = {.field = field, .found = found, .kind = "none"};
    TRY(check(field));
    for (int k = 0; k < WAVE_NUMBERS; k++)
        wave.value[k] = wave.error[k] = NAN;
    wave.epochs =
        (wave_epochs_t){.modes = &wave.modes, .frames = field->frames, .frame_ms = field->frame_ms};
    snprintf(wave.per_length, sizeof wave.per_length, "1/%s", field->grid.length);
    snprintf(wave.per_time, sizeof wave.per_time, "%s/s", field->grid.length);
    status_t status = detect(&wave);
    wave_epochs_destroy(&wave.epochs);
    wave_segments_destroy(&wave.segments);
    wave_spectrum_destroy(&wave.spectrum);
    harmonics_destroy(&wave.modes);
    return status;
}
