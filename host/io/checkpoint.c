#define _GNU_SOURCE /* asprintf */
#include "host/io/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static const char magic[8] = {'b', 'r', 'i', 's', 'c', 'C', 'K', 'P'};
enum { VERSION = 2, CRC_FROM = 16, HEADER_BYTES = 24, CRC_AT_ONCE = 1 << 30 };

/* The uint64_t members, in the file's order; config_bytes stands for the text. */
static const size_t words[] = {
    offsetof(checkpoint_t, connectivity_hash),    offsetof(checkpoint_t, layout.size),
    offsetof(checkpoint_t, layout.frames),        offsetof(checkpoint_t, layout.written_at),
    offsetof(checkpoint_t, layout.extents),       offsetof(checkpoint_t, layout.skeleton_bytes),
    offsetof(checkpoint_t, position.step),        offsetof(checkpoint_t, position.frames),
    offsetof(checkpoint_t, position.frames_hash), offsetof(checkpoint_t, position.saturated),
    offsetof(checkpoint_t, position.state_hash),  offsetof(checkpoint_t, position.finished),
    offsetof(checkpoint_t, position.neurons),     offsetof(checkpoint_t, layout.trials),
};
enum { WORDS = sizeof words / sizeof words[0], WORDS_1 = WORDS - 1 /* of version 1 */ };

static const char *const suffixes[CHECKPOINTS] = {".checkpoint", ".checkpoint.previous"};

static char *name_of(const char *output, const char *suffix) {
    char *name;
    return asprintf(&name, "%s%s", output, suffix) < 0 ? NULL : name;
}

static uint32_t crc_of(const unsigned char *bytes, size_t size) {
    uLong crc = crc32(0, NULL, 0);
    for (size_t at = CRC_FROM, n; at < size; at += n) {
        n = size - at < CRC_AT_ONCE ? size - at : CRC_AT_ONCE;
        crc = crc32(crc, bytes + at, (uInt)n);
    }
    return (uint32_t)crc;
}

/* ---- to bytes and back ---- */

typedef struct {
    void *data;
    size_t size;
} part_t;

/* What follows the words, in order; where `c` is being read, still to be allocated. */
enum { PARTS = 4 };
static void parts_of(const checkpoint_t *c, size_t config_bytes, part_t part[PARTS]) {
    part[0] = (part_t){(void *)c->layout.extent, c->layout.extents * sizeof *c->layout.extent};
    part[1] = (part_t){c->config, config_bytes};
    part[2] = (part_t){c->layout.skeleton, c->layout.skeleton_bytes};
    part[3] = (part_t){c->position.h, c->position.neurons * sizeof *c->position.h};
}

static unsigned char *to_bytes(const checkpoint_t *c, size_t *size) {
    uint64_t config_bytes = strlen(c->config) + 1, total = HEADER_BYTES + 8 * (WORDS + 1);
    part_t part[PARTS];
    parts_of(c, config_bytes, part);
    for (int k = 0; k < PARTS; k++)
        total += part[k].size;
    unsigned char *bytes = malloc(total), *to = bytes + HEADER_BYTES;
    if (!bytes)
        return NULL;
    for (size_t k = 0; k < WORDS; k++, to += 8)
        memcpy(to, (const char *)c + words[k], 8);
    memcpy(to, &config_bytes, 8);
    to += 8;
    for (int k = 0; k < PARTS; to += part[k].size, k++)
        if (part[k].size > 0)
            memcpy(to, part[k].data, part[k].size);
    uint32_t version = VERSION;
    memcpy(bytes, magic, sizeof magic);
    memcpy(bytes + 8, &version, 4);
    memcpy(bytes + CRC_FROM, &total, 8);
    uint32_t crc = crc_of(bytes, total);
    memcpy(bytes + 12, &crc, 4);
    *size = total;
    return bytes;
}

