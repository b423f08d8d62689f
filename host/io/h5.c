#define _GNU_SOURCE /* fallocate, asprintf */
#include "host/io/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/io/h5_internal.h"

/* Room for the metadata of one call: headers, attributes, dimension scales, a long text's heap. */
enum { METADATA_BYTES = 1 << 16 };

struct h5_file {
    hid_t id;
    char *path, *temporary; /* temporary: NULL once committed */
    bool force, writable;
};

const char *h5_path(const h5_file_t *file) {
    return file->path;
}
hid_t h5_id(const h5_file_t *file) {
    return file->id;
}

static _Thread_local char last_reason[300];

const char *h5_reason(void) {
    return last_reason;
}

static herr_t take_innermost(unsigned depth, const H5E_error2_t *error, void *unused) {
    (void)unused;
    if (depth == 0)
        snprintf(last_reason, sizeof last_reason, "%s", error->desc);
    return 0;
}

static herr_t take_reason(hid_t stack, void *unused) {
    const char before[] = "error message = '";
    (void)unused;
    H5Ewalk2(stack, H5E_WALK_UPWARD, take_innermost, NULL);
    char *system = strstr(last_reason, before);
    if (system != NULL) {
        system += strlen(before);
        memmove(last_reason, system, strlen(system) + 1);
        last_reason[strcspn(last_reason, "'")] = '\0';
    }
    return 0;
}

void h5_quiet(void) {
    H5dont_atexit(); /* HDF5's clean-up at exit crashes after a failed close */
    H5Eset_auto2(H5E_DEFAULT, take_reason, NULL);
}

/* Raw data go straight to the system (no sieve buffer), so that kill -9 loses no written frame. */
static hid_t access_properties(void) {
    h5_quiet(); /* before anything of HDF5 */
    hid_t properties = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_sieve_buf_size(properties, 0);
    H5Pset_fclose_degree(properties, H5F_CLOSE_STRONG);
    return properties;
}

int h5_descriptor(const h5_file_t *file) {
    int *fd = NULL;
    return H5Fget_vfd_handle(file->id, H5P_DEFAULT, (void **)&fd) < 0 ? -1 : *fd;
}

/* HDF5 locks a file that it writes against readers too; ours are complete on disk, so readers may
 * come, and only a second writer is kept out. Filesystems without locks are left as they are. */
static void admit_readers(const h5_file_t *file) {
    (void)flock(h5_descriptor(file), LOCK_SH);
}

status_t h5_in_place(const h5_file_t *file) {
    struct stat ours, named;
    if (fstat(h5_descriptor(file), &ours) == 0 && stat(file->path, &named) == 0 &&
        ours.st_ino == named.st_ino && ours.st_dev == named.st_dev)
        return STATUS_OK;
    FAIL(STATUS_FAILED,
         "%s: was removed or replaced while it was being written, so what was written is lost; "
         "leave the file and its folder in place, and run again",
         file->path);
}

static void file_free(h5_file_t *file) {
    free(file->temporary);
    free(file->path);
    free(file);
}

/* Creates the temporary file, so that the system says why it cannot be. One that a killed program
 * has left is used again, but not where h5_commit had given it its name already: it is the output.
 */
static status_t touch(const h5_file_t *file) {
    struct stat left;
    if (stat(file->temporary, &left) == 0 && left.st_nlink > 1)
        unlink(file->temporary);
    int fd = open(file->temporary, O_CREAT | O_WRONLY, 0666);
    if (fd < 0)
        FAIL(STATUS_USAGE, "%s: cannot be created: %s; give a place that can be written with -o",
             file->path, strerror(errno));
    bool taken = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    if (taken)
        FAIL(STATUS_USAGE, "%s: another program is writing it; wait for that to end", file->path);
    return STATUS_OK;
}

/* `path` and its temporary file, which is there and empty or a killed program's. */
static status_t file_new(const char *path, int force, h5_file_t **result) {
    h5_quiet();
    *result = NULL;
    h5_file_t *file = calloc(1, sizeof *file);
    if (file == NULL)
        FAIL(STATUS_FAILED, "%s: no memory", path);
    file->force = force;
    file->writable = true;
    file->path = strdup(path);
    if (asprintf(&file->temporary, "%s.tmp", path) < 0)
        file->temporary = NULL;
    if (file->path == NULL || file->temporary == NULL) {
        file_free(file);
        FAIL(STATUS_FAILED, "%s: no memory", path);
    }
    status_t status = touch(file);
    if (status != STATUS_OK) {
        file_free(file);
        return status;
    }
    *result = file;
    return STATUS_OK;
}

