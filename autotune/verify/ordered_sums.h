// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "autotune/verify/naive_conv2d.h"

namespace convwright {

/// A scalar product of float32: activation, or gradient of the output in dgrad; weight, or that gradient in wgrad.
using Times = std::function<float(float, float)>;

/// The convolution by a scalar product, sums in the order that runtime/approx_plan.h states; `values.output` is
/// the gradient of the output. What kernels of approximate products equal bit for bit, but for which NaN a NaN is.
Values in_order(const ConvProblem &problem, const ConvValues &values, const Times &times);

/// The results with these numbers, of those of in_order().
Values results_in_order(const ConvProblem &problem, const ConvValues &values, const Times &times,
                        const std::vector<int64_t> &numbers);

/// Whether they have the same bits or are both NaN: -0 and +0 differ.
bool same_float(float a, float b);

}  // namespace convwright
