/* Every mode of the symbol against the exact spectrum of the mean matrix. */
#include "host/theory/internal.h"

#include <stdlib.h>

/* A mode and the wave vector of the cells' lattice that it is folded onto. */
typedef struct {
    int fold[2]; /* 0 <= n <= g/2 along each axis; ascending where x and y are alike */
    size_t mode;
} folded_t;

/* One eigenvalue of the symbol that shares a block with others. */
typedef struct {
    complex double simple, exact;
    size_t mode;
} copy_t;

static bool lattices_square(const network_t *net) {
    bool square = true;
    for (uint32_t a = 0; a < net->populations; a++)
        square = square && net->population[a].nx == net->population[a].ny;
    return square;
}

/* |n| of the wave number among n + m period that is nearest to 0. */
static int fold(int n, uint32_t period) {
    int g = (int)period, rest = n % g;
    return rest > g - rest ? g - rest : rest;
}

static folded_t mode_fold(const eigenmode_t *modes, size_t index, const cell_t *cell, bool square) {
    int x = fold(modes[index].nx, cell->gx), y = fold(modes[index].ny, cell->gy);
    bool swap = square && x > y;
    return (folded_t){{swap ? y : x, swap ? x : y}, index};
}

/* How many of the wave vectors of the finest lattice that alias onto `folded` symmetry maps to the
 * mode's own. */
static int mode_copies(const eigenmode_t *mode, const int folded[2], const cell_t *cell,
                       const network_t *net, bool square) {
    uint32_t width = 1, height = 1; /* of the finest lattice, in cells' lattice zones */
    int copies = 0;
    for (uint32_t a = 0; a < net->populations; a++) {
        width = cell->width[a] > width ? cell->width[a] : width;
        height = cell->height[a] > height ? cell->height[a] : height;
    }
    for (uint32_t j = 0; j < height; j++)
        for (uint32_t i = 0; i < width; i++) {
            int x = fold(folded[0] + (int)(i * cell->gx), width * cell->gx);
            int y = fold(folded[1] + (int)(j * cell->gy), height * cell->gy);
            copies +=
                (x == mode->nx && y == mode->ny) || (square && y == mode->nx && x == mode->ny);
        }
    return copies;
}

/* Gives each copy an eigenvalue of its own, nearest pairs first; copies that are left when there
 * are no more get their nearest. `used` has one entry an eigenvalue. */
static void copies_match(size_t copies, copy_t *copy, size_t values, const complex double *value,
                         bool *used, bool *matched) {
    memset(used, 0, sizeof *used * values);
    memset(matched, 0, sizeof *matched * copies);
    for (size_t round = 0; round < copies; round++) {
        double least = INFINITY;
        size_t from = 0, to = 0;
        for (size_t i = 0; i < copies; i++)
            for (size_t j = 0; j < values && !matched[i]; j++) {
                double distance = cabs(copy[i].simple - value[j]);
                if ((round >= values || !used[j]) && distance < least) {
                    least = distance;
                    from = i;
                    to = j;
                }
            }
        matched[from] = used[to] = true;
        copy[from].exact = value[to];
    }
}
static int folded_compare(const void *left, const void *right) {
    const folded_t *a = left, *b = right;
    if (a->fold[1] != b->fold[1])
        return a->fold[1] - b->fold[1];
    if (a->fold[0] != b->fold[0])
        return a->fold[0] - b->fold[0];
    return (a->mode > b->mode) - (a->mode < b->mode);
}

static int error_compare(const void *left, const void *right) {
    const symbol_error_t *a = left, *b = right;
    return (a->distance < b->distance) - (a->distance > b->distance);
}

/* Everything the comparison holds on to. */
typedef struct {
    eigenmode_t *modes;    /* [n] */
    folded_t *folded;      /* [n], by folded wave vector */
    int (*wave)[2];        /* [waves], the distinct ones */
    complex double *value; /* [waves][size] */
    copy_t *copy;          /* of one wave vector */
    bool *used, *matched;  /* [size], [copies] */
    size_t n, waves;
} comparison_t;

/* Compares the modes that share one block: folded[n], value[size]. */
static status_t block_compare(const network_plan_t *plan, const cell_t *cell, bool square,
                              comparison_t *all, const folded_t *folded, size_t n,
                              const complex double *value, symbol_error_t *error) {
    size_t copies = 0;
    for (size_t i = 0; i < n; i++)
        copies += 2 * (size_t)mode_copies(&all->modes[folded[i].mode], folded[i].fold, cell,
                                          &plan->net, square);
    free(all->copy);
    free(all->matched);
    all->copy = malloc(sizeof *all->copy * (copies + 1));
    all->matched = malloc(sizeof *all->matched * (copies + 1));
    if (!all->copy || !all->matched)
        FAIL(STATUS_FAILED, "no memory for %zu eigenvalues of one wave vector", copies);
    copies = 0;
    for (size_t i = 0; i < n; i++) {
        const eigenmode_t *mode = &all->modes[folded[i].mode];
        int count = mode_copies(mode, folded[i].fold, cell, &plan->net, square);
        for (int k = 0; k < count; k++) {
            complex double simple = mode->re + I * mode->im;
            all->copy[copies++] = (copy_t){.simple = simple, .mode = folded[i].mode};
            if (mode->im > 0.0)
                all->copy[copies++] = (copy_t){.simple = conj(simple), .mode = folded[i].mode};
        }
    }
    copies_match(copies, all->copy, cell->size, value, all->used, all->matched);
    for (size_t i = 0; i < copies; i++) {
        const copy_t *copy = &all->copy[i];
        symbol_error_t *e = &error[copy->mode];
        double distance = cabs(copy->exact - copy->simple);
        if (distance < e->distance)
            continue;
        e->distance = distance;
        e->exact_re = creal(copy->exact);
        e->exact_im = cimag(copy->simple) < 0.0 ? -cimag(copy->exact) : cimag(copy->exact);
    }
    return STATUS_OK;
}

