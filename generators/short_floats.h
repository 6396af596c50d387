// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/stored_values.h"

namespace convwright {

/// On a GPU short floats have types of their own from memory on (stored_type()), which tensor cores take.
inline Halide::Type short_float(DType dtype) {
    return dtype == DType::kF16 ? Halide::Float(16) : Halide::BFloat(16);
}

/// The value that was stored, for kernels of a GPU; exact.
inline Halide::Expr widened(const Halide::Expr &stored, DType dtype) {
    if (dtype == DType::kF32) return stored;
    return Halide::cast<float>(Halide::reinterpret(short_float(dtype), stored));
}

/// A float32 as stored: rounded to nearest, ties to even.
inline Halide::Expr rounded(const Halide::Expr &value, DType dtype) {
    if (dtype == DType::kF32) return value;
    return Halide::reinterpret(stored_type(dtype), Halide::cast(short_float(dtype), value));
}

}  // namespace convwright
