#include "host/detect/harmonics.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 32 << 20 };

/* Sites first..last of an axis that hold data, for its window. */
static void extent(const grid_t *grid, size_t ends[2][2]) {
    ends[0][0] = grid->ny, ends[1][0] = grid->nx, ends[0][1] = ends[1][1] = 0;
    for (size_t y = 0; y < grid->ny; y++)
        for (size_t x = 0; x < grid->nx; x++)
            if (grid_has(grid, y, x)) {
                size_t at[2] = {y, x};
                for (int k = 0; k < 2; k++) {
                    ends[k][0] = at[k] < ends[k][0] ? at[k] : ends[k][0];
                    ends[k][1] = at[k] > ends[k][1] ? at[k] : ends[k][1];
                }
            }
}

static double hann(size_t at, const size_t ends[2]) {
    double s = sin(M_PI * ((double)(at - ends[0]) + 0.5) / (double)(ends[1] - ends[0] + 1));
    return ends[0] == ends[1] ? 1.0 : s * s;
}

static void weigh(harmonics_t *modes) {
    const grid_t *grid = &modes->grid;
    size_t ends[2][2], sites = grid_sites(grid);
    double squares = 0.0;
    extent(grid, ends);
    for (size_t y = 0; y < grid->ny; y++)
        for (size_t x = 0; x < grid->nx; x++) {
            double w = !grid_has(grid, y, x) ? 0.0
                       : modes->windowed     ? hann(y, ends[0]) * hann(x, ends[1])
                                             : 1.0;
            modes->weight[y * grid->nx + x] = w;
            squares += w * w;
        }
    double norm = squares > 0.0 ? 1.0 / sqrt((double)sites * squares) : 0.0;
    for (size_t i = 0; i < sites; i++) {
        modes->weight[i] *= norm;
        modes->sum += modes->weight[i];
        modes->profile[i / grid->nx] += modes->weight[i];
        modes->profile[grid->ny + i % grid->nx] += modes->weight[i];
    }
}

/* The modes inside the ellipse of `size` times the Nyquist one; only counted where `mode` is NULL.
 */
static size_t choose(const harmonics_t *modes, double size, harmonic_t *mode) {
    const grid_t *grid = &modes->grid;
    size_t count = 0, across = grid->nx / 2 + 1;
    int half_y = (int)grid->ny / 2, half_x = (int)grid->nx / 2;
    for (int n_x = 0; n_x <= half_x; n_x++)
        for (int n_y = n_x > 0 ? -half_y : 1; n_y <= half_y; n_y++) {
            double y = 2.0 * n_y / (double)grid->ny, x = 2.0 * n_x / (double)grid->nx;
            if (y * y + x * x >= size * size)
                continue;
            if (mode)
                mode[count] = (harmonic_t){
                    .n_y = n_y,
                    .n_x = n_x,
                    .place = (size_t)(n_y < 0 ? n_y + (int)grid->ny : n_y) * across + (size_t)n_x,
                    .ky = n_y / ((double)grid->ny * grid->dy),
                    .kx = n_x / ((double)grid->nx * grid->dx)};
            count++;
        }
    return count;
}

void harmonics_destroy(harmonics_t *modes) {
    free(modes->mode);
    free(modes->index);
    free(modes->weight);
    free(modes->profile);
    *modes = (harmonics_t){0};
}

