/* The exact spectrum of the mean matrix, which couples wave vectors that alias, and the check of
 * the symbol against it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <time.h>

#include "tests/dense.h"
#include "tests/networks.h"

/* LAPACK's rounding, grown by the mean matrices' non-normality. */
static const double TOLERANCE = 1e-9;

typedef struct {
    network_plan_t plan;
    theory_t theory;
    symbol_check_t check;
} network_case_t;

static network_case_t case_create(const config_t *c, double least) {
    network_case_t n;
    assert_int_equal(network_plan_create(c, &n.plan), STATUS_OK);
    assert_int_equal(theory_predict(c, &n.plan, &n.theory), STATUS_OK);
    assert_int_equal(theory_symbol_check(c, &n.plan, &n.theory, least, &n.check), STATUS_OK);
    return n;
}

static void case_destroy(network_case_t *n) {
    symbol_check_destroy(&n->check);
    theory_destroy(&n->theory);
    network_plan_destroy(&n->plan);
}

/* Ranges of about one spacing of E's lattice, half a spacing of I's. */
static config_t short_range(uint32_t side_e) {
    double g[2][2] = {{3, -2}, {4, -1.5}}, d = 1.0 / side_e;
    double range[2][2] = {{d, 1.3 * d}, {0.9 * d, 1.2 * d}};
    return network_ei(side_e, g, range, 0.1, 0.8);
}

/* Blocks at all wave vectors of the cells' lattice: the dense spectrum, one to one. */
static void blocks_are_the_dense_matrix(const config_t *c, uint64_t rows) {
    network_plan_t plan;
    const double gain[2] = {0.8, 1.1};
    assert_int_equal(network_plan_create(c, &plan), STATUS_OK);
    cell_t cell = cell_create(&plan.net);
    layout_t at = layout(&plan.net);
    size_t waves = (size_t)cell.gx * cell.gy;
    assert_int_equal(cell.size, rows);
    assert_int_equal(waves * cell.size, at.n);
    int(*wave)[2] = malloc(sizeof *wave * waves);
    for (size_t k = 0; k < waves; k++) {
        wave[k][0] = (int)(k % cell.gx);
        wave[k][1] = (int)(k / cell.gx);
    }
    double complex *block = malloc(sizeof *block * at.n);
    double complex *dense = eigenvalues(dense_matrix(&plan, gain, MEAN), at.order);
    assert_int_equal(block_eigenvalues(&plan, &cell, gain, waves, (const int(*)[2])wave, block),
                     STATUS_OK);
    for (size_t i = 0; i < at.n; i++) {
        size_t nearest = 0;
        for (size_t j = 1; j < at.n; j++)
            if (cabs(dense[j] - block[i]) < cabs(dense[nearest] - block[i]))
                nearest = j;
        assert_true(cabs(dense[nearest] - block[i]) < TOLERANCE);
        dense[nearest] = INFINITY;
    }
    free(dense);
    free(block);
    free(wave);
    network_plan_destroy(&plan);
}

static void blocks(void **state) {
    (void)state;
    config_t nested = short_range(16), unlike = short_range(16);
    blocks_are_the_dense_matrix(&nested, 5);
    unlike.population[0].lattice[0] = 12; /* 12 x 10 and 8 x 15: cells of 3 x 2 and 2 x 3 */
    unlike.population[0].lattice[1] = 10;
    unlike.population[1].lattice[0] = 8;
    unlike.population[1].lattice[1] = 15;
    unlike.connection[0][1].rule = RULE_FIXED_INDEGREE;
    unlike.connection[0][1].range = 0.15;
    blocks_are_the_dense_matrix(&unlike, 12);
}

/* Wave number within the zone of 9 sites, without its sign. */
static int folded(int n) {
    return n % 9 > 4 ? 9 - n % 9 : n % 9;
}

/* 18 x 18 and 9 x 9: no wave vector of the coarse lattice is its own negative but 0, so that the
 * symbol has as many eigenvalues as the blocks, and each gets one of its own. Discs of probability
 * 1 keep the disk of random eigenvalues small: a mode inside it has no error bar to be off by. */