status_t h5_create(const char *path, int force, h5_file_t **result) {
    struct stat existing;
    h5_file_t *file;
    *result = NULL;
    if (stat(path, &existing) == 0) {
        if (!S_ISREG(existing.st_mode))
            FAIL(STATUS_USAGE, "%s: is not a regular file; give a file's name with -o", path);
        if (!force)
            FAIL(STATUS_USAGE, "%s: exists; --force overwrites it, -o gives another name", path);
    }
    TRY(file_new(path, force, &file));
    hid_t access = access_properties(), creation = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    H5Pset_obj_track_times(creation, 0);
    file->id = H5Fcreate(file->temporary, H5F_ACC_TRUNC, creation, access);
    H5Pclose(creation);
    H5Pclose(access);
    if (file->id < 0) {
        unlink(file->temporary);
        file_free(file);
        FAIL(STATUS_FAILED,
             "%s: cannot be created: %s; free space there, or name another place with -o", path,
             h5_reason());
    }
    *result = file;
    return STATUS_OK;
}

/* Bytes and mode of `from`; `to` is empty. */
static bool copy(int from, int to) {
    enum { AT_ONCE = 1 << 22 };
    struct stat file;
    char *bytes = malloc(AT_ONCE);
    bool done = bytes && fstat(from, &file) == 0 && fchmod(to, file.st_mode & 07777) == 0;
    for (ssize_t n = 1; done && n > 0;) {
        n = read(from, bytes, AT_ONCE);
        done = n >= 0;
        for (ssize_t at = 0, put; done && at < n; at += put) {
            put = write(to, bytes + at, (size_t)(n - at));
            done = put > 0;
        }
    }
    int error = errno;
    free(bytes);
    errno = error;
    return done;
}

status_t h5_open_copy(const char *path, h5_file_t **result) {
    h5_file_t *file;
    char *real = realpath(path, NULL); /* a symbolic link stays one */
    *result = NULL;
    if (real == NULL)
        FAIL(STATUS_USAGE, "%s: cannot be opened: %s", path, strerror(errno));
    status_t status = file_new(real, 1, &file);
    free(real);
    TRY(status);
    int from = open(file->path, O_RDONLY | O_CLOEXEC);
    int to = open(file->temporary, O_WRONLY | O_TRUNC | O_CLOEXEC);
    bool copied = from >= 0 && to >= 0 && copy(from, to);
    int error = errno;
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    if (copied) {
        hid_t access = access_properties();
        file->id = H5Fopen(file->temporary, H5F_ACC_RDWR, access);
        H5Pclose(access);
    }
    if (!copied || file->id < 0) {
        unlink(file->temporary);
        file_free(file);
        FAIL(STATUS_FAILED,
             "%s: cannot be copied to add to it: %s; free space there, or give another name with "
             "-o",
             path, copied ? h5_reason() : strerror(error));
    }
    *result = file;
    return STATUS_OK;
}

int h5_is(const char *path) {
    h5_quiet();
    return H5Fis_hdf5(path) > 0;
}

static status_t open_with(const char *path, int writable, hid_t properties, h5_file_t **result) {
    h5_quiet();
    *result = NULL;
    if (access(path, writable ? R_OK | W_OK : R_OK) != 0)
        FAIL(STATUS_USAGE, "%s: cannot be opened: %s", path, strerror(errno));
    hid_t id = H5Fopen(path, writable ? H5F_ACC_RDWR : H5F_ACC_RDONLY, properties);
    if (id < 0) {
        if (strcmp(h5_reason(), strerror(EAGAIN)) == 0)
            FAIL(STATUS_USAGE, "%s: another program is writing it; wait for that to end", path);
        FAIL(STATUS_USAGE, "%s: is not a readable HDF5 file: %s", path, h5_reason());
    }
    h5_file_t *file = calloc(1, sizeof *file);
    if (file == NULL || (file->path = strdup(path)) == NULL) {
        H5Fclose(id);
        free(file);
        FAIL(STATUS_FAILED, "%s: no memory", path);
    }
    file->id = id;
    file->writable = writable;
    if (writable)
        admit_readers(file);
    *result = file;
    return STATUS_OK;
}

status_t h5_open(const char *path, int writable, h5_file_t **file) {
    hid_t properties = access_properties();
    status_t status = open_with(path, writable, properties, file);
    H5Pclose(properties);
    return status;
}

status_t h5_open_among_readers(const char *path, h5_file_t **file) {
    hid_t properties = access_properties();
#if H5_VERSION_GE(1, 10, 7) /* an older one has only HDF5_USE_FILE_LOCKING in the environment */
    H5Pset_file_locking(properties, false, true);
#endif
    status_t status = open_with(path, 1, properties, file);
    H5Pclose(properties);
    return status;
}

