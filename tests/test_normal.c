/* The table of normals against an independent inverse of the distribution. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "kernels/normal_table.h"
#include "tests/golden.h"

enum { SAMPLES = 16 }; /* of an interval */

/* z > 0 with erfc(z/sqrt 2)/2 = u, in long double: bisection, then Newton's method. */
static long double inverse(long double u) {
    long double low = 0.0L, high = 8.0L;
    for (int k = 0; k < 20; k++) {
        long double z = (low + high) / 2.0L;
        if (erfcl(z * sqrtl(0.5L)) / 2.0L > u)
            low = z;
        else
            high = z;
    }
    long double z = (low + high) / 2.0L;
    for (int k = 0; k < 3; k++)
        z += (erfcl(z * sqrtl(0.5L)) / 2.0L - u) /
             (expl(-z * z / 2.0L) / sqrtl(2.0L * acosl(-1.0L)));
    return z;
}

/* The tails that normal_from_bits can form (odd numbers below 2^31), all of them where an octave
 * has few, evenly spread ones in every interval otherwise; each stands for `weight` of the
 * distribution of |z|. */
typedef struct {
    uint32_t tail;
    double weight;
} sample_t;

static uint32_t samples_of(int octave) {
    uint32_t all = octave < 30 ? 1u << (29 - octave) : 1;
    return all < NORMAL_INTERVALS * SAMPLES ? all : NORMAL_INTERVALS * SAMPLES;
}

static sample_t sample_at(int octave, uint32_t k) {
    uint32_t n = samples_of(octave), low = 1u << (30 - octave);
    double share = octave < 30 ? ldexp(1.0, -1 - octave) : 0x1p-30;
    uint32_t middle = (uint32_t)((k + 0.5) * low / n);
    return (sample_t){(low + middle) | 1u, share / n};
}

static void as_exact_inverse(void **state) {
    (void)state;
    const normal_node_t *table = normal_table();
    double largest = 0.0, where = 0.0, widest = 0.0;
    for (int octave = 0; octave < NORMAL_OCTAVES; octave++)
        for (uint32_t k = 0; k < samples_of(octave); k++) {
            uint32_t tail = sample_at(octave, k).tail;
            double z = (double)normal_from_bits(table, tail | 0x80000000u);
            double exact = (double)inverse(ldexpl(tail, -32)), error = fabs(z - exact);
            widest = fmax(widest, z);
            if (error > largest) {
                largest = error;
                where = exact;
            }
        }
    for (uint32_t tail = 1; tail < 4096; tail += 2) { /* the outermost, without gaps */
        double z = (double)normal_from_bits(table, tail | 0x80000000u);
        largest = fmax(largest, fabs(z - (double)inverse(ldexpl(tail, -32))));
    }
    print_message("largest error %.3g at z = %.3g; |z| <= %.4f\n", largest, where, widest);
    assert_true(largest < 1.3e-5); /* as normal_table.h states */
    assert_true(widest < 6.24 && widest > 6.22);
}

/* Neighbouring intervals meet: each ends where the next, toward the centre, begins. */
static void continuous(void **state) {
    (void)state;
    const normal_node_t *table = normal_table();
    for (int k = 0; k < NORMAL_NODES; k++) {
        float end = table[k].value + table[k].slope;
        int octave = k / NORMAL_INTERVALS, last = k % NORMAL_INTERVALS == NORMAL_INTERVALS - 1;
        float next = !last         ? table[k + 1].value
                     : octave == 0 ? 0.0f
                                   : table[(octave - 1) * NORMAL_INTERVALS].value;
        assert_true(table[k].slope < 0.0f);
        assert_float_equal(end, next, 1e-6); /* roundings of 6.2 in float: 2.4e-7 each */
    }
}

static void even(void **state) {
    (void)state;
    const normal_node_t *table = normal_table();
    for (uint32_t k = 0, bits = 1; k < 100000; k++, bits = bits * 1664525u + 1013904223u) {
        float up = normal_from_bits(table, bits | 0x80000000u);
        float down = normal_from_bits(table, bits & 0x7fffffffu);
        assert_true(up > 0.0f);
        assert_int_equal(float_bits(up), float_bits(-down));
    }
}

/* Moments 2, 4, 6, 8 of what normal_from_bits gives, relative to a normal's. A chord lies above
 * the convex inverse by at most (h/u)^2/(8 z) where an interval is h wide at u; over an octave the
 * mean is 1e-5/z, so moment m gains about m/(m - 1) 1e-5. Beyond |z| = 6.23 nothing is drawn: that
 * lacks 6.23^8 2e-10/105 = 5e-6 of the eighth. */
static void moments(void **state) {
    (void)state;
    const normal_node_t *table = normal_table();
    double moment[4] = {0}, weights = 0.0;
    static const double exact[4] = {1.0, 3.0, 15.0, 105.0};
    for (int octave = 0; octave < NORMAL_OCTAVES; octave++)
        for (uint32_t k = 0; k < samples_of(octave); k++) {
            sample_t s = sample_at(octave, k);
            double z = (double)normal_from_bits(table, s.tail), power = 1.0;
            weights += s.weight;
            for (int m = 0; m < 4; m++)
                moment[m] += s.weight * (power *= z * z);
        }
    assert_float_equal(weights, 1.0, 1e-12);
    for (int m = 0; m < 4; m++) {
        print_message("moment %d: 1 + %.2g of a normal's\n", 2 * m + 2, moment[m] / exact[m] - 1.0);
        assert_float_equal(moment[m] / exact[m], 1.0, 2e-5);
    }
}

static void golden(void **state) {
    (void)state;
    uint64_t hash = hash_bytes(HASH_START, normal_table(), NORMAL_NODES * sizeof(normal_node_t));
    assert_golden("normal table", hash, 0xfe835807da6708dbull);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_exact_inverse), cmocka_unit_test(continuous), cmocka_unit_test(even),
        cmocka_unit_test(moments),          cmocka_unit_test(golden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
