#include "host/detect/critical_points.h"

#include <complex.h>
#include <stdlib.h>
#include <string.h>

#include "host/detect/critical.h"
#include "host/detect/gaussian.h"
#include "host/detect/scale.h"
#include "host/detect/winding.h"

enum { RINGS = 2, LEAST_SIDE = 12, LEAST_SCALE = 4, SCALES_A_SIDE = 6 };
static const double half_width = 0.5;
static const double least_share = 0.75; /* of a ring's sites with data */

typedef struct {
    bool of_phase, good;
    int index;
    size_t y, x; /* the plaquette's first corner */
    track_point_t point;
} candidate_t;

struct point_finder {
    grid_t grid;
    float *phase, *gradient, *scratch;   /* [2][ny][nx] smoothed e^{i phase}, along its gradient */
    double *row;                         /* [2 ny] */
    signed char *of_phase, *of_gradient; /* [ny][nx] indices */
    double radius[RINGS];                /* this frame's, in pitches */
    size_t candidates, room;
    candidate_t *candidate;
    track_point_t *point; /* [room] */
};

typedef struct {
    double complex turned[RINGS]; /* mean of z e^{-i s theta} */
    double complex phase;         /* mean of e^{i phase} on the inner ring */
    double complex jacobian;      /* trace + i curl, from the inner ring */
    double share;                 /* least share of a ring's sites with data */
    int charge;                   /* of all plaquettes within the outer ring */
} ring_t;

/* Of the sheet, in pitches. */
static double shorter_side(const grid_t *grid) {
    double side = fmin((double)grid->ny * grid->dy, (double)grid->nx * grid->dx);
    return side / scale_pitch(grid) * (1.0 + 1e-9); /* rounding of 12 * (1 / 12) */
}

status_t points_create(const grid_t *grid, point_finder_t **finder) {
    *finder = NULL;
    if (shorter_side(grid) < LEAST_SIDE)
        FAIL(STATUS_FAILED,
             "critical points: the sheet has %zu x %zu sites, but rings of radius 4 around a point "
             "need %d at least of the wider spacing along each axis: take a finer lattice",
             grid->ny, grid->nx, LEAST_SIDE);
    point_finder_t *made = calloc(1, sizeof *made);
    if (made) {
        made->grid = *grid;
        made->phase = malloc(2 * grid_sites(grid) * sizeof(float));
        made->gradient = malloc(2 * grid_sites(grid) * sizeof(float));
        made->scratch = malloc(2 * grid_sites(grid) * sizeof(float));
        made->row = malloc(2 * grid->ny * sizeof(double));
        made->of_phase = malloc(grid_sites(grid));
        made->of_gradient = malloc(grid_sites(grid));
    }
    if (!made || !made->phase || !made->gradient || !made->scratch || !made->row ||
        !made->of_phase || !made->of_gradient) {
        points_destroy(made);
        FAIL(STATUS_FAILED, "critical points: no memory for %zu sites", grid_sites(grid));
    }
    *finder = made;
    return STATUS_OK;
}

void points_destroy(point_finder_t *finder) {
    if (!finder)
        return;
    free(finder->phase);
    free(finder->gradient);
    free(finder->scratch);
    free(finder->row);
    free(finder->of_phase);
    free(finder->of_gradient);
    free(finder->candidate);
    free(finder->point);
    free(finder);
}

/* A row or column that may lie beyond the edge; false where there is none. */
static bool inside(long at, size_t n, bool open, size_t *site) {
    long length = (long)n;
    *site = (size_t)((at + length) % length);
    return !open || (at >= 0 && at < length);
}

static double complex at(const float *field, size_t sites, size_t site) {
    return (double)field[site] + I * (double)field[sites + site];
}

static double complex unit(double complex z) {
    return z == 0.0 ? 0.0 : z / cabs(z);
}

static double length(double x, double y) {
    return sqrt(x * x + y * y);
}

