// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "generators/products.h"

namespace convwright {

/// The words of a weight for a product of this name, as runtime/multipliers/product_words.cpp packs
/// them, made where they are used: a GPU's thread needs a weight for px_t products, so that two to
/// four instructions a weight cost less than words in shared memory, and one packed weight serves all
/// forms. Zero and subnormal weights have a power of +0 or -0. `carried` of the scalars is the bits of
/// the constant that the fast forms of MBM add.
inline Product::Exprs weight_words(const std::string &product, const Halide::Expr &weight,
                                   const ProductScalars &s) {
    using Halide::Expr;
    constexpr int kFraction = 0x007fffff, kOne = 0x3f800000, kMagnitude = 0x7fffffff;
    constexpr int kLeastNormal = 0x00800000;
    constexpr int kSignAndExponent = static_cast<int>(0xff800000u);
    const auto as_float = [](const Expr &bits) { return Halide::reinterpret<float>(bits); };
    const Expr bits = Halide::reinterpret<int32_t>(weight);
    const Expr power = bits & kSignAndExponent;
    const Expr whole = (bits & s.keep) | s.set;
    const Expr fraction = ((bits & kFraction & s.keep) | s.set) | kOne;
    if (product == "mitchell") return {as_float(whole + s.correction)};
    if (product == "mitchell_zeros") return {as_float(fraction + s.correction), as_float(power)};
    const Expr constant = as_float(power) * as_float(s.carried);
    if (product == "mbm")
        return {as_float(whole), as_float(power + (s.correction - kOne)), constant};
    if (product == "mbm_zeros") return {as_float(fraction), as_float(power), constant};
    if (product == "roba") {
        const Expr nearest = as_float(power + (((bits >> 22) & 1) << 23));
        const Expr zero = (bits & kMagnitude) < kLeastNormal;
        return {select(zero, 0.0f, nearest), select(zero, 0.0f, weight - nearest)};
    }
    return {weight};
}

}  // namespace convwright
