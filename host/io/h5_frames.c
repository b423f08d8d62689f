/* Variables of frames: (time, y, x), or (trial, time, y, x). */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/io/h5_internal.h"

status_t h5_frames(h5_file_t *file, const char *path, h5_frames_t *frames) {
    char coordinate[256] = "";
    size_t n[4];
    int rank = 0;
    TRY(h5_dimensions(file, path, &rank, n));
    if (rank == 4)
        TRY(h5_dimension_coordinate(file, path, 0, coordinate, sizeof coordinate));
    const char *slash = strrchr(coordinate, '/');
    bool by_trial = rank == 4 && strcmp(slash != NULL ? slash + 1 : coordinate, "trial") == 0;
    if (rank != 3 && !by_trial)
        FAIL(STATUS_FAILED, "%s: %s is neither (time, y, x) nor (trial, time, y, x)", h5_path(file),
             path);
    const size_t *rest = n + by_trial;
    *frames = (h5_frames_t){by_trial ? n[0] : 1, rest[0], rest[1], rest[2], by_trial};
    return STATUS_OK;
}

status_t h5_trials(h5_file_t *file, const char *path, size_t trials) {
    double *number = malloc(trials * sizeof *number);
    if (number == NULL)
        FAIL(STATUS_FAILED, "%s: no memory", h5_path(file));
    for (size_t i = 0; i < trials; i++)
        number[i] = (double)i;
    status_t status = h5_coordinate(file, path, trials, number, "1", "number of the trial");
    free(number);
    return status;
}

/* A block of one trial's frames; 0 rows: all of them. */
static status_t transfer_block(h5_file_t *file, const char *path, h5_transfer_t way, size_t trial,
                               const size_t first[2], const size_t count[2], void *values) {
    size_t n[4];
    int rank = 0;
    TRY(h5_dimensions(file, path, &rank, n));
    if (rank != 3 && rank != 4)
        FAIL(STATUS_FAILED, "%s: %s has %d dimensions, not (time, y, x)", h5_path(file), path,
             rank);
    if (trial >= (rank == 4 ? n[0] : 1))
        FAIL(STATUS_FAILED, "%s: %s has no trial %zu", h5_path(file), path, trial);
    const hsize_t start[4] = {trial, first[0], first[1], 0};
    const hsize_t size[4] = {1, count[0], count[1] ? count[1] : n[rank - 2], n[rank - 1]};
    return h5_transfer(file, path, way, H5T_NATIVE_FLOAT, rank, start + 4 - rank, size + 4 - rank,
                       values);
}

status_t h5_write_frame(h5_file_t *file, const char *path, size_t trial, size_t index,
                        const float *frame) {
    const size_t first[2] = {index, 0}, count[2] = {1, 0};
    return transfer_block(file, path, H5_WRITE, trial, first, count, (void *)frame);
}

status_t h5_read_block(h5_file_t *file, const char *path, size_t trial, size_t first_frame,
                       size_t n_frames, size_t first_row, size_t n_rows, float *out) {
    const size_t first[2] = {first_frame, first_row}, count[2] = {n_frames, n_rows};
    return transfer_block(file, path, H5_READ, trial, first, count, out);
}

typedef struct {
    h5_file_t *file;
    size_t n, characters; /* found; of all paths, ends included */
    char **paths, *next;  /* NULL on the first visit, which only counts */
} search_t;

static herr_t take_variable(hid_t root, const char *path, const H5O_info_t *info, void *result) {
    search_t *search = result;
    h5_frames_t frames;
    (void)root;
    if (info->type != H5O_TYPE_DATASET || h5_frames(search->file, path, &frames) != STATUS_OK)
        return 0;
    if (search->paths != NULL) {
        search->paths[search->n] = search->next;
        search->next = stpcpy(search->next, path) + 1;
    }
    search->n++;
    search->characters += strlen(path) + 1;
    return 0;
}

static herr_t visit(search_t *search) {
    h5_file_t *file = search->file;
    unsigned order = 0;
    hid_t root = H5Gopen2(h5_id(file), "/", H5P_DEFAULT);
    hid_t properties = H5Gget_create_plist(root); /* the file's own forgets when it is reopened */
    H5Pget_link_creation_order(properties, &order);
    H5Pclose(properties);
    H5Gclose(root);
    search->n = search->characters = 0;
    return H5Ovisit2(h5_id(file), order != 0 ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME, H5_ITER_INC,
                     take_variable, search, H5O_INFO_BASIC);
}

status_t h5_frame_variables(h5_file_t *file, char ***paths) {
    search_t search = {.file = file};
    *paths = NULL;
    if (visit(&search) < 0)
        H5_FAIL(file, "list", "its variables");
    *paths = calloc(1, (search.n + 1) * sizeof **paths + search.characters);
    if (*paths == NULL)
        FAIL(STATUS_FAILED, "%s: no memory", h5_path(file));
    search.paths = *paths;
    search.next = (char *)(*paths + search.n + 1);
    if (visit(&search) < 0) {
        free(*paths);
        *paths = NULL;
        H5_FAIL(file, "list", "its variables");
    }
    return STATUS_OK;
}
