#include "host/io/snapshot.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/io/xdmf.h"

/* The queue holds about this much, at least QUEUE_MIN and at most QUEUE_MAX frames. */
static const size_t queue_bytes = (size_t)64 << 20;
enum { QUEUE_MIN = 4, QUEUE_MAX = 1024, PATH_SIZE = 64, TEXT_SIZE = 128 };

static const struct {
    unsigned field;
    const char *prefix, *long_name;
} fields[] = {
    {FIELD_RATE, "rate", "firing rate of population"},
    {FIELD_POTENTIAL, "potential", "potential h of population"},
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

typedef struct {
    size_t index;
    uint32_t population;
    unsigned field;
    float *frame;
} slot_t;

struct snapshot_writer {
    h5_file_t *file;
    const config_t *config;
    size_t frames, variables; /* of the file; a frame has `variables` arrays */
    pthread_t thread;
    bool running;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    slot_t *slots;
    size_t n_slots, head, count;
    bool finishing;
    status_t status; /* the writer's first failure */
    char message[1024];
    /* The writer thread's own until it is joined. */
    size_t arrays_written;
};

static void variable_name(char name[PATH_SIZE], const config_t *config, uint32_t population,
                          unsigned field) {
    for (int f = 0; f < FIELDS; f++)
        if (fields[f].field == field)
            snprintf(name, PATH_SIZE, "%s_%s", fields[f].prefix,
                     config->population[population].name);
}

static size_t population_sites(const config_t *config, uint32_t population) {
    const uint32_t *lattice = config->population[population].lattice;
    return (size_t)lattice[0] * lattice[1];
}

/* ---- creation ---- */

static status_t put_time(h5_file_t *file, size_t frames, double every_ms) {
    double *times = malloc(frames * sizeof *times);
    if (times == NULL)
        FAIL(STATUS_FAILED, "%s: no memory", h5_path(file));
    for (size_t i = 0; i < frames; i++)
        times[i] = (double)i * every_ms;
    status_t status = h5_coordinate(file, "time", frames, times, "ms", "time from the start");
    free(times);
    return status;
}

static status_t put_variables(h5_file_t *file, const config_t *config) {
    for (int f = 0; f < FIELDS; f++) {
        if (!(config->output.fields & fields[f].field))
            continue;
        for (uint32_t a = 0; a < config->populations; a++) {
            const char *population = config->population[a].name;
            char path[PATH_SIZE], y[PATH_SIZE], x[PATH_SIZE], long_name[TEXT_SIZE];
            variable_name(path, config, a, fields[f].field);
            snprintf(y, sizeof y, "y_%s", population);
            snprintf(x, sizeof x, "x_%s", population);
            snprintf(long_name, sizeof long_name, "%s %s", fields[f].long_name, population);
            const char *coordinates[3] = {"time", y, x};
            TRY(h5_variable(file, path, H5T_NATIVE_FLOAT, 3, coordinates, NULL, "1", long_name));
        }
    }
    return STATUS_OK;
}

static status_t put_layout(h5_file_t *file, const config_t *config, const run_facts_t *facts) {
    size_t frames = config_frames(config), bytes = 0;
    for (int f = 0; f < FIELDS; f++)
        for (uint32_t a = 0; a < config->populations; a++)
            if (config->output.fields & fields[f].field)
                bytes += frames * population_sites(config, a) * sizeof(float);
    TRY(h5_reserve(file, bytes, "the run"));
    TRY(root_attributes(file, config, facts, "Simulated activity of a spatial network"));
    TRY(h5_attribute_double(file, "/", "onset_ms", config->simulation.onset_ms));
    TRY(h5_attribute_double(file, "/", "frame_ms", config->output.every_ms));
    TRY(h5_attribute_int(file, "/", "complete", 0));
    TRY(put_time(file, frames, config->output.every_ms));
    TRY(root_axes(file, config));
    TRY(h5_variable(file, "frames_written", H5T_NATIVE_INT64, 0, NULL, NULL, "1",
                    "number of complete frames"));
    TRY(put_variables(file, config));
    TRY(h5_commit(file));
    return xdmf_write(file);
}

/* ---- the writer thread ---- */

static status_t write_slot(snapshot_writer_t *writer, const slot_t *slot) {
    char path[PATH_SIZE];
    variable_name(path, writer->config, slot->population, slot->field);
    TRY(h5_write_frame(writer->file, path, slot->index, slot->frame));
    writer->arrays_written++;
    if (writer->arrays_written % writer->variables != 0)
        return STATUS_OK;
    int64_t frames = (int64_t)slot->index + 1;
    return h5_write(writer->file, "frames_written", H5T_NATIVE_INT64, &frames);
}

/* After a failure it goes on taking frames, unwritten, so that nobody waits for room forever. */
static void *write_frames(void *context) {
    snapshot_writer_t *writer = context;
    pthread_mutex_lock(&writer->mutex);
    while (true) {
        while (writer->count == 0 && !writer->finishing)
            pthread_cond_wait(&writer->changed, &writer->mutex);
        if (writer->count == 0)
            break;
        const slot_t *slot = &writer->slots[writer->head];
        if (writer->status == STATUS_OK) {
            pthread_mutex_unlock(&writer->mutex);
            status_t status = write_slot(writer, slot);
            pthread_mutex_lock(&writer->mutex);
            if (status != STATUS_OK)
                snprintf(writer->message, sizeof writer->message, "%s", status_message());
            writer->status = status;
        }
        writer->head = (writer->head + 1) % writer->n_slots;
        writer->count--;
        pthread_cond_broadcast(&writer->changed);
    }
    pthread_mutex_unlock(&writer->mutex);
    return NULL;
}

static status_t queue_create(snapshot_writer_t *writer, const config_t *config) {
    size_t largest = 0;
    for (uint32_t a = 0; a < config->populations; a++) {
        size_t sites = population_sites(config, a);
        largest = sites > largest ? sites : largest;
    }
    size_t n = queue_bytes / (largest * sizeof(float));
    writer->n_slots = n < QUEUE_MIN ? QUEUE_MIN : n > QUEUE_MAX ? QUEUE_MAX : n;
    writer->slots = calloc(writer->n_slots, sizeof *writer->slots);
    for (size_t i = 0; writer->slots != NULL && i < writer->n_slots; i++)
        if ((writer->slots[i].frame = malloc(largest * sizeof(float))) == NULL)
            FAIL(STATUS_FAILED, "no memory for the queue of frames");
    if (writer->slots == NULL)
        FAIL(STATUS_FAILED, "no memory for the queue of frames");
    if (pthread_create(&writer->thread, NULL, write_frames, writer) != 0)
        FAIL(STATUS_FAILED, "%s: no thread to write it", h5_path(writer->file));
    writer->running = true;
    return STATUS_OK;
}

static void writer_free(snapshot_writer_t *writer) {
    for (size_t i = 0; writer->slots != NULL && i < writer->n_slots; i++)
        free(writer->slots[i].frame);
    free(writer->slots);
    pthread_cond_destroy(&writer->changed);
    pthread_mutex_destroy(&writer->mutex);
    free(writer);
}

status_t snapshot_create(const char *path, int force, const config_t *config,
                         const run_facts_t *facts, snapshot_writer_t **result) {
    *result = NULL;
    snapshot_writer_t *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        FAIL(STATUS_FAILED, "%s: no memory", path);
    pthread_mutex_init(&writer->mutex, NULL);
    pthread_cond_init(&writer->changed, NULL);
    writer->config = config;
    writer->frames = config_frames(config);
    for (int f = 0; f < FIELDS; f++)
        writer->variables += config->output.fields & fields[f].field ? config->populations : 0;
    status_t status = h5_create(path, force, &writer->file);
    if (status == STATUS_OK)
        status = put_layout(writer->file, config, facts);
    if (status == STATUS_OK)
        status = queue_create(writer, config);
    if (status != STATUS_OK) {
        h5_close(writer->file);
        writer_free(writer);
        return status;
    }
    *result = writer;
    return STATUS_OK;
}

/* ---- the simulation's side ---- */

status_t snapshot_put(snapshot_writer_t *writer, size_t index, uint32_t population, unsigned field,
                      const float *frame) {
    pthread_mutex_lock(&writer->mutex);
    while (writer->count == writer->n_slots && writer->status == STATUS_OK)
        pthread_cond_wait(&writer->changed, &writer->mutex);
    status_t status = writer->status;
    slot_t *slot = &writer->slots[(writer->head + writer->count) % writer->n_slots];
    pthread_mutex_unlock(&writer->mutex);
    if (status != STATUS_OK)
        FAIL(status, "%s", writer->message);
    slot->index = index;
    slot->population = population;
    slot->field = field;
    memcpy(slot->frame, frame, population_sites(writer->config, population) * sizeof *frame);
    pthread_mutex_lock(&writer->mutex);
    writer->count++;
    pthread_cond_broadcast(&writer->changed);
    pthread_mutex_unlock(&writer->mutex);
    return STATUS_OK;
}

status_t snapshot_finish(snapshot_writer_t *writer) {
    if (writer->running) {
        pthread_mutex_lock(&writer->mutex);
        writer->finishing = true;
        pthread_cond_broadcast(&writer->changed);
        pthread_mutex_unlock(&writer->mutex);
        pthread_join(writer->thread, NULL);
        writer->running = false;
    }
    if (writer->status != STATUS_OK)
        FAIL(writer->status, "%s", writer->message);
    bool complete = writer->arrays_written == writer->frames * writer->variables;
    TRY(h5_attribute_int(writer->file, "/", "complete", complete));
    return h5_flush(writer->file);
}

h5_file_t *snapshot_file(snapshot_writer_t *writer) {
    return writer->file;
}

status_t snapshot_close(snapshot_writer_t *writer) {
    if (writer == NULL)
        return STATUS_OK;
    status_t finished = writer->running ? snapshot_finish(writer) : STATUS_OK;
    status_t closed = h5_close(writer->file);
    writer_free(writer);
    return finished != STATUS_OK ? finished : closed;
}
