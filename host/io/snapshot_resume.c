/* Back from a checkpoint to a file that is being written. */
#define _GNU_SOURCE /* memmem */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/io/snapshot_internal.h"
#include "host/io/xdmf.h"

/* ---- whose file it is ---- */

/* The config in the skeleton of a file: the resolved YAML's first line begins it, and its last line
 * ends before the first byte that no YAML has. NULL: none. */
static char *config_in(const layout_t *now, const char *config) {
    size_t head = strcspn(config, "\n") + 1, size = 0;
    const unsigned char *found = memmem(now->skeleton, now->skeleton_bytes, config, head);
    if (found == NULL)
        return NULL;
    size_t left = now->skeleton_bytes - (size_t)(found - now->skeleton);
    for (size_t k = 0; k < left && (found[k] >= ' ' || found[k] == '\n'); k++)
        size = found[k] == '\n' ? k + 1 : size;
    return strndup((const char *)found, size);
}

/* A skeleton other than the checkpoint's is mended only where the file has the same config: else it
 * is another run's file, or so damaged that it cannot be told. */
static status_t same_config(const char *output, const checkpoint_t *checkpoint,
                            const layout_t *now) {
    char *text = config_in(now, checkpoint->config), keys[512];
    config_t theirs, ours;
    if (text == NULL)
        FAIL(STATUS_FAILED,
             "%s: is not the file that its checkpoint belongs to, or its header is "
             "damaged beyond telling",
             output);
    if (strcmp(text, checkpoint->config) == 0) {
        free(text);
        return STATUS_OK;
    }
    status_t status = config_parse(text, output, NULL, 0, &theirs);
    free(text);
    if (status != STATUS_OK)
        FAIL(STATUS_FAILED, "%s: its config is damaged (%s)", output, status_message());
    status = config_parse(checkpoint->config, "the checkpoint", NULL, 0, &ours);
    if (status == STATUS_OK) {
        size_t differ = config_difference(&ours, &theirs, false, keys, sizeof keys);
        status = differ == 0
                     ? STATUS_OK
                     : status_fail(STATUS_USAGE, __FILE__, __LINE__,
                                   "%s: its checkpoint is of another config; these keys differ "
                                   "(checkpoint, file): %s",
                                   output, keys);
        config_destroy(&ours);
    }
    config_destroy(&theirs);
    return status;
}

/* ---- what of it is sound ---- */

static status_t frames_sound(int fd, const char *output, const checkpoint_t *checkpoint) {
    uint64_t hash;
    TRY(layout_frames_hash(fd, output, &checkpoint->layout, checkpoint->position.frames, &hash));
    if (hash != checkpoint->position.frames_hash)
        FAIL(STATUS_FAILED, "%s: a frame before step %llu is not what was written", output,
             (unsigned long long)checkpoint->position.step);
    return STATUS_OK;
}

/* *same: the skeleton is the checkpoint's, byte by byte. Fails where it is another run's. */
static status_t compare_skeleton(int fd, const char *output, const checkpoint_t *checkpoint,
                                 bool *same) {
    const layout_t *layout = &checkpoint->layout;
    layout_t now = *layout;
    struct stat file;
    now.skeleton = NULL;
    if (fstat(fd, &file) != 0)
        FAIL(STATUS_FAILED, "%s: cannot be read: %s", output, strerror(errno));
    status_t status = layout_take_skeleton(fd, output, &now);
    *same = status == STATUS_OK && (uint64_t)file.st_size == layout->size &&
            memcmp(now.skeleton, layout->skeleton, layout->skeleton_bytes) == 0;
    if (status == STATUS_OK && !*same)
        status = same_config(output, checkpoint, &now);
    free(now.skeleton);
    return status;
}

