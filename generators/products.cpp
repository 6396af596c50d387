// SPDX-License-Identifier: Apache-2.0
#include "generators/products.h"

#include "runtime/multipliers/integer_models.h"

namespace convwright {
namespace {

using Halide::cast;
using Halide::Expr;
using Halide::reinterpret;
using Halide::select;
using Exprs = Product::Exprs;

constexpr int kFraction = 0x007fffff, kOne = 0x3f800000, kInfinity = 0x7f800000;
constexpr int kLeastNormal = 0x00800000, kMagnitude = 0x7fffffff;
constexpr int kSignAndExponent = static_cast<int>(0xff800000u), kSign = static_cast<int>(1u << 31);

Expr bits(Expr value) { return reinterpret<int32_t>(value); }
Expr as_float(Expr bits) { return reinterpret<float>(bits); }
Expr edited(Expr bits, const ProductScalars &s) { return (bits & s.keep) | s.set; }

/// Fraction bits, and the power of two with the sign: zero where the pixel counts as zero.
Exprs fraction_and_power(Expr pixel, const ProductScalars &s) {
    const Expr b = bits(pixel);
    return {edited(b & kFraction, s), as_float(b & kSignAndExponent)};
}

/// The pixel over its nearest power of two, in [3/4, 3/2), and that power with the sign.
Exprs ratio_and_nearest_power(Expr pixel, const ProductScalars &) {
    const Expr b = bits(pixel);
    const Expr up = (b >> 22) & 1;  // fraction 1/2 or more
    const Expr ratio = as_float((b & kFraction) + kOne - (up << 23));
    const Expr power = (b & kSignAndExponent) + (up << 23);
    return {ratio, as_float(select((b & kMagnitude) < kLeastNormal, 0, power))};
}

Exprs itself(Expr pixel, const ProductScalars &) { return {pixel}; }

/// g = 1 + x + y + max(x + y - 1, 0) by one integer addition, as_float(x + 1.y).
Expr mitchell(Expr sum, const Exprs &a, const Exprs &b, const ProductScalars &) {
    return sum + as_float(a[0] + bits(b[0])) * a[1];  // the weight's power is in its word
}

Expr mitchell_zeros(Expr sum, const Exprs &a, const Exprs &b, const ProductScalars &) {
    return sum + as_float(a[0] + bits(b[0])) * b[1] * a[1];
}

/// RZ(g + c) = RN(g + (c - 2^-27)) for every g in [1, 4); the third word of a weight is that constant
/// times its power. It is left out where g + 5/64 would reach 4: the second word is the least sum of
/// bits that stays as it is, with the weight's sign and exponent as the sum has them. Powers of two
/// scale exactly, so the addition and the fused multiply-add round as the product and the sum do.
Expr mbm(Expr sum, const Exprs &a, const Exprs &b, const ProductScalars &) {
    const Expr g = a[0] + bits(b[0]);
    return sum + (as_float(g) + select(g < bits(b[1]), b[2], 0.0f)) * a[1];
}

/// The same with the power of the weight, which may be zero, apart: words are 1.y, power, constant.
Expr mbm_zeros(Expr sum, const Exprs &a, const Exprs &b, const ProductScalars &s) {
    const Expr g = a[0] + bits(b[0]);
    const Expr corrected = as_float(g) * b[1] + select(g < s.correction, b[2], 0.0f);
    return sum + corrected * a[1];
}

/// Ar*b + a*Br - Ar*Br = Ar*Br * (a/Ar + (b/Br - 1)), one rounding.
Expr roba(Expr sum, const Exprs &a, const Exprs &b, const ProductScalars &) {
    return sum + (a[0] * b[0] + b[1]) * a[1];
}

/// Two operands and Mitchell's sum of their bits, all uint32.
struct LogOperands {
    Expr za, zb, sum, carry, zero, special, exact, sign;

