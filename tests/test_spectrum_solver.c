/* Which solver measures a full spectrum: the device's where it can be used and has the memory,
 * otherwise the cpu's, with the reason. The device is the cpu under another name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/spectrum/spectrum.h"
#include "tests/networks.h"

static status_t memory_little(uint32_t n, int single, uint64_t *bytes) {
    (void)n;
    (void)single;
    *bytes = 1;
    return STATUS_OK;
}
static status_t memory_too_much(uint32_t n, int single, uint64_t *bytes) {
    (void)n;
    (void)single;
    *bytes = UINT64_MAX;
    return STATUS_OK;
}
static status_t memory_no_library(uint32_t n, int single, uint64_t *bytes) {
    (void)n;
    (void)single;
    (void)bytes;
    FAIL(STATUS_FAILED, "its library is missing");
}

typedef struct {
    const char *solver, *warning; /* NULL: silent */
    status_t (*memory)(uint32_t n, int single,
                       uint64_t *bytes); /* NULL: the device has no solver */
    uint32_t n_max;
} case_t;

static void check_status(status_t status) {
    if (status != STATUS_OK)
        fail_msg("%s (%s)", status_message(), status_origin());
}

/* The standard error of a full spectrum of `matrix`, at most size - 1 characters. */
static void measure(const config_t *config, const network_plan_t *plan, const theory_t *theory,
                    matrix_t *matrix, spectrum_t *s, char *said, size_t size) {
    spectrum_options_t options = {.full = true, .delta = 0.01, .quiet = true};
    FILE *file = tmpfile();
    int terminal = dup(STDERR_FILENO);
    assert_true(file && terminal >= 0);
    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    status_t status = spectrum_measure(config, plan, theory, matrix, &options, s);
    fflush(stderr);
    dup2(terminal, STDERR_FILENO);
    close(terminal);
    rewind(file);
    said[fread(said, 1, size - 1, file)] = '\0';
    fclose(file);
    check_status(status);
}

static void solvers(void **unused) {
    (void)unused;
    static const case_t cases[] = {
        {"device's", NULL, memory_little, DENSE_N_MAX},
        {"LAPACK", "instead of device's: its library is missing", memory_no_library, DENSE_N_MAX},
        {"LAPACK", "device's cannot take this matrix (", memory_too_much, DENSE_N_MAX},
        {"LAPACK", "at most 79 neurons", memory_little, 79},
        {"LAPACK", "no dense eigenvalue solver", NULL, 0},
    };
    double g[2][2] = {{2.0, -1.0}, {2.0, -1.0}}, d[2][2] = {{0.1, 0.1}, {0.1, 0.1}};
    config_t config = network_ei(8, g, d, 0.1, 0.9);
    network_plan_t plan;
    theory_t theory;
    backend_state_t *state;
    connectivity_t built;
    double gain[80], one[POPULATIONS_MAX] = {1.0, 1.0};
    for (int i = 0; i < 80; i++)
        gain[i] = 1.0;
    check_status(network_plan_create(&config, &plan));
    check_status(theory_linearize(&config, &plan, one, one, &theory));
    check_status(backend_cpu.create(&plan.net, &(backend_options_t){.threads = 1}, &state, &built));
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        dense_solver_t dense = *backend_cpu.dense;
        backend_t backend = backend_cpu;
        dense.name = "device's";
        dense.memory = cases[k].memory;
        dense.n_max = cases[k].n_max;
        backend.dense = dense.memory ? &dense : NULL;
        matrix_t matrix;
        spectrum_t s = {0};
        char said[1024];
        check_status(matrix_create(&plan.net, &backend, state, gain, &matrix));
        measure(&config, &plan, &theory, &matrix, &s, said, sizeof said);
        assert_string_equal(s.solver, cases[k].solver);
        assert_int_equal(s.count, 80);
        if (cases[k].warning)
            assert_non_null(strstr(said, cases[k].warning));
        else
            assert_string_equal(said, "");
        spectrum_destroy(&s);
        matrix_destroy(&matrix);
    }
    backend_cpu.destroy(state);
    theory_destroy(&theory);
    network_plan_destroy(&plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(solvers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
