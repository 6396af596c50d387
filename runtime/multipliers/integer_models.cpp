// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/integer_models.h"

namespace convwright {
namespace {

/// Place of the leading one of a > 0.
int ilog2(uint64_t a) {
    int place = 0;
    while (a >>= 1) place++;
    return place;
}

/// Mitchell's product plus correction(x1, x2), both in units of 2^-F with F = bits - 1; the
/// correction is for a sum of fractions without carry.
template<typename Correction>
uint64_t log_product(int bits, uint64_t a, uint64_t b, int t, Correction correction) {
    if (a == 0 || b == 0) return 0;
    const int fraction_bits = bits - 1;
    const uint64_t one = uint64_t{1} << fraction_bits;
    const int k1 = ilog2(a), k2 = ilog2(b);
    const auto fraction = [&](uint64_t operand, int k) {
        const uint64_t x = (operand << (fraction_bits - k)) & (one - 1);
        return t > 0 ? (x >> t << t) | (uint64_t{1} << t) : x;
    };
    const uint64_t x1 = fraction(a, k1), x2 = fraction(b, k2);
    const int carry = static_cast<int>((x1 + x2) >> fraction_bits);
    const uint64_t f = (x1 + x2) & (one - 1);
    const uint64_t corrected = f + (correction(x1, x2) >> carry);
    const bool carries_twice = carry == 1 && corrected >= one;
    const uint64_t significand = one + (carries_twice ? f : corrected);
    const int shift = k1 + k2 + carry - fraction_bits;
    return shift >= 0 ? significand << shift : significand >> -shift;
}

}  // namespace

uint64_t mitchell_unsigned(int bits, uint64_t a, uint64_t b, int t) {
    return log_product(bits, a, b, t, [](uint64_t, uint64_t) { return uint64_t{0}; });
}

uint64_t mbm_unsigned(int bits, uint64_t a, uint64_t b, int t) {
    const uint64_t correction = uint64_t{10} << (bits - 1 - 7);  // 10/128 = 5/64
    return log_product(bits, a, b, t, [=](uint64_t, uint64_t) { return correction; });
}

uint64_t realm_unsigned(int bits, uint64_t a, uint64_t b) {
    const int top_two = bits - 1 - 2;
    return log_product(bits, a, b, 0, [=](uint64_t x1, uint64_t x2) {
        return static_cast<uint64_t>(kRealm64[x1 >> top_two][x2 >> top_two]) << (bits - 1 - 6);
    });
}

uint64_t drum_operand(int k, uint64_t a) {
    if (a >> k == 0) return a;
    const int dropped = ilog2(a) + 1 - k;
    return ((a >> dropped) | 1) << dropped;
}

uint64_t drum_unsigned(int k, uint64_t a, uint64_t b) {
    return drum_operand(k, a) * drum_operand(k, b);
}

uint64_t truncate_operand(int bits, int kept, uint64_t a) {
    return kept >= bits ? a : a >> (bits - kept) << (bits - kept);
}

uint64_t truncate_unsigned(int bits, int kept, uint64_t a, uint64_t b) {
    return truncate_operand(bits, kept, a) * truncate_operand(bits, kept, b);
}

uint64_t ssm_operand(int bits, int m, uint64_t a) {
    return a >> m == 0 ? a : truncate_operand(bits, m, a);
}

uint64_t ssm_unsigned(int bits, int m, uint64_t a, uint64_t b) {
    return ssm_operand(bits, m, a) * ssm_operand(bits, m, b);
}

uint64_t nearest_power_of_two(uint64_t a) {
    const uint64_t below = uint64_t{1} << ilog2(a);
    return a - below >= below - (a - below) ? 2 * below : below;
}

uint64_t roba_unsigned(uint64_t a, uint64_t b) {
    if (a == 0 || b == 0) return 0;
    const uint64_t ar = nearest_power_of_two(a), br = nearest_power_of_two(b);
    return ar * b + a * br - ar * br;
}

uint64_t ama5_unsigned(int bits, uint64_t a, uint64_t b) {
    const uint64_t all = (uint64_t{1} << bits) - 1;
    const uint64_t lowest = all & 0x11111111;
    return (a & lowest) * b + 16 * (a & (all ^ lowest)) * ((b >> 3) & lowest);
}

uint64_t ama5_unsigned8(uint64_t a, uint64_t b) { return ama5_unsigned(8, a, b); }

}  // namespace convwright
