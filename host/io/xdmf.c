#define _GNU_SOURCE /* asprintf */
#include "host/io/xdmf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void put_escaped(FILE *out, const char *text) {
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

enum { TRIALS_SHOWN = 16 }; /* a description of thousands would be larger than their frames */

/* Cells [ny][nx] of the unit sheet, one cell thick: ParaView then lays it into its x-y plane (a
 * 2DCoRectMesh it would stand on edge). XDMF names the slowest dimension first: z, y, x. A
 * hyperslab of four dimensions must give its result as one of three, or ParaView's reader fails. */
static void put_series(FILE *out, const char *h5_name, const char *variable, const h5_frames_t *f,
                       size_t trial, const double *times_ms) {
    size_t ny = f->ny, nx = f->nx;
    double dx = 1.0 / (double)nx;
    char series[128], first[32] = "", all[32] = "";
    snprintf(series, sizeof series, "%s", variable);
    if (f->by_trial) {
        snprintf(series, sizeof series, "%s trial %zu", variable, trial);
        snprintf(first, sizeof first, "%zu ", trial);
        snprintf(all, sizeof all, "%zu ", f->trials);
    }
    const char *one = f->by_trial ? "1 " : "";
    fprintf(out, "  <Grid Name=\"%s\" GridType=\"Collection\" CollectionType=\"Temporal\">\n",
            series);
    for (size_t t = 0; t < f->frames; t++) {
        fprintf(
            out,
            "   <Grid Name=\"%s\" GridType=\"Uniform\"><Time Value=\"%.17g\"/>\n"
            "    <Topology TopologyType=\"3DCoRectMesh\" Dimensions=\"2 %zu %zu\"/>\n"
            "    <Geometry GeometryType=\"ORIGIN_DXDYDZ\">"
            "<DataItem Dimensions=\"3\" Format=\"XML\">0 0 0</DataItem>"
            "<DataItem Dimensions=\"3\" Format=\"XML\">%.17g %.17g %.17g</DataItem></Geometry>\n"
            "    <Attribute Name=\"%s\" AttributeType=\"Scalar\" Center=\"Cell\">"
            "<DataItem ItemType=\"HyperSlab\" Dimensions=\"1 %zu %zu\" NumberType=\"Float\" "
            "Precision=\"4\">"
            "<DataItem Dimensions=\"3 %d\" Format=\"XML\">%s%zu 0 0 %s1 1 1 %s1 %zu %zu</DataItem>"
            "<DataItem Dimensions=\"%s%zu %zu %zu\" NumberType=\"Float\" Precision=\"4\" "
            "Format=\"HDF\">",
            series, times_ms[t], ny + 1, nx + 1, dx, 1.0 / (double)ny, dx, variable, ny, nx,
            f->by_trial ? 4 : 3, first, t, one, one, ny, nx, all, f->frames, ny, nx);
        put_escaped(out, h5_name);
        fprintf(out, ":/%s</DataItem></DataItem></Attribute>\n   </Grid>\n", variable);
    }
    fputs("  </Grid>\n", out);
}

/* Variables of the root over `time`. */
static status_t put_all(FILE *out, h5_file_t *file, const char *h5_name, char **variables) {
    for (; *variables != NULL; variables++) {
        char coordinate[64];
        h5_frames_t frames;
        TRY(h5_frames(file, *variables, &frames));
        TRY(h5_dimension_coordinate(file, *variables, frames.by_trial, coordinate,
                                    sizeof coordinate));
        if (strcmp(coordinate, "/time") != 0 || strchr(*variables, '/') != NULL)
            continue;
        double *times = malloc((frames.frames + 1) * sizeof *times);
        if (times == NULL)
            FAIL(STATUS_FAILED, "%s: no memory", h5_path(file));
        status_t status = h5_read(file, "time", H5T_NATIVE_DOUBLE, times);
        for (size_t i = 0; status == STATUS_OK && i < frames.trials && i < TRIALS_SHOWN; i++)
            put_series(out, h5_name, *variables, &frames, i, times);
        free(times);
        TRY(status);
    }
    return STATUS_OK;
}

status_t xdmf_write(h5_file_t *file) {
    const char *path = h5_path(file), *slash = strrchr(path, '/');
    const char *h5_name = slash != NULL ? slash + 1 : path;
    char *xdmf_path = NULL, **variables = NULL;
    TRY(h5_frame_variables(file, &variables));
    if (asprintf(&xdmf_path, "%s.xdmf", path) < 0) {
        free(variables);
        FAIL(STATUS_FAILED, "%s: no memory", path);
    }
    FILE *out = fopen(xdmf_path, "w");
    status_t status = STATUS_OK;
    if (out != NULL) {
        fputs("<?xml version=\"1.0\"?>\n<Xdmf Version=\"2.0\">\n <Domain>\n", out);
        status = put_all(out, file, h5_name, variables);
        fputs(" </Domain>\n</Xdmf>\n", out);
    }
    int written = out != NULL && !ferror(out);
    if (out == NULL || fclose(out) != 0 || !written)
        status = status_fail(
            STATUS_FAILED, __FILE__, __LINE__,
            "%s: cannot be written: %s; free space there, or name another place with -o", xdmf_path,
            strerror(errno));
    free(xdmf_path);
    free(variables);
    return status;
}

status_t xdmf_complete(h5_file_t *file) {
    char *path = NULL;
    if (asprintf(&path, "%s.xdmf", h5_path(file)) < 0)
        FAIL(STATUS_FAILED, "%s: no memory", h5_path(file));
    bool there = access(path, F_OK) == 0;
    free(path);
    return there ? STATUS_OK : xdmf_write(file);
}
