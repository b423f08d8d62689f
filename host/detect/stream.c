#include "host/detect/stream.h"

#include <omp.h>
#include <stdlib.h>

enum { BUFFER_BYTES = 32 << 20 };

size_t stream_places(const field_t *field) {
    size_t places = BUFFER_BYTES / (grid_sites(&field->grid) * sizeof(float));
    return places < 1 ? 1 : places > field->frames ? field->frames : places;
}

static bool is_complete(const grid_t *grid, const float *frame) {
    bool complete = true;
    for (size_t i = 0; i < grid_sites(grid); i++)
        complete = complete && (isfinite(frame[i]) || (grid->mask && !grid->mask[i]));
    return complete;
}

static status_t run(const field_t *field, const stream_t *stream, float *buffer, bool *complete) {
    size_t sites = grid_sites(&field->grid), places = stream_places(field);
    for (size_t first = 0; first < field->frames; first += places) {
        size_t left = field->frames - first, n = left < places ? left : places;
        TRY(field->read(field->context, first, n, 0, field->grid.ny, buffer));
#pragma omp parallel for schedule(dynamic)
        for (size_t i = 0; i < n; i++) {
            complete[i] = is_complete(&field->grid, buffer + i * sites);
            if (complete[i])
                stream->measure(stream->context, (size_t)omp_get_thread_num(), i,
                                buffer + i * sites);
        }
        for (size_t i = 0; i < n; i++) {
            if (!complete[i])
                FAIL(STATUS_FAILED,
                     "frame %zu from the onset holds a value that is not a number or infinite: "
                     "patterns need complete frames; mask the sites without data in all frames",
                     first + i);
            TRY(stream->take(stream->context, first + i, i, buffer + i * sites));
        }
    }
    return STATUS_OK;
}

status_t stream_frames(const field_t *field, const stream_t *stream) {
    size_t places = stream_places(field);
    float *buffer = malloc(places * grid_sites(&field->grid) * sizeof *buffer);
    bool *complete = malloc(places * sizeof *complete);
    status_t status = STATUS_OK;
    if (buffer && complete)
        status = run(field, stream, buffer, complete);
    bool memory = buffer && complete;
    free(buffer);
    free(complete);
    if (!memory)
        FAIL(STATUS_FAILED, "patterns: no memory for frames of %zu x %zu sites", field->grid.ny,
             field->grid.nx);
    return status;
}
