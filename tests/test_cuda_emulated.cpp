/* The cuda backend's own sources, run lane by lane on a processor (tests/simt), against the cpu
 * backend, bit for bit. */
#ifndef BRISC_CUDA
#define BRISC_CUDA
#endif
#define backend_cuda backend_emulated
#define cuda_build emulated_build
#define cuda_step emulated_step
#define cuda_edges emulated_edges
#define cuda_apply emulated_apply
#define cuda_require emulated_require
#define cuda_upload emulated_upload
#define CUDA_YARDSTICKS NULL /* there is no cuSPARSE here */
#include "kernels/cuda/apply.cu"
#include "kernels/cuda/backend.cu"
#include "kernels/cuda/build.cu"
#include "kernels/cuda/device.cu"
#include "kernels/cuda/edges.cu"
#include "kernels/cuda/step.cu"

#include "tests/backend_cases.h"

static void same_bits(void **) {
    for (int k = 0; k < BACKEND_CASES_N; k++) {
        print_message("           %s\n", BACKEND_CASES[k].name);
        backend_compare(&backend_cpu, &backend_emulated, &BACKEND_CASES[k], 5);
    }
    assert_int_equal(simt_device.allocations, 0);
}

/* Whichever allocation fails, create says so and leaves nothing behind. */
static void no_leaks(void **) {
    network_plan_t plan;
    backend_options_t options = {};
    backend_state_t *state = NULL;
    connectivity_t c;
    case_plan(&BACKEND_CASES[6], &plan);
    long allowed = 0;
    for (status_t status = STATUS_FAILED; status != STATUS_OK; allowed++) {
        simt_device.allowed = allowed;
        status = backend_emulated.create(&plan.net, &options, &state, &c);
        if (status == STATUS_OK)
            break;
        assert_int_equal(status, STATUS_FAILED);
        assert_non_null(strstr(status_message(), "out of memory"));
        assert_int_equal(simt_device.allocations, 0);
    }
    assert_true(allowed > 20);
    simt_device.allowed = -1;
    backend_emulated.destroy(state);
    assert_int_equal(simt_device.allocations, 0);
    network_plan_destroy(&plan);
}

/* Too little memory is refused before the synapses are drawn, with both numbers. */
static void memory_refused(void **) {
    network_plan_t plan;
    backend_options_t options = {};
    backend_state_t *state = NULL;
    connectivity_t c;
    uint64_t unused = 0;
    case_plan(&BACKEND_CASES[0], &plan);
    size_t before = simt_device.memory_free;
    check_status(backend_emulated.create(&plan.net, &options, &state, &c));
    backend_emulated.destroy(state);
    uint64_t synapses = c.synapses[0] + c.synapses[1] + c.synapses[2] + c.synapses[3];
    assert_true(c.connectivity_bytes > 4 * synapses);

    simt_device.memory_free = 4 * synapses - 1;
    assert_int_equal(backend_emulated.create(&plan.net, &options, &state, &c), STATUS_FAILED);
    char needed[64];
    snprintf(needed, sizeof needed, "%.3f GB are needed", 4e-9 * (double)synapses);
    assert_non_null(strstr(status_message(), "no GPU memory for the synapses"));
    assert_non_null(strstr(status_message(), needed));
    assert_int_equal(simt_device.allocations, 0);
    check_status(backend_emulated.memory_free(&unused));
    assert_true(unused == 4 * synapses - 1);
    simt_device.memory_free = before;
    network_plan_destroy(&plan);
}

int main() {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits),
        cmocka_unit_test(no_leaks),
        cmocka_unit_test(memory_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