static status_t create(size_t most, harmonics_t *modes) {
    const grid_t *grid = &modes->grid;
    double size = 1.0;
    while ((modes->modes = choose(modes, size, NULL)) > most)
        size *= 0.97;
    if (modes->modes == 0)
        FAIL(STATUS_FAILED,
             "waves: a sheet of %zu x %zu sites has no wave number below Nyquist: "
             "3 sites or more are needed along x or y",
             grid->ny, grid->nx);
    modes->reach_y = (int)grid->ny / 2;
    modes->reach_x = (int)grid->nx / 2;
    size_t plane = (size_t)(2 * modes->reach_y + 1) * (size_t)(modes->reach_x + 1);
    modes->mode = malloc(modes->modes * sizeof *modes->mode);
    modes->index = malloc(plane * sizeof *modes->index);
    modes->weight = malloc(grid_sites(grid) * sizeof *modes->weight);
    modes->profile = calloc(grid->ny + grid->nx, sizeof *modes->profile);
    if (!modes->mode || !modes->index || !modes->weight || !modes->profile)
        FAIL(STATUS_FAILED, "waves: no memory for a sheet of %zu x %zu sites", grid->ny, grid->nx);
    choose(modes, size, modes->mode);
    for (size_t i = 0; i < plane; i++)
        modes->index[i] = -1;
    for (size_t m = 0; m < modes->modes; m++)
        modes->index[(modes->mode[m].n_y + modes->reach_y) * (modes->reach_x + 1) +
                     modes->mode[m].n_x] = (long)m;
    weigh(modes);
    if (modes->sum <= 0.0)
        FAIL(STATUS_FAILED, "waves: the mask leaves no data");
    return STATUS_OK;
}

status_t harmonics_create(const grid_t *grid, size_t most, harmonics_t *modes) {
    *modes = (harmonics_t){
        .grid = *grid, .windowed = grid->open || grid->mask, .bins = grid->ny * (grid->nx / 2 + 1)};
    status_t status = create(most, modes);
    if (status != STATUS_OK)
        harmonics_destroy(modes);
    return status;
}

long harmonics_find(const harmonics_t *modes, int n_y, int n_x, int *sign) {
    *sign = n_x < 0 || (n_x == 0 && n_y < 0) ? -1 : 1;
    n_y *= *sign;
    n_x *= *sign;
    if (abs(n_y) > modes->reach_y || n_x > modes->reach_x)
        return -1;
    return modes->index[(n_y + modes->reach_y) * (modes->reach_x + 1) + n_x];
}

/* |sum_x profile[x] e^(2 pi i d x / n)|^2 */
static double response(const double *profile, size_t n, double d) {
    double complex sum = 0.0;
    for (size_t x = 0; x < n; x++)
        sum += profile[x] * cexp(2.0 * M_PI * I * d * (double)x / (double)n);
    return pow(cabs(sum), 2.0);
}

double harmonics_between(const harmonics_t *modes, int axis, const double power[3]) {
    const double *profile = modes->profile + (axis == 0 ? 0 : modes->grid.ny);
    size_t n = axis == 0 ? modes->grid.ny : modes->grid.nx;
    double known[3], sum = 0.0, low = -1.0, high = 1.0;
    for (int k = 0; k < 3; k++) {
        known[k] = power[k] >= 0.0 ? 1.0 : 0.0;
        sum += known[k] * power[k];
    }
    if (n == 1 || !(sum > 0.0))
        return 0.0;
    double wanted = (known[2] * power[2] - known[0] * power[0]) / sum;
    while (high - low > 1e-4) {
        double d = 0.5 * (low + high);
        double before = known[0] * response(profile, n, d + 1.0), at = response(profile, n, d),
               after = known[2] * response(profile, n, d - 1.0);
        if ((after - before) / (before + at + after) < wanted)
            low = d;
        else
            high = d;
    }
    return 0.5 * (low + high);
}

double harmonics_twice(const harmonics_t *modes, size_t place) {
    size_t nx = modes->grid.nx, n_x = place % (nx / 2 + 1);
    return n_x == 0 || 2 * n_x == nx ? 1.0 : 2.0;
}

typedef struct {
    const harmonics_t *modes;
    size_t block;
    float *frames;           /* [block][ny][nx] */
    fftw_complex *transform; /* [block][bins] */
    double *mean, *variance; /* [block]; variance NaN where a frame is not finite */
    fftw_plan plan;
} stream_t;