static int ring_of(const point_finder_t *finder, double radius) {
    for (int k = 0; k < RINGS; k++)
        if (fabs(radius - finder->radius[k]) <= half_width)
            return k;
    return -1;
}

/* The rings around a candidate. */
static ring_t look_around(const point_finder_t *finder, const float *velocity,
                          const candidate_t *c) {
    const grid_t *grid = &finder->grid;
    size_t all = grid_sites(grid);
    double ax = grid->dx / scale_pitch(grid), ay = grid->dy / scale_pitch(grid);
    long reach_x = (long)ceil((finder->radius[1] + half_width) / ax) + 1;
    long reach_y = (long)ceil((finder->radius[1] + half_width) / ay) + 1;
    ring_t ring = {.share = 1.0};
    double sites[RINGS] = {0.0}, seen[RINGS] = {0.0};
    for (long dy = -reach_y; dy <= reach_y; dy++)
        for (long dx = -reach_x; dx <= reach_x; dx++) {
            size_t y, x;
            double ry = ay * ((double)((long)c->y + dy) - c->point.y);
            double rx = ax * ((double)((long)c->x + dx) - c->point.x);
            bool there = inside((long)c->y + dy, grid->ny, grid->open, &y);
            there = inside((long)c->x + dx, grid->nx, grid->open, &x) && there;
            if (there && length(rx + 0.5 * ax, ry + 0.5 * ay) <= finder->radius[1])
                ring.charge += finder->of_phase[y * grid->nx + x];
            double radius = length(rx, ry);
            int k = ring_of(finder, radius);
            if (k < 0)
                continue;
            sites[k]++;
            if (!there || !grid_has(grid, y, x))
                continue;
            seen[k]++;
            size_t site = y * grid->nx + x;
            double complex out = (rx + I * ry) / radius;
            double complex z = unit(at(c->of_phase ? finder->phase : finder->gradient, all, site));
            ring.turned[k] += z * (c->index > 0 ? conj(out) : out);
            if (k > 0)
                continue;
            double complex v = (velocity[site] + I * velocity[all + site]) / scale_pitch(grid);
            ring.phase += unit(at(finder->phase, all, site));
            ring.jacobian += 2.0 * v * conj(out) / radius;
        }
    ring.phase /= fmax(seen[0], 1.0);
    ring.jacobian /= fmax(seen[0], 1.0);
    for (int k = 0; k < RINGS; k++) {
        ring.turned[k] /= fmax(seen[k], 1.0);
        ring.share = fmin(ring.share, seen[k] / sites[k]);
    }
    return ring;
}

static void locate(const point_finder_t *finder, candidate_t *c) {
    const grid_t *grid = &finder->grid;
    double corner[2][2][2], x, y;
    for (size_t j = 0; j < 2; j++)
        for (size_t i = 0; i < 2; i++) {
            size_t site = (c->y + j) % grid->ny * grid->nx + (c->x + i) % grid->nx;
            double complex z =
                at(c->of_phase ? finder->phase : finder->gradient, grid_sites(grid), site);
            corner[j][i][0] = creal(z);
            corner[j][i][1] = cimag(z);
        }
    winding_zero(corner, &x, &y);
    c->point.x = (double)c->x + x;
    c->point.y = (double)c->y + y;
}

