/* The run's file: created whole before the first step, then filled frame by frame by a writer
 * thread through a bounded queue (a full queue makes the simulation wait; a frame is never
 * dropped). Layout: DESIGN.md section 4; frames_written is a scalar variable, so that it is right
 * after kill -9 too. Between snapshot_start and snapshot_finish the file belongs to the writer
 * thread: no other call may touch it, nor any other HDF5 file, since HDF5 is not thread-safe.
 *
 * Why this survives kill -9 (measured with HDF5 1.10): a growing file loses every frame, and a SWMR
 * one is refused by every reader until h5clear; frames of a known number, contiguous and allocated
 * early, need no change of metadata, so the file on disk is whole at any instant. The results'
 * places too are there from the start, and written over at the end.
 *
 * A checkpoint goes through the same queue, behind the frames that it counts. */
#ifndef BRISC_SNAPSHOT_H
#define BRISC_SNAPSHOT_H

#include "host/config.h"
#include "host/detect/order.h"
#include "host/io/checkpoint.h"
#include "host/io/root.h"

typedef struct snapshot_writer snapshot_writer_t;

/* Frames that are there before the stepping begins: {0} where there are none. */
typedef struct {
    uint64_t step, frames;  /* steps done; frames up to there */
    const double *times_ms; /* [frames]; NULL where the file has them already */
} kept_frames_t;

/* Lays the file out, under a temporary name: all its variables, frames NaN. Groups may be added
 * through snapshot_file until snapshot_start. `config` must outlive the writer. */
status_t snapshot_create(const char *path, int force, const config_t *config,
                         const run_facts_t *facts, const kept_frames_t *kept,
                         snapshot_writer_t **writer);
/* Stores a first checkpoint (where the config asks for any), gives the file its name, writes its
 * .xdmf, starts the thread. Takes position->h, also where it fails. */
status_t snapshot_start(snapshot_writer_t *writer, position_t *position);
/* Opens a file that checkpoint_mend has brought to its checkpoint, to go on from there. */
status_t snapshot_reopen(const char *path, const config_t *config, const checkpoint_t *checkpoint,
                         snapshot_writer_t **writer);

/* The frame that is due after `step` steps, at the config's rate; SIZE_MAX where none is. */
size_t snapshot_frame_due(const snapshot_writer_t *writer, uint64_t step);
/* Queues frame `index` of one trial, population and field (FIELD_RATE or FIELD_POTENTIAL); copies
 * it. Frames of one index must all be put before those of the next. Returns the writer's failure if
 * a write failed meanwhile. */
status_t snapshot_put(snapshot_writer_t *writer, size_t index, uint32_t trial, uint32_t population,
                      unsigned field, const float *frame);
/* Queues a checkpoint, once the one before has been taken up; takes position->h. One that cannot be
 * written is a warning: the run goes on with the one before. Does nothing where the config asks for
 * none. */
status_t snapshot_checkpoint(snapshot_writer_t *writer, position_t *position);

/* Waits for the queue, ends the thread, syncs. The file stays open for the results written after
 * the run. Returns the writer's failure if there was one, or that the file is no longer there. */
status_t snapshot_finish(snapshot_writer_t *writer);
/* Why the last checkpoint could not be written; STATUS_OK where it was. After snapshot_finish. */
status_t snapshot_checkpointed(const snapshot_writer_t *writer);
/* After the results: marks the run complete, syncs, and keeps a last checkpoint, which `resume
 * --until` starts from. */
status_t snapshot_complete(snapshot_writer_t *writer);
/* Bytes that a writer holds at most: its queue, checkpoints on their way; `finished`: what is left
 * after snapshot_finish. */
uint64_t snapshot_memory(const config_t *config, bool finished);
h5_file_t *snapshot_file(snapshot_writer_t *writer);
uint64_t snapshot_frames_hash(const snapshot_writer_t *writer); /* after snapshot_finish */
status_t snapshot_close(snapshot_writer_t *writer);             /* finishes, frees; NULL is fine */

/* What the writer spent on checkpoints, and how many it stored; after snapshot_finish. */
typedef struct {
    uint64_t stored, bytes;    /* bytes: of the last one */
    double seconds, longest_s; /* without the sync of the frames before them */
    double sync_s;
} checkpoint_cost_t;
checkpoint_cost_t snapshot_checkpoint_cost(const snapshot_writer_t *writer);

/* Finds the newest checkpoint of `output` that is sound and whose frames the file still holds;
 * warns where that is not the last one. Takes the lock, which checkpoint_destroy gives back.
 * STATUS_USAGE where there is nothing to resume, the file is being written, or is that of another
 * config (the keys that differ are listed); STATUS_FAILED where all are damaged. Changes nothing.
 */
status_t checkpoint_find(const char *output, checkpoint_t *checkpoint);
/* Brings the file to the checkpoint: mends its skeleton (with a warning), cuts its frames. Where
 * the checkpoint is not the last one, it becomes that. */
status_t checkpoint_mend(const char *output, checkpoint_t *checkpoint);
/* Copies the frames of a checkpoint's file into a new one that has been created with as many kept
 * (snapshot_create). */
status_t snapshot_copy_frames(snapshot_writer_t *writer, const char *from,
                              const checkpoint_t *checkpoint);

/* The stored frames of one variable from `onset_ms` on (NULL variable: the first population's
 * rate; the file's own onset, or its first frame, if onset_ms < 0), trial 0 first. Works on any
 * HDF5 or netCDF-4 file with a (time, y, x) or (trial, time, y, x) variable of numbers, in another
 * order where its dimensions have these names (h5_frames), plain or packed as CF has it
 * (scale_factor, add_offset, _FillValue, missing_value); times, units and spacing from its
 * coordinates (axes_times, axes_grid). Sites that are NaN in the first frame are masked; one that
 * is NaN, or infinite, only sometimes is an error of the read that meets it. open: the sheet's
 * edges are edges; else as the file says (axes_boundary). Frames not written yet (frames_written)
 * are left out. The file must stay open. */
status_t snapshot_field(h5_file_t *file, const char *variable, double onset_ms, bool open,
                        field_t *field);
void snapshot_field_destroy(field_t *field);

#endif
