#define _GNU_SOURCE /* strdup */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/io/snapshot_internal.h"
#include "host/io/xdmf.h"
#include "host/progress.h"

/* The queue holds about this much, at least QUEUE_MIN and at most QUEUE_MAX frames. */
static const size_t queue_bytes = (size_t)64 << 20;
enum { QUEUE_MIN = 4, QUEUE_MAX = 1024 };
/* A frame that cannot be written is tried again, so many times, after so many microseconds. */
enum { TRIES = 4, PAUSE_US = 500000 };

/* ---- the writer thread ---- */

static status_t write_frame(snapshot_writer_t *writer, const slot_t *slot) {
    char path[VARIABLE_NAME];
    snapshot_variable(path, writer->config, slot->population, slot->field);
    TRY(h5_write_frame(writer->file, path, slot->trial, slot->index, slot->frame));
    if ((writer->arrays_written + 1) % writer->arrays != 0)
        return STATUS_OK;
    int64_t frames = (int64_t)slot->index + 1;
    return h5_write(writer->file, "frames_written", H5T_NATIVE_INT64, &frames);
}

/* Stores `position`, which becomes the last one; the frames before it are on disk first. */
static status_t store(snapshot_writer_t *writer, const position_t *position) {
    free(writer->last.position.h);
    writer->last.position = *position;
    writer->last.position.frames = writer->arrays_written / writer->arrays;
    writer->last.position.frames_hash = writer->frames_hash;
    double start = clock_s();
    if (fdatasync(h5_descriptor(writer->file)) != 0)
        FAIL(STATUS_FAILED, "%s: cannot be synced: %s", h5_path(writer->file), strerror(errno));
    double synced = clock_s();
    TRY(checkpoint_store(h5_path(writer->file), &writer->last, &writer->cost.bytes));
    double seconds = clock_s() - synced;
    writer->cost.sync_s += synced - start;
    writer->cost.seconds += seconds;
    writer->cost.longest_s = seconds > writer->cost.longest_s ? seconds : writer->cost.longest_s;
    writer->cost.stored++;
    return STATUS_OK;
}

/* A checkpoint that cannot be written is a warning, once: the run goes on. */
static status_t keep(snapshot_writer_t *writer, const position_t *position) {
    status_t before = writer->kept_status;
    writer->kept_status = store(writer, position);
    if (writer->kept_status == STATUS_OK)
        return STATUS_OK;
    snprintf(writer->kept_message, sizeof writer->kept_message, "%s", status_message());
    TRY(h5_in_place(writer->file));
    if (before == STATUS_OK)
        status_warn("%s; the run goes on with the checkpoint before", writer->kept_message);
    return STATUS_OK;
}

static status_t write_slot(snapshot_writer_t *writer, const slot_t *slot) {
    if (slot->position != NULL)
        return keep(writer, slot->position);
    status_t status = write_frame(writer, slot);
    for (int tries = 1; status != STATUS_OK && tries < TRIES; tries++) {
        if (tries == 1)
            status_warn("%s; trying again", status_message());
        usleep(PAUSE_US);
        status = write_frame(writer, slot);
    }
    if (status != STATUS_OK && writer->keeps)
        FAIL(status,
             "%s; when it can be written again, `brisc resume %s` goes on from the last checkpoint",
             status_message(), h5_path(writer->file));
    TRY(status);
    writer->arrays_written++;
    writer->frames_hash +=
        frame_hash(slot->field * POPULATIONS_MAX + slot->population, slot->trial, slot->index,
                   slot->frame, snapshot_sites(writer->config, slot->population));
    return STATUS_OK;
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
        } else if (slot->position != NULL)
            free(slot->position->h);
        writer->positions -= slot->position != NULL;
        free(slot->position);
        writer->head = (writer->head + 1) % writer->n_slots;
        writer->count--;
        pthread_cond_broadcast(&writer->changed);
    }
    pthread_mutex_unlock(&writer->mutex);
    return NULL;
}

static size_t queue_slots(const config_t *config, size_t *largest) {
    *largest = 0;
    for (uint32_t a = 0; a < config->populations; a++) {
        size_t sites = snapshot_sites(config, a);
        *largest = sites > *largest ? sites : *largest;
    }
    size_t n = queue_bytes / (*largest * sizeof(float));
    return n < QUEUE_MIN ? QUEUE_MIN : n > QUEUE_MAX ? QUEUE_MAX : n;
}

