/* Checkpoints: what a run needs to go on to the same bits, in FILE.checkpoint beside its output
 * FILE; the one before stays as FILE.checkpoint.previous.
 *
 * A checkpoint is written under a temporary name, synced, and renamed, and holds a CRC-32 of all
 * its bytes: one that is there is whole, or is known not to be. Format (native little-endian): 8
 * bytes "briscCKP", uint32 version, uint32 CRC-32 of what follows, uint64 size of the file; the
 * words of `words` in checkpoint.c; the extents; the config's text; the skeleton; the potentials.
 * Version 1 knew no trials: it lacks the word of layout.trials, which is 1 then. */
#ifndef BRISC_CHECKPOINT_H
#define BRISC_CHECKPOINT_H

#include "host/io/layout.h"

/* Where a run stands. */
typedef struct {
    uint64_t step;        /* steps done */
    uint64_t frames;      /* complete frames in the output */
    uint64_t frames_hash; /* of those (layout.h) */
    uint64_t saturated;   /* neuron-steps whose rate saturated */
    uint64_t state_hash;
    uint64_t finished; /* 1: the results after the last frame are written too */
    uint64_t neurons;  /* of all trials */
    float *h;          /* [trials][neurons of one] potentials, populations in order */
} position_t;

typedef enum { CHECKPOINT_LAST, CHECKPOINT_PREVIOUS, CHECKPOINTS } checkpoint_age_t;

typedef struct {
    uint64_t connectivity_hash;
    char *config; /* resolved, as YAML; its seed and the step address every random number */
    layout_t layout;
    position_t position;
    int lock;             /* descriptor + 1 of the locked checkpoint file; 0: none */
    checkpoint_age_t age; /* which one was loaded */
} checkpoint_t;

/* Keeps other runs and resumes of `output` out, as long as checkpoint->lock is held: who writes an
 * output holds a lock on its last checkpoint. (A lock on the output itself would keep a resume out
 * while somebody reads it.) STATUS_USAGE where another program holds it. */
status_t checkpoint_lock(const char *output, checkpoint_t *checkpoint);
/* Replaces the last checkpoint of `output`, which becomes the previous one, and moves the
 * lock to it; *bytes: its size. */
status_t checkpoint_store(const char *output, checkpoint_t *checkpoint, uint64_t *bytes);
/* Keeps the lock. STATUS_FAILED where it is missing, damaged, or of a format that this brisc does
 * not read. */
status_t checkpoint_load(const char *output, checkpoint_age_t age, checkpoint_t *checkpoint);
/* The previous checkpoint, which is sound, takes the place of the last one, which is not: so that
 * the next one stored, whose first step is to rename the last, cannot lose both. Moves the lock. */
status_t checkpoint_make_last(const char *output, checkpoint_t *checkpoint);
void checkpoint_forget(checkpoint_t *checkpoint); /* all but the lock */
void checkpoint_destroy(checkpoint_t *checkpoint);
int checkpoint_is_there(const char *output); /* the last or the previous one */
/* Removes the previous one: a finished run needs it no more. */
void checkpoint_drop_previous(const char *output);
void checkpoint_drop(const char *output); /* both */

#endif