static void short_ranges_alias(void **state) {
    (void)state;
    config_t c = short_range(18);
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 2; b++) {
            c.connection[a][b].profile = PROFILE_DISC;
            c.connection[a][b].size = 1.0;
            c.connection[a][b].range = 0.12;
        }
    network_case_t n = case_create(&c, 0.05);
    const symbol_check_t *check = &n.check;
    layout_t at = layout(&n.plan.net);
    double complex *dense = eigenvalues(dense_matrix(&n.plan, n.theory.gain, MEAN), at.order);
    size_t beyond_zone = 0, beyond = 0;
    for (size_t i = 0; i < check->modes; i++) {
        const symbol_error_t *e = &check->error[i];
        double complex exact = e->exact_re + I * e->exact_im;
        double nearest = INFINITY;
        for (size_t j = 0; j < at.n; j++)
            nearest = fmin(nearest, cabs(dense[j] - exact));
        assert_true(nearest < TOLERANCE);
        assert_true(hypot(e->simple_re, e->simple_im) > 0.05);
        assert_true(e->distance == hypot(e->exact_re - e->simple_re, e->exact_im - e->simple_im));
        assert_true(i == 0 || e->distance <= check->error[i - 1].distance);
        beyond_zone += e->ny > 4;
        beyond += e->in_std > 1.0;
        for (size_t j = 0; j < i; j++) {
            const symbol_error_t *f = &check->error[j];
            int x[2] = {folded(e->nx), folded(f->nx)}, y[2] = {folded(e->ny), folded(f->ny)};
            bool same = (x[0] == x[1] && y[0] == y[1]) || (x[0] == y[1] && y[0] == x[1]);
            assert_false(same && cabs(f->exact_re + I * f->exact_im - exact) < TOLERANCE);
        }
    }
    print_message("block %u: %zu modes, %zu off by more than an error bar, worst %.3f = %.1f\n",
                  check->block, check->modes, check->beyond, check->error[0].distance,
                  check->error[0].in_std);
    assert_int_equal(check->block, 5);
    assert_true(beyond_zone > 0); /* modes that fold */
    assert_int_equal(check->beyond, beyond);
    assert_true(check->beyond > 0);
    assert_true(check->error[0].distance > 0.1);
    free(dense);
    case_destroy(&n);
}

/* Nothing to find: one site a cell and population. Its every eigenvalue of |lambda| > least. */
static void equal_lattices_do_not_alias(void **state) {
    (void)state;
    config_t c = short_range(16);
    c.population[1].lattice[0] = c.population[1].lattice[1] = 16;
    network_case_t n = case_create(&c, 0.1);
    layout_t at = layout(&n.plan.net);
    double complex *dense = eigenvalues(dense_matrix(&n.plan, n.theory.gain, MEAN), at.order);
    eigenmode_t *modes = NULL;
    size_t count = 0, symbols = 0, above = 0, counted = 0;
    assert_int_equal(theory_modes(&c, &n.plan, &n.theory, 0.0, &modes, &count), STATUS_OK);
    for (size_t i = 0; i < count; i++)
        if (hypot(modes[i].re, modes[i].im) > 0.1) {
            symbols += (size_t)modes[i].multiplicity * (modes[i].im > 0.0 ? 2 : 1);
            counted++;
        }
    for (size_t i = 0; i < at.n; i++)
        above += cabs(dense[i]) > 0.1;
    assert_int_equal(symbols, above);
    assert_int_equal(n.check.modes, counted);
    assert_int_equal(n.check.block, 2);
    assert_int_equal(n.check.beyond, 0);
    assert_true(n.check.error[0].distance < TOLERANCE);
    assert_true(n.check.error[0].in_std == 0.0);
    free(modes);
    free(dense);
    case_destroy(&n);
}

/* Aliasing goes as exp(-2 pi^2 d^2 (100 - |n|)^2), d = 0.05: nothing. */
static void published_wave(void **state) {
    (void)state;
    double g[2][2] = {{9, -9}, {15.48, -9}}, d[2][2] = {{0.05, 0.07}, {0.05, 0.07}};
    config_t c = network_ei(200, g, d, 0.1, 0.95);
    struct timespec start, end; /* of this process: a busy machine does not matter */
    network_plan_t plan;
    theory_t theory;
    symbol_check_t check;
    assert_int_equal(network_plan_create(&c, &plan), STATUS_OK);
    assert_int_equal(theory_predict(&c, &plan, &theory), STATUS_OK);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    assert_int_equal(theory_symbol_check(&c, &plan, &theory, 0.001, &check), STATUS_OK);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    double taken =
        (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
    print_message("wave network: %zu modes in %.1f ms, worst %.1e\n", check.modes, 1e3 * taken,
                  check.error[0].distance);
    assert_true(check.modes > 100);
    assert_true(check.error[0].distance < TOLERANCE);
    assert_int_equal(check.beyond, 0);
    assert_int_equal(check.block, 5);
    assert_true(taken < 2.0);
    symbol_check_destroy(&check);
    theory_destroy(&theory);
    network_plan_destroy(&plan);
}

/* 17 x 17 and 16 x 16 share a cell of all their sites. */
static void large_cells_are_refused(void **state) {
    (void)state;
    config_t c = short_range(17);
    c.population[1].lattice[0] = c.population[1].lattice[1] = 16;
    network_plan_t plan;
    theory_t theory;
    symbol_check_t check;
    assert_int_equal(network_plan_create(&c, &plan), STATUS_OK);
    assert_int_equal(theory_predict(&c, &plan, &theory), STATUS_OK);
    assert_true(isnan(theory.aliasing));
    assert_int_equal(theory_symbol_check(&c, &plan, &theory, 0.1, &check), STATUS_USAGE);
    assert_non_null(strstr(status_message(), "545 sites"));
    theory_destroy(&theory);
    network_plan_destroy(&plan);
}

int main(void) {
    status_quiet(1); /* small networks: probabilities are clipped */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks),
        cmocka_unit_test(short_ranges_alias),
        cmocka_unit_test(equal_lattices_do_not_alias),
        cmocka_unit_test(published_wave),
        cmocka_unit_test(large_cells_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