    LogOperands(Expr a, Expr b, const ProductScalars &s) {
        const auto unsigned_bits = [](Expr value) { return reinterpret<uint32_t>(value); };
        const Expr ua = unsigned_bits(a), ub = unsigned_bits(b);
        const Expr ma = ua & word(kMagnitude), mb = ub & word(kMagnitude);
        zero = ma < word(kLeastNormal) || mb < word(kLeastNormal);
        special = ma >= word(kInfinity) || mb >= word(kInfinity);
        exact = a * b;
        sign = (ua ^ ub) & word(kSign);
        const auto edit = [&](Expr m) {
            return (m & cast<uint32_t>(s.keep)) | cast<uint32_t>(s.set);
        };
        za = edit(ma), zb = edit(mb);
        // Less than bits(1) in all is an underflow, as 0 is.
        const Expr both = za + zb;
        sum = select(both < word(kOne), word(0), both - word(kOne));
        carry = (za & word(kFraction)) + (zb & word(kFraction)) > word(kFraction);
    }
    Expr result(Expr product) const {
        const Expr value = select(product < word(kLeastNormal), 0.0f, product >= word(kInfinity),
                                  exact, reinterpret<float>(product | sign));
        return select(special, exact, zero, 0.0f, value);
    }
    static Expr word(int value) { return Expr(static_cast<uint32_t>(value)); }
};

/// Mitchell's bits and a correction (uint32), which is left out if it would carry again.
Expr corrected_product(const LogOperands &o, Expr correction) {
    const Expr fraction = LogOperands::word(kFraction);
    const Expr u = o.sum + correction;
    const Expr overflows = ((u ^ o.sum) & LogOperands::word(kLeastNormal)) != LogOperands::word(0);
    const Expr halved = (u & ~fraction) | ((u & fraction) >> LogOperands::word(1));
    return select(!overflows, u, o.carry, o.sum, halved);
}

Expr log_bits(Expr sum, const Exprs &a, const Exprs &b, const ProductScalars &s) {
    const LogOperands o(a[0], b[0], s);
    return sum +
           o.result(corrected_product(o, cast<uint32_t>(select(o.carry, s.carried, s.correction))));
}

Expr lmul_bits(Expr sum, const Exprs &a, const Exprs &b, const ProductScalars &s) {
    const LogOperands o(a[0], b[0], s);
    return sum + o.result(o.sum + cast<uint32_t>(s.correction));
}

Expr realm_bits(Expr sum, const Exprs &a, const Exprs &b, const ProductScalars &s) {
    const LogOperands o(a[0], b[0], s);
    const auto top_two = [](Expr z) { return cast<int32_t>(z >> LogOperands::word(21)) & 3; };
    const Expr row = top_two(o.za), column = top_two(o.zb);
    Expr correction = 0;
    for (int i = 0; i < 4; i++) {
        Expr entry = 0;
        for (int j = 0; j < 4; j++) {
            entry = select(column == j, static_cast<int>(kRealm64[i][j]), entry);
        }
        correction = select(row == i, entry, correction);
    }
    correction = (correction << 17) >> select(o.carry, 1, 0);
    return sum + o.result(corrected_product(o, cast<uint32_t>(correction)));
}

/// Exact in double, and one rounding: float_models.cpp.
Expr roba_bits(Expr sum, const Exprs &a, const Exprs &b, const ProductScalars &s) {
    const auto nearest = [](Expr value) {
        const Expr up = (bits(value) >> 22) & 1;
        return cast<double>(as_float(bits(value) & kSignAndExponent)) *
               cast<double>(cast<float>(up + 1));
    };
    const LogOperands o(a[0], b[0], s);
    const Expr ar = nearest(a[0]), br = nearest(b[0]);
    const Expr exact = ar * cast<double>(b[0]) + cast<double>(a[0]) * br - ar * br;
    return sum + select(o.special, o.exact, o.zero, 0.0f, cast<float>(exact));
}

/// P = (A & 0x111111)*B + 16*(A & 0xEEEEEE)*((B>>3) & 0x111111) on 24-bit significands.
Expr ax_fpm_bits(Expr sum, const Exprs &a, const Exprs &b, const ProductScalars &s) {
    const LogOperands o(a[0], b[0], s);
    const auto significand = [](Expr value) {
        return cast<uint64_t>(reinterpret<uint32_t>((bits(value) & kFraction) | kLeastNormal));
    };
    const auto magnitude = [](Expr value) { return as_float(bits(value) & kMagnitude); };
    const Expr x = significand(a[0]), w = significand(b[0]);
    const auto u64 = [](uint64_t value) { return Expr(value); };
    const Expr p =
        (x & u64(0x111111)) * w + ((x & u64(0xEEEEEE)) * ((w >> u64(3)) & u64(0x111111)) << u64(4));
    const Expr exponent =
        ((bits(a[0]) & kMagnitude) >> 23) + ((bits(b[0]) & kMagnitude) >> 23) - 126;
    const Expr shifted = select((p >> u64(48)) != u64(0), p >> u64(25), p >> u64(24));
    const Expr fraction = cast<int32_t>(shifted & u64(kFraction));
    const Expr sign = cast<int32_t>(o.sign);
    const Expr value = select(exponent < 1, 0.0f, exponent >= 255, as_float(kInfinity | sign),
                              as_float((exponent << 23) | fraction | sign));
    const Expr tiny = min(magnitude(a[0]), magnitude(b[0])) < 1e-36f;
    return sum + select(o.special, o.exact, tiny, 0.0f, value);
}

/// A row of the table for the pixel, a column for the weight; the carry bit of an entry adds to the
/// exponent.
Expr mantissa_table(Expr sum, const Exprs &a, const Exprs &b, const ProductScalars &s) {
    const LogOperands o(a[0], b[0], s);
    const Expr dropped = cast<uint32_t>(23 - s.correction), bits = cast<uint32_t>(s.correction);
    const Expr fraction = LogOperands::word(kFraction), exponent = LogOperands::word(kInfinity);
    const Expr index = (((o.za & fraction) >> dropped) << bits) + ((o.zb & fraction) >> dropped);
    const Expr entry = cast<uint32_t>(s.table(
        unsafe_promise_clamped(cast<int32_t>(index), 0, (Expr(1) << (2 * s.correction)) - 1)));
    // Less than bits(1) in all is an underflow even with a carry.
    const Expr both = (o.za & exponent) + (o.zb & exponent), one = LogOperands::word(kOne);
    return sum + o.result(select(both < one, LogOperands::word(0), both - one + entry));
}

/// Strict: a fused multiply-add would not round the product.
Expr rounded(Expr sum, const Exprs &a, const Exprs &b, const ProductScalars &) {
    return Halide::strict_float(sum + Halide::strict_float(a[0] * b[0]));
}

}  // namespace

const std::map<std::string, Product> &products() {
    static const std::map<std::string, Product> table{
        {"mitchell", {1, fraction_and_power, mitchell}},
        {"mitchell_zeros", {2, fraction_and_power, mitchell_zeros}},
        {"mbm", {3, fraction_and_power, mbm}},
        {"mbm_zeros", {3, fraction_and_power, mbm_zeros}},
        {"roba", {2, ratio_and_nearest_power, roba}},
        {"log_bits", {1, itself, log_bits}},
        {"lmul_bits", {1, itself, lmul_bits}},
        {"realm_bits", {1, itself, realm_bits}},
        {"roba_bits", {1, itself, roba_bits}},
        {"ax_fpm_bits", {1, itself, ax_fpm_bits}},
        {"mantissa_table", {1, itself, mantissa_table}},
        {"rounded", {1, itself, rounded}},
    };
    return table;
}

}  // namespace convwright
