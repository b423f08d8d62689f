/* Modes: the small eigenproblem at each wave vector, growth over a step, error bar. */
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

/* First-order variance of an eigenvalue over draws of the weights,
 * Sum_ij |u_i|^2 Var(J_ij) |v_j|^2 / |u.v|^2. A plane wave over population a has the left vector
 * u_i = l_a exp(-2 pi i n.x)/N_a and the right one v_j = v_b exp(2 pi i n.x), with l, v those of
 * the symbol; so it is Sum_ab |l_a|^2 M_ab |v_b|^2 / N_a / |Sum_a l_a v_a|^2. Rows with a fixed sum
 * feel only what is left of the wave after its mean over the row's inputs (within 10 % of sampled
 * networks). */
static double mode_variance(const mean_network_t *net, const orbit_t *orbit, const double *gain,
                            const complex double *left, const complex double *right) {
    complex double product = 0.0;
    double variance = 0.0;
    for (uint32_t a = 0; a < net->populations; a++) {
        product += left[a] * right[a];
        for (uint32_t b = 0; b < net->populations; b++) {
            double m = net->variance[a][b] * gain[b] * gain[b];
            double at_zero = net->orbit[0].symbol[a][b];
            double coherence = at_zero == 0.0 ? 0.0 : orbit->symbol[a][b] / at_zero;
            if (net->exact_rows[a][b])
                m *= 1.0 - coherence * coherence;
            variance += creal(left[a] * conj(left[a])) * m * creal(right[b] * conj(right[b])) /
                        net->size[a];
        }
    }
    double overlap = creal(product * conj(product));
    return overlap > 0.0 ? variance / overlap : INFINITY;
}

static eigenmode_t mode_create(const mean_network_t *net, const orbit_t *orbit,
                               complex double value, complex double factor, double variance) {
    double wavenumber = hypot(orbit->nx, orbit->ny);
    eigenmode_t mode = {.nx = orbit->nx,
                        .ny = orbit->ny,
                        .re = creal(value),
                        .im = cimag(value),
                        .std = sqrt(variance),
                        .multiplicity = orbit->multiplicity,
                        .growth = cabs(factor),
                        .wavenumber = wavenumber,
                        .wavelength = 1.0 / wavenumber,
                        .frequency_hz = 1000.0 * fabs(cimag(factor)) / (2.0 * PI * net->dt_ms)};
    mode.phase_speed = wavenumber > 0.0 ? mode.frequency_hz / wavenumber : 0.0;
    return mode;
}

status_t orbit_modes(const mean_network_t *net, const orbit_t *orbit, const double *gain,
                     eigenmode_t modes[P], int *n) {
    double s[P][P];
    complex double factor[P];
    eigen_t eigen;
    for (uint32_t a = 0; a < net->populations; a++)
        for (uint32_t b = 0; b < net->populations; b++)
            s[a][b] = orbit->symbol[a][b] * gain[b];
    TRY(eigen_solve(net->populations, s, &eigen));
    TRY(step_factors(net, s, &eigen, factor));
    *n = 0;
    for (uint32_t k = 0; k < net->populations; k++) {
        bool pair = cimag(eigen.value[k]) > 0.0;
        /* With unequal tau the two of a pair may have unlike step factors. */
        complex double grows =
            pair && cabs(factor[k + 1]) > cabs(factor[k]) ? factor[k + 1] : factor[k];
        double variance = mode_variance(net, orbit, gain, eigen.left[k], eigen.right[k]);
        modes[(*n)++] = mode_create(net, orbit, eigen.value[k], grows, variance);
        k += pair;
    }
    return STATUS_OK;
}

status_t dominant_mode(const mean_network_t *net, const double *gain, eigenmode_t *mode) {
    eigenmode_t modes[P];
    int n = 0;
    mode->growth = -1.0;
    for (size_t i = 0; i < net->orbits; i++) {
        TRY(orbit_modes(net, &net->orbit[i], gain, modes, &n));
        for (int k = 0; k < n; k++)
            if (modes[k].growth > mode->growth + 1e-8)
                *mode = modes[k];
    }
    return STATUS_OK;
}
