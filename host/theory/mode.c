/* Modes: the small eigenproblem at each wave vector, and growth over a step. */
#include "host/theory/internal.h"

#include <complex.h>
#include <lapacke.h>

enum { P = POPULATIONS_MAX };
static const double PI = 3.14159265358979323846;

typedef struct {
    complex double value[P], right[P][P], left[P][P]; /* [eigenvalue][population]; l S = lambda l */
} eigen_t;

/* Eigenvalues and vectors of s[n][n]; of a conjugate pair the one with im > 0 comes first. */
static status_t eigen_solve(uint32_t n, const double s[P][P], eigen_t *eigen) {
    lapack_int order = (lapack_int)n;
    double matrix[P * P], re[P], im[P], left[P * P], right[P * P], work[16 * P];
    for (uint32_t a = 0; a < n; a++)
        for (uint32_t b = 0; b < n; b++)
            matrix[b * n + a] = s[a][b];
    if (LAPACKE_dgeev_work(LAPACK_COL_MAJOR, 'V', 'V', order, matrix, order, re, im, left, order,
                           right, order, work, 16 * P) != 0)
        FAIL(STATUS_FAILED, "the eigenvalues of the symbol did not converge");
    for (uint32_t k = 0; k < n; k++) {
        uint32_t first = im[k] < 0.0 ? k - 1 : k; /* columns of a pair: real part, imaginary part */
        double sign = im[k] < 0.0 ? -1.0 : 1.0;
        eigen->value[k] = re[k] + I * im[k];
        for (uint32_t a = 0; a < n; a++) {
            double right_im = im[k] == 0.0 ? 0.0 : sign * right[(first + 1) * n + a];
            double left_im = im[k] == 0.0 ? 0.0 : sign * left[(first + 1) * n + a];
            eigen->right[k][a] = right[first * n + a] + I * right_im;
            eigen->left[k][a] = left[first * n + a] - I * left_im; /* LAPACK: u^H S = lambda u^H */
        }
    }
    return STATUS_OK;
}

/* Step factors of 1 + diag(delta)(S - 1), one for each eigenvalue of S: by 1 - delta + delta lambda
 * where all delta are equal, otherwise paired by the overlap of their eigenvectors. */
static status_t step_factors(const mean_network_t *net, const double s[P][P], const eigen_t *eigen,
                             complex double factor[P]) {
    uint32_t n = net->populations;
    const double *delta = net->delta;
    bool equal = true, used[P] = {false};
    for (uint32_t a = 1; a < n; a++)
        equal = equal && delta[a] == delta[0];
    if (equal) {
        for (uint32_t k = 0; k < n; k++)
            factor[k] = 1.0 - delta[0] + delta[0] * eigen->value[k];
        return STATUS_OK;
    }
    double step[P][P];
    for (uint32_t a = 0; a < n; a++)
        for (uint32_t b = 0; b < n; b++)
            step[a][b] = (a == b ? 1.0 - delta[a] : 0.0) + delta[a] * s[a][b];
    eigen_t stepped;
    TRY(eigen_solve(n, step, &stepped));
    for (uint32_t k = 0; k < n; k++) {
        uint32_t best = 0;
        double best_overlap = -1.0;
        for (uint32_t j = 0; j < n; j++) {
            complex double overlap = 0.0;
            for (uint32_t a = 0; a < n; a++)
                overlap += conj(eigen->right[k][a]) * stepped.right[j][a];
            if (!used[j] && cabs(overlap) > best_overlap) {
                best_overlap = cabs(overlap);
                best = j;
            }
        }
        used[best] = true;
        factor[k] = stepped.value[best];
    }
    return STATUS_OK;
}

/* Scales the symbol's eigenvectors to the lattice's (theory.h). */
static void mode_vectors(const mean_network_t *net, const complex double *left,
                         const complex double *right, eigenmode_t *mode) {
    double norm = 0.0;
    complex double product = 0.0;
    for (uint32_t a = 0; a < net->populations; a++) {
        norm += net->size[a] * creal(right[a] * conj(right[a]));
        product += left[a] * right[a];
    }
    for (uint32_t a = 0; a < net->populations; a++) {
        mode->right[a] = right[a] / sqrt(norm);
        mode->left[a] = left[a] * sqrt(norm) / (net->size[a] * product);
    }
}

static eigenmode_t mode_create(const mean_network_t *net, const orbit_t *orbit,
                               complex double value, complex double factor) {
    double wavenumber = hypot(orbit->nx, orbit->ny);
    eigenmode_t mode = {.nx = orbit->nx,
                        .ny = orbit->ny,
                        .re = creal(value),
                        .im = cimag(value),
                        .std = INFINITY,
                        .multiplicity = orbit->multiplicity,
                        .growth = cabs(factor),
                        .wavenumber = wavenumber,
                        .wavelength = 1.0 / wavenumber,
                        .frequency_hz = 1000.0 * fabs(cimag(factor)) / (2.0 * PI * net->dt_ms)};
    mode.phase_speed = wavenumber > 0.0 ? mode.frequency_hz / wavenumber : 0.0;
    memcpy(mode.wave, orbit->wave, sizeof mode.wave);
    return mode;
}

status_t orbit_modes(const mean_network_t *net, const orbit_t *orbit, const linearization_t *at,
                     eigenmode_t modes[P], int *n) {
    double s[P][P];
    complex double factor[P];
    eigen_t eigen;
    for (uint32_t a = 0; a < net->populations; a++)
        for (uint32_t b = 0; b < net->populations; b++)
            s[a][b] = orbit->symbol[a][b] * at->mean[b];
    TRY(eigen_solve(net->populations, s, &eigen));
    TRY(step_factors(net, s, &eigen, factor));
    *n = 0;
    for (uint32_t k = 0; k < net->populations; k++) {
        bool pair = cimag(eigen.value[k]) > 0.0;
        /* With unequal tau the two of a pair may have unlike step factors. */
        complex double grows =
            pair && cabs(factor[k + 1]) > cabs(factor[k]) ? factor[k + 1] : factor[k];
        eigenmode_t *mode = &modes[(*n)++];
        *mode = mode_create(net, orbit, eigen.value[k], grows);
        mode_vectors(net, eigen.left[k], eigen.right[k], mode);
        k += pair;
    }
    return STATUS_OK;
}

status_t dominant_mode(const mean_network_t *net, const linearization_t *at, eigenmode_t *mode) {
    eigenmode_t modes[P];
    int n = 0;
    mode->growth = -1.0;
    for (size_t i = 0; i < net->orbits; i++) {
        TRY(orbit_modes(net, &net->orbit[i], at, modes, &n));
        for (int k = 0; k < n; k++)
            if (modes[k].growth > mode->growth + 1e-8)
                *mode = modes[k];
    }
    return STATUS_OK;
}
