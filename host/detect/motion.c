#include "host/detect/motion.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/detect/analytic.h"
#include "host/detect/flow.h"
#include "host/detect/gaussian.h"
#include "host/detect/motion_series.h"
#include "host/detect/smooth.h"

enum { CHAIN = 4, BATCH = 32, BATCH_BYTES = 64 << 20, FILM_FRAMES = 25, FILM_BYTES = 64 << 20 };

/* Frames are taken in batches. Chains of CHAIN fields are solved side by side, each field from the
 * one before; a chain's first field from the last one of the batch before. Slots 0 and 1 of a batch
 * hold the two frames before it. */
typedef struct {
    const field_t *field;
    const motion_options_t *options;
    dataset_t *found;
    bool in_phase; /* then there is no flow */
    double smoothness, rms;
    size_t sites, frames, batch, film_frames, threads;
    analytic_t *analytic;
    gaussian_t smoother;
    flow_t **flow;           /* [threads] */
    float *z;                /* [batch][2][sites] */
    float *copy;             /* [threads][sites] */
    float *phase, *weight;   /* [batch + 2][sites] */
    float *velocity, *guess; /* [batch][2][sites], [2][sites] */
    motion_moment_t *ahead;  /* [batch + 2], by slot: what phases say */
    motion_moment_t *moment; /* [frames] */
    double *film[3];         /* [film_frames][sites]: phase, velocity x, y */
} motion_t;

static void motion_destroy(motion_t *m) {
    analytic_destroy(m->analytic);
    gaussian_destroy(&m->smoother);
    for (size_t k = 0; m->flow && k < m->threads; k++)
        flow_destroy(m->flow[k]);
    free(m->flow);
    free(m->z);
    free(m->copy);
    free(m->phase);
    free(m->weight);
    free(m->velocity);
    free(m->guess);
    free(m->ahead);
    free(m->moment);
    for (int k = 0; k < 3; k++)
        free(m->film[k]);
}

static status_t allocate(motion_t *m) {
    size_t n = m->sites, slots = m->batch + 2;
    m->flow = calloc(m->threads, sizeof *m->flow);
    m->z = malloc(m->batch * 2 * n * sizeof *m->z);
    m->copy = malloc(m->threads * n * sizeof *m->copy);
    m->phase = malloc(slots * n * sizeof *m->phase);
    m->weight = malloc(slots * n * sizeof *m->weight);
    m->velocity = malloc(m->batch * 2 * n * sizeof *m->velocity);
    m->guess = calloc(2 * n, sizeof *m->guess);
    m->ahead = calloc(slots, sizeof *m->ahead);
    m->moment = calloc(m->frames, sizeof *m->moment);
    bool there = m->flow && m->z && m->copy && m->phase && m->weight && m->velocity && m->guess &&
                 m->ahead && m->moment;
    for (int k = 0; k < 3; k++) {
        m->film[k] = malloc(m->film_frames * n * sizeof *m->film[k]);
        there = there && m->film[k];
    }
    if (!there)
        FAIL(STATUS_FAILED, "motion: no memory for %zu frames of %zu sites", m->batch, n);
    for (size_t k = 0; k < m->threads && !m->in_phase; k++)
        TRY(flow_create(&m->field->grid, m->smoothness, FLOW_RESIDUAL, &m->flow[k]));
    return STATUS_OK;
}

