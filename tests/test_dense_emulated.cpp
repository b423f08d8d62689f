/* The cuda backend's own dense solver, on a processor: over an emulated CUDA and a cuSOLVER made of
 * LAPACK (tests/simt), which it loads as it loads the real one. */
#include <dlfcn.h>
#include <stdio.h>

/* The loader, which finds the emulation's library, or what a test says. */
static const char *library_found = SIMT_CUSOLVER;
static char asked_for[64];
static void *emulated_dlopen(const char *name, int flags) {
    snprintf(asked_for, sizeof asked_for, "%s", name);
    return dlopen(library_found, flags);
}
#define dlopen emulated_dlopen

#define CUSOLVER_VERSION 11701
#define cuda_dense emulated_dense
#define cuda_require emulated_require
#define cuda_upload emulated_upload
#include "kernels/cuda/dense.cu"
#include "kernels/cuda/device.cu"

#include "tests/dense_cases.h"

enum { N = 40 };
static double matrix[N * N], re[N], im[N];
static uint32_t unconverged;
static dense_t *dense;

static status_t decompose() {
    uint32_t seed = 3;
    for (double &x : matrix)
        x = uniform(&seed);
    return emulated_dense.create(N, matrix, 0, 1, re, im, &unconverged, &dense);
}

static cusolver_emulation_t *emulation() {
    auto find = (decltype(&cusolver_emulation))dlsym(cusolver.library, "cusolver_emulation");
    assert_non_null(find);
    return find();
}

static void nothing_left() {
    assert_int_equal(simt_device.allocations, 0);
    assert_int_equal(emulation()->objects, 0);
}

/* Where the library is missing, or lacks a function, the loader's reason and the remedy; then the
 * right one is loaded after all. */
static void library_missing(void **) {
    static const char *const cases[][2] = {{"libmissing.so.0", "libmissing.so.0"},
                                           {"libm.so.6", "cusolverDnCreate"}};
    uint64_t bytes;
    for (auto &missing : cases) {
        library_found = missing[0];
        for (int attempt = 0; attempt < 2; attempt++) {
            status_t status = attempt ? decompose() : emulated_dense.memory(N, 0, &bytes);
            assert_int_equal(status, STATUS_FAILED);
            assert_non_null(strstr(status_message(), "cuSOLVER cannot be loaded"));
            assert_non_null(strstr(status_message(), missing[1]));
            assert_non_null(strstr(status_message(), "LD_LIBRARY_PATH"));
            assert_int_equal(simt_device.allocations, 0);
        }
    }
    library_found = SIMT_CUSOLVER;
    check_status(emulated_dense.memory(N, 0, &bytes));
    assert_string_equal(asked_for, "libcusolver.so.0");
    nothing_left();
}

/* Whichever allocation fails, the device's or the library's own, create says so and leaves nothing
 * behind: one for the size, then the matrix, eigenvalues, vectors, info and work; a handle and its
 * parameters for each of the two. */
static void no_leaks(void **) {
    struct {
        long *allowed;
        const char *message;
        long allocations;
    } sources[] = {{&simt_device.allowed, "out of memory", 6},
                   {&emulation()->allowed, "status 2 in cusolver.Create", 4}};
    for (auto &source : sources) {
        for (long allowed = 0; allowed < source.allocations; allowed++) {
            *source.allowed = allowed;
            assert_int_equal(decompose(), STATUS_FAILED);
            assert_non_null(strstr(status_message(), source.message));
            nothing_left();
        }
        *source.allowed = source.allocations;
        check_status(decompose());
        emulated_dense.destroy(dense);
        *source.allowed = -1;
        nothing_left();
    }
}

/* What memory says is what create allocates, beside the array for the size and a spare byte of
 * work; a byte less is refused. */
static void memory_refused(void **) {
    uint64_t needed;
    check_status(emulated_dense.memory(N, 0, &needed));
    uint64_t bytes = simt_device.bytes;
    size_t before = simt_device.memory_free;
    simt_device.memory_free = needed - 1;
    assert_int_equal(decompose(), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "all eigenvalues of 40 neurons: cuSOLVER needs"));
    nothing_left();
    assert_true(simt_device.bytes == bytes + 256);
    simt_device.memory_free = needed;
    check_status(decompose());
    assert_true(simt_device.bytes == bytes + 256 + needed + 256 + 1);
    emulated_dense.destroy(dense);
    simt_device.memory_free = before;
    nothing_left();
}

/* The first eigenvalues did not converge: they are NAN, and there are no vectors. An argument that
 * the library refuses is an error. */
static void not_converged(void **) {
    static double v[2 * N];
    const uint32_t last = N - 1;
    int failed = 0;
    emulation()->info = N / 2;
    check_status(decompose());
    assert_int_equal(unconverged, N / 2);
    for (uint32_t k = 0; k < N; k++) {
        assert_int_equal(isnan(re[k]), k < N / 2);
        assert_int_equal(isnan(im[k]), k < N / 2);
    }
    v[0] = 1.0;
    check_status(emulated_dense.vectors(dense, 1, &last, v, &failed));
    assert_true(failed && v[0] == 0.0);
    emulated_dense.destroy(dense);
    nothing_left();

    emulation()->info = -5;
    assert_int_equal(decompose(), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "refused its argument 5"));
    emulation()->info = 0;
    nothing_left();
}

static void all_is_freed(void **) {
    nothing_left();
}

int main() {
    const struct CMUnitTest first[] = {cmocka_unit_test(library_missing)}; /* before it is loaded */
    const struct CMUnitTest more[] = {
        cmocka_unit_test(all_is_freed),
        cmocka_unit_test(no_leaks),
        cmocka_unit_test(memory_refused),
        cmocka_unit_test(not_converged),
    };
    int failures = cmocka_run_group_tests(first, NULL, NULL);
    failures += dense_cases_run(&emulated_dense);
    return failures + cmocka_run_group_tests(more, NULL, NULL);
}
