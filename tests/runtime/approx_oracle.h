// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <random>

#include "autotune/verify/naive_conv2d.h"
#include "runtime/multipliers/mantissa_table.h"
#include "runtime/multipliers/multiplier.h"

namespace convwright {

/// A scalar product: activation, weight.
using Times = std::function<float(float, float)>;
Times times_of(const Multiplier &multiplier);

/// The convolution by a scalar product, sums as runtime/approx_conv.h says; `values.output` is the
/// gradient of the output.
Values in_order(const ConvProblem &problem, const ConvValues &values, const Times &times);

/// Normal operands of both signs, many zeros, and fractions near 1 where MBM has its corner. Weights and
/// gradients are zero only with `zero_weights`.
ConvValues approx_operands(const ConvProblem &problem, bool zero_weights);

/// Entries that no symmetric or smooth multiplier has.
MantissaTable odd_table(int bits);

/// -0 and +0 differ, NaNs do not.
void expect_same_bits(const Values &actual, const Values &expected);

}  // namespace convwright