static status_t motion_create(motion_t *m, band_t band, const smooth_t *smooth) {
    const grid_t *grid = &m->field->grid;
    double range = smooth->range_sites;
    size_t longest = grid->nx > grid->ny ? grid->nx : grid->ny;
    if (!(range >= 0.0 && range <= (double)longest))
        FAIL(STATUS_USAGE, "smoothing over %g sites: give 0 (none) up to the sheet's %zu", range,
             longest);
    TRY(analytic_create(m->field, band, 0, m->field->frames, &m->analytic));
    TRY(gaussian_create(grid, range, range, GAUSSIAN_MEAN, &m->smoother));
    m->rms = smooth->rms;
    m->in_phase = smooth->in_phase > 1.0 - 1.0 / 12.0; /* a ramp of 1 radian has 1/12 */
    m->sites = grid_sites(grid);
    m->frames = analytic_frames(m->analytic) - 2;
    m->threads = (size_t)omp_get_max_threads();
    size_t room = BATCH_BYTES / (m->sites * 6 * sizeof(float));
    m->batch = room < 1 ? 1 : room > BATCH ? BATCH : room;
    room = FILM_BYTES / (m->sites * 3 * sizeof(double));
    m->film_frames = room < 1 ? 1 : room > FILM_FRAMES ? FILM_FRAMES : room;
    m->film_frames = m->film_frames < m->frames ? m->film_frames : m->frames;
    return allocate(m);
}

/* Phase, weight and moments of z, smoothed, into a slot. */
static void take_phase(motion_t *m, float *z, size_t slot) {
    const grid_t *grid = &m->field->grid;
    float *copy = m->copy + (size_t)omp_get_thread_num() * m->sites;
    float *phase = m->phase + slot * m->sites, *weight = m->weight + slot * m->sites;
    float scale = m->rms > 0.0 ? (float)(1.0 / m->rms) : 0.0f;
    for (size_t i = 0; i < 2 * m->sites; i++)
        z[i] *= scale;
    gaussian_apply(&m->smoother, z, copy);
    gaussian_apply(&m->smoother, z + m->sites, copy);
    for (size_t i = 0; i < m->sites; i++) {
        phase[i] = atan2f(z[m->sites + i], z[i]);
        weight[i] = z[i] * z[i] + z[m->sites + i] * z[m->sites + i];
    }
    m->ahead[slot] = (motion_moment_t){0};
    motion_of_phases(grid, z, z + m->sites, &m->ahead[slot]);
}

/* The next n frames into slots from `slot` on. */
static status_t take_phases(motion_t *m, size_t n, size_t slot) {
    for (size_t k = 0; k < n; k++) {
        float *z = m->z + k * 2 * m->sites;
        TRY(analytic_next(m->analytic, z, z + m->sites));
    }
#pragma omp parallel for schedule(dynamic) if (m->batch > 1)
    for (size_t k = 0; k < n; k++)
        take_phase(m, m->z + k * 2 * m->sites, slot + k);
    return STATUS_OK;
}

/* Velocity k of the batch, from slots k ... k + 2. */
static void solve(motion_t *m, size_t first, size_t k) {
    const float *phase[3];
    float *velocity = m->velocity + k * 2 * m->sites;
    motion_moment_t *moment = &m->moment[first + k];
    size_t thread = (size_t)omp_get_thread_num();
    for (size_t i = 0; i < 3; i++)
        phase[i] = m->phase + (k + i) * m->sites;
    *moment = m->ahead[k + 1];
    if (m->in_phase)
        return;
    bool converged = false;
    memcpy(velocity, k % CHAIN ? velocity - 2 * m->sites : m->guess,
           2 * m->sites * sizeof *velocity);
    flow_solve(m->flow[thread], phase, m->weight + (k + 1) * m->sites,
               analytic_frame_ms(m->analytic), velocity, &converged);
    moment->unconverged = converged ? 0.0 : 1.0;
    motion_of_velocities(&m->field->grid, velocity, m->copy + thread * m->sites, moment);
}

/* Film frame k is velocity film_at(k). */
static size_t film_at(const motion_t *m, size_t k) {
    return m->film_frames > 1 ? k * (m->frames - 1) / (m->film_frames - 1) : 0;
}

static void keep_film(motion_t *m, size_t frame, const float *phase, const float *velocity) {
    for (size_t k = 0; k < m->film_frames; k++)
        for (size_t i = 0; film_at(m, k) == frame && i < m->sites; i++) {
            bool has = !m->field->grid.mask || m->field->grid.mask[i];
            m->film[0][k * m->sites + i] = has ? (double)phase[i] : NAN;
            m->film[1][k * m->sites + i] = has ? (double)velocity[i] : NAN;
            m->film[2][k * m->sites + i] = has ? (double)velocity[m->sites + i] : NAN;
        }
}

