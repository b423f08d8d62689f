/* Initial states: drawn, constant, or read from a file. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/io/h5.h"
#include "host/simulate.h"
#include "kernels/draw.h"

static void draw(const initial_config_t *initial, uint64_t seed, uint32_t trial,
                 uint32_t population, uint32_t n, float *h) {
    const normal_node_t *table = normal_table();
    float a = (float)initial->value[0], b = (float)initial->value[1];
    for (uint32_t i = 0; i < n; i++) {
        uint32_t word = philox_word(seed, stream_of_initial(population), of_trial(trial, i));
        if (initial->kind == INITIAL_UNIFORM)
            h[i] = fmaf(b - a, (float)(word >> 8) * 0x1p-24f, a);
        else if (initial->kind == INITIAL_NORMAL)
            h[i] = fmaf(b, normal_from_bits(table, word), a);
        else
            h[i] = a;
    }
}

/* The stored state of a population that was found in a file. */
typedef struct {
    char name[64];
    size_t trials, frame, ny, nx;
    bool frames; /* of a run; else h_<name>(y, x) */
} stored_t;

/* `potential_<name>` of a run (its last complete frame), or `h_<name>`(y, x). */
static status_t find_population(h5_file_t *file, const population_config_t *p, stored_t *stored) {
    int rank = 0;
    size_t size[4] = {0};
    h5_frames_t frames;
    snprintf(stored->name, sizeof stored->name, "/potential_%s", p->name);
    stored->frames = h5_frames(file, stored->name, &frames) == STATUS_OK;
    if (stored->frames) {
        int64_t written = (int64_t)frames.frames;
        if (h5_read(file, "/frames_written", H5T_NATIVE_INT64, &written) != STATUS_OK)
            written = (int64_t)frames.frames;
        if (written < 1)
            FAIL(STATUS_USAGE, "%s: %s holds no complete frame", h5_path(file), stored->name);
        stored->frame = (size_t)written - 1;
        stored->trials = frames.trials;
        stored->ny = frames.ny;
        stored->nx = frames.nx;
        return STATUS_OK;
    }
    snprintf(stored->name, sizeof stored->name, "/h_%s", p->name);
    if (h5_dimensions(file, stored->name, &rank, size) != STATUS_OK || rank != 2)
        FAIL(STATUS_USAGE,
             "%s: neither potential_%s(time, y, x) nor h_%s(y, x) is there; store the potential "
             "of a run with output.fields: [rate, potential]",
             h5_path(file), p->name, p->name);
    stored->trials = 1;
    stored->ny = size[0];
    stored->nx = size[1];
    return STATUS_OK;
}

static status_t read_population(h5_file_t *file, const population_config_t *p, uint32_t trials,
                                uint32_t trial, float *h) {
    stored_t stored = {0};
    TRY(find_population(file, p, &stored));
    const char *name = stored.name;
    if (stored.ny != p->lattice[1] || stored.nx != p->lattice[0])
        FAIL(STATUS_USAGE, "%s: %s has %zu x %zu sites, population %s has %u x %u; they must agree",
             h5_path(file), name, stored.nx, stored.ny, p->name, p->lattice[0], p->lattice[1]);
    if (stored.trials > 1 && stored.trials < trials)
        FAIL(STATUS_USAGE,
             "%s: %s has %zu trials, simulation.trials is %u; each trial begins with the "
             "same-numbered one, so there can be at most %zu",
             h5_path(file), name, stored.trials, trials, stored.trials);
    TRY(stored.frames ? h5_read_block(file, name, stored.trials > 1 ? trial : 0, stored.frame, 1, 0,
                                      p->lattice[1], h)
                      : h5_read(file, name, H5T_NATIVE_FLOAT, h));
    for (size_t i = 0; i < (size_t)p->lattice[0] * p->lattice[1]; i++)
        if (!isfinite(h[i]))
            FAIL(STATUS_USAGE, "%s: %s is not finite at neuron %zu", h5_path(file), name, i);
    return STATUS_OK;
}

static status_t read_or_draw(const config_t *config, const network_t *net, uint32_t trial,
                             uint32_t a, float *h) {
    const population_config_t *p = &config->population[a];
    if (p->initial.kind != INITIAL_FILE) {
        draw(&p->initial, net->seed, trial, a, population_size(&net->population[a]), h);
        return STATUS_OK;
    }
    h5_file_t *file;
    if (access(p->initial.file, R_OK) != 0)
        FAIL(STATUS_USAGE,
             "populations.%s.initial: %s cannot be read: %s; give the file's path, from the "
             "working folder",
             p->name, p->initial.file, strerror(errno));
    TRY(h5_open(p->initial.file, 0, &file));
    status_t status = read_population(file, p, net->trials, trial, h);
    status_t closed = h5_close(file);
    return status != STATUS_OK ? status : closed;
}

/* One population's state in every trial, given to the backend; with no backend it is only read or
 * drawn. */
static status_t population_state(const config_t *config, const network_t *net,
                                 const backend_t *backend, backend_state_t *state, uint32_t a) {
    float *h = malloc(population_size(&net->population[a]) * sizeof *h);
    if (!h)
        FAIL(STATUS_FAILED, "no memory for the initial state");
    status_t status = STATUS_OK;
    for (uint32_t trial = 0; trial < net->trials && status == STATUS_OK; trial++) {
        status = read_or_draw(config, net, trial, a, h);
        if (status == STATUS_OK && backend)
            status = backend->put_state(state, trial, a, h);
    }
    free(h);
    return status;
}

status_t initial_check(const config_t *config, const network_t *net) {
    for (uint32_t a = 0; a < net->populations; a++)
        if (config->population[a].initial.kind == INITIAL_FILE)
            TRY(population_state(config, net, NULL, NULL, a));
    return STATUS_OK;
}

status_t initial_state(const config_t *config, const network_t *net, const backend_t *backend,
                       backend_state_t *state) {
    for (uint32_t a = 0; a < net->populations; a++)
        TRY(population_state(config, net, backend, state, a));
    return STATUS_OK;
}