/* Where it is, whether it is one, and which. */
static void judge(const point_finder_t *finder, const float *velocity, candidate_t *c) {
    locate(finder, c);
    ring_t ring = look_around(finder, velocity, c);
    double coherence = fmin(cabs(ring.turned[0]), cabs(ring.turned[1]));
    double trace = creal(ring.turned[0]), curl = cimag(ring.turned[0]);
    double least = c->of_phase ? CRITICAL_COHERENCE : CRITICAL_GRADIENT_COHERENCE;
    c->good = coherence >= least && ring.share >= least_share;
    if (c->of_phase)
        c->point.kind = c->index > 0 ? POINT_PLUS : POINT_MINUS;
    else if (c->index < 0)
        c->point.kind = POINT_SADDLE;
    else {
        c->point.kind = trace > 0.0 ? POINT_OUTWARD : POINT_INWARD;
        c->good = c->good && ring.charge == 0 && fabs(trace) > fabs(curl);
    }
    c->point.extra[POINT_ANGLE] = carg(c->of_phase ? ring.turned[1] : ring.phase);
    c->point.extra[POINT_TRACE] = creal(ring.jacobian);
    c->point.extra[POINT_CURL] = cimag(ring.jacobian);
    c->point.extra[POINT_COHERENCE] = coherence;
    c->point.x = track_wrap(c->point.x, finder->grid.nx, finder->grid.open);
    c->point.y = track_wrap(c->point.y, finder->grid.ny, finder->grid.open);
}

static status_t make_room(point_finder_t *finder, size_t n) {
    if (n <= finder->room)
        return STATUS_OK;
    free(finder->candidate);
    free(finder->point);
    finder->room = 2 * n;
    finder->candidate = malloc(finder->room * sizeof *finder->candidate);
    finder->point = malloc(finder->room * sizeof *finder->point);
    if (!finder->candidate || !finder->point) {
        finder->room = 0;
        FAIL(STATUS_FAILED, "critical points: no memory for %zu of them in a frame", n);
    }
    return STATUS_OK;
}

/* The plaquettes with an index, in order of sites, the phase's first. */
static status_t collect(point_finder_t *finder) {
    size_t sites = grid_sites(&finder->grid), n = 0;
    for (size_t i = 0; i < sites; i++)
        n += (size_t)(finder->of_phase[i] != 0) + (size_t)(finder->of_gradient[i] != 0);
    TRY(make_room(finder, n));
    finder->candidates = 0;
    for (int of_phase = 1; of_phase >= 0; of_phase--)
        for (size_t i = 0; i < sites; i++) {
            int index = of_phase ? finder->of_phase[i] : finder->of_gradient[i];
            if (index != 0)
                finder->candidate[finder->candidates++] = (candidate_t){.of_phase = of_phase == 1,
                                                                        .index = index,
                                                                        .y = i / finder->grid.nx,
                                                                        .x = i % finder->grid.nx};
        }
    return STATUS_OK;
}

/* Most coherent first; ties by place. */
static int more_coherent(const void *a, const void *b) {
    const track_point_t *p = a, *q = b;
    double first = p->extra[POINT_COHERENCE], second = q->extra[POINT_COHERENCE];
    if (first != second)
        return first > second ? -1 : 1;
    return p->y != q->y ? (p->y < q->y ? -1 : 1) : (p->x > q->x) - (p->x < q->x);
}

/* Keeps, of points of a kind within the outer ring of one another, the most coherent. */
static size_t thin_out(const point_finder_t *finder, track_point_t *point, size_t n) {
    const grid_t *grid = &finder->grid;
    double ax = grid->dx / scale_pitch(grid), ay = grid->dy / scale_pitch(grid);
    size_t kept = 0;
    qsort(point, n, sizeof *point, more_coherent);
    for (size_t i = 0; i < n; i++) {
        bool near = false;
        for (size_t j = 0; j < kept && !near; j++) {
            double dx = ax * grid_way(point[j].x, point[i].x, grid->nx, grid->open);
            double dy = ay * grid_way(point[j].y, point[i].y, grid->ny, grid->open);
            near = point[j].kind == point[i].kind && length(dx, dy) <= finder->radius[1];
        }
        if (!near)
            point[kept++] = point[i];
    }
    return kept;
}

