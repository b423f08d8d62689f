/* The cuda backend's own sources, run lane by lane on a processor (tests/simt), against the cpu
 * backend, bit for bit. */
#ifndef BRISC_CUDA
#define BRISC_CUDA
#endif
#define backend_cuda backend_emulated
#define cuda_build emulated_build
#define cuda_survey emulated_survey
#define cuda_fill emulated_fill
#define cuda_step emulated_step
#define cuda_edges emulated_edges
#define cuda_apply emulated_apply
#define cuda_require emulated_require
#define cuda_upload emulated_upload
#define cuda_units_choose emulated_units_choose
#define cuda_units_destroy emulated_units_destroy
#define cuda_tiling emulated_tiling
#define cuda_shared_most emulated_shared_most
#define cuda_images_create emulated_images_create
#define cuda_images_destroy emulated_images_destroy
#define cuda_step_create emulated_step_create
#define cuda_apply_destroy emulated_apply_destroy
#define CUDA_YARDSTICKS NULL /* there is no cuSPARSE here */
#include "kernels/cuda/apply.cu"
#include "kernels/cuda/backend.cu"
#include "kernels/cuda/build.cu"
#include "kernels/cuda/device.cu"
#include "kernels/cuda/draw.cu"
#include "kernels/cuda/edges.cu"
#include "kernels/cuda/step.cu"
#include "kernels/cuda/tiles.cu"

#include "tests/backend_cases.h"

/* Windows of many units, with several classes of targets; under STORAGE_AUTO, too. */
/* clang-format off */
static const backend_case_t DENSE_CASES[] = {
    {"dense, fixed in-degree, 16 bits", {{24, 16}, {12, 8}}, {GAIN_TANH, GAIN_TANH},
     PROFILE_GAUSSIAN, RULE_FIXED_INDEGREE, WEIGHTS_NORMAL, 16,
     {.2, .25}, {.95, .9}, 4, 1, .1, 0, 0},
    {"dense, lattices 2:3, 8 bits", {{16, 12}, {24, 18}}, {GAIN_TANH, GAIN_TANH},
     PROFILE_UNIFORM, RULE_BERNOULLI, WEIGHTS_NORMAL, 8,
     {.2, .2}, {1, .4}, 1, 1, .1, 0, 0},
    {"over a hundred units, 24 bits", {{6, 5}, {72, 48}}, {GAIN_TANH, GAIN_TANH},
     PROFILE_DISC, RULE_BERNOULLI, WEIGHTS_NORMAL, 24,
     {.4, .5}, {.5, .5}, 1, 1, .1, 0, 2},
};
/* clang-format on */

static void compare(const backend_case_t *k, int32_t storage, uint32_t trials, uint32_t steps) {
    backend_compare(&backend_cpu, &backend_emulated, k, storage, trials, steps);
    assert_int_equal(simt_device.allocations, 0);
}

/* Every case as lists and as bitmaps, with one trial and with several. */
static void same_bits(void **) {
    for (auto &k : BACKEND_CASES) {
        print_message("           %s\n", k.name);
        for (uint32_t trials = 1; trials <= 3; trials += 2)
            for (int32_t storage = STORAGE_LIST; storage <= STORAGE_BITMAP; storage++)
                compare(&k, storage, trials, 4);
    }
    for (auto &k : DENSE_CASES) {
        print_message("           %s\n", k.name);
        compare(&k, STORAGE_AUTO, 1, 2);
        compare(&k, STORAGE_BITMAP, 3, 2);
    }
}

/* Graphs, which begin at an even number of steps and leave some over; two passes; two states. */
static void many_steps_and_trials(void **) {
    compare(&BACKEND_CASES[4], STORAGE_BITMAP, 1, 40);
    assert_true(simt_device.graphs > 0);
    compare(&BACKEND_CASES[2], STORAGE_BITMAP, 11, 3);
    compare(&BACKEND_CASES[1], STORAGE_LIST, 2, 3);
}

/* Shared memory for some patches, and for none: the others are read from the image. */
static void little_shared_memory(void **) {
    int before = simt_device.shared;
    for (int bytes = 9000; bytes >= 5000; bytes -= 4000) {
        simt_device.shared = bytes;
        compare(&BACKEND_CASES[0], STORAGE_BITMAP, 1, 3);
        compare(&BACKEND_CASES[3], STORAGE_BITMAP, 3, 3);
    }
    simt_device.shared = before;
}

/* The one created last needs less shared memory in the same kernels. */
static void two_at_once(void **) {
    backend_state_t *state[2];
    network_plan_t plan[2];
    backend_options_t options = {};
    connectivity_t c;
    backend_compare_two(&backend_cpu, &backend_emulated);
    assert_int_equal(simt_device.allocations, 0);
    for (int n = 0; n < 2; n++) {
        case_plan(&BACKEND_CASES[TWO_CASES[n]], &plan[n]);
        check_status(backend_emulated.create(&plan[n].net, &options, &state[n], &c));
    }
    assert_true(state[0]->tiling.shared_bytes > state[1]->tiling.shared_bytes);
    for (int n = 0; n < 2; n++) {
        backend_emulated.destroy(state[n]);
        network_plan_destroy(&plan[n]);
    }
}

/* Whichever allocation fails, create says so and leaves nothing behind: no memory, and no error
 * that a later create's call would take for its own. */
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
        assert_int_equal(cudaPeekAtLastError(), cudaSuccess);
    }
    assert_true(allowed > 20);
    simt_device.allowed = -1;
    backend_emulated.destroy(state);
    assert_int_equal(simt_device.allocations, 0);
    network_plan_destroy(&plan);
}

/* What footprint says is what create takes, to a fraction of the draws' chance; and most windows of
 * these cases have units. */
static void footprint_kept(void **) {
    int bitmaps = 0;
    for (int k = 0; k < BACKEND_CASES_N; k++) {
        network_plan_t plan;
        backend_options_t options = {};
        backend_state_t *state = NULL;
        connectivity_t c;
        uint64_t connectivity, rest;
        case_plan(&BACKEND_CASES[k], &plan);
        plan.net.trials = 3;
        plan.net.storage = STORAGE_BITMAP;
        check_status(backend_emulated.footprint(&plan.net, &connectivity, &rest));
        check_status(backend_emulated.create(&plan.net, &options, &state, &c));
        assert_true(c.state_bytes == rest);
        assert_true(c.connectivity_bytes + c.state_bytes == simt_device.living);
        double ratio = (double)c.connectivity_bytes / (double)connectivity;
        assert_true(ratio > 0.95 && ratio < 1.05);
        for (uint32_t w = 0; w < plan.net.pathways; w++)
            bitmaps += state->device.bitmap[w].units > 0;
        backend_emulated.destroy(state);
        network_plan_destroy(&plan);
    }
    assert_true(bitmaps > BACKEND_CASES_N);
}

/* Too little memory is refused before the synapses are drawn, with both numbers. */
static void memory_refused(void **) {
    network_plan_t plan;
    backend_options_t options = {};
    backend_state_t *state = NULL;
    connectivity_t c;
    uint64_t unused = 0;
    case_plan(&BACKEND_CASES[0], &plan);
    plan.net.storage = STORAGE_LIST;
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
        cmocka_unit_test(many_steps_and_trials),
        cmocka_unit_test(little_shared_memory),
        cmocka_unit_test(two_at_once),
        cmocka_unit_test(footprint_kept),
        cmocka_unit_test(no_leaks),
        cmocka_unit_test(memory_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
