// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <random>

#include "autotune/verify/ordered_sums.h"
#include "runtime/multipliers/mantissa_table.h"
#include "runtime/multipliers/multiplier.h"

namespace convwright {

/// The scalar product of a multiplier in float32.
Times times_of(const Multiplier &multiplier);

/// Normal operands of both signs, many zeros, and fractions near 1 where MBM has its corner. Weights and
/// gradients are zero only with `zero_weights`.
ConvValues approx_operands(const ConvProblem &problem, bool zero_weights);

/// Of the seed of this run of the tests.
MantissaTable odd_table(int bits);

/// -0 and +0 differ, NaNs do not.
void expect_same_bits(const Values &actual, const Values &expected);

}  // namespace convwright