static void stream_destroy(stream_t *stream) {
    free(stream->frames);
    fftw_free(stream->transform);
    free(stream->mean);
    free(stream->variance);
    if (stream->plan)
        fftw_destroy_plan(stream->plan);
}

static status_t stream_create(const harmonics_t *modes, size_t frames, stream_t *stream) {
    const grid_t *grid = &modes->grid;
    size_t sites = grid_sites(grid);
    size_t bytes = sites * sizeof(float) + modes->bins * sizeof(fftw_complex);
    size_t block = BLOCK_BYTES / bytes < 1 ? 1 : BLOCK_BYTES / bytes;
    *stream = (stream_t){.modes = modes, .block = block < frames ? block : frames};
    stream->frames = malloc(stream->block * sites * sizeof *stream->frames);
    stream->transform = fftw_alloc_complex(stream->block * modes->bins);
    stream->mean = malloc(stream->block * sizeof *stream->mean);
    stream->variance = malloc(stream->block * sizeof *stream->variance);
    if (!stream->frames || !stream->transform || !stream->mean || !stream->variance)
        FAIL(STATUS_FAILED, "waves: no memory for frames of %zu x %zu sites", grid->ny, grid->nx);
    stream->plan = fftw_plan_dft_r2c_2d((int)grid->ny, (int)grid->nx, (double *)stream->transform,
                                        stream->transform, FFTW_ESTIMATE | FFTW_UNALIGNED);
    if (!stream->plan)
        FAIL(STATUS_FAILED, "waves: no transform of %zu x %zu sites", grid->ny, grid->nx);
    return STATUS_OK;
}

/* Differences from one site make a uniform frame's components exactly 0. */
static void transform_frame(const stream_t *stream, size_t i) {
    const harmonics_t *modes = stream->modes;
    size_t ny = modes->grid.ny, nx = modes->grid.nx, padded = 2 * (nx / 2 + 1), some = 0;
    const float *r = stream->frames + i * ny * nx;
    const double *w = modes->weight;
    fftw_complex *z = stream->transform + i * modes->bins;
    double *c = (double *)z, mean = 0.0, squares = 0.0;
    while (w[some] == 0.0)
        some++;
    double offset = (double)r[some];
    for (size_t k = 0; k < ny * nx; k++)
        if (w[k] != 0.0)
            mean += w[k] * ((double)r[k] - offset);
    mean /= modes->sum;
    for (size_t y = 0; y < ny; y++)
        for (size_t x = 0; x < nx; x++) {
            size_t k = y * nx + x;
            double v = w[k] != 0.0 ? w[k] * ((double)r[k] - offset - mean) : 0.0;
            c[y * padded + x] = v;
            squares += v * v;
        }
    fftw_execute_dft_r2c(stream->plan, c, z);
    stream->mean[i] = offset + mean;
    stream->variance[i] = isfinite(squares) ? squares * (double)(ny * nx) : NAN;
}

static status_t take_block(stream_t *stream, const field_t *field, size_t first, size_t n) {
    TRY(field->read(field->context, first, n, 0, field->grid.ny, stream->frames));
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++)
        transform_frame(stream, i);
    for (size_t i = 0; i < n; i++)
        if (isnan(stream->variance[i]))
            FAIL(STATUS_FAILED,
                 "frame %zu from the onset holds a value that is not a number or infinite: waves "
                 "need complete frames (a mask may leave out sites without data)",
                 first + i);
    return STATUS_OK;
}

status_t harmonics_stream(const harmonics_t *modes, const field_t *field, harmonics_take_t *take,
                          void *context) {
    stream_t s;
    status_t status = stream_create(modes, field->frames, &s);
    for (size_t first = 0; status == STATUS_OK && first < field->frames; first += s.block) {
        size_t n = field->frames - first < s.block ? field->frames - first : s.block;
        status = take_block(&s, field, first, n);
        if (status == STATUS_OK)
            take(context, &(harmonics_block_t){first, n, s.transform, s.mean, s.variance});
    }
    stream_destroy(&s);
    return status;
}
