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

/* `potential_<name>` of a run (its last complete frame), or `h_<name>`(y, x). */
static status_t read_population(h5_file_t *file, const population_config_t *p, float *h) {
    char name[64];
    int rank = 0;
    size_t size[4] = {0}, frame = 0;
    snprintf(name, sizeof name, "/potential_%s", p->name);
    if (h5_dimensions(file, name, &rank, size) == STATUS_OK && rank == 3) {
        int64_t written = (int64_t)size[0];
        if (h5_read(file, "/frames_written", H5T_NATIVE_INT64, &written) != STATUS_OK)
            written = (int64_t)size[0];
        if (written < 1)
            FAIL(STATUS_USAGE, "%s: %s holds no complete frame", h5_path(file), name);
        frame = (size_t)written - 1;
    } else {
        snprintf(name, sizeof name, "/h_%s", p->name);
        if (h5_dimensions(file, name, &rank, size) != STATUS_OK || rank != 2)
            FAIL(
                STATUS_USAGE,
                "%s: neither potential_%s(time, y, x) nor h_%s(y, x) is there; store the potential "
                "of a run with output.fields: [rate, potential]",
                h5_path(file), p->name, p->name);
    }
    if (size[rank - 2] != p->lattice[1] || size[rank - 1] != p->lattice[0])
        FAIL(STATUS_USAGE, "%s: %s has %zu x %zu sites, population %s has %u x %u; they must agree",
             h5_path(file), name, size[rank - 1], size[rank - 2], p->name, p->lattice[0],
             p->lattice[1]);
    TRY(rank == 3 ? h5_read_block(file, name, frame, 1, 0, p->lattice[1], h)
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
    status_t status = read_population(file, p, h);
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
    bool same = config->population[a].initial.kind == INITIAL_FILE;
    status_t status = STATUS_OK;
    for (uint32_t trial = 0; trial < net->trials && status == STATUS_OK; trial++) {
        if (trial == 0 || !same)
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
