// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/float_models.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "runtime/multipliers/integer_models.h"

namespace convwright {
namespace {

constexpr uint32_t kSign = 0x80000000, kMagnitude = 0x7fffffff;
constexpr uint32_t kInfinity = 0x7f800000, kLeastNormal = 0x00800000;
constexpr uint32_t kFraction = 0x007fffff, kImplicitOne = 0x00800000;
constexpr int kFractionBits = 23, kSignificandBits = 24, kBias = 127;

uint32_t to_bits(float a) {
    uint32_t bits;
    std::memcpy(&bits, &a, sizeof bits);
    return bits;
}

float from_bits(uint32_t bits) {
    float a;
    std::memcpy(&a, &bits, sizeof a);
    return a;
}

bool is_special(float a) { return (to_bits(a) & kMagnitude) >= kInfinity; }
bool counts_as_zero(float a) { return (to_bits(a) & kMagnitude) < kLeastNormal; }
uint32_t sign_of_product(float a, float b) { return (to_bits(a) ^ to_bits(b)) & kSign; }

/// What happens to the fractions before they are added: (x & keep) | set, on the bits of a float.
struct FractionEdit {
    uint32_t keep = ~0u;
    uint32_t set = 0;
};

/// The frame of the log family: specials, Mitchell's sum, overflow and underflow. correct(sum,
/// carry, za, zb) adds the correction to the bits of Mitchell's product; the exponent of sum, a
/// signed number, may be outside a float's range. carry: the fractions' sum is 1 or more; za, zb:
/// the operands' bits without sign.
template<typename Correct>
float log_product(float a, float b, FractionEdit edit, Correct correct) {
    if (is_special(a) || is_special(b)) return a * b;
    if (counts_as_zero(a) || counts_as_zero(b)) return 0.0f;
    const uint32_t za = (to_bits(a) & kMagnitude & edit.keep) | edit.set;
    const uint32_t zb = (to_bits(b) & kMagnitude & edit.keep) | edit.set;
    const int64_t sum = int64_t{za} + zb - (int64_t{kBias} << kFractionBits);
    const bool carry = (za & kFraction) + (zb & kFraction) >= kImplicitOne;
    const int64_t product = correct(sum, carry, za, zb);
    if (product < kLeastNormal) return 0.0f;
    if (product >= kInfinity) return a * b;
    return from_bits(static_cast<uint32_t>(product) | sign_of_product(a, b));
}

/// Mitchell's bits plus a correction of Pa*Pb (that of MBM and REALM), given in units of the
/// result's last bit, so halved by the caller where the fractions carry. There it is left out if it
/// would carry again; where it carries alone, the result's last bit is dropped.
int64_t add_to_product(int64_t sum, bool carry, uint32_t correction) {
    const int64_t corrected = sum + correction;
    if (((corrected ^ sum) & kImplicitOne) == 0) return corrected;
    if (carry) return sum;
    return (corrected & ~int64_t{kFraction}) | ((corrected & kFraction) >> 1);
}

/// A normal operand with `transform` applied to its significand, whose leading one stays; any other
/// as it is.
template<typename Transform>
float with_significand(float a, Transform transform) {
    if (is_special(a) || counts_as_zero(a)) return a;
    const uint32_t bits = to_bits(a);
    const uint64_t significand = transform(uint64_t{(bits & kFraction) | kImplicitOne});
    return from_bits((bits & ~kFraction) | (static_cast<uint32_t>(significand) & kFraction));
}

/// nearest_power_of_two of a normal number, with its sign. In double: it may be 2^128.
double nearest_signed_power_of_two(float a) {
    const double below = from_bits(to_bits(a) & ~kFraction);
    const bool up = (to_bits(a) & (kImplicitOne >> 1)) != 0;  // fraction 1/2 or more
    return up ? 2 * below : below;
}

}  // namespace

float truncate_to_bf16(float a) {
    const uint32_t upper = to_bits(a) & 0xffff0000;
    const bool is_nan = (to_bits(a) & kMagnitude) > kInfinity;
    return from_bits(is_nan ? upper | 0x00400000 : upper);  // a quiet nan, its payload may be lost
}

float mitchell_f32(float a, float b) {
    return log_product(a, b, {}, [](int64_t sum, bool, uint32_t, uint32_t) { return sum; });
}

float pam_f32(float a, float b) { return mitchell_f32(a, b); }

float mbm_f32(float a, float b, int t) {
    FractionEdit edit;
    if (t > 0) edit = {~((1u << t) - 1), 1u << t};
    const uint32_t kept = t >= 16 ? ~((1u << t) - 1) : ~0u;
    return log_product(a, b, edit, [=](int64_t sum, bool carry, uint32_t, uint32_t) {
        return add_to_product(sum, carry, (carry ? 0x50000 : 0xA0000) & kept);  // 5/64, halved
    });
}

float realm_f32(float a, float b) {
    const auto top_two = [](uint32_t z) { return (z & kFraction) >> (kFractionBits - 2); };
    return log_product(a, b, {}, [=](int64_t sum, bool carry, uint32_t za, uint32_t zb) {
        const uint32_t correction = static_cast<uint32_t>(kRealm64[top_two(za)][top_two(zb)])
                                    << (kFractionBits - 6);
        return add_to_product(sum, carry, correction >> carry);
    });
}

float lmul_f32(float a, float b, int mantissa_bits) {
    const FractionEdit edit = {~0u << (kFractionBits - mantissa_bits), 0};
    const int l = mantissa_bits <= 3 ? mantissa_bits : mantissa_bits == 4 ? 3 : 4;
    return log_product(a, b, edit, [=](int64_t sum, bool, uint32_t, uint32_t) {
        return sum + (int64_t{1} << (kFractionBits - l));
    });
}

float drum_operand_f32(float a, int k) {
    return with_significand(a, [=](uint64_t significand) { return drum_operand(k, significand); });
}

float drum_f32(float a, float b, int k) { return drum_operand_f32(a, k) * drum_operand_f32(b, k); }

float truncate_operand_f32(float a, int kept) {
    return with_significand(a, [=](uint64_t significand) {
        return truncate_operand(kSignificandBits, kept, significand);
    });
}

float truncate_f32(float a, float b, int kept) {
    return truncate_operand_f32(a, kept) * truncate_operand_f32(b, kept);
}

float roba_f32(float a, float b) {
    if (is_special(a) || is_special(b)) return a * b;
    if (counts_as_zero(a) || counts_as_zero(b)) return 0.0f;
    // Exact in double, in any order and with any fusing: with u = 2^(ea+eb-23), ea, eb the
    // exponents, each term and partial sum is an integer of u, below 2^27 u (Ar*b, a*Br, Ar*Br are
    // at most 4 * 2^23 u), and -275 <= ea+eb-23 <= 231 is far inside double's range. One rounding:
    // the last.
    const double ar = nearest_signed_power_of_two(a), br = nearest_signed_power_of_two(b);
    return static_cast<float>(ar * b + a * br - ar * br);
}

float ax_fpm_f32(float activation, float weight) {
    if (is_special(activation) || is_special(weight)) return activation * weight;
    const auto magnitude = [](float a) { return from_bits(to_bits(a) & kMagnitude); };
    if (std::min(magnitude(activation), magnitude(weight)) < 1e-36f) return 0.0f;
    const auto significand = [](float a) { return (to_bits(a) & kFraction) | kImplicitOne; };
    const auto biased_exponent = [](float a) {
        return static_cast<int>((to_bits(a) & kMagnitude) >> kFractionBits);
    };
    const uint64_t p =
        ama5_unsigned(kSignificandBits, significand(activation), significand(weight));
    const int exponent = biased_exponent(activation) + biased_exponent(weight) - kBias + 1;
    if (exponent < 1) return 0.0f;
    const uint32_t sign = sign_of_product(activation, weight);
    if (exponent >= 255) return from_bits(kInfinity | sign);
    const uint32_t fraction = static_cast<uint32_t>(p >> (p >> 48 & 1 ? 25 : 24)) & kFraction;
    return from_bits(static_cast<uint32_t>(exponent) << kFractionBits | fraction | sign);
}

}  // namespace convwright
