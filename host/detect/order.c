#include "host/detect/order.h"

#include <stddef.h>

#include "host/detect/passes.h"

#define PARAMETER(name, unit, long_name)                                                           \
    { #name, unit, long_name, offsetof(order_t, name) }

static const order_parameter_t parameters[] = {
    PARAMETER(mean_activity, "1", "mean of |rate| over time and neurons"),
    PARAMETER(cv, "1", "mean over neurons of standard deviation over |mean| in time"),
    PARAMETER(local_synchrony, "1", "mean of |sum of rates| over sum of |rates|, 11 x 11 sites"),
    PARAMETER(global_synchrony, "1", "mean of |sum of rates| over sum of |rates|, all neurons"),
    PARAMETER(moran, "1", "Moran's index over 11 x 11 sites, mean over time"),
    PARAMETER(oscillation_index, "1", "share of temporal power around the spectrum's peak"),
    PARAMETER(frequency_hz, "Hz", "frequency of the temporal spectrum's peak"),
    PARAMETER(frequency_mean_hz, "Hz", "power-weighted mean frequency of the temporal spectrum"),
    PARAMETER(wavenumber, "1", "cycles a side of torus or sheet at the spatial spectrum's peak"),
    PARAMETER(persistence, "1", "sum of lifetimes of the sublevel sets' components"),
    PARAMETER(mean, "1", "mean over time and neurons"),
    PARAMETER(min, "1", "least value"),
    PARAMETER(max, "1", "largest value"),
    PARAMETER(temporal_std, "1", "rms over neurons of the standard deviation over time"),
    PARAMETER(spatial_std, "1", "rms over time of the standard deviation over neurons"),
    PARAMETER(static_std, "1", "standard deviation over neurons of the mean over time"),
    PARAMETER(spatial_contrast, "1", "spatial spectrum's peak over its mean, both beyond n = 0"),
    PARAMETER(global_std, "1", "standard deviation over time of the mean over neurons"),
    PARAMETER(trend, "1", "rms deviation from the mean, last third of the frames over the first"),
};

const order_parameter_t *order_each(size_t i) {
    return i < sizeof parameters / sizeof parameters[0] ? &parameters[i] : NULL;
}

double order_value(const order_t *order, const order_parameter_t *parameter) {
    return *(const double *)((const char *)order + parameter->offset);
}

uint64_t order_memory(size_t frames, size_t ny, size_t nx) {
    const field_t field = {.frames = frames, .grid = grid_torus(ny, nx)};
    uint64_t spatial = order_spatial_memory(&field), temporal = order_temporal_memory(&field);
    return spatial > temporal ? spatial : temporal;
}

status_t order_compute(const field_t *field, order_t *order) {
    *order = (order_t){.span_ms = (double)field->frames * field->frame_ms};
    if (field->frames < 2 || field->grid.ny == 0 || field->grid.nx == 0)
        FAIL(STATUS_FAILED,
             "order parameters need two frames or more of one site or more: %zu "
             "frames of %zu x %zu sites are here",
             field->frames, field->grid.ny, field->grid.nx);
    if (grid_count(&field->grid) == 0)
        FAIL(STATUS_FAILED, "order parameters: none of the %zu x %zu sites holds data",
             field->grid.ny, field->grid.nx);
    TRY(order_spatial_pass(field, order));
    return order_temporal_pass(field, order);
}