/* Compares and mends the skeleton, cuts the frames. */
static status_t mend(int fd, const char *output, const checkpoint_t *checkpoint) {
    const layout_t *layout = &checkpoint->layout;
    const position_t *position = &checkpoint->position;
    uint64_t written = layout->frames;
    bool same;
    TRY(compare_skeleton(fd, output, checkpoint, &same));
    if (same)
        TRY(layout_frames_written(fd, output, layout, &written));
    else
        status_warn("%s: what is around its frames was changed after the checkpoint; it is put "
                    "back to what the run had written",
                    output);
    TRY(layout_put_skeleton(fd, output, layout, (int64_t)position->frames));
    /* The frame after the last complete one may be there in part. */
    uint64_t last = written + 1 < layout->frames ? written + 1 : layout->frames;
    if (position->frames < last)
        TRY(layout_erase(fd, output, layout, position->frames, last));
    if (fsync(fd) != 0)
        FAIL(STATUS_FAILED, "%s: cannot be synced: %s", output, strerror(errno));
    return STATUS_OK;
}

static status_t find_one(int fd, const char *output, checkpoint_age_t age,
                         checkpoint_t *checkpoint) {
    bool same;
    TRY(checkpoint_load(output, age, checkpoint));
    status_t status = compare_skeleton(fd, output, checkpoint, &same);
    if (status == STATUS_OK)
        status = frames_sound(fd, output, checkpoint);
    if (status != STATUS_OK)
        checkpoint_forget(checkpoint);
    return status;
}

/* The last checkpoint is of another config than the file also where a resume with changed keys was
 * killed before its new file took the old one's place: the one before is the old file's. */
static status_t find(int fd, const char *output, checkpoint_t *checkpoint) {
    char reason[1024];
    status_t last = find_one(fd, output, CHECKPOINT_LAST, checkpoint);
    if (last == STATUS_OK)
        return STATUS_OK;
    snprintf(reason, sizeof reason, "%s", status_message());
    status_t previous = find_one(fd, output, CHECKPOINT_PREVIOUS, checkpoint);
    if (previous != STATUS_OK && last == STATUS_USAGE)
        FAIL(last, "%s; put the file of that run back, or start anew with `brisc run --force`",
             reason);
    if (previous != STATUS_OK)
        FAIL(STATUS_FAILED,
             "%s; nor is there a checkpoint before it that could be used (%s); start anew with "
             "`brisc run --force`",
             reason, status_message());
    status_warn("%s; going back to the checkpoint before, step %llu", reason,
                (unsigned long long)checkpoint->position.step);
    return STATUS_OK;
}

static status_t open_output(const char *output, int flags, int *fd) {
    *fd = open(output, flags | O_CLOEXEC);
    if (*fd < 0)
        FAIL(STATUS_USAGE, "%s: cannot be opened: %s; %s", output, strerror(errno),
             errno == ENOENT ? "give the output file of a run"
                             : "give the output file of a run, in a place that can be written");
    return STATUS_OK;
}

status_t checkpoint_find(const char *output, checkpoint_t *checkpoint) {
    int fd;
    memset(checkpoint, 0, sizeof *checkpoint);
    TRY(open_output(output, O_RDONLY, &fd));
    status_t status = checkpoint_lock(output, checkpoint);
    if (status == STATUS_OK)
        status = find(fd, output, checkpoint);
    close(fd);
    return status;
}

status_t checkpoint_mend(const char *output, checkpoint_t *checkpoint) {
    int fd;
    TRY(open_output(output, O_RDWR, &fd));
    /* HDF5 has an exclusive lock on a file that it writes, also in other programs. */
    status_t status =
        flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
            ? status_fail(STATUS_USAGE, __FILE__, __LINE__,
                          "%s: another program is writing it; wait for that to end", output)
            : mend(fd, output, checkpoint);
    if (status == STATUS_OK && checkpoint->age == CHECKPOINT_PREVIOUS)
        status = checkpoint_make_last(output, checkpoint);
    close(fd);
    return status;
}

/* ---- going on ---- */