/* The checksum has been found right; sizes are checked all the same. */
static status_t from_bytes(const char *name, uint32_t version, const unsigned char *bytes,
                           size_t size, checkpoint_t *c) {
    const size_t n_words = version == 1 ? WORDS_1 : WORDS;
    const unsigned char *from = bytes + HEADER_BYTES;
    uint64_t config_bytes = 0, left = size - HEADER_BYTES;
    part_t part[PARTS];
    bool fits = left >= 8 * (n_words + 1);
    c->layout.trials = 1;
    for (size_t k = 0; fits && k < n_words; k++, from += 8)
        memcpy((char *)c + words[k], from, 8);
    if (fits)
        memcpy(&config_bytes, from, 8);
    from += 8;
    left -= fits ? 8 * (n_words + 1) : 0;
    fits = fits && c->layout.extents <= EXTENTS_MAX && config_bytes <= left &&
           c->layout.skeleton_bytes <= left && c->position.neurons <= left / sizeof(float);
    uint64_t needed = c->layout.extents * sizeof(extent_t) + config_bytes +
                      c->layout.skeleton_bytes + c->position.neurons * sizeof(float);
    if (!fits || needed != left || config_bytes == 0)
        FAIL(STATUS_FAILED, "%s: is damaged: its parts do not add up to its size", name);
    c->config = malloc(config_bytes);
    c->layout.skeleton = malloc(c->layout.skeleton_bytes + 1);
    c->position.h = malloc(c->position.neurons * sizeof(float) + 1);
    if (!c->config || !c->layout.skeleton || !c->position.h)
        FAIL(STATUS_FAILED, "%s: no memory to read it", name);
    parts_of(c, config_bytes, part);
    for (int k = 0; k < PARTS; from += part[k].size, k++)
        memcpy(part[k].data, from, part[k].size);
    c->config[config_bytes - 1] = 0;
    if (!layout_is_sound(&c->layout) || c->position.frames > c->layout.frames)
        FAIL(STATUS_FAILED, "%s: is damaged: its extents do not lie within its file", name);
    return STATUS_OK;
}

/* ---- files ---- */

/* Writes and syncs it; *fd stays open, locked where the filesystem has locks. */
static status_t write_synced(const char *name, const unsigned char *bytes, size_t size, int *fd) {
    *fd = open(name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0666);
    if (*fd >= 0 && write_at(*fd, 0, bytes, size) && fsync(*fd) == 0) {
        (void)flock(*fd, LOCK_EX | LOCK_NB);
        return STATUS_OK;
    }
    int error = errno;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    unlink(name);
    FAIL(STATUS_FAILED, "%s: cannot be written: %s; free space there", name, strerror(error));
}

/* A rename is on disk once its folder is; filesystems that cannot sync a folder are left at that.
 */
static void sync_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    free(folder);
}

static void unlock(checkpoint_t *checkpoint) {
    if (checkpoint->lock)
        close(checkpoint->lock - 1);
    checkpoint->lock = 0;
}

/* Locks the file that has the name when it is locked: a writer may just have replaced it. */
static status_t lock(const char *name, const char *output, checkpoint_t *checkpoint) {
    struct stat ours, named;
    do {
        unlock(checkpoint);
        int fd = open(name, O_RDWR | O_CLOEXEC); /* NFS locks only what may be written */
        if (fd < 0)
            fd = open(name, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            FAIL(STATUS_FAILED, "%s: cannot be read: %s", name, strerror(errno));
        checkpoint->lock = fd + 1;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
            unlock(checkpoint);
            FAIL(STATUS_USAGE, "%s: another program is writing it; wait for that to end", output);
        }
    } while (fstat(checkpoint->lock - 1, &ours) == 0 && stat(name, &named) == 0 &&
             ours.st_ino != named.st_ino);
    return STATUS_OK;
}

status_t checkpoint_lock(const char *output, checkpoint_t *checkpoint) {
    for (int age = 0; age < CHECKPOINTS; age++) {
        char *name = name_of(output, suffixes[age]);
        if (!name)
            FAIL(STATUS_FAILED, "%s: no memory", output);
        status_t status = access(name, F_OK) == 0 ? lock(name, output, checkpoint) : STATUS_FAILED;
        free(name);
        if (status != STATUS_FAILED)
            return status;
    }
    FAIL(
        STATUS_USAGE,
        "%s: has no checkpoint (%s.checkpoint), so it cannot be resumed; where the file was moved, "
        "move its checkpoint too, else start anew with `brisc run --force`",
        output, output);
}

status_t checkpoint_store(const char *output, checkpoint_t *checkpoint, uint64_t *stored) {
    int fd = -1;
    size_t size = 0;
    unsigned char *bytes = to_bytes(checkpoint, &size);
    char *last = name_of(output, suffixes[CHECKPOINT_LAST]);
    char *previous = name_of(output, suffixes[CHECKPOINT_PREVIOUS]);
    char *temporary = name_of(output, ".checkpoint.tmp");
    status_t status = STATUS_OK;
    if (!bytes || !last || !previous || !temporary)
        status = status_fail(STATUS_FAILED, __FILE__, __LINE__, "%s: no memory for a checkpoint",
                             output);
    if (status == STATUS_OK)
        status = write_synced(temporary, bytes, size, &fd);
    if (status == STATUS_OK &&
        ((rename(last, previous) != 0 && errno != ENOENT) || rename(temporary, last) != 0))
        status = status_fail(STATUS_FAILED, __FILE__, __LINE__, "%s: cannot be named: %s", last,
                             strerror(errno));
    if (status == STATUS_OK) {
        sync_folder(output);
        unlock(checkpoint);
        checkpoint->lock = fd + 1;
        *stored = size;
    } else if (fd >= 0)
        close(fd);
    free(bytes);
    free(last);
    free(previous);
    free(temporary);
    return status;
}

