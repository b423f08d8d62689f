/* Variables of frames: (time, y, x), or (trial, time, y, x), in any order where it has names. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/io/h5_internal.h"

#include <hdf5_hl.h> /* names of dimensions */

/* What a dimension is by its name, or H5_ROLES. */
static int role_of(const char *name) {
    static const struct {
        const char *name;
        int role;
    } known[] = {{"trial", H5_TRIAL}, {"trials", H5_TRIAL}, {"time", H5_TIME}, {"t", H5_TIME},
                 {"frame", H5_TIME},  {"y", H5_Y},          {"row", H5_Y},     {"latitude", H5_Y},
                 {"lat", H5_Y},       {"x", H5_X},          {"column", H5_X},  {"longitude", H5_X},
                 {"lon", H5_X},       {"frames", H5_TIME},  {"rows", H5_Y},    {"columns", H5_X},
                 {"col", H5_X}};
    if (strncmp(name, "y_", 2) == 0 || strncmp(name, "x_", 2) == 0)
        return name[0] == 'y' ? H5_Y : H5_X;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcasecmp(known[i].name, name) == 0)
            return known[i].role;
    return H5_ROLES;
}

/* The label of a dimension, else the name of its scale; "" where it has neither. */
static status_t dimension_name(h5_file_t *file, const char *path, int dimension, char name[256]) {
    char coordinate[256];
    hid_t dataset = H5Dopen2(h5_id(file), path, H5P_DEFAULT);
    name[0] = '\0';
    ssize_t labelled = H5DSget_label(dataset, (unsigned)dimension, name, 256);
    H5Dclose(dataset);
    if (labelled > 0)
        return STATUS_OK;
    TRY(h5_dimension_coordinate(file, path, dimension, coordinate, sizeof coordinate));
    const char *slash = strrchr(coordinate, '/');
    snprintf(name, 256, "%s", slash != NULL ? slash + 1 : coordinate);
    return STATUS_OK;
}

static bool is_matlab(h5_file_t *file, const char *path) {
    return H5Aexists_by_name(h5_id(file), path, "MATLAB_class", H5P_DEFAULT) > 0;
}

/* A name that two dimensions share says nothing of either. */
static void forget_shared(int rank, int role[4]) {
    bool shared[4] = {false};
    for (int d = 0; d < rank; d++)
        for (int e = 0; e < rank; e++)
            shared[d] = shared[d] || (d != e && role[d] == role[e]);
    for (int d = 0; d < rank; d++)
        role[d] = shared[d] ? H5_ROLES : role[d];
}

/* Gives the dimensions whose role is not known those that are left, in their order. */
static bool assign_roles(int rank, const int *role, bool reversed, int dimension[H5_ROLES]) {
    int known = 0, last = -1;
    for (int r = 0; r < H5_ROLES; r++)
        dimension[r] = -1;
    for (int d = 0; d < rank; d++) {
        if (role[d] != H5_ROLES)
            dimension[role[d]] = d;
        known += role[d] != H5_ROLES;
    }
    if (reversed && known == 0) {
        const int order[2][H5_ROLES] = {{-1, 0, 2, 1}, {0, 1, 3, 2}};
        memcpy(dimension, order[rank == 4], sizeof order[0]);
        return true;
    }
    for (int r = H5_TIME, d = 0; r < H5_ROLES; r++) {
        while (dimension[r] < 0 && d < rank && role[d] != H5_ROLES)
            d++;
        if (dimension[r] < 0)
            dimension[r] = d++;
    }
    bool in_order = true;
    for (int r = H5_TRIAL; r < H5_ROLES; r++) {
        in_order = in_order && (r == H5_TRIAL || dimension[r] > last);
        last = dimension[r];
    }
    return (dimension[H5_TRIAL] >= 0) == (rank == 4) && (in_order || rank - known <= 1);
}

