/* A rhythm that is too slow for the record, and its third harmonic, which is not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "host/detect/band.h"
#include "tests/patterns.h"

/* Segments are 96 frames of 2 ms: bins of 5.2 Hz. */
static band_choice_t choose(double frequency_hz, double noise) {
    pattern_field_t f;
    pattern_create((pattern_t){.kind = PATTERN_NOISE,
                               .frames = 240,
                               .n_y = 12,
                               .n_x = 12,
                               .frame_ms = 2.0,
                               .noise = noise,
                               .seed = 4},
                   &f);
    for (size_t i = 0; i < 240 * 144; i++) {
        double w = 2.0 * M_PI * frequency_hz * 2e-3 * (double)(i / 144);
        f.values[i] += (float)(cos(w) - cos(3.0 * w) / 3.0);
    }
    band_choice_t choice;
    assert_int_equal(band_choose(&f.field, &choice), STATUS_OK);
    pattern_destroy(&f);
    return choice;
}

static void test_harmonic(void **state) {
    (void)state;
    band_choice_t slow = choose(12.0, 0.1), fast = choose(35.0, 0.1);
    assert_true(slow.found && fast.found);
    assert_float_equal(slow.peak_hz, 36.0, 1.0);
    assert_non_null(strstr(slow.reason, "may be a harmonic"));
    assert_float_equal(fast.peak_hz, 35.0, 1.0);
    assert_null(strstr(fast.reason, "harmonic"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_harmonic)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
