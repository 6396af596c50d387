// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "autotune/verify/tensor4.h"

namespace convwright {

Quad input_sizes(const ConvProblem &p);   ///< [N, Ci, H, W]
Quad output_sizes(const ConvProblem &p);  ///< [N, Co, Oh, Ow]
Quad weight_sizes(const ConvProblem &p);  ///< [Co, Ci / groups, Kh, Kw]
/// Sizes of what the problem's direction computes.
Quad result_sizes(const ConvProblem &p);

/// The three tensors of a convolution and its bias, those included that a direction does not read.
struct ConvValues {
    Values input, weight, output, bias;
    /// Of weighted sums: [Co, 1, Kh, Kw]; the weight is [Co, Ci, 1, 1] then.
    Values depthwise = {};
    bool bytes = false;  ///< Input and weight are bytes in memory, and what is computed int32.
};

/// Integers in [-3, 3]. Sums of their products are exact in float32 while 9 * K < 2^24, so neither
/// the order of a sum nor FMA contraction can change a result and the tolerance is 0.
ConvValues integer_values(const ConvProblem &p, uint32_t seed);

/// The result of the problem's direction straight from the definition, in double. The bias counts
/// if p.bias is set, a ReLU if p.relu is; short results are rounded once, at the end.
Values naive_conv2d(const ConvProblem &p, const ConvValues &values);

/// The results with these numbers, of those that naive_conv2d() computes; for problems where all of
/// them would take too long.
Values naive_results(const ConvProblem &p, const ConvValues &values,
                     const std::vector<int64_t> &numbers);

}  // namespace convwright
