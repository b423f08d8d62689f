/* The float gain of the stepping kernels against the double one of theory, and its slope. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <float.h>

#include "models/gains.h"

/* Fields: kind, max, min, slope, threshold, exponent. */
static const gain_t GAINS[] = {
    {GAIN_TANH, 1, -1, 1, 0, 1},
    {GAIN_TANH, 5, -5, 1, 0, 1},
    {GAIN_TANH, 0.3f, 0, 2.5f, -0.7f, 1},
    {GAIN_LINEAR, 1, -1, 1, 0, 1},
    {GAIN_LINEAR, 1, -1, 0.2f, 1.5f, 1},
    {GAIN_CLIPPED_LINEAR, 1, -1, 1, 0, 1},
    {GAIN_CLIPPED_LINEAR, 2, -0.5f, 1.2f, 0.1f, 1},
    {GAIN_THRESHOLD_LINEAR, 1, 0, 10, 0, 1},
    {GAIN_THRESHOLD_LINEAR, 1, 0, 0.7f, -1.3f, 1},
    {GAIN_THRESHOLD_POWER, 1, 0, 2, 0, 2},
    {GAIN_THRESHOLD_POWER, 1, 0, 1, 0.5f, 1},
    {GAIN_THRESHOLD_POWER, 1, 0, 0.5f, -0.2f, 3},
    {GAIN_THRESHOLD_POWER, 1, 0, 3, 0.4f, 1.5f},
    {GAIN_THRESHOLD_POWER, 1, 0, 1, 0, 0.5f},
    {GAIN_SIGMOID, 1, 0, 1, 0, 1},
    {GAIN_SIGMOID, 100, 0, 0.3f, 12, 1},
};
enum { GAINS_N = sizeof GAINS / sizeof GAINS[0], POINTS = 20001 };

static double potential(int k) { /* -40 to 40 */
    return -40.0 + 80.0 * k / (POINTS - 1);
}

/* The float rate is the double one at a potential that roundings move by 2 units in its own last
 * place and the threshold's, times 1 +- the function's own error: fmath.h's 3 ulp and four more
 * roundings, or fm_pow's 1e-5. */
static void float_as_double(void **state) {
    (void)state;
    for (int g = 0; g < GAINS_N; g++) {
        double widest = 0.0;
        for (int k = 0; k < POINTS; k++) {
            float h = (float)potential(k);
            double rate = (double)gain_rate(GAINS[g], h), exact = gain_rate64(GAINS[g], (double)h);
            double moved = 0x1p-23 * (fabs((double)h) + fabs((double)GAINS[g].threshold));
            double around = fabs(gain_rate64(GAINS[g], (double)h + moved) -
                                 gain_rate64(GAINS[g], (double)h - moved));
            int power = GAINS[g].kind == GAIN_THRESHOLD_POWER && GAINS[g].exponent != 1.0f &&
                        GAINS[g].exponent != 2.0f && GAINS[g].exponent != 3.0f;
            double allowed = around + fabs(exact) * (power ? 1e-5 : 7 * 0x1p-23) + FLT_MIN;
            widest = fmax(widest, fabs(rate - exact) / allowed);
            if (!(fabs(rate - exact) <= allowed))
                fail_msg("gain %d (kind %d) at %g: %.9g, exactly %.9g", g, GAINS[g].kind, (double)h,
                         rate, exact);
        }
        assert_true(widest > 0.0 || GAINS[g].kind == GAIN_LINEAR || GAINS[g].slope == 1.0f);
    }
}

/* Central difference over 2 s, s = 1e-5: its error is s^2/6 of the third derivative (at most 350
 * here: tanh of slope 2.5 to 0.3; 2e4 of the root 0.02 from its kink, where the slope is 3.5), so
 * 1e-7 of the slope, and 2^-53 |phi|/s of rounding, 1e-9 for |phi| of 100. */
