#include "host/io/layout.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

bool read_at(int fd, uint64_t offset, void *bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t n = pread(fd, (char *)bytes + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = ENODATA;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

bool write_at(int fd, uint64_t offset, const void *bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(fd, (const char *)bytes + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static uint64_t extent_bytes(const layout_t *layout, uint64_t k) {
    return layout->extent[k].frame_bytes * layout->frames * layout->trials;
}

uint64_t layout_frame_at(const layout_t *layout, const extent_t *extent, uint64_t trial,
                         uint64_t index) {
    return extent->offset + (trial * layout->frames + index) * extent->frame_bytes;
}

/* The skeleton's piece before extent k (after the last, for k = extents). */
static uint64_t piece(const layout_t *layout, uint64_t k, uint64_t *from) {
    *from = k == 0 ? 0 : layout->extent[k - 1].offset + extent_bytes(layout, k - 1);
    return (k == layout->extents ? layout->size : layout->extent[k].offset) - *from;
}

bool layout_is_sound(const layout_t *layout) {
    uint64_t end = 0, bytes = 0;
    if (layout->extents > EXTENTS_MAX || layout->size > INT64_MAX || layout->trials == 0 ||
        layout->trials > TRIALS_MAX)
        return false;
    for (uint64_t k = 0; k < layout->extents; k++) {
        const extent_t *e = &layout->extent[k];
        if (e->offset < end || e->offset > layout->size || e->frame_bytes == 0 ||
            e->frame_bytes % sizeof(float) != 0 ||
            layout->frames > (layout->size - e->offset) / e->frame_bytes / layout->trials)
            return false;
        bytes += e->offset - end;
        end = e->offset + extent_bytes(layout, k);
    }
    bytes += layout->size - end;
    uint64_t from, length = 0;
    for (uint64_t k = 0; k <= layout->extents && length == 0; k++) {
        uint64_t n = piece(layout, k, &from);
        length = layout->written_at >= from && layout->written_at - from < n &&
                         n - (layout->written_at - from) >= 8
                     ? n
                     : 0;
    }
    return bytes == layout->skeleton_bytes && length > 0;
}

/* The 8 bytes of frames_written, in the skeleton. */
static unsigned char *written_in(const layout_t *layout) {
    uint64_t from, before = 0;
    for (uint64_t k = 0; k <= layout->extents; k++) {
        uint64_t n = piece(layout, k, &from);
        if (layout->written_at >= from && layout->written_at - from < n)
            return layout->skeleton + before + (layout->written_at - from);
        before += n;
    }
    return NULL;
}

/* The superblock says whether a writer has the file open (HDF5 File Format Specification, "File
 * Consistency Flags": in versions 0 and 1 at byte 20, later at byte 11). */
static void forget_open(layout_t *layout) {
    enum { VERSION_AT = 8 };
    uint64_t from, n = piece(layout, 0, &from);
    if (n < 24)
        return;
    if (layout->skeleton[VERSION_AT] < 2)
        memset(layout->skeleton + 20, 0, 4);
    else
        layout->skeleton[11] = 0;
}

status_t layout_take_skeleton(int fd, const char *path, layout_t *layout) {
    uint64_t from, before = 0;
    layout->skeleton_bytes = 0;
    for (uint64_t k = 0; k <= layout->extents; k++)
        layout->skeleton_bytes += piece(layout, k, &from);
    if (!layout->skeleton)
        layout->skeleton = malloc(layout->skeleton_bytes);
    if (!layout->skeleton)
        FAIL(STATUS_FAILED, "%s: no memory", path);
    for (uint64_t k = 0; k <= layout->extents; k++) {
        uint64_t n = piece(layout, k, &from);
        memset(layout->skeleton + before, 0, n);
        if (!read_at(fd, from, layout->skeleton + before, n) && errno != ENODATA)
            FAIL(STATUS_FAILED, "%s: cannot be read: %s", path, strerror(errno));
        before += n;
    }
    memset(written_in(layout), 0, 8);
    forget_open(layout);
    return STATUS_OK;
}

status_t layout_put_skeleton(int fd, const char *path, const layout_t *layout,
                             int64_t frames_written) {
    uint64_t from, before = 0;
    bool done = ftruncate(fd, (off_t)layout->size) == 0;
    for (uint64_t k = 0; done && k <= layout->extents; k++) {
        uint64_t n = piece(layout, k, &from);
        done = write_at(fd, from, layout->skeleton + before, n);
        before += n;
    }
    if (!done || !write_at(fd, layout->written_at, &frames_written, sizeof frames_written))
        FAIL(STATUS_FAILED, "%s: cannot be written: %s", path, strerror(errno));
    return STATUS_OK;
}

status_t layout_frames_written(int fd, const char *path, const layout_t *layout, uint64_t *frames) {
    int64_t written;
    if (!read_at(fd, layout->written_at, &written, sizeof written))
        FAIL(STATUS_FAILED, "%s: cannot be read: %s", path, strerror(errno));
    *frames =
        written < 0 || (uint64_t)written > layout->frames ? layout->frames : (uint64_t)written;
    return STATUS_OK;
}

static uint64_t largest_frame(const layout_t *layout) {
    uint64_t bytes = sizeof(float);
    for (uint64_t k = 0; k < layout->extents; k++)
        bytes = layout->extent[k].frame_bytes > bytes ? layout->extent[k].frame_bytes : bytes;
    return bytes;
}

status_t layout_erase(int fd, const char *path, const layout_t *layout, uint64_t first,
                      uint64_t last) {
    float *nothing = malloc(largest_frame(layout));
    if (!nothing)
        FAIL(STATUS_FAILED, "%s: no memory", path);
    for (uint64_t i = 0; i < largest_frame(layout) / sizeof(float); i++)
        nothing[i] = NAN;
    bool done = true;
    for (uint64_t k = 0; k < layout->extents; k++) {
        const extent_t *e = &layout->extent[k];
        for (uint64_t trial = 0; trial < layout->trials; trial++)
            for (uint64_t i = first; done && i < last; i++)
                done = write_at(fd, layout_frame_at(layout, e, trial, i), nothing, e->frame_bytes);
    }
    free(nothing);
    if (!done)
        FAIL(STATUS_FAILED, "%s: cannot be written: %s", path, strerror(errno));
    return STATUS_OK;
}

/* The finalizer of SplitMix64 (G. Steele, D. Lea, C. Flood, OOPSLA 2014). */
static uint64_t mixed(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

uint64_t frame_hash(uint64_t variable, uint64_t trial, uint64_t index, const float *frame,
                    size_t values) {
    enum { AT_ONCE = 1 << 28, TRIAL_SHIFT = 44 }; /* at most 10^12 frames */
    uLong crc = crc32(0, NULL, 0);
    for (size_t at = 0, n; at < values; at += n) {
        n = values - at < AT_ONCE ? values - at : AT_ONCE;
        crc = crc32(crc, (const void *)(frame + at), (uInt)(n * sizeof *frame));
    }
    uint64_t place = (trial << TRIAL_SHIFT | (index + 1)) * (2 * EXTENTS_MAX) + variable;
    return mixed((uint64_t)crc ^ mixed(place));
}

status_t layout_frames_hash(int fd, const char *path, const layout_t *layout, uint64_t frames,
                            uint64_t *hash) {
    *hash = 0;
    float *frame = malloc(largest_frame(layout));
    if (!frame)
        FAIL(STATUS_FAILED, "%s: no memory", path);
    bool done = true;
    for (uint64_t k = 0; k < layout->extents; k++) {
        const extent_t *e = &layout->extent[k];
        for (uint64_t trial = 0; trial < layout->trials; trial++)
            for (uint64_t i = 0; done && i < frames; i++) {
                done = read_at(fd, layout_frame_at(layout, e, trial, i), frame, e->frame_bytes);
                if (done)
                    *hash +=
                        frame_hash(e->variable, trial, i, frame, e->frame_bytes / sizeof *frame);
            }
    }
    int error = errno;
    free(frame);
    if (!done)
        FAIL(STATUS_FAILED, "%s: cannot be read: %s", path,
             error == ENODATA ? "it is shorter than it was" : strerror(error));
    return STATUS_OK;
}
