/* The largest singular value of P(t) = exp((A - 1) t) over t, by alternating maximization: for a
 * space X of states, the time t* when one of them has grown most, from a sweep forward; for a time,
 * the space P^T P X from a sweep of the adjoint back. Neither lowers the growth: the space contains
 * P^T P x of the best state x, a step of power iteration. Networks have clusters of singular values
 * near the largest, on which single states climb slowly; a space needs its width to span them. */
#include "host/spectrum/nonnormal.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/spectrum/operator.h"

enum { COLUMNS = BLOCK_COLUMNS, RANDOM_LEAST = 2, PARTS = 8, DEGREE_MAX = 80 };
enum { WARM_ROUNDS = 2, ROUNDS_MAX = 30 };
static const double SERIES_TOLERANCE = 1e-9; /* of a step: a hundredth of TIE over 1000 steps */
static const double GROWTH_TOLERANCE = 1e-3; /* relative, over a round */
static const double TIE = 1e-6;              /* growths this near are equal: the earlier counts */
/* |A| h of a step of length h. The series' terms fall off beyond degree 8 at the latest, and they
 * cancel to at worst e^16 = 1e7 roundings. Longer steps need fewer products, but coarser parts. */
static const double STEP_NORM = 8.0;

/* Where a state of the space x0 has grown most: x0 vector[.][0]; all states at that time. */
typedef struct {
    double growth, time, vector[COLUMNS][COLUMNS];
    double *x; /* block */
} peak_t;

typedef struct {
    const csr_t *forward, *adjoint;
    double decay;                        /* 1 + max(0, alpha): of exp((A - decay) t) */
    double horizon, length;              /* T and the step, in tau */
    double *x0, *x, *peak, *term, *next; /* blocks */
    double *part;                        /* [PARTS] blocks */
    peak_t near,
        far; /* of the first quarter of the horizon, and later; in the end the best is near */
} sweep_t;

/* part[p] = exp((A - decay) tau (p + 1)/parts) x, tau for each column: Taylor's series of exp(A t),
 * ended as by Al-Mohy, Higham, SIAM J. Sci. Comput. 33:488 (2011), where two terms are small. */
static status_t step(sweep_t *w, const csr_t *a, const double tau[COLUMNS], int parts) {
    size_t n = a->n, size = n * COLUMNS;
    double last[COLUMNS], norm[COLUMNS], sum[COLUMNS];
    memcpy(w->term, w->x, size * sizeof *w->x);
    for (int p = 0; p < parts; p++)
        memcpy(w->part + (size_t)p * size, w->x, size * sizeof *w->x);
    block_norms(n, w->term, last);
    bool done = false;
    for (int k = 1; k <= DEGREE_MAX && !done; k++) {
        double share[PARTS];
        for (int p = 0; p < parts; p++)
            share[p] = pow((p + 1.0) / parts, k);
        csr_product(a, w->term, w->next);
#pragma omp parallel for schedule(static) if (n >= PARALLEL_LEAST)
        for (size_t i = 0; i < n; i++) {
            double *term = w->term + i * COLUMNS;
            for (int c = 0; c < COLUMNS; c++)
                term[c] = w->next[i * COLUMNS + c] * tau[c] / k;
            for (int p = 0; p < parts; p++)
                for (int c = 0; c < COLUMNS; c++)
                    w->part[(size_t)p * size + i * COLUMNS + c] += share[p] * term[c];
        }
        block_norms(n, w->term, norm);
        block_norms(n, w->part + (size_t)(parts - 1) * size, sum);
        done = true;
        for (int c = 0; c < COLUMNS; c++) {
            done = done && isfinite(sum[c]) && last[c] + norm[c] <= SERIES_TOLERANCE * sum[c];
            last[c] = norm[c];
        }
    }
    if (!done)
        FAIL(
            STATUS_FAILED,
            "transient growth: the series of exp(A t) did not converge in %d terms, or exceeds all "
            "numbers; look for an alpha far below the largest Re lambda - 1",
            DEGREE_MAX);
    for (int p = 0; p < parts; p++) {
        double factor[COLUMNS];
        for (int c = 0; c < COLUMNS; c++)
            factor[c] = exp(-w->decay * tau[c] * (p + 1.0) / parts);
        for (size_t i = 0; i < size; i++)
            w->part[(size_t)p * size + i] *= factor[i % COLUMNS];
    }
    return STATUS_OK;
}

