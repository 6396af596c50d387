// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/verify/naive_conv2d.h"

namespace convwright {

/// integer_values() of a weighted sum; exact while 27 * K < 2^24, for its products have three factors.
ConvValues weighted_sum_values(const ConvProblem &p, uint32_t seed);

/// The convolution that is the same sum: its weight is pointwise(co, ci) * depthwise(co, ky, kx).
ConvValues composed(const ConvProblem &p, const ConvValues &values);

/// The gradients of a weighted sum from the definition, of `values` as they are: the input's and, behind them, those of
/// z, which are results of the depthwise step.
Values sum_gradients(const ConvProblem &p, const ConvValues &values);

/// Those of them with these numbers, which ascend, as naive_results().
Values some_sum_gradients(const ConvProblem &p, const ConvValues &values,
                          const std::vector<int64_t> &numbers);

/// How many of them are the input's.
int64_t input_gradients(const ConvProblem &p);

}  // namespace convwright
