/* fmath.h over its whole ranges, against libm in a higher precision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>

#include "kernels/fmath.h"
#include "tests/golden.h"

/* Largest error found, where, and the hash of all results. */
typedef struct {
    double error, where;
    uint64_t hash;
} check_t;

/* Units in the last place: the spacing of numbers of `digits` binary digits at the exact value. */
static double ulp_error(long double got, long double exact, int digits) {
    if (exact == 0.0L)
        return got == 0.0L ? 0.0 : INFINITY;
    return (double)(fabsl(got - exact) / ldexpl(1.0L, ilogbl(exact) + 1 - digits));
}

static void check_error(check_t *c, double error, double x) {
    if (!(error <= c->error)) {
        c->error = error;
        c->where = x;
    }
}

/* Floats from low to high (of one sign) by every stride-th bit pattern, and the last. */
static check_t check32(float (*f)(float), double (*exact)(double), float low, float high,
                       uint32_t stride) {
    check_t c = {0, 0, HASH_START};
    uint32_t first = float_bits(low), last = float_bits(high), step = stride;
    int down = first > last; /* negative: bits grow as the number falls */
    uint32_t count = (down ? first - last : last - first) / step + 1;
    for (uint32_t k = 0; k <= count; k++) {
        uint32_t bits = k == count ? last : down ? first - k * step : first + k * step;
        float x = float_from_bits(bits), y = f(x);
        check_error(&c, ulp_error(y, exact((double)x), FLT_MANT_DIG), (double)x);
        c.hash = hash_bytes(c.hash, &y, sizeof y);
    }
    return c;
}

static check_t check64(double (*f)(double), long double (*exact)(long double), const double *x,
                       size_t n) {
    check_t c = {0, 0, HASH_START};
    for (size_t k = 0; k < n; k++) {
        double y = f(x[k]);
        check_error(&c, ulp_error(y, exact(x[k]), DBL_MANT_DIG), x[k]);
        c.hash = hash_bytes(c.hash, &y, sizeof y);
    }
    return c;
}

static void report(const char *name, check_t c, double bound, uint64_t golden) {
    print_message("%s: largest error %.4g ulp, at %.9g\n", name, c.error, c.where);
    if (!(c.error <= bound))
        fail_msg("%s: %g ulp at %.9g; fmath.h states %g", name, c.error, c.where, bound);
    assert_golden(name, c.hash, golden);
}

/* The bodies are inlined wherever they are used; here each has an address. */
static float exp_of(float x) {
    return fm_exp(x);
}
static float log_of(float x) {
    return fm_log(x);
}
static float tanh_of(float x) {
    return fm_tanh(x);
}
static double exp64_of(double x) {
    return fm_exp64(x);
}
static double log64_of(double x) {
    return fm_log64(x);
}

enum { STRIDE = 1009 }; /* prime, so that all kinds of mantissas are met; 1 was tried once */

static void test_exp(void **state) {
    (void)state;
    report("fm_exp, x > 0", check32(exp_of, exp, FLT_MIN, 88.0f, STRIDE), 1.03,
           0x0771fde9c72cd41cull);
    report("fm_exp, x < 0", check32(exp_of, exp, -87.0f, -FLT_MIN, STRIDE), 1.03,
           0xadcdcebf66f3a10full);
    assert_true(fm_exp(0.0f) == 1.0f);
    assert_true(fm_exp(1e30f) == fm_exp(88.0f) && fm_exp(INFINITY) == fm_exp(88.0f));
    assert_true(fm_exp(-1e30f) == fm_exp(-87.0f) && fm_exp(-INFINITY) == fm_exp(-87.0f));
    assert_true(isnan(fm_exp(NAN)));
}

static void test_log(void **state) {
    (void)state;
    report("fm_log", check32(log_of, log, FLT_MIN, FLT_MAX, STRIDE), 0.83, 0x9a38ae547c40f3faull);
    report("fm_log near 1", check32(log_of, log, 0.7f, 1.5f, 13), 0.83, 0xc94a56a47678861full);
    assert_true(fm_log(1.0f) == 0.0f);
}

