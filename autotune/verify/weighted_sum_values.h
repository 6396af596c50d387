// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/verify/naive_conv2d.h"

namespace convwright {

/// integer_values() of a weighted sum; exact while 27 * K < 2^24, for its products have three factors.
ConvValues weighted_sum_values(const ConvProblem &p, uint32_t seed);

/// The convolution that is the same sum: its weight is pointwise(co, ci) * depthwise(co, ky, kx).
ConvValues composed(const ConvProblem &p, const ConvValues &values);

}  // namespace convwright