static void slope_is_derivative(void **state) {
    (void)state;
    const double s = 1e-5;
    for (int g = 0; g < GAINS_N; g++) {
        gain_t gain = GAINS[g];
        double kink[2] = {(double)gain.threshold, (double)gain.threshold};
        if (gain.kind == GAIN_CLIPPED_LINEAR) {
            kink[0] += (double)gain.min / (double)gain.slope;
            kink[1] += (double)gain.max / (double)gain.slope;
        }
        int smooth =
            gain.kind == GAIN_TANH || gain.kind == GAIN_SIGMOID || gain.kind == GAIN_LINEAR;
        for (int k = 0; k < POINTS; k++) {
            double h = potential(k), at = fmin(fabs(h - kink[0]), fabs(h - kink[1]));
            if (!smooth && at < 0.02)
                continue;
            double numeric = (gain_rate64(gain, h + s) - gain_rate64(gain, h - s)) / (2.0 * s);
            double allowed = 2e-7 * fmax(1.0, fabs(numeric));
            if (!(fabs(gain_slope64(gain, h) - numeric) <= allowed))
                fail_msg("gain %d (kind %d) at %g: slope %.12g, numerically %.12g", g, gain.kind, h,
                         gain_slope64(gain, h), numeric);
        }
    }
}

/* The slope that a rate says is the slope at its potential, to within roundings of u = 2^-53. tanh
 * and sigmoid: r/max is two off the value that the slope takes, squaring doubles that, and a few
 * more follow: 8 u of the steepest slope. A power, relative to the slope: (e - 1)/e is one off,
 * which counts |log (h - threshold)^e| (e - 1)/e times, at most 39 (a cube, 3e-9 above the
 * threshold); r, two pow's and the products make 16 at most: 64 u. The others: exact. */
static void slope_of_rate(void **state) {
    (void)state;
    const double u = 0x1p-53;
    for (int g = 0; g < GAINS_N; g++) {
        gain_t gain = GAINS[g];
        int bounded = gain.kind == GAIN_TANH || gain.kind == GAIN_SIGMOID, nonzero = 0;
        double units = bounded ? 8.0 : gain.kind == GAIN_THRESHOLD_POWER ? 64.0 : 0.0;
        double steepest = (double)gain.slope * (gain.kind == GAIN_SIGMOID ? (double)gain.max : 1.0);
        for (int k = 0; k < POINTS; k++) {
            double h = potential(k), slope = gain_slope64(gain, h);
            double found = gain_slope_of_rate(gain, gain_rate64(gain, h));
            double allowed = units * u * (bounded ? steepest : slope);
            nonzero += slope != 0.0;
            if (!(fabs(found - slope) <= allowed))
                fail_msg("gain %d (kind %d) at %g: slope %.17g, from the rate %.17g", g, gain.kind,
                         h, slope, found);
        }
        assert_true(nonzero > POINTS / 100);
    }
}

/* Values that no rounding touches. */
static void exact_values(void **state) {
    (void)state;
    const gain_t clipped = {GAIN_CLIPPED_LINEAR, 2, -0.5f, 1, 0, 1};
    assert_true(gain_rate(clipped, -9) == -0.5f && gain_rate(clipped, 9) == 2.0f);
    assert_true(gain_rate(clipped, 1.25f) == 1.25f);
    const gain_t square = {GAIN_THRESHOLD_POWER, 1, 0, 2, 1, 2};
    assert_true(gain_rate(square, 4) == 18.0f && gain_rate(square, 0.5f) == 0.0f);
    const gain_t line = {GAIN_THRESHOLD_LINEAR, 1, 0, 10, 0, 1};
    assert_true(gain_rate(line, 0.5f) == 5.0f && gain_rate(line, -3) == 0.0f);
    const gain_t sigmoid = {GAIN_SIGMOID, 8, 0, 1, 3, 1};
    assert_true(gain_rate(sigmoid, 3) == 4.0f && gain_rate(sigmoid, 1e9f) == 8.0f);
    const gain_t tanh5 = {GAIN_TANH, 5, -5, 1, 0, 1};
    assert_true(gain_rate(tanh5, 1e9f) == 5.0f && gain_rate(tanh5, -1e9f) == -5.0f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float_as_double),
        cmocka_unit_test(slope_is_derivative),
        cmocka_unit_test(slope_of_rate),
        cmocka_unit_test(exact_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