static void test_tanh(void **state) {
    (void)state;
    report("fm_tanh", check32(tanh_of, tanh, FLT_MIN, FLT_MAX, STRIDE), 1.34,
           0xfd0179a2d1cf63b6ull);
    report("fm_tanh, 0.1 to 10", check32(tanh_of, tanh, 0.1f, 10.0f, 29), 1.34,
           0x1af4656bb0f56347ull);
    assert_true(fm_tanh(0.0f) == 0.0f && fm_tanh(INFINITY) == 1.0f && fm_tanh(-INFINITY) == -1.0f);
    for (float x = 1e-3f; x < 12.0f; x *= 1.01f)
        assert_true(fm_tanh(-x) == -fm_tanh(x));
}

static double uniform(uint64_t *state) { /* splitmix64, in (0, 1) */
    uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) * 0x1p-53;
}

enum { SAMPLES = 200000 };
static double sample[SAMPLES];

static void test_exp64(void **state) {
    (void)state;
    uint64_t x = 1;
    for (int k = 0; k < SAMPLES; k++) /* evenly, and down to 2^-60 */
        sample[k] = k % 2 ? -700.0 * uniform(&x) : -ldexp(1.0 + uniform(&x), -k % 60 + 8);
    for (int k = 0; k < SAMPLES; k++)
        sample[k] = fmax(sample[k], -700.0);
    report("fm_exp64", check64(exp64_of, expl, sample, SAMPLES), 1.2, 0x21bd08a189cc4f2aull);
    assert_true(fm_exp64(0.0) == 1.0 && fm_exp64(-700.1) == 0.0 && fm_exp64(-INFINITY) == 0.0);
}

static void test_log64(void **state) {
    (void)state;
    uint64_t x = 1;
    for (int k = 0; k < SAMPLES; k++) /* all exponents, and near 1 */
        sample[k] = k % 2 ? ldexp(1.0 + uniform(&x), k / 2 % 2046 - 1022) : 0.5 + 1.5 * uniform(&x);
    report("fm_log64", check64(log64_of, logl, sample, SAMPLES), 3.0, 0x1d25d0b48384d5a5ull);
    assert_true(fm_log64(1.0) == 0.0);
}

/* Relative error; x^e where the result is within fm_exp's range. */
static void test_pow(void **state) {
    (void)state;
    static const float exponents[] = {0.1f, 0.5f, 1.0f, 1.5f, 2.0f, 2.5f, 3.0f, 3.7f, 10.0f};
    uint64_t hash = HASH_START;
    double general = 0.0, products = 0.0, usual = 0.0;
    for (size_t k = 0; k < sizeof exponents / sizeof exponents[0]; k++) {
        float e = exponents[k];
        for (uint32_t bits = float_bits(FLT_MIN); bits < float_bits(FLT_MAX); bits += 65537) {
            float x = float_from_bits(bits), y = fm_pow(x, e);
            double exact = pow((double)x, (double)e);
            if (exact < 1.7e-38 || exact > 1.6e38)
                continue;
            double error = fabs((double)y / exact - 1.0);
            if (e == 1.0f || e == 2.0f || e == 3.0f)
                products = fmax(products, error);
            else
                general = fmax(general, error);
            if (x >= 1e-3f && x <= 1e3f && e <= 4.0f)
                usual = fmax(usual, error);
            hash = hash_bytes(hash, &y, sizeof y);
        }
        assert_true(fm_pow(0.0f, e) == 0.0f && fm_pow(1.0f, e) == 1.0f);
    }
    print_message("fm_pow: largest relative error %.3g; e = 1, 2, 3: %.3g; x in [1e-3, 1e3], "
                  "e <= 4: %.3g\n",
                  general, products, usual);
    assert_true(products <= 2.0 * 0x1p-24); /* two roundings */
    assert_true(general <= 1e-5);
    assert_golden("fm_pow", hash, 0x75638414585bf41dull);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exp),   cmocka_unit_test(test_log),   cmocka_unit_test(test_tanh),
        cmocka_unit_test(test_exp64), cmocka_unit_test(test_log64), cmocka_unit_test(test_pow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