status_t h5_reserve(h5_file_t *file, size_t bytes, const char *object) {
    hsize_t end = 0;
    struct stat now;
    int fd = h5_descriptor(file);
    if (fd < 0 || H5Fget_filesize(file->id, &end) < 0 || fstat(fd, &now) != 0)
        H5_FAIL(file, "find the space for", object);
    off_t needed = (off_t)(end + bytes + METADATA_BYTES);
    if (now.st_size >= needed)
        return STATUS_OK;
    int failed;
    while ((failed = fallocate(fd, 0, now.st_size, needed - now.st_size)) != 0 && errno == EINTR)
        continue;
    if (failed && errno != EOPNOTSUPP && errno != ENOSYS)
        FAIL(STATUS_FAILED,
             "%s: %s needs %.3g MB of disk: %s; free space there, name another place "
             "with -o, or store fewer frames (output.every)",
             file->path, object, (double)bytes / 1e6, strerror(errno));
    return STATUS_OK;
}

status_t h5_flush(h5_file_t *file) {
    hsize_t end = 0;
    /* Once gives back what HDF5 had set aside, twice writes the size that is left. */
    if (H5Fflush(file->id, H5F_SCOPE_GLOBAL) < 0 || H5Fflush(file->id, H5F_SCOPE_GLOBAL) < 0 ||
        H5Fget_filesize(file->id, &end) < 0)
        H5_FAIL(file, "complete", "the file");
    if (ftruncate(h5_descriptor(file), (off_t)end) != 0) /* what h5_reserve took too much */
        FAIL(STATUS_FAILED, "%s: cannot be cut to its size: %s", file->path, strerror(errno));
    return STATUS_OK;
}

status_t h5_settle(h5_file_t *file) {
    const char *name = file->temporary != NULL ? file->temporary : file->path;
    TRY(h5_flush(file));
    hid_t id = file->id;
    file->id = H5I_INVALID_HID; /* after a failed close it must not be closed again: that crashes */
    if (H5Fclose(id) < 0)
        H5_FAIL(file, "close", "the file");
    hid_t access = access_properties();
    file->id = H5Fopen(name, H5F_ACC_RDWR, access);
    H5Pclose(access);
    if (file->id < 0)
        H5_FAIL(file, "open", "the file again");
    return STATUS_OK;
}

static status_t give_name(h5_file_t *file) {
    /* A hard link, unlike rename, never replaces a file that came into being meanwhile; rename
     * serves filesystems without hard links. */
    int failed = file->force ? -1 : link(file->temporary, file->path);
    if (failed && !file->force && errno == EEXIST)
        FAIL(STATUS_USAGE, "%s: exists; --force overwrites it, -o gives another name", file->path);
    if (failed && rename(file->temporary, file->path) != 0)
        FAIL(STATUS_FAILED, "%s: cannot be named: %s", file->path, strerror(errno));
    if (!failed)
        unlink(file->temporary);
    free(file->temporary);
    file->temporary = NULL;
    return STATUS_OK;
}

status_t h5_commit(h5_file_t *file) {
    if (file->temporary == NULL)
        return STATUS_OK;
    TRY(h5_flush(file));
    if (fsync(h5_descriptor(file)) != 0)
        FAIL(STATUS_FAILED, "%s: cannot be synced: %s", file->path, strerror(errno));
    TRY(give_name(file));
    admit_readers(file);
    return STATUS_OK;
}

static status_t finish(h5_file_t *file) {
    bool open = file->id >= 0;
    status_t flushed =
        open && file->writable && file->temporary == NULL ? h5_flush(file) : STATUS_OK;
    bool closed = !open || H5Fclose(file->id) >= 0;
    if (flushed == STATUS_OK && !closed)
        H5_FAIL(file, "close", "the file");
    return flushed;
}

status_t h5_close(h5_file_t *file) {
    if (file == NULL)
        return STATUS_OK;
    status_t status = finish(file);
    if (file->temporary != NULL)
        unlink(file->temporary);
    file_free(file);
    return status;
}

status_t h5_commit_close(h5_file_t *file) {
    status_t status = h5_flush(file);
    if (status == STATUS_OK) {
        int fd = dup(h5_descriptor(file));
        hid_t id = file->id;
        file->id = H5I_INVALID_HID; /* after a failed close it must not be closed again */
        if (H5Fclose(id) < 0 || fd < 0 || fsync(fd) != 0)
            status = status_fail(STATUS_FAILED, __FILE__, __LINE__,
                                 "%s: cannot be completed: %s; free space there", file->path,
                                 strerror(errno));
        if (fd >= 0)
            close(fd);
    }
    if (status == STATUS_OK)
        status = give_name(file);
    h5_close(file);
    return status;
}