status_t h5_frames(h5_file_t *file, const char *path, h5_frames_t *frames) {
    char name[4][256] = {"", "", "", ""};
    size_t n[4];
    int rank = 0, role[4], *at = frames->dimension;
    TRY(h5_dimensions(file, path, &rank, n));
    *frames = (h5_frames_t){.by_trial = rank == 4};
    for (int d = 0; d < rank; d++) {
        TRY(dimension_name(file, path, d, name[d]));
        role[d] = role_of(name[d]);
    }
    forget_shared(rank, role);
    if (rank < 3 || !assign_roles(rank, role, is_matlab(file, path), at))
        FAIL(
            STATUS_FAILED,
            "%s: %s has %d dimensions (%s%s%s%s%s%s%s): they must be (time, y, x) or (trial, time, "
            "y, x); in another order, all need these names",
            h5_path(file), path, rank, name[0], rank > 1 ? ", " : "", name[1], rank > 2 ? ", " : "",
            name[2], rank > 3 ? ", " : "", name[3]);
    frames->trials = rank == 4 ? n[at[H5_TRIAL]] : 1;
    frames->frames = n[at[H5_TIME]];
    frames->ny = n[at[H5_Y]];
    frames->nx = n[at[H5_X]];
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

status_t h5_write_frame(h5_file_t *file, const char *path, size_t trial, size_t index,
                        const float *frame) {
    size_t n[4];
    int rank = 0;
    TRY(h5_dimensions(file, path, &rank, n));
    if (rank != 3 && rank != 4)
        FAIL(STATUS_FAILED, "%s: %s has %d dimensions, not (time, y, x)", h5_path(file), path,
             rank);
    if (trial >= (rank == 4 ? n[0] : 1))
        FAIL(STATUS_FAILED, "%s: %s has no trial %zu", h5_path(file), path, trial);
    const hsize_t start[4] = {trial, index, 0, 0}, size[4] = {1, 1, n[rank - 2], n[rank - 1]};
    return h5_transfer(file, path, H5_WRITE, H5T_NATIVE_FLOAT, rank, start + 4 - rank,
                       size + 4 - rank, (void *)frame);
}

/* out[n_frames][n_rows][nx] of a stored block of `rank` dimensions, `size` each. */
static void put_in_order(const float *stored, int rank, const hsize_t *size, const int *dimension,
                         const hsize_t count[H5_ROLES], float *out) {
    size_t stride[H5_ROLES];
    for (int r = 0; r < H5_ROLES; r++) {
        stride[r] = 1;
        for (int d = dimension[r] + 1; d < rank; d++)
            stride[r] *= size[d];
    }
    for (size_t t = 0; t < count[H5_TIME]; t++)
        for (size_t y = 0; y < count[H5_Y]; y++)
            for (size_t x = 0; x < count[H5_X]; x++)
                *out++ = stored[t * stride[H5_TIME] + y * stride[H5_Y] + x * stride[H5_X]];
}

status_t h5_read_block(h5_file_t *file, const char *path, size_t trial, size_t first_frame,
                       size_t n_frames, size_t first_row, size_t n_rows, float *out) {
    h5_frames_t f;
    TRY(h5_frames(file, path, &f));
    if (trial >= f.trials)
        FAIL(STATUS_FAILED, "%s: %s has no trial %zu", h5_path(file), path, trial);
    const hsize_t first[H5_ROLES] = {trial, first_frame, first_row, 0};
    const hsize_t count[H5_ROLES] = {1, n_frames, n_rows, f.nx};
    hsize_t start[H5_ROLES], size[H5_ROLES];
    int rank = 3 + f.by_trial;
    for (int r = f.by_trial ? H5_TRIAL : H5_TIME; r < H5_ROLES; r++) {
        start[f.dimension[r]] = first[r];
        size[f.dimension[r]] = count[r];
    }
    if (f.dimension[H5_TIME] < f.dimension[H5_Y] && f.dimension[H5_Y] < f.dimension[H5_X])
        return h5_transfer(file, path, H5_READ, H5T_NATIVE_FLOAT, rank, start, size, out);
    float *stored = malloc(n_frames * n_rows * f.nx * sizeof *stored);
    if (stored == NULL)
        FAIL(STATUS_FAILED, "%s: no memory", h5_path(file));
    status_t status = h5_transfer(file, path, H5_READ, H5T_NATIVE_FLOAT, rank, start, size, stored);
    if (status == STATUS_OK)
        put_in_order(stored, rank, size, f.dimension, count, out);
    free(stored);
    return status;
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