uint64_t snapshot_memory(const config_t *config, bool finished) {
    enum { STATES = 3 }; /* being taken; queued, or being stored and as bytes, or the last */
    size_t largest, slots = queue_slots(config, &largest);
    uint64_t neurons = 0, fields = 0;
    for (uint32_t a = 0; a < config->populations; a++)
        neurons += config->simulation.trials * snapshot_sites(config, a);
    for (unsigned bits = config->output.fields; bits; bits >>= 1)
        fields += bits & 1u;
    /* A slot's pages are there from its first frame on. */
    uint64_t frames = config_frames(config) * fields * neurons, queue = slots * largest;
    uint64_t states = config_checkpoints(config) ? STATES : 1;
    return sizeof(float) *
           ((queue < frames ? queue : frames) + (finished ? neurons : largest + states * neurons));
}

static status_t queue_create(snapshot_writer_t *writer) {
    size_t largest;
    writer->n_slots = queue_slots(writer->config, &largest);
    writer->slots = calloc(writer->n_slots, sizeof *writer->slots);
    for (size_t i = 0; writer->slots != NULL && i < writer->n_slots; i++)
        if ((writer->slots[i].frame = malloc(largest * sizeof(float))) == NULL)
            FAIL(STATUS_FAILED, "no memory for the queue of frames");
    if (writer->slots == NULL)
        FAIL(STATUS_FAILED, "no memory for the queue of frames");
    return STATUS_OK;
}

status_t snapshot_writer_run(snapshot_writer_t *writer) {
    TRY(queue_create(writer));
    if (pthread_create(&writer->thread, NULL, write_frames, writer) != 0)
        FAIL(STATUS_FAILED, "%s: no thread to write it", h5_path(writer->file));
    writer->running = true;
    return STATUS_OK;
}

void snapshot_writer_free(snapshot_writer_t *writer) {
    for (size_t i = 0; writer->slots != NULL && i < writer->n_slots; i++)
        free(writer->slots[i].frame);
    free(writer->slots);
    checkpoint_destroy(&writer->last);
    pthread_cond_destroy(&writer->changed);
    pthread_mutex_destroy(&writer->mutex);
    free(writer);
}

/* ---- creation ---- */

status_t snapshot_writer_new(const char *path, const config_t *config, const kept_frames_t *kept,
                             snapshot_writer_t **result) {
    snapshot_writer_t *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        FAIL(STATUS_FAILED, "%s: no memory", path);
    pthread_mutex_init(&writer->mutex, NULL);
    pthread_cond_init(&writer->changed, NULL);
    writer->config = config;
    writer->keeps = config_checkpoints(config);
    for (unsigned field = FIELD_RATE; field <= FIELD_POTENTIAL; field <<= 1)
        writer->arrays += config->output.fields & field ? config->populations : 0;
    writer->arrays *= config->simulation.trials;
    writer->kept = kept->frames;
    writer->kept_due = kept->frames ? kept->step / config_steps_per_frame(config) + 1 : 0;
    writer->arrays_written = kept->frames * writer->arrays;
    *result = writer;
    return STATUS_OK;
}

static status_t remember(snapshot_writer_t *writer, const run_facts_t *facts) {
    writer->last.connectivity_hash = facts->connectivity_hash;
    writer->last.config = strdup(facts->resolved_config);
    if (writer->last.config == NULL)
        FAIL(STATUS_FAILED, "%s: no memory", h5_path(writer->file));
    return STATUS_OK;
}

status_t snapshot_create(const char *path, int force, const config_t *config,
                         const run_facts_t *facts, const kept_frames_t *kept,
                         snapshot_writer_t **result) {
    *result = NULL;
    snapshot_writer_t *writer = NULL;
    TRY(snapshot_writer_new(path, config, kept, &writer));
    status_t status = h5_create(path, force, &writer->file);
    if (status == STATUS_OK)
        status = remember(writer, facts);
    if (status == STATUS_OK)
        status = snapshot_lay_out(writer, facts, kept);
    if (status != STATUS_OK) {
        h5_close(writer->file);
        snapshot_writer_free(writer);
        return status;
    }
    *result = writer;
    return STATUS_OK;
}

