#include "host/io/snapshot_axes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PATH_SIZE = 256 };

/* Steps of an axis may differ by this share of a step: times stored in single precision over a run
 * of 10^5 frames stay within it, and so do stages and cameras. */
static const double uneven_max = 0.01;

/* Whether it holds n values: a netCDF dimension without them is a scale, too. */
static bool has_values(h5_file_t *file, const char *path, size_t n) {
    static const char without[] = "This is a netCDF dimension but not a netCDF variable";
    int rank = 0;
    size_t size[4];
    char *name = NULL;
    bool empty = h5_read_attribute_text(file, path, "NAME", &name) == STATUS_OK &&
                 strncmp(name, without, sizeof without - 1) == 0;
    free(name);
    return !empty && h5_dimensions(file, path, &rank, size) == STATUS_OK &&
           ((rank == 1 && size[0] == n) || (rank == 2 && size[0] * size[1] == n));
}

/* Path of the n values of one of a variable's dimensions: its scale, or `name` beside the variable;
 * "" where there are none. One that is there with another number of values is an error. */
static status_t find_coordinate(h5_file_t *file, const char *variable, int dimension,
                                const char *name, size_t n, char path[PATH_SIZE]) {
    const char *slash = strrchr(variable, '/');
    int parent = slash != NULL ? (int)(slash - variable) + 1 : 0;
    int rank = 0;
    size_t size[4];
    TRY(h5_dimension_coordinate(file, variable, dimension, path, PATH_SIZE));
    if (path[0] != '\0' && has_values(file, path, n))
        return STATUS_OK;
    bool scaled = path[0] != '\0';
    snprintf(path, PATH_SIZE, "%.*s%s", parent, variable, name);
    if (!scaled && has_values(file, path, n))
        return STATUS_OK;
    if (!scaled && h5_dimensions(file, path, &rank, size) == STATUS_OK && rank == 1)
        FAIL(
            STATUS_USAGE,
            "%s: %s has %zu values, %s has %zu along that dimension: its dimensions must be (time, "
            "y, x), or have these names",
            h5_path(file), path, size[0], variable, n);
    path[0] = '\0';
    return STATUS_OK;
}

/* "" where there are none. */
static void read_units(h5_file_t *file, const char *coordinate, char units[64]) {
    char *text = NULL;
    if (h5_read_attribute_text(file, coordinate, "units", &text) == STATUS_OK)
        snprintf(units, 64, "%s", text);
    else
        units[0] = '\0';
    free(text);
}

/* Milliseconds in one unit of a time coordinate; whether it counts from a date. */
static status_t time_unit(h5_file_t *file, const char *coordinate, double *unit_ms, bool *dated) {
    static const struct {
        const char *name;
        double ms;
    } known[] = {{"ns", 1e-6},   {"nanosecond", 1e-6}, {"us", 1e-3},    {"microsecond", 1e-3},
                 {"ms", 1.0},    {"millisecond", 1.0}, {"msec", 1.0},   {"s", 1e3},
                 {"sec", 1e3},   {"second", 1e3},      {"min", 6e4},    {"minute", 6e4},
                 {"h", 3.6e6},   {"hr", 3.6e6},        {"hour", 3.6e6}, {"d", 8.64e7},
                 {"day", 8.64e7}};
    char units[64], word[64] = "", since[64] = "";
    *unit_ms = 1.0;
    *dated = false;
    read_units(file, coordinate, units);
    if (units[0] == '\0') {
        status_warn("%s: %s has no units; taken as ms", h5_path(file), coordinate);
        return STATUS_OK;
    }
    sscanf(units, "%63s %63s", word, since);
    *dated = strcasecmp(since, "since") == 0;
    size_t letters = strlen(word);
    if (letters > 2 && word[letters - 1] == 's')
        word[letters - 1] = '\0';
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcasecmp(known[i].name, word) == 0 && (since[0] == '\0' || *dated)) {
            *unit_ms = known[i].ms;
            return STATUS_OK;
        }
    FAIL(STATUS_USAGE,
         "%s: %s is in \"%s\"; its units must be ns, us, ms, s, min, h or d, or one of them "
         "\"since\" "
         "a date",
         h5_path(file), coordinate, units);
}

status_t axes_times(h5_file_t *file, const char *variable, const h5_frames_t *stored,
                    double *times) {
    char coordinate[PATH_SIZE];
    double unit_ms = 1.0;
    bool dated;
    TRY(find_coordinate(file, variable, stored->dimension[H5_TIME], "time", stored->frames,
                        coordinate));
    if (coordinate[0] == '\0') {
        if (h5_read_attribute_double(file, "/", "frame_ms", &unit_ms) != STATUS_OK)
            status_warn("%s: %s has no time coordinate; taken as one frame a ms", h5_path(file),
                        variable);
        for (size_t i = 0; i < stored->frames; i++)
            times[i] = (double)i * unit_ms;
        return STATUS_OK;
    }
    TRY(time_unit(file, coordinate, &unit_ms, &dated));
    TRY(h5_read(file, coordinate, H5T_NATIVE_DOUBLE, times));
    double first = dated && stored->frames > 0 ? times[0] : 0.0;
    for (size_t i = 0; i < stored->frames; i++)
        times[i] = (times[i] - first) * unit_ms;
    return STATUS_OK;
}