/* e^{i phase}, 0 where there are no data. */
static status_t take_frame(point_finder_t *finder, const float *phase, const float *velocity) {
    const grid_t *grid = &finder->grid;
    size_t sites = grid_sites(grid);
    unsigned bad = 0;
#pragma omp parallel for schedule(static) reduction(| : bad)
    for (size_t i = 0; i < sites; i++) {
        bool there = !grid->mask || grid->mask[i];
        bad |= there &&
               !(isfinite(phase[i]) && isfinite(velocity[i]) && isfinite(velocity[sites + i]));
        finder->phase[i] = there ? cosf(phase[i]) : 0.0f;
        finder->phase[sites + i] = there ? sinf(phase[i]) : 0.0f;
    }
    if (bad)
        FAIL(STATUS_FAILED, "critical points: a phase or a velocity is not a number");
    return STATUS_OK;
}

/* gradient = Im(z* grad z) = |z|^2 grad(phase), by central differences; one-sided at open edges. */
static void take_gradient(point_finder_t *finder) {
    const grid_t *grid = &finder->grid;
    size_t ny = grid->ny, nx = grid->nx, sites = ny * nx;
    const float *re = finder->phase, *im = re + sites;
    float per_x = (float)(scale_pitch(grid) / grid->dx),
          per_y = (float)(scale_pitch(grid) / grid->dy);
#pragma omp parallel for schedule(static)
    for (size_t y = 0; y < ny; y++)
        for (size_t x = 0; x < nx; x++) {
            size_t above, below, left, right, i = y * nx + x;
            above = inside((long)y - 1, ny, grid->open, &above) ? above : y;
            below = inside((long)y + 1, ny, grid->open, &below) ? below : y;
            left = inside((long)x - 1, nx, grid->open, &left) ? left : x;
            right = inside((long)x + 1, nx, grid->open, &right) ? right : x;
            size_t l = y * nx + left, r = y * nx + right, a = above * nx + x, b = below * nx + x;
            finder->gradient[i] = per_x * (re[i] * (im[r] - im[l]) - im[i] * (re[r] - re[l]));
            finder->gradient[sites + i] =
                per_y * (re[i] * (im[b] - im[a]) - im[i] * (re[b] - re[a]));
        }
}

/* The unit vectors, over `sigma` pitches; only their directions matter. */
static status_t blur(point_finder_t *finder, double sigma) {
    const grid_t *grid = &finder->grid;
    double pitch = scale_pitch(grid);
    gaussian_t gaussian;
    status_t status = gaussian_create(grid, sigma * pitch / grid->dy, sigma * pitch / grid->dx,
                                      GAUSSIAN_SUM, &gaussian);
    for (size_t part = 0; status == STATUS_OK && part < 2; part++)
        gaussian_apply(&gaussian, finder->phase + part * grid_sites(grid), finder->scratch);
    gaussian_destroy(&gaussian);
    return status;
}

/* Rings and smoothing on the frame's own scale. */
static status_t smooth(point_finder_t *finder) {
    const grid_t *grid = &finder->grid;
    double most = fmax(shorter_side(grid) / SCALES_A_SIDE, LEAST_SCALE);
    double scale = fmax(scale_find(grid, finder->phase, most, finder->row), LEAST_SCALE);
    finder->radius[0] = 0.5 * scale;
    finder->radius[1] = scale;
    return blur(finder, 0.5 * scale);
}

status_t points_find(point_finder_t *finder, const float *phase, const float *velocity, size_t *n,
                     const track_point_t **points) {
    TRY(take_frame(finder, phase, velocity));
    TRY(smooth(finder));
    take_gradient(finder);
    winding_index(&finder->grid, finder->phase, finder->of_phase);
    winding_index(&finder->grid, finder->gradient, finder->of_gradient);
    TRY(collect(finder));
#pragma omp parallel for schedule(dynamic, 8)
    for (size_t i = 0; i < finder->candidates; i++)
        judge(finder, velocity, &finder->candidate[i]);
    *n = 0;
    for (size_t i = 0; i < finder->candidates; i++)
        if (finder->candidate[i].good)
            finder->point[(*n)++] = finder->candidate[i].point;
    if (*n > 0)
        *n = thin_out(finder, finder->point, *n);
    *points = finder->point;
    return STATUS_OK;
}
