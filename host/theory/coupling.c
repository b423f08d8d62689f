/* How other modes spread a mode's noise: the resolvent of the mean matrix A, G = (lambda - A)^-1.
 *
 * Between two kicks of the noise a disturbance runs through the mean network. With 1/lambda for G
 * only the bulk is counted; the poles 1/(lambda - lambda_k) of the other modes lift the error bar
 * of one that has neighbours, and so does the E-I loops' feedforward gain, which no eigenvalue
 * shows. Squares of G between sites enter, at a wave vector q the sums over waves p
 *   K_bc(q) = 1/N_c Sum_p G_bc(p) G*_bc(p - q)
 * (Ahmadian, Fumarola, Miller, PRE 91:012820 (2015): the spectrum of A plus noise reaches as far
 * as rho(K(0) V) = 1). The modes that the error bar is of are taken out of A: they repel one
 * another, which leaves their mean where it is. */
#include "host/theory/internal.h"

#include <lapacke.h>
#include <stdlib.h>

enum { P = POPULATIONS_MAX };

/* d[n][n] = G(p) - 1/lambda of one orbit; false where lambda is one of its eigenvalues. */
static bool excess(const mean_network_t *net, const linearization_t *at, const orbit_t *orbit,
                   const mode_set_t *set, complex double lambda, complex double *d) {
    uint32_t n = net->populations;
    complex double matrix[P * P], x[P * P];
    for (uint32_t a = 0; a < n; a++)
        for (uint32_t b = 0; b < n; b++) {
            matrix[b * n + a] = (a == b ? lambda : 0.0) - orbit->symbol[a][b] * at->mean[b];
            x[b * n + a] = a == b ? 1.0 : 0.0;
        }
    for (size_t k = 0; k < set->n; k++) {
        const eigenmode_t *mode = &set->modes[k];
        if (set->group_of[k] != set->g || mode->nx != orbit->nx || mode->ny != orbit->ny)
            continue;
        for (uint32_t a = 0; a < n; a++)
            for (uint32_t b = 0; b < n; b++)
                matrix[b * n + a] +=
                    (mode->re + I * mode->im) * mode->right[a] * mode->left[b] * net->size[b];
    }
    lapack_int pivot[P], order = (lapack_int)n;
    if (LAPACKE_zgesv_work(LAPACK_COL_MAJOR, order, order, matrix, order, pivot, x, order) != 0)
        return false;
    for (uint32_t a = 0; a < n; a++)
        for (uint32_t b = 0; b < n; b++)
            d[a * n + b] = x[b * n + a] - (a == b ? 1.0 / lambda : 0.0);
    return true;
}

/* Its square norm, where each population's waves have norm 1. */
static double norm_square(const mean_network_t *net, const complex double *d) {
    uint32_t n = net->populations;
    double sum = 0.0;
    for (uint32_t a = 0; a < n; a++)
        for (uint32_t b = 0; b < n; b++)
            sum += creal(d[a * n + b] * conj(d[a * n + b])) * net->size[a] / net->size[b];
    return sum;
}

/* NULL beyond the table. */
static complex double *entry(const resolvent_t *r, int nx, int ny) {
    nx = abs(nx);
    ny = abs(ny);
    return nx > r->reach || ny > r->reach
               ? NULL
               : r->excess + ((size_t)ny * (size_t)(r->reach + 1) + (size_t)nx) * r->entries;
}

static void fill(const mean_network_t *net, const linearization_t *at, const mode_set_t *set,
                 resolvent_t *r) {
    const double least = 1e-5; /* of the largest square: thousands of waves below it add percents */
    double largest = 0.0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < net->orbits; i++) {
            const orbit_t *orbit = &net->orbit[i];
            complex double d[P * P];
            if (!excess(net, at, orbit, set, r->lambda, d)) {
                r->pole = true;
                return;
            }
            double square = norm_square(net, d);
            largest = fmax(largest, square);
            for (int w = 0; pass == 1 && square >= least * largest && w < orbit->multiplicity;
                 w++) {
                memcpy(r->wave[r->waves++], orbit->wave[w], sizeof *r->wave);
                memcpy(entry(r, orbit->wave[w][0], orbit->wave[w][1]), d, sizeof *d * r->entries);
            }
        }
}

status_t resolvent_create(const mean_network_t *net, const linearization_t *at,
                          const mode_set_t *set, complex double lambda, resolvent_t *r) {
    size_t waves = 0;
    *r = (resolvent_t){.lambda = lambda, .entries = (size_t)net->populations * net->populations};
    for (size_t i = 0; i < net->orbits; i++) {
        const orbit_t *orbit = &net->orbit[i];
        int longest = orbit->nx > orbit->ny ? orbit->nx : orbit->ny;
        waves += (size_t)orbit->multiplicity;
        r->reach = longest > r->reach ? longest : r->reach;
    }
    size_t side = (size_t)r->reach + 1;
    r->excess = calloc(side * side * r->entries, sizeof *r->excess);
    r->wave = malloc(sizeof *r->wave * (waves + 1));
    if (!r->excess || !r->wave) {
        resolvent_destroy(r);
        FAIL(STATUS_FAILED, "no memory for the resolvent at %zu waves", waves);
    }
    fill(net, at, set, r);
    return STATUS_OK;
}

void resolvent_destroy(resolvent_t *r) {
    free(r->excess);
    free(r->wave);
    *r = (resolvent_t){0};
}

void resolvent_squares(const mean_network_t *net, const resolvent_t *r, const int q[2],
                       bool conjugate, complex double k[P][P]) {
    uint32_t n = net->populations;
    complex double other = conjugate ? conj(r->lambda) : r->lambda;
    for (uint32_t b = 0; b < n; b++)
        for (uint32_t c = 0; c < n; c++)
            k[b][c] = b == c ? 1.0 / (r->lambda * other) : 0.0;
    for (size_t w = 0; w < r->waves; w++) {
        const complex double *d = entry(r, r->wave[w][0], r->wave[w][1]);
        const complex double *e = entry(r, r->wave[w][0] - q[0], r->wave[w][1] - q[1]);
        for (uint32_t b = 0; b < n; b++) {
            complex double own = d[b * n + b], turned = conjugate ? conj(own) : own;
            k[b][b] += (own / other + turned / r->lambda) / net->size[b];
            for (uint32_t c = 0; e && c < n; c++)
                k[b][c] +=
                    d[b * n + c] * (conjugate ? conj(e[b * n + c]) : e[b * n + c]) / net->size[c];
        }
    }
}

status_t resolvent_feedback(const mean_network_t *net, const linearization_t *at,
                            const resolvent_t *r, double *feedback) {
    const int none[2] = {0, 0};
    complex double k[P][P];
    double product[P][P] = {{0}}, ones[P], root;
    *feedback = INFINITY;
    if (r->pole)
        return STATUS_OK;
    resolvent_squares(net, r, none, true, k);
    for (uint32_t a = 0; a < net->populations; a++) {
        ones[a] = 1.0;
        for (uint32_t b = 0; b < net->populations; b++)
            for (uint32_t c = 0; c < net->populations; c++)
                product[a][c] += net->variance[a][b] * at->square[b] * creal(k[b][c]);
    }
    TRY(bulk_radius(net->populations, product, ones, &root));
    *feedback = root * root;
    return STATUS_OK;
}
