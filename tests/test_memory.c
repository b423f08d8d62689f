/* The cpu backend out of memory: this program's own aligned_alloc, which every large array comes
 * from, fails from one call on. */
#include "tests/backend_cases.h"

static long calls, allowed = -1; /* allowed < 0: all */

void *aligned_alloc(size_t alignment, size_t size) {
    void *memory = NULL;
    long call;
#pragma omp atomic capture
    call = calls++;
    if (allowed >= 0 && call >= allowed)
        return NULL;
    return posix_memalign(&memory, alignment, size) == 0 ? memory : NULL;
}

static status_t create(const network_t *net, int threads, long allow, backend_state_t **state) {
    backend_options_t options = {.threads = threads};
    connectivity_t c;
    calls = 0;
    allowed = allow;
    status_t status = backend_cpu.create(net, &options, state, &c);
    allowed = -1;
    return status;
}

/* Whichever allocation fails, create says so and asks for no more: no thread begins a block after
 * the first that fails. */
static void stops_at_the_first_failure(void **unused) {
    (void)unused;
    network_plan_t plan;
    backend_state_t *state;
    case_plan(&BACKEND_CASES[0], &plan); /* 5 blocks of E, 2 of I, each in 2 pathways */
    check_status(create(&plan.net, 1, -1, &state));
    backend_cpu.destroy(state);
    long all = calls;
    assert_int_equal(all, 3 * 2 + 2 * (5 + 2));
    for (long allow = 0; allow < all; allow++)
        for (int threads = 1; threads <= 3; threads += 2) {
            assert_int_equal(create(&plan.net, threads, allow, &state), STATUS_FAILED);
            assert_non_null(strstr(status_message(), "no memory"));
            assert_true(calls > allow);
            if (allow >= 3 * 2) /* of the state three at a time */
                assert_true(calls <= allow + threads);
        }
    network_plan_destroy(&plan);
}

int main(void) {
    (void)backend_compare;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stops_at_the_first_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