static status_t adopt(snapshot_writer_t *writer, const checkpoint_t *from) {
    checkpoint_t *to = &writer->last;
    to->connectivity_hash = from->connectivity_hash;
    to->layout = from->layout;
    to->layout.skeleton = malloc(from->layout.skeleton_bytes + 1);
    to->config = strdup(from->config);
    if (to->layout.skeleton == NULL || to->config == NULL)
        FAIL(STATUS_FAILED, "no memory for a checkpoint");
    memcpy(to->layout.skeleton, from->layout.skeleton, from->layout.skeleton_bytes);
    writer->frames_hash = from->position.frames_hash;
    return STATUS_OK;
}

status_t snapshot_reopen(const char *path, const config_t *config, const checkpoint_t *checkpoint,
                         snapshot_writer_t **result) {
    kept_frames_t kept = {checkpoint->position.step, checkpoint->position.frames, NULL};
    snapshot_writer_t *writer = NULL;
    *result = NULL;
    TRY(snapshot_writer_new(path, config, &kept, &writer));
    status_t status = h5_open_among_readers(path, &writer->file);
    if (status == STATUS_OK)
        status = adopt(writer, checkpoint);
    if (status == STATUS_OK)
        status = xdmf_complete(writer->file);
    if (status == STATUS_OK)
        status = snapshot_writer_run(writer);
    if (status != STATUS_OK) {
        h5_close(writer->file);
        snapshot_writer_free(writer);
        return status;
    }
    *result = writer;
    return STATUS_OK;
}

static const extent_t *find_extent(const layout_t *layout, uint64_t variable) {
    for (uint64_t k = 0; k < layout->extents; k++)
        if (layout->extent[k].variable == variable)
            return &layout->extent[k];
    return NULL;
}

status_t snapshot_copy_frames(snapshot_writer_t *writer, const char *from,
                              const checkpoint_t *checkpoint) {
    layout_t to = {0};
    TRY(h5_flush(writer->file));
    TRY(snapshot_take_layout(writer, &to));
    free(to.skeleton);
    int fd = open(from, O_RDONLY | O_CLOEXEC), out = h5_descriptor(writer->file);
    uint64_t largest = 0, frames = checkpoint->position.frames;
    for (uint64_t k = 0; k < to.extents; k++)
        largest = to.extent[k].frame_bytes > largest ? to.extent[k].frame_bytes : largest;
    float *frame = malloc(largest + 1);
    bool done = fd >= 0 && frame != NULL;
    uint64_t hash = 0;
    for (uint64_t k = 0; done && k < to.extents; k++) {
        const layout_t *old = &checkpoint->layout;
        const extent_t *a = find_extent(old, to.extent[k].variable), *b = &to.extent[k];
        done = a != NULL && a->frame_bytes == b->frame_bytes && old->trials == to.trials;
        for (uint64_t trial = 0; trial < to.trials; trial++)
            for (uint64_t i = 0; done && i < frames; i++) {
                uint64_t from_at = layout_frame_at(old, a, trial, i);
                uint64_t to_at = layout_frame_at(&to, b, trial, i);
                done = read_at(fd, from_at, frame, a->frame_bytes) &&
                       write_at(out, to_at, frame, b->frame_bytes);
                hash += frame_hash(b->variable, trial, i, frame, b->frame_bytes / sizeof *frame);
            }
    }
    int error = errno;
    if (fd >= 0)
        close(fd);
    free(frame);
    if (!done)
        FAIL(STATUS_FAILED, "%s: its frames cannot be copied: %s", from, strerror(error));
    if (hash != checkpoint->position.frames_hash)
        FAIL(STATUS_FAILED, "%s: its frames changed while they were copied", from);
    int64_t written = (int64_t)frames;
    writer->frames_hash = hash;
    return h5_write(writer->file, "frames_written", H5T_NATIVE_INT64, &written);
}