/* x becomes exp((A - decay) time) x, a time for each column. */
static status_t propagate(sweep_t *w, const csr_t *a, const double time[COLUMNS]) {
    double remaining[COLUMNS], tau[COLUMNS];
    memcpy(remaining, time, sizeof remaining);
    for (;;) {
        double longest = 0.0;
        for (int c = 0; c < COLUMNS; c++) {
            tau[c] = fmin(w->length, remaining[c]);
            remaining[c] -= tau[c];
            longest = fmax(longest, tau[c]);
        }
        if (longest == 0.0)
            return STATUS_OK;
        TRY(step(w, a, tau, 1));
        memcpy(w->x, w->part, a->n * COLUMNS * sizeof *w->x);
    }
}

/* From x0: the peaks over 0 < t <= split and split < t <= horizon. */
static status_t forward(sweep_t *w, double split) {
    size_t n = w->forward->n, size = n * COLUMNS;
    double tau[COLUMNS], square[COLUMNS] = {0}, vector[COLUMNS][COLUMNS];
    memcpy(w->x, w->x0, size * sizeof *w->x);
    for (int c = 0; c < COLUMNS; c++)
        tau[c] = w->length;
    w->near.growth = w->far.growth = 0.0;
    for (double done = 0.0; done < w->horizon - 0.5 * w->length; done += w->length) {
        TRY(step(w, w->forward, tau, PARTS));
        for (int p = 0; p < PARTS; p++) {
            const double *x = w->part + (size_t)p * size;
            double time = done + w->length * (p + 1.0) / PARTS;
            peak_t *peak = time > split ? &w->far : &w->near;
            TRY(block_singular(n, x, square, vector));
            if (sqrt(fmax(square[0], 0.0)) <= peak->growth * (1.0 + TIE))
                continue;
            peak->growth = sqrt(square[0]);
            peak->time = time;
            memcpy(peak->vector, vector, sizeof vector);
            memcpy(peak->x, x, size * sizeof *x);
        }
        memcpy(w->x, w->part + (PARTS - 1) * size, size * sizeof *w->x);
    }
    return STATUS_OK;
}

/* x: the best states of both peaks, half of the columns each, taken back to t = 0. */
static status_t backward(sweep_t *w) {
    size_t n = w->forward->n;
    double time[COLUMNS];
    bool two = w->far.growth > 0.0;
    block_rotate(n, w->near.x, w->near.vector);
    if (two)
        block_rotate(n, w->far.x, w->far.vector);
    for (int c = 0; c < COLUMNS; c++) {
        const peak_t *peak = two && c % 2 ? &w->far : &w->near;
        time[c] = peak->time;
        for (size_t i = 0; i < n; i++)
            w->x[i * COLUMNS + c] = peak->x[i * COLUMNS + (two ? c / 2 : c)];
    }
    block_normalize(n, w->x);
    return propagate(w, w->adjoint, time);
}

/* Climbs from the columns of x0. First some rounds for each column at a time of its own, for the
 * space to be rich. Then two peaks at once, the best in the first quarter of the horizon and the
 * best later, because the highest at first need not be so in the end. Neither ever falls. */
static status_t climb(sweep_t *w, bool *settled) {
    static const double warm[COLUMNS] = {1.0, 2.0, 0.5, 4.0, 1.5, 3.0, 0.7, 0.3}; /* tau */
    size_t n = w->forward->n, bytes = n * COLUMNS * sizeof *w->x;
    block_normalize(n, w->x0);
    memcpy(w->x, w->x0, bytes);
    for (int round = 0; round < WARM_ROUNDS; round++) {
        TRY(propagate(w, w->forward, warm));
        block_normalize(n, w->x);
        TRY(propagate(w, w->adjoint, warm));
        block_normalize(n, w->x);
    }
    double near = 0.0, far = 0.0;
    *settled = false;
    for (int round = 0; round < ROUNDS_MAX && !*settled; round++) {
        if (round > 0)
            TRY(backward(w));
        block_orthonormalize(n, w->x);
        memcpy(w->x0, w->x, bytes);
        TRY(forward(w, 0.25 * w->horizon));
        double enough = GROWTH_TOLERANCE * fmax(w->near.growth, w->far.growth);
        *settled = w->near.growth - near <= enough && w->far.growth - far <= enough;
        near = w->near.growth;
        far = w->far.growth;
    }
    if (far > near) {
        peak_t best = w->far;
        w->far = w->near;
        w->near = best;
    }
    return STATUS_OK;
}

/* Puts the best state in column 0 of x0, and finds its growth and time between the parts of a step:
 * the parts of a finer one around t*, then the vertex of a parabola through the highest and its
 * neighbours. Where nothing has grown, 1 at t = 0. */