static status_t run_batch(motion_t *m, size_t first, size_t n) {
    TRY(take_phases(m, n, 2));
#pragma omp parallel for schedule(dynamic) if (m->batch > 1)
    for (size_t head = 0; head < n; head += CHAIN)
        for (size_t k = head; k < n && k < head + CHAIN; k++)
            solve(m, first, k);
    for (size_t k = 0; k < n && !m->in_phase; k++) {
        const float *phase = m->phase + (k + 1) * m->sites;
        const float *velocity = m->velocity + k * 2 * m->sites;
        keep_film(m, first + k, phase, velocity);
        for (size_t c = 0; c < m->options->consumers; c++)
            TRY(m->options->consumer[c].take(m->options->consumer[c].context, phase, velocity));
    }
    if (!m->in_phase)
        memcpy(m->guess, m->velocity + (n - 1) * 2 * m->sites, 2 * m->sites * sizeof *m->guess);
    memmove(m->phase, m->phase + n * m->sites, 2 * m->sites * sizeof *m->phase);
    memmove(m->weight, m->weight + n * m->sites, 2 * m->sites * sizeof *m->weight);
    memmove(m->ahead, m->ahead + n, 2 * sizeof *m->ahead);
    return STATUS_OK;
}

static status_t run(motion_t *m) {
    double step = analytic_frame_ms(m->analytic), start = analytic_start_ms(m->analytic) + step;
    for (size_t c = 0; c < m->options->consumers && !m->in_phase; c++)
        if (m->options->consumer[c].begin)
            TRY(m->options->consumer[c].begin(m->options->consumer[c].context, m->frames, start,
                                              step));
    for (size_t k = 0; k < 2; k++)
        TRY(take_phases(m, 1, k));
    for (size_t first = 0; first < m->frames; first += m->batch) {
        size_t left = m->frames - first;
        TRY(run_batch(m, first, left < m->batch ? left : m->batch));
    }
    return STATUS_OK;
}

static status_t add_axis(dataset_t *found, const char *name, size_t n, double spacing, double at,
                         const char *unit, const char *long_name) {
    double *values = malloc(n * sizeof *values);
    if (!values)
        FAIL(STATUS_FAILED, "%s: no memory for %zu places", name, n);
    for (size_t i = 0; i < n; i++)
        values[i] = at + spacing * (double)i;
    status_t status = dataset_axis(found, name, n, values, unit, long_name);
    free(values);
    return status;
}

static status_t add_film(const motion_t *m) {
    static const char *const axes[] = {"flow/frame", "flow/y", "flow/x"};
    const grid_t *grid = &m->field->grid;
    char unit[32];
    double step = analytic_frame_ms(m->analytic), start = analytic_start_ms(m->analytic) + step;
    double times[FILM_FRAMES];
    for (size_t k = 0; k < m->film_frames; k++)
        times[k] = start + step * (double)film_at(m, k);
    TRY(dataset_axis(m->found, axes[0], m->film_frames, times, "ms", "time of the frame"));
    TRY(add_axis(m->found, axes[1], grid->ny, grid->dy, 0.5 * grid->dy, grid->length,
                 "y of the sites"));
    TRY(add_axis(m->found, axes[2], grid->nx, grid->dx, 0.5 * grid->dx, grid->length,
                 "x of the sites"));
    motion_speed_unit(grid, unit);
    TRY(dataset_array(m->found, "flow/phase", 3, axes, m->film[0], "rad",
                      "phase, k.x - w t for a wave along +k"));
    TRY(dataset_array(m->found, "flow/velocity_x", 3, axes, m->film[1], unit,
                      "x component of the phase's velocity"));
    return dataset_array(m->found, "flow/velocity_y", 3, axes, m->film[2], unit,
                         "y component of the phase's velocity");
}

