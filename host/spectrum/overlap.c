#include "host/spectrum/overlap.h"

#include <complex.h>
#include <fftw3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

typedef struct {
    const network_t *net;
    fftw_complex *waves[POPULATIONS_MAX]; /* [ny][nx] of one eigenvector: its transform */
    fftw_plan plan[POPULATIONS_MAX];
    double *power; /* [side][side], folded: |nx|, |ny|, the smaller first */
    size_t side;
} fourier_t;

static void fourier_destroy(fourier_t *f) {
    for (uint32_t a = 0; a < f->net->populations; a++) {
        if (f->plan[a])
            fftw_destroy_plan(f->plan[a]);
        fftw_free(f->waves[a]);
    }
    free(f->power);
}

static status_t fourier_create(const network_t *net, fourier_t *f) {
    *f = (fourier_t){.net = net};
    for (uint32_t a = 0; a < net->populations; a++) {
        const population_t *p = &net->population[a];
        size_t side = (p->nx > p->ny ? p->nx : p->ny) / 2 + 1;
        f->side = side > f->side ? side : f->side;
        f->waves[a] = fftw_alloc_complex(population_size(p));
        if (f->waves[a])
            f->plan[a] = fftw_plan_dft_2d((int)p->ny, (int)p->nx, f->waves[a], f->waves[a],
                                          FFTW_FORWARD, FFTW_ESTIMATE);
        if (!f->plan[a])
            FAIL(STATUS_FAILED, "no memory for the transform of a %ux%u lattice", p->nx, p->ny);
    }
    f->power = malloc(sizeof *f->power * f->side * f->side);
    if (!f->power)
        FAIL(STATUS_FAILED, "no memory for a spatial spectrum");
    return STATUS_OK;
}

static void transform(fourier_t *f, const double *re, const double *im) {
    for (uint32_t a = 0; a < f->net->populations; a++) {
        size_t first = neurons_before(f->net, a);
        for (size_t i = 0; i < population_size(&f->net->population[a]); i++)
            f->waves[a][i] = re[first + i] + I * im[first + i];
        fftw_execute(f->plan[a]);
    }
}

/* <e, v> of e_j = right_b exp(2 pi i n.x_j), x at cell centres. */
static complex double projection(const fourier_t *f, const eigenmode_t *mode, const int n[2]) {
    complex double sum = 0.0;
    for (uint32_t b = 0; b < f->net->populations; b++) {
        const population_t *p = &f->net->population[b];
        int nx = (int)p->nx, ny = (int)p->ny;
        size_t place = (size_t)((n[1] % ny + ny) % ny) * p->nx + (size_t)((n[0] % nx + nx) % nx);
        sum += conj(mode->right[b]) * f->waves[b][place] *
               cexp(-I * PI * ((double)n[0] / nx + (double)n[1] / ny));
    }
    return sum;
}

static wave_share_t largest_share(fourier_t *f) {
    memset(f->power, 0, sizeof *f->power * f->side * f->side);
    for (uint32_t a = 0; a < f->net->populations; a++) {
        const population_t *p = &f->net->population[a];
        for (uint32_t y = 0; y < p->ny; y++)
            for (uint32_t x = 0; x < p->nx; x++) {
                uint32_t nx = x > p->nx / 2 ? p->nx - x : x, ny = y > p->ny / 2 ? p->ny - y : y;
                complex double w = f->waves[a][(size_t)y * p->nx + x];
                f->power[(nx < ny ? nx : ny) * f->side + (nx < ny ? ny : nx)] +=
                    creal(w * conj(w)) / population_size(p);
            }
    }
    wave_share_t best = {0};
    for (size_t k = 0; k < f->side * f->side; k++)
        if (f->power[k] > best.share)
            best = (wave_share_t){(int)(k / f->side), (int)(k % f->side), f->power[k]};
    return best;
}

status_t overlaps(const network_t *net, const eigenpairs_t *pairs, const eigenmode_t *modes,
                  size_t n_modes, double radius, double *overlap, wave_share_t *share) {
    fourier_t f;
    size_t n = neurons_before(net, net->populations);
    status_t status = fourier_create(net, &f);
    for (uint32_t k = 0; status == STATUS_OK && k < pairs->count; k++) {
        if (hypot(pairs->re[k], pairs->im[k]) <= radius)
            continue;
        transform(&f, pairs->vectors + 2 * n * k, pairs->vectors + 2 * n * k + n);
        share[k] = largest_share(&f);
        for (size_t m = 0; m < n_modes; m++) {
            double square = 0.0;
            for (int i = 0; i < modes[m].multiplicity; i++) {
                complex double c = projection(&f, &modes[m], modes[m].wave[i]);
                square += creal(c * conj(c));
            }
            overlap[k * n_modes + m] = sqrt(square);
        }
    }
    fourier_destroy(&f);
    return status;
}