static status_t refine(sweep_t *w) {
    size_t n = w->forward->n, size = n * COLUMNS;
    double spacing = w->length / PARTS, at[COLUMNS] = {w->near.time - spacing};
    double tau[COLUMNS] = {fmin(2.0 * spacing, w->horizon - at[0])};
    double height[PARTS + 1], norm[COLUMNS];
    block_rotate(n, w->x0, w->near.vector);
    memcpy(w->x, w->x0, size * sizeof *w->x);
    TRY(propagate(w, w->forward, at));
    block_norms(n, w->x, norm);
    height[0] = norm[0];
    TRY(step(w, w->forward, tau, PARTS));
    int top = 0;
    for (int p = 1; p <= PARTS; p++) {
        block_norms(n, w->part + (size_t)(p - 1) * size, norm);
        height[p] = norm[0];
        if (height[p] > height[top])
            top = p;
    }
    double offset = 0.0, rise = 0.0;
    if (top > 0 && top < PARTS) {
        double slope = 0.5 * (height[top + 1] - height[top - 1]);
        double bend = height[top + 1] - 2.0 * height[top] + height[top - 1];
        offset = bend < 0.0 ? -slope / bend : 0.0;
        rise = bend < 0.0 ? -0.5 * slope * slope / bend : 0.0;
    }
    w->near.growth = height[top] + rise;
    w->near.time = at[0] + tau[0] / PARTS * (top + offset);
    if (w->near.growth <= 1.0 + TIE) {
        w->near.growth = 1.0;
        w->near.time = 0.0;
    }
    return STATUS_OK;
}

static status_t maximize(sweep_t *w, const nonnormality_options_t *options,
                         nonnormality_t *result) {
    size_t n = w->forward->n;
    double norms[COLUMNS],
        longest = fmin(1.0, STEP_NORM / csr_norm(w->forward, w->adjoint, w->x, w->next));
    w->decay = 1.0 + fmax(0.0, options->alpha);
    w->horizon = fmin(fmax(3.0 / fabs(options->alpha), 10.0), 50.0);
    w->length = w->horizon / ceil(w->horizon / longest);
    size_t blocks = (options->n_starts + RANDOM_LEAST + COLUMNS - 1) / COLUMNS;
    for (size_t b = 0; b < blocks; b++) {
        for (size_t i = 0; i < n; i++)
            for (size_t c = 0; c < COLUMNS; c++) {
                size_t s = b * COLUMNS + c;
                w->x0[i * COLUMNS + c] =
                    s < options->n_starts ? options->starts[s * n + i] : start_element(2 + s, i);
            }
        block_norms(n, w->x0, norms);
        for (int c = 0; c < COLUMNS; c++)
            if (!(norms[c] > 0.0) || !isfinite(norms[c]))
                FAIL(STATUS_FAILED, "transient growth: start %zu is zero or not finite",
                     b * COLUMNS + (size_t)c);
        bool settled;
        TRY(climb(w, &settled));
        TRY(refine(w));
        if (b > 0 && w->near.growth <= result->growth)
            continue;
        result->settled = settled;
        result->horizon = w->horizon;
        result->growth = w->near.growth;
        result->time = w->near.time;
        for (size_t i = 0; i < n && result->x0; i++)
            result->x0[i] = w->x0[i * COLUMNS];
    }
    return STATUS_OK;
}

status_t nonnormality(const csr_t *a, const nonnormality_options_t *options,
                      nonnormality_t *result) {
    double squares = csr_squares(a), *x0 = result->x0;
    if (a->n == 0 || !isfinite(squares) || !isfinite(options->alpha))
        FAIL(STATUS_FAILED,
             "transient growth: order %zu, |A|_F^2 = %g, alpha = %g must be above 0 and finite; "
             "look for infinite or undefined weights or gains",
             a->n, squares, options->alpha);
    *result = (nonnormality_t){.x0 = x0, .alpha = options->alpha};
    double excess = squares - options->spectral_squares;
    result->henrici = excess < 0.0 ? 0.0 : sqrt(excess); /* NAN stays */
    result->henrici_relative = squares > 0.0 ? result->henrici / sqrt(squares) : result->henrici;

    csr_t transpose;
    TRY(csr_transpose(a, &transpose));
    sweep_t w = {.forward = a, .adjoint = &transpose};
    size_t size = a->n * COLUMNS;
    double *blocks = malloc((6 + PARTS) * size * sizeof *blocks);
    status_t status = STATUS_OK;
    if (blocks) {
        double **place[] = {&w.x0, &w.x, &w.near.x, &w.far.x, &w.term, &w.next, &w.part};
        for (size_t k = 0; k < 7; k++)
            *place[k] = blocks + k * size;
        status = maximize(&w, options, result);
    } else {
        status = status_fail(STATUS_FAILED, __FILE__, __LINE__,
                             "transient growth: no memory for %d vectors of order %zu (%.1f MB)",
                             (6 + PARTS) * COLUMNS, a->n, (double)((6 + PARTS) * size) * 8e-6);
    }
    free(blocks);
    csr_destroy(&transpose);
    return status;
}
