// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "Halide.h"
#include "runtime/conv_problem.h"

namespace convwright {

/// How kernels hold a value in memory. bfloat16 and float16 are 16 bits without a type of their own:
/// on CPUs Halide's bfloat16 is emulated with a warning for each kernel, and by more instructions.
inline Halide::Type stored_type(DType dtype) {
    return bytes_of(dtype) == 2 ? Halide::UInt(16) : Halide::Float(32);
}

/// The value that was stored, a float32 or a bfloat16; exact.
inline Halide::Expr to_float(Halide::Expr stored) {
    if (stored.type().is_float()) return stored;
    return Halide::reinterpret<float>(Halide::cast<uint32_t>(stored) << 16);
}

/// `value` as stored: rounded to nearest, ties to even, as PyTorch does; every NaN becomes 0x7fc0.
inline Halide::Expr to_stored(Halide::Expr value, Halide::Type type) {
    if (type.is_float()) return value;
    const Halide::Expr bits = Halide::reinterpret<uint32_t>(value);
    const Halide::Expr rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    return Halide::cast<uint16_t>(
        Halide::select(Halide::is_nan(value), Halide::Expr(uint32_t{0x7fc0}), rounded));
}

}  // namespace convwright
