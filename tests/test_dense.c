/* Dense eigenvalues in every backend that has a library for them, and what the instances share. */
#include "tests/dense_cases.h"

/* A pair that lost its partner, or did not converge, has no column. */
static void columns(void **unused) {
    (void)unused;
    const double im[] = {NAN, -1.0, 0.0, 2.0, -2.0, 3.0};
    static const uint32_t expected[] = {UINT32_MAX, UINT32_MAX, 2, 3, 3, UINT32_MAX};
    for (uint32_t i = 0; i < 6; i++)
        assert_true(dense_column(6, im, i) == expected[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(columns)};
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    char device[256];
    for (size_t k = 0; backend_list()[k]; k++) {
        const backend_t *backend = backend_list()[k];
        if (backend->available(device, sizeof device) == STATUS_OK && backend->dense)
            failures += dense_cases_run(backend->dense);
        else
            printf("skipped: %s\n", backend->dense ? status_message() : "too old a cuSOLVER");
    }
    return failures;
}
