/* The run's file: created whole before the first step, then filled frame by frame by a writer
 * thread through a bounded queue (a full queue makes the simulation wait; a frame is never
 * dropped). Layout: DESIGN.md section 4; frames_written is a scalar variable, so that it is right
 * after kill -9 too. Between snapshot_create and snapshot_finish the file belongs to the writer
 * thread: no other call may touch it, nor any other HDF5 file, since HDF5 is not thread-safe. */
#ifndef BRISC_SNAPSHOT_H
#define BRISC_SNAPSHOT_H

#include "host/config.h"
#include "host/detect/order.h"
#include "host/io/root.h"

typedef struct snapshot_writer snapshot_writer_t;

/* Creates the file with all its variables (frames NaN) and its .xdmf beside it. `config` must
 * outlive the writer. */
status_t snapshot_create(const char *path, int force, const config_t *config,
                         const run_facts_t *facts, snapshot_writer_t **writer);
/* Queues frame `index` of one population and field (FIELD_RATE or FIELD_POTENTIAL); copies it.
 * Frames of one index must all be put before those of the next. Returns the writer's failure if
 * a write failed meanwhile. */
status_t snapshot_put(snapshot_writer_t *writer, size_t index, uint32_t population, unsigned field,
                      const float *frame);
/* Waits for the queue, records in root attribute `complete` whether every frame was written,
 * flushes. The file stays open for the groups written after the run. Returns the writer's failure
 * if there was one. */
status_t snapshot_finish(snapshot_writer_t *writer);
h5_file_t *snapshot_file(snapshot_writer_t *writer);
status_t snapshot_close(snapshot_writer_t *writer); /* finishes, frees; NULL is fine */

/* The stored frames of one variable from `onset_ms` on (NULL variable: the first population's
 * rate; the file's own onset if onset_ms < 0). Works on any HDF5 file with a (time, y, x) variable
 * of numbers; frames not written yet (frames_written) are left out. The file must stay open. */
status_t snapshot_field(h5_file_t *file, const char *variable, double onset_ms, field_t *field);
void snapshot_field_destroy(field_t *field);

#endif