static status_t load(const char *name, checkpoint_t *checkpoint) {
    struct stat file;
    uint32_t version, crc;
    uint64_t size;
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &file) != 0) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        FAIL(STATUS_FAILED, "%s: cannot be read: %s", name, strerror(error));
    }
    if (!S_ISREG(file.st_mode) || file.st_size < HEADER_BYTES) {
        close(fd);
        FAIL(STATUS_FAILED, "%s: is damaged: %lld bytes are no checkpoint", name,
             (long long)file.st_size);
    }
    unsigned char *bytes = malloc((size_t)file.st_size);
    bool read = bytes && read_at(fd, 0, bytes, (size_t)file.st_size);
    close(fd);
    if (!read) {
        free(bytes);
        FAIL(STATUS_FAILED, "%s: cannot be read: %s", name, strerror(errno));
    }
    memcpy(&version, bytes + 8, 4);
    memcpy(&crc, bytes + 12, 4);
    memcpy(&size, bytes + CRC_FROM, 8);
    status_t status = STATUS_OK;
    if (memcmp(bytes, magic, sizeof magic) != 0)
        status = status_fail(STATUS_FAILED, __FILE__, __LINE__, "%s: is not a checkpoint", name);
    else if (version < 1 || version > VERSION)
        status = status_fail(STATUS_FAILED, __FILE__, __LINE__,
                             "%s: has format version %u, this brisc reads versions 1 to %d; resume "
                             "with the brisc that wrote it (attribute git_commit of the output)",
                             name, version, VERSION);
    else if (size != (uint64_t)file.st_size || crc != crc_of(bytes, (size_t)file.st_size))
        status = status_fail(STATUS_FAILED, __FILE__, __LINE__,
                             "%s: is damaged: its checksum does not fit", name);
    else
        status = from_bytes(name, version, bytes, (size_t)file.st_size, checkpoint);
    free(bytes);
    return status;
}

status_t checkpoint_load(const char *output, checkpoint_age_t age, checkpoint_t *checkpoint) {
    *checkpoint = (checkpoint_t){.lock = checkpoint->lock, .age = age};
    char *name = name_of(output, suffixes[age]);
    if (!name)
        FAIL(STATUS_FAILED, "%s: no memory", output);
    status_t status = load(name, checkpoint);
    free(name);
    if (status != STATUS_OK)
        checkpoint_forget(checkpoint);
    return status;
}

status_t checkpoint_make_last(const char *output, checkpoint_t *checkpoint) {
    char *last = name_of(output, suffixes[CHECKPOINT_LAST]);
    char *previous = name_of(output, suffixes[CHECKPOINT_PREVIOUS]);
    checkpoint_t damaged = {0};
    status_t status = STATUS_OK;
    if (!last || !previous)
        status = status_fail(STATUS_FAILED, __FILE__, __LINE__, "%s: no memory", output);
    else if (access(last, F_OK) == 0) { /* else the lock is on the previous one already */
        damaged.lock = checkpoint->lock;
        checkpoint->lock = 0;
        status = lock(previous, output, checkpoint);
    }
    if (status == STATUS_OK && rename(previous, last) != 0)
        status = status_fail(STATUS_FAILED, __FILE__, __LINE__, "%s: cannot be named: %s", last,
                             strerror(errno));
    if (status == STATUS_OK) {
        sync_folder(output);
        checkpoint->age = CHECKPOINT_LAST;
    }
    unlock(&damaged);
    free(last);
    free(previous);
    return status;
}

void checkpoint_forget(checkpoint_t *checkpoint) {
    free(checkpoint->config);
    free(checkpoint->layout.skeleton);
    free(checkpoint->position.h);
    *checkpoint = (checkpoint_t){.lock = checkpoint->lock};
}

void checkpoint_destroy(checkpoint_t *checkpoint) {
    checkpoint_forget(checkpoint);
    unlock(checkpoint);
}

int checkpoint_is_there(const char *output) {
    int found = 0;
    for (int age = 0; age < CHECKPOINTS; age++) {
        char *name = name_of(output, suffixes[age]);
        found |= name && access(name, F_OK) == 0;
        free(name);
    }
    return found;
}

static void drop(const char *output, checkpoint_age_t age) {
    char *name = name_of(output, suffixes[age]);
    if (name)
        (void)unlink(name);
    free(name);
}

void checkpoint_drop_previous(const char *output) {
    drop(output, CHECKPOINT_PREVIOUS);
}

void checkpoint_drop(const char *output) {
    drop(output, CHECKPOINT_LAST);
    drop(output, CHECKPOINT_PREVIOUS);
}
