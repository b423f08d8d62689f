/* The cuda backend on a real GPU against the cpu backend, bit for bit; skipped where there is
 * none. */
#include "tests/backend_cases.h"

enum { SKIPPED = 77 }; /* CMakeLists.txt's SKIP_RETURN_CODE */

#ifdef BRISC_CUDA
/* Lists and bitmaps, and as many trials as fill every width of a pass, and two passes. */
static void same_bits(void **unused) {
    (void)unused;
    const uint32_t trials[] = {1, 2, 3, 8, 11};
    for (int k = 0; k < BACKEND_CASES_N; k++) {
        print_message("           %s\n", BACKEND_CASES[k].name);
        for (int n = 0; n < 5; n++)
            for (int storage = STORAGE_LIST; storage <= STORAGE_BITMAP; storage++)
                backend_compare(&backend_cpu, &backend_cuda, &BACKEND_CASES[k], storage, trials[n],
                                1000);
    }
}

static void two_at_once(void **unused) {
    (void)unused;
    backend_compare_two(&backend_cpu, &backend_cuda);
}
#endif

int main(void) {
#ifdef BRISC_CUDA
    char device[256];
    if (backend_cuda.available(device, sizeof device) != STATUS_OK) {
        printf("skipped: %s\n", status_message());
        return SKIPPED;
    }
    printf("%s\n", device);
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_bits), cmocka_unit_test(two_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    (void)BACKEND_CASES;
    printf("skipped: this build has no CUDA\n");
    return SKIPPED;
#endif
}
