// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>

/// Restatements of multiplier models that share nothing with runtime/multipliers: pseudocode as
/// published, and algebra in exact integers.
namespace convwright {

/// "-0x1.8p+3 * 0x1p-2 (bits 0xc1400000, 0x3e800000)": enough to repeat a failure.
inline std::string pair_text(float a, float b) {
    char text[120];
    std::snprintf(text, sizeof text, "%a * %a (bits 0x%08x, 0x%08x)", static_cast<double>(a),
                  static_cast<double>(b), std::bit_cast<uint32_t>(a), std::bit_cast<uint32_t>(b));
    return text;
}

/// Equal bits, or both nan: the payload is not part of a model.
inline bool same(float a, float b) {
    return (std::isnan(a) && std::isnan(b)) ||
           std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

/// Any float at all: zeros, subnormal numbers, inf and nan among them.
inline float any_float(std::mt19937 &random) {
    return std::bit_cast<float>(static_cast<uint32_t>(random()));
}

/// A number with a uniform fraction of 23 bits, any sign, and an exponent from -30 to 30.
inline float moderate_float(std::mt19937 &random) {
    const uint32_t exponent = 127 - 30 + static_cast<uint32_t>(random() % 61);
    const auto bits = static_cast<uint32_t>(random());
    return std::bit_cast<float>((bits & 0x807fffffu) | exponent << 23);
}

/// The pseudocode of MBM on integers, word for word; without `corrected` it is Mitchell's.
inline uint64_t literal_mbm_unsigned(int n, uint64_t a, uint64_t b, int t, bool corrected = true) {
    const int F = n - 1;
    if (a == 0 || b == 0) return 0;
    const int k1 = std::bit_width(a) - 1, k2 = std::bit_width(b) - 1;
    const uint64_t M = (uint64_t{1} << F) - 1;
    uint64_t x1 = (a << (F - k1)) & M, x2 = (b << (F - k2)) & M;
    if (t > 0) {
        x1 = ((x1 >> t) << t) | (uint64_t{1} << t);
        x2 = ((x2 >> t) << t) | (uint64_t{1} << t);
    }
    const uint64_t s = x1 + x2, cy = s >> F, f = s & M;
    const uint64_t u = corrected ? f + ((uint64_t{10} << (F - 7)) >> cy) : f;
    const uint64_t m = cy && u >> F ? (uint64_t{1} << F) | f : (uint64_t{1} << F) + u;
    const int sh = k1 + k2 + static_cast<int>(cy) - F;
    return sh >= 0 ? m << sh : m >> -sh;
}

/// The pseudocode of MBM on float bits, word for word.
inline float literal_mbm_f32(float a, float b, int t) {
    const auto ua = std::bit_cast<uint32_t>(a), ub = std::bit_cast<uint32_t>(b);
    const uint32_t M = 0x7fffff;
    uint32_t za = ua & 0x7fffffff, zb = ub & 0x7fffffff;
    if (za >= 0x7f800000 || zb >= 0x7f800000) return a * b;
    if (za < 0x800000 || zb < 0x800000) return 0.0f;
    if (t > 0) {
        za = ((za >> t) << t) | (1u << t);
        zb = ((zb >> t) << t) | (1u << t);
    }
    const int64_t s = int64_t{za} + int64_t{zb} - 0x3f800000;
    const bool cy = ((((za ^ zb ^ s) >> 23) & 1) ^ 1) != 0;
    int64_t correction = cy ? 0x50000 : 0xA0000;
    if (t >= 16) correction = correction >> t << t;
    const int64_t u = s + correction;
    const bool ov = (((u ^ s) >> 23) & 1) != 0;
    const int64_t r = !ov ? u : cy ? s : (u & ~int64_t{M}) | ((u & M) >> 1);
    if (r < 0x800000) return 0.0f;
    if (r >= 0x7f800000) return a * b;
    return std::bit_cast<float>(static_cast<uint32_t>(r) | ((ua ^ ub) & 0x80000000));
}

/// What the algebra says of one product of the log family.
struct LogAlgebra {
    uint32_t x, y;    ///< The fractions that are added, in units of 2^-23, the unit of all here.
    int64_t if_low;   ///< Correction of g where x+y < 1,
    int64_t if_high;  ///< and where x+y >= 1, with g not halved.
};

/// Pa*Pb*RZ(g + correction), and Pa*Pb*g where the fractions carry and g + correction >= 4. The
/// operands are any finite numbers.
inline float algebra_product(float a, float b, const LogAlgebra &algebra) {
    if (std::abs(a) < 0x1p-126f || std::abs(b) < 0x1p-126f) return 0.0f;
    const int64_t one = 1 << 23, sum = int64_t{algebra.x} + algebra.y;
    const bool high = sum >= one;
    const int64_t g = high ? 2 * sum : one + sum;
    int64_t v = g + (high ? algebra.if_high : algebra.if_low);
    if (high && v >= 4 * one) v = g;
    if (v >= 2 * one) v &= ~int64_t{1};  // toward zero: 24 significant bits
    const double exact = std::ldexp(static_cast<double>(v), std::ilogb(a) + std::ilogb(b) - 23);
    if (exact < 0x1p-126) return 0.0f;
    if (exact >= 0x1p128) return a * b;
    return std::signbit(a) == std::signbit(b) ? static_cast<float>(exact)
                                              : -static_cast<float>(exact);
}

inline uint32_t fraction_of(float a) { return std::bit_cast<uint32_t>(a) & 0x7fffff; }

/// MBM with t = 0: one constant, 5/64.
inline float algebra_mbm(float a, float b) {
    return algebra_product(a, b, {fraction_of(a), fraction_of(b), 0xA0000, 0xA0000});
}

}  // namespace convwright
