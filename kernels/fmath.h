/* exp, log, tanh, pow with the same bits from every compiler and on every device: only + - * /,
 * explicit fma and integer operations, each rounded once (IEEE 754), no contraction, no branches
 * in the float versions, so that loops over them vectorize. Largest errors in units in the last
 * place: fm_exp 1.03, fm_log 0.83, fm_tanh 1.34 (over every float of their ranges), fm_exp64 1.2,
 * fm_log64 3 (near 1; samples); fm_pow 1e-5 relative, 2e-6 for x in [1e-3, 1e3] and e <= 4. Held
 * to them by tests/test_fmath.c. */
#ifndef BRISC_FMATH_H
#define BRISC_FMATH_H

#include "kernels/hd.h"

/* exp(x), x clamped to [-87, 88]. Polynomial: Cephes expf (S. L. Moshier). */
HD float fm_exp(float x) {
    x = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
    float shifted = fmaf(x, 1.44269504f, 12582912.0f); /* 1.5 2^23: rounds to an integer */
    float n = shifted - 12582912.0f;
    float r = fmaf(n, -0.693359375f, x);
    r = fmaf(n, 2.12194440e-4f, r);
    float p = 1.9875691500e-4f;
    p = fmaf(p, r, 1.3981999507e-3f);
    p = fmaf(p, r, 8.3334519073e-3f);
    p = fmaf(p, r, 4.1665795894e-2f);
    p = fmaf(p, r, 1.6666665459e-1f);
    p = fmaf(p, r, 5.0000001201e-1f);
    p = fmaf(p * r, r, r) + 1.0f;
    uint32_t exponent = float_bits(shifted) - float_bits(12582912.0f) + 127u;
    return p * float_from_bits(exponent << 23);
}

/* log(x) for normal x > 0. Polynomial: Cephes logf. */
HD float fm_log(float x) {
    uint32_t bits = float_bits(x);
    uint32_t above = bits - 0x3f3504f3u; /* sqrt(1/2) */
    int32_t e = (int32_t)above >> 23;
    float m = float_from_bits((above & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    float z = m * m;
    float p = 7.0376836292e-2f;
    p = fmaf(p, m, -1.1514610310e-1f);
    p = fmaf(p, m, 1.1676998740e-1f);
    p = fmaf(p, m, -1.2420140846e-1f);
    p = fmaf(p, m, 1.4249322787e-1f);
    p = fmaf(p, m, -1.6668057665e-1f);
    p = fmaf(p, m, 2.0000714765e-1f);
    p = fmaf(p, m, -2.4999993993e-1f);
    p = fmaf(p, m, 3.3333331174e-1f);
    float n = (float)e;
    float tail = fmaf(p * m, z, n * -2.12194440e-4f);
    tail = fmaf(-0.5f, z, tail);
    return fmaf(n, 0.693359375f, m + tail);
}

/* tanh(x). Polynomial below 0.625: Cephes tanhf. */
HD float fm_tanh(float x) {
    float a = x < 0.0f ? -x : x;
    float z = a * a;
    float p = -5.70498872745e-3f;
    p = fmaf(p, z, 2.06390887954e-2f);
    p = fmaf(p, z, -5.37397155531e-2f);
    p = fmaf(p, z, 1.33314422036e-1f);
    p = fmaf(p, z, -3.33332819422e-1f);
    float small = fmaf(p * z, a, a);
    float b = a < 10.0f ? a : 10.0f;
    float large = 1.0f - 2.0f / (fm_exp(b + b) + 1.0f);
    float t = a < 0.625f ? small : large;
    return x < 0.0f ? -t : t;
}

/* x^e for x >= 0; exact products for e = 1, 2, 3. */
HD float fm_pow(float x, float e) {
    if (e == 1.0f)
        return x;
    if (e == 2.0f)
        return x * x;
    if (e == 3.0f)
        return x * x * x;
    return x > 0.0f ? fm_exp(e * fm_log(x)) : 0.0f;
}

/* exp(x) in double for x <= 0 (0 below -700): Taylor series after reduction to |r| <= ln2/2. */
HD double fm_exp64(double x) {
    if (x < -700.0)
        return 0.0;
    double n = floor(x * 1.4426950408889634 + 0.5);
    double r = fma(n, -6.93147180369123816490e-01, x);
    r = fma(n, -1.90821492927058770002e-10, r);
    double p = 1.0;
    for (int k = 14; k >= 1; k--)
        p = fma(p * r, 1.0 / k, 1.0);
    uint64_t bits = (uint64_t)((int64_t)n + 1023) << 52;
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

/* log(x) in double for normal x > 0: 2 atanh((m-1)/(m+1)) series, m in [sqrt(1/2), sqrt(2)). */
HD double fm_log64(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint64_t above = bits - 0x3fe6a09e667f3bcdull;
    int64_t e = (int64_t)above >> 52;
    bits = (above & 0x000fffffffffffffull) + 0x3fe6a09e667f3bcdull;
    double m;
    memcpy(&m, &bits, sizeof m);
    double s = (m - 1.0) / (m + 1.0), s2 = s * s, sum = 0.0;
    for (int k = 23; k >= 1; k -= 2)
        sum = fma(sum, s2, 2.0 / k);
    return fma((double)e, 6.93147180559945309417e-01, s * sum);
}

#endif
