// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

namespace convwright {

/// Division in [0, 2^31) by a divisor whose FastDivisor (runtime/fast_division.h) the host passes.
/// Bounds inference knows nothing of a quotient: promise its range where it indexes a Func.
struct FastDivision {
    Halide::Expr divisor, multiplier, shift;  ///< int32, uint32, uint32.

    Halide::Expr quotient(const Halide::Expr &p) const {
        using Halide::cast;
        const Halide::Type wide = Halide::UInt(64), word = Halide::UInt(32);
        const Halide::Expr high =
            cast(word, cast(wide, cast(word, p) * 2) * cast(wide, multiplier) >> 32);
        return cast(Halide::Int(32), high >> shift);
    }
    /// p % divisor, given quotient(p).
    Halide::Expr remainder(const Halide::Expr &p, const Halide::Expr &quotient) const {
        return p - quotient * divisor;
    }
};

/// The two arguments of a kernel that stand for a divisor that it knows otherwise.
struct FastDivisionInput {
    Halide::GeneratorInput<uint32_t> multiplier, shift;

    explicit FastDivisionInput(const std::string &name)
        : multiplier(name + "_multiplier"), shift(name + "_shift") {}
    FastDivision operator()(Halide::Expr divisor) const {
        return {std::move(divisor), multiplier, shift};
    }
};

}  // namespace convwright
