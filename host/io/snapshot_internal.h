/* What snapshot.c, snapshot_layout.c and snapshot_resume.c share. */
#ifndef BRISC_SNAPSHOT_INTERNAL_H
#define BRISC_SNAPSHOT_INTERNAL_H

#include <pthread.h>

#include "host/io/snapshot.h"

typedef struct {
    size_t index;
    uint32_t trial, population;
    unsigned field;
    float *frame;
    position_t *position; /* a checkpoint instead of a frame */
} slot_t;

struct snapshot_writer {
    h5_file_t *file;
    const config_t *config;
    size_t arrays;           /* a frame has so many: every variable's in every trial */
    uint64_t kept, kept_due; /* frames; how many the rate counts up to there */
    bool keeps;              /* checkpoints */
    pthread_t thread;
    bool running;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    slot_t *slots;
    size_t n_slots, head, count;
    size_t positions; /* checkpoints among them, at most 1 */
    bool finishing;
    status_t status; /* the writer's first failure */
    char message[1024];
    /* The writer thread's own until it is joined. */
    size_t arrays_written;
    uint64_t frames_hash;
    checkpoint_t last; /* what the next checkpoint is made of, and the last position */
    status_t kept_status;
    char kept_message[1024];
    checkpoint_cost_t cost;
};

enum { VARIABLE_NAME = 64 };
void snapshot_variable(char name[VARIABLE_NAME], const config_t *config, uint32_t population,
                       unsigned field);
size_t snapshot_sites(const config_t *config, uint32_t population);
/* All of the file but its frames, which become NaN. */
status_t snapshot_lay_out(snapshot_writer_t *writer, const run_facts_t *facts,
                          const kept_frames_t *kept);
/* Extents and skeleton of the file as it is on disk. */
status_t snapshot_take_layout(snapshot_writer_t *writer, layout_t *layout);
/* A writer without a file, and its queue and thread. */
status_t snapshot_writer_new(const char *path, const config_t *config, const kept_frames_t *kept,
                             snapshot_writer_t **writer);
status_t snapshot_writer_run(snapshot_writer_t *writer);
void snapshot_writer_free(snapshot_writer_t *writer);

#endif