static status_t modes_compare(const network_plan_t *plan, const double *gain, const cell_t *cell,
                              comparison_t *all, symbol_check_t *check) {
    bool square = lattices_square(&plan->net);
    double largest = 0.0;
    all->folded = malloc(sizeof *all->folded * (all->n + 1));
    all->wave = malloc(sizeof *all->wave * (all->n + 1));
    all->used = malloc(sizeof *all->used * cell->size);
    check->error = calloc(all->n + 1, sizeof *check->error);
    if (!all->folded || !all->wave || !all->used || !check->error)
        FAIL(STATUS_FAILED, "no memory for the comparison of %zu modes", all->n);
    for (size_t i = 0; i < all->n; i++)
        all->folded[i] = mode_fold(all->modes, i, cell, square);
    qsort(all->folded, all->n, sizeof *all->folded, folded_compare);
    for (size_t i = 0; i < all->n; i++) {
        const int *here = all->folded[i].fold;
        if (i == 0 || memcmp(here, all->folded[i - 1].fold, sizeof all->folded->fold) != 0)
            memcpy(all->wave[all->waves++], here, sizeof *all->wave);
    }
    all->value = malloc(sizeof *all->value * (all->waves * cell->size + 1));
    if (!all->value)
        FAIL(STATUS_FAILED, "no memory for the eigenvalues at %zu wave vectors", all->waves);
    TRY(block_eigenvalues(plan, cell, gain, all->waves, (const int(*)[2])all->wave, all->value));
    for (size_t i = 0; i < all->n; i++) {
        const eigenmode_t *mode = &all->modes[i];
        check->error[i] = (symbol_error_t){
            .nx = mode->nx, .ny = mode->ny, .simple_re = mode->re, .simple_im = mode->im};
        largest = fmax(largest, hypot(mode->re, mode->im));
    }
    size_t first = 0;
    for (size_t k = 0; k < all->waves; k++) {
        size_t end = first;
        while (end < all->n && memcmp(all->folded[end].fold, all->wave[k], sizeof *all->wave) == 0)
            end++;
        TRY(block_compare(plan, cell, square, all, all->folded + first, end - first,
                          all->value + k * cell->size, check->error));
        first = end;
    }
    for (size_t i = 0; i < all->n; i++) {
        symbol_error_t *e = &check->error[i];
        /* LAPACK's, grown by non-normality: measured up to 3e-10, in a block of 221 rows. */
        bool rounding = e->distance <= 1e-9 * largest;
        e->in_std = rounding ? 0.0 : e->distance / all->modes[i].std;
        check->beyond += e->in_std > 1.0;
    }
    qsort(check->error, all->n, sizeof *check->error, error_compare);
    check->modes = all->n;
    return STATUS_OK;
}

status_t theory_symbol_check(const config_t *config, const network_plan_t *plan,
                             const theory_t *theory, double least, symbol_check_t *check) {
    cell_t cell = cell_create(&plan->net);
    comparison_t all = {0};
    size_t n = 0;
    *check = (symbol_check_t){.block = (uint32_t)cell.size};
    if (cell.size > BLOCK_MAX)
        FAIL(STATUS_USAGE,
             "the lattices share a unit cell of %llu sites, and the exact spectrum is limited to "
             "%d: choose lattices with a larger common divisor along x and y (%u and %u now)",
             (unsigned long long)cell.size, BLOCK_MAX, cell.gx, cell.gy);
    TRY(theory_modes(config, plan, theory, 0.0, &all.modes, &n));
    for (size_t i = 0; i < n; i++)
        if (hypot(all.modes[i].re, all.modes[i].im) > least)
            all.modes[all.n++] = all.modes[i];
    status_t status = modes_compare(plan, theory->gain, &cell, &all, check);
    free(all.matched);
    free(all.used);
    free(all.copy);
    free(all.value);
    free(all.wave);
    free(all.folded);
    free(all.modes);
    if (status != STATUS_OK)
        symbol_check_destroy(check);
    return status;
}

void symbol_check_destroy(symbol_check_t *check) {
    free(check->error);
    *check = (symbol_check_t){0};
}
