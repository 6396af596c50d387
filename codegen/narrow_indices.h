// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

namespace convwright {

/// For a target with large_buffers, where Halide computes every index in 64 bits: memory of the kernel's
/// own (shared, registers) is small, and its indices become 32 bits again. The passes that reason
/// about them see what they see without large_buffers; global memory stays at 64 bits.
Halide::Internal::Stmt narrow_indices(const Halide::Internal::Stmt &nest);

/// A 64-bit integer expression with each operation in 32 bits: the same number where it fits. Variables
/// of 64 bits are converted, or, to reason about the number, keep their name as one of 32.
enum class WideVariables { kConverted, kKept };
Halide::Expr in_32_bits(const Halide::Expr &e, WideVariables variables);

}  // namespace convwright
