/* The cpu backend out of memory: this program's own aligned_alloc and mmap, which every large array
 * comes from, fail from one call on. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/backend_cases.h"

static long calls, allowed = -1; /* allowed < 0: all */

static int refused(void) {
    long call;
#pragma omp atomic capture
    call = calls++;
    return allowed >= 0 && call >= allowed;
}

void *aligned_alloc(size_t alignment, size_t size) {
    void *memory = NULL;
    return !refused() && posix_memalign(&memory, alignment, size) == 0 ? memory : NULL;
}

void *mmap(void *place, size_t size, int protection, int flags, int file, off_t offset) {
    if ((flags & MAP_NORESERVE) && refused()) /* an arena, not another library's */
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, place, size, protection, flags, file, offset);
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

/* Whichever allocation fails, create says so and no pathway is begun after the first that fails. */
static void stops_at_the_first_failure(void **unused) {
    (void)unused;
    network_plan_t plan;
    backend_state_t *state;
    case_plan(&BACKEND_CASES[0], &plan);
    check_status(create(&plan.net, 1, -1, &state));
    backend_cpu.destroy(state);
    long all = calls;
    assert_int_equal(all, 4 * 2 + 4); /* state of two populations, an arena of each pathway */
    for (long allow = 0; allow < all; allow++)
        for (int threads = 1; threads <= 3; threads += 2) {
            assert_int_equal(create(&plan.net, threads, allow, &state), STATUS_FAILED);
            assert_non_null(strstr(status_message(), "no memory"));
            assert_true(calls > allow);
            assert_true(calls <= allow + 4); /* of the state four at a time */
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