static status_t add_settings(const motion_t *m, const smooth_t *smooth) {
    TRY(dataset_number(m->found, "flow/smoothness_rad", m->smoothness, "rad",
                       "phase over which velocities are smoothed"));
    TRY(dataset_number(
        m->found, "flow/smoothing_sites", smooth->range_sites, "site",
        "Gaussian range over which signals are smoothed before their phase is taken"));
    return dataset_number(m->found, "flow/left_out_ms",
                          (double)analytic_left_out(m->analytic) * m->field->frame_ms, "ms",
                          "at either end, where the filter has no full support");
}

static status_t report(motion_t *m, const smooth_t *smooth) {
    double step = analytic_frame_ms(m->analytic);
    size_t span =
        (size_t)(2.0 * (double)analytic_left_out(m->analytic) * m->field->frame_ms / step);
    TRY(add_settings(m, smooth));
    TRY(add_axis(m->found, "flow/time", m->frames, step, analytic_start_ms(m->analytic) + step,
                 "ms", "time of the velocity field"));
    motion_series_t series = {m->moment, m->frames, span + 1, m->in_phase};
    TRY(motion_series_add(&series, &m->field->grid, m->found));
    return m->in_phase ? STATUS_OK : add_film(m);
}

/* The band's words and numbers; *found: whether there is one to go on with. */
static status_t settle_band(const field_t *field, const motion_options_t *options, dataset_t *found,
                            band_t *band, bool *there) {
    band_choice_t choice = {.found = true, .band = options->band};
    snprintf(choice.reason, sizeof choice.reason, "%s",
             options->band_reason ? options->band_reason : "as given");
    bool chosen = options->band.low_hz == 0.0 && options->band.high_hz == 0.0;
    if (chosen)
        TRY(band_choose(field, &choice));
    else
        TRY(band_check(options->band, field->frame_ms));
    size_t least = choice.found ? analytic_needs(choice.band, field->frame_ms, 3) : 0;
    if (least > field->frames)
        FAIL(STATUS_FAILED,
             "band %.4g to %.4g Hz needs %zu frames of %g ms, and there are %zu; give more frames, "
             "or a band that is wider and higher",
             choice.band.low_hz, choice.band.high_hz, least, field->frame_ms, field->frames);
    TRY(dataset_text(found, "flow/reason", choice.reason));
    *band = choice.band;
    *there = choice.found;
    if (!choice.found)
        return STATUS_OK;
    TRY(dataset_number(found, "flow/band_low_hz", band->low_hz, "Hz", "band's lower edge"));
    TRY(dataset_number(found, "flow/band_high_hz", band->high_hz, "Hz", "band's upper edge"));
    if (!chosen)
        return STATUS_OK;
    return dataset_number(found, "flow/peak_hz", choice.peak_hz, "Hz",
                          "peak of the temporal spectrum");
}

status_t motion_detect(const field_t *field, const motion_options_t *options, dataset_t *found) {
    motion_t motion = {.field = field, .options = options, .found = found};
    motion.smoothness = options->smoothness_rad != 0.0 ? options->smoothness_rad : FLOW_SMOOTHNESS;
    band_t band;
    smooth_t smooth;
    bool there = false;
    TRY(settle_band(field, options, found, &band, &there));
    if (!there)
        return STATUS_OK;
    TRY(smooth_choose(field, band, &smooth));
    if (!(smooth.rms > 0.0))
        return dataset_text(found, "flow/motion", "none: every site is constant in this band");
    if (options->smooth_sites)
        smooth.range_sites = *options->smooth_sites;
    status_t status = motion_create(&motion, band, &smooth);
    if (status == STATUS_OK)
        status = run(&motion);
    if (status == STATUS_OK)
        status = report(&motion, &smooth);
    motion_destroy(&motion);
    return status;
}