status_t snapshot_start(snapshot_writer_t *writer, position_t *position) {
    position_t start = *position;
    position->h = NULL;
    status_t status = h5_settle(writer->file);
    if (status == STATUS_OK && writer->keeps) {
        status = snapshot_take_layout(writer, &writer->last.layout);
        if (status == STATUS_OK) {
            status = store(writer, &start); /* frees start.h with the writer */
            start.h = NULL;
        }
    } else if (status == STATUS_OK)
        checkpoint_drop(h5_path(writer->file)); /* an older run's */
    free(start.h);
    TRY(status);
    TRY(h5_commit(writer->file));
    TRY(xdmf_write(writer->file));
    return snapshot_writer_run(writer);
}

/* ---- the simulation's side ---- */

/* The next free slot, when there is one and at most `positions` checkpoints are queued. */
static status_t slot_take(snapshot_writer_t *writer, size_t positions, slot_t **slot) {
    pthread_mutex_lock(&writer->mutex);
    while ((writer->count == writer->n_slots || writer->positions > positions) &&
           writer->status == STATUS_OK)
        pthread_cond_wait(&writer->changed, &writer->mutex);
    status_t status = writer->status;
    *slot = &writer->slots[(writer->head + writer->count) % writer->n_slots];
    pthread_mutex_unlock(&writer->mutex);
    if (status != STATUS_OK)
        FAIL(status, "%s", writer->message);
    return STATUS_OK;
}

static void slot_put(snapshot_writer_t *writer, const slot_t *slot) {
    pthread_mutex_lock(&writer->mutex);
    writer->count++;
    writer->positions += slot->position != NULL;
    pthread_cond_broadcast(&writer->changed);
    pthread_mutex_unlock(&writer->mutex);
}

status_t snapshot_put(snapshot_writer_t *writer, size_t index, uint32_t trial, uint32_t population,
                      unsigned field, const float *frame) {
    slot_t *slot;
    TRY(slot_take(writer, SIZE_MAX, &slot));
    slot->index = index;
    slot->trial = trial;
    slot->population = population;
    slot->field = field;
    slot->position = NULL;
    memcpy(slot->frame, frame, snapshot_sites(writer->config, population) * sizeof *frame);
    slot_put(writer, slot);
    return STATUS_OK;
}

status_t snapshot_checkpoint(snapshot_writer_t *writer, position_t *position) {
    slot_t *slot;
    status_t status = writer->keeps ? slot_take(writer, 0, &slot) : STATUS_OK;
    position_t *copy = writer->keeps && status == STATUS_OK ? malloc(sizeof *copy) : NULL;
    if (copy != NULL) {
        *copy = *position;
        slot->position = copy;
        slot_put(writer, slot);
    } else {
        if (writer->keeps && status == STATUS_OK)
            status = status_fail(STATUS_FAILED, __FILE__, __LINE__, "no memory for a checkpoint");
        free(position->h);
    }
    position->h = NULL;
    return status;
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
    TRY(h5_in_place(writer->file));
    return h5_flush(writer->file);
}

status_t snapshot_checkpointed(const snapshot_writer_t *writer) {
    if (writer->kept_status != STATUS_OK)
        FAIL(writer->kept_status, "%s", writer->kept_message);
    return STATUS_OK;
}

status_t snapshot_complete(snapshot_writer_t *writer) {
    char hash[20];
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)writer->frames_hash);
    TRY(h5_attribute_short_text(writer->file, "/", "frames_hash", hash));
    TRY(h5_attribute_int(writer->file, "/", "complete", 1));
    TRY(h5_flush(writer->file));
    if (!writer->keeps)
        return STATUS_OK;
    position_t end = writer->last.position;
    end.finished = 1;
    writer->last.position.h = NULL;
    status_t status = snapshot_take_layout(writer, &writer->last.layout);
    if (status != STATUS_OK) {
        free(end.h);
        return status;
    }
    TRY(keep(writer, &end));
    if (writer->kept_status == STATUS_OK)
        checkpoint_drop_previous(h5_path(writer->file));
    return STATUS_OK;
}

h5_file_t *snapshot_file(snapshot_writer_t *writer) {
    return writer->file;
}

uint64_t snapshot_frames_hash(const snapshot_writer_t *writer) {
    return writer->frames_hash;
}

checkpoint_cost_t snapshot_checkpoint_cost(const snapshot_writer_t *writer) {
    return writer->cost;
}

status_t snapshot_close(snapshot_writer_t *writer) {
    if (writer == NULL)
        return STATUS_OK;
    status_t finished = writer->running ? snapshot_finish(writer) : STATUS_OK;
    status_t closed = h5_close(writer->file);
    snapshot_writer_free(writer);
    return finished != STATUS_OK ? finished : closed;
}