typedef struct {
    char path[PATH_SIZE]; /* "" where there are no values */
    char units[64];
    double step; /* between neighbours; NaN for one value */
    bool torus;  /* cell centres of [0, 1), without a unit */
} axis_t;

static status_t read_axis(h5_file_t *file, const char *variable, int dimension, const char *name,
                          size_t n, axis_t *axis) {
    TRY(find_coordinate(file, variable, dimension, name, n, axis->path));
    if (axis->path[0] == '\0')
        return STATUS_OK;
    double *at = malloc(n * sizeof *at);
    if (at == NULL)
        FAIL(STATUS_FAILED, "%s: no memory", h5_path(file));
    status_t status = h5_read(file, axis->path, H5T_NATIVE_DOUBLE, at);
    read_units(file, axis->path, axis->units);
    axis->step = n > 1 ? (at[n - 1] - at[0]) / (double)(n - 1) : NAN;
    axis->torus = strcmp(axis->units, "1") == 0;
    for (size_t i = 0; status == STATUS_OK && i < n; i++) {
        axis->torus = axis->torus && fabs(at[i] * (double)n - (double)i - 0.5) <= uneven_max;
        if (i > 0 && !(fabs(at[i] - at[i - 1] - axis->step) < uneven_max * fabs(axis->step)))
            status = status_fail(STATUS_USAGE, __FILE__, __LINE__,
                                 "%s: %s does not go in even steps: %g follows %g, the mean step "
                                 "is %g; resample the data to an even grid",
                                 h5_path(file), axis->path, at[i], at[i - 1], axis->step);
    }
    free(at);
    if (status == STATUS_OK && axis->step < 0.0) {
        status_warn("%s: %s falls; directions are counted along its sites' numbers", h5_path(file),
                    axis->path);
        axis->step = -axis->step;
    }
    return status;
}

status_t axes_grid(h5_file_t *file, const char *variable, const h5_frames_t *stored,
                   char length[32], grid_t *grid) {
    axis_t y = {.step = 1.0}, x = {.step = 1.0};
    *grid = grid_torus(stored->ny, stored->nx);
    TRY(read_axis(file, variable, stored->dimension[H5_Y], "y", stored->ny, &y));
    TRY(read_axis(file, variable, stored->dimension[H5_X], "x", stored->nx, &x));
    if (y.torus && x.torus)
        return STATUS_OK;
    if (y.path[0] == '\0' || x.path[0] == '\0') {
        if (y.path[0] != x.path[0])
            status_warn("%s: only %s has positions; they are counted in sites", h5_path(file),
                        y.path[0] != '\0' ? y.path : x.path);
        y = x = (axis_t){.step = 1.0};
    }
    if (strcmp(y.units, x.units) != 0)
        FAIL(STATUS_USAGE, "%s: %s is in \"%s\", %s in \"%s\": both need one unit", h5_path(file),
             y.path, y.units, x.path, x.units);
    if (isnan(y.step) && isnan(x.step))
        y.step = x.step = 1.0;
    grid->dy = isnan(y.step) ? x.step : y.step; /* one row has the other axis' spacing */
    grid->dx = isnan(x.step) ? y.step : x.step;
    bool unknown = x.units[0] == '\0' || strcmp(x.units, "1") == 0;
    if (unknown) {
        grid->dy /= grid->dx;
        grid->dx = 1.0;
    }
    snprintf(length, 32, "%.31s", unknown ? "site" : x.units);
    grid->length = length;
    return STATUS_OK;
}

status_t axes_boundary(h5_file_t *file, const char *variable, grid_t *grid) {
    char *said = NULL;
    if (h5_read_attribute_text(file, variable, "boundary", &said) != STATUS_OK &&
        h5_read_attribute_text(file, "/", "boundary", &said) != STATUS_OK) {
        if (strcmp(grid->length, "torus side") == 0)
            return STATUS_OK;
        bool sites = strcmp(grid->length, "site") == 0;
        grid->open = !sites || grid->mask != NULL;
        if (grid->open)
            status_warn("%s: %s %s%s and does not say how its edges meet: taken as open; a torus "
                        "says so by the attribute boundary = \"periodic\"",
                        h5_path(file), variable,
                        sites ? "has sites without data" : "is laid out in ",
                        sites ? "" : grid->length);
        else
            status_warn("%s: %s does not say how its edges meet: taken as periodic; "
                        "--open-boundary, or the attribute boundary = \"open\", for a piece of "
                        "tissue",
                        h5_path(file), variable);
        return STATUS_OK;
    }
    grid->open = strcmp(said, "open") == 0;
    bool known = grid->open || strcmp(said, "periodic") == 0;
    char word[64];
    snprintf(word, sizeof word, "%s", said);
    free(said);
    if (!known)
        FAIL(STATUS_USAGE,
             "%s: the attribute boundary is \"%s\"; it must be \"open\" or \"periodic\"",
             h5_path(file), word);
    return STATUS_OK;
}
