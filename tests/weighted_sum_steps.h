// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/verify/naive_conv2d.h"
#include "tests/seed.h"

namespace convwright {

/// The convolutions of a weighted sum: `p` has the sizes of input and output and the depthwise geometry.
inline ConvProblem mix_of(ConvProblem p) {
    p.kh = p.kw = p.stride_h = p.stride_w = p.dilation_h = p.dilation_w = 1;
    p.pad_h = p.pad_w = 0;
    p.bias = p.relu = false, p.dtype = DType::kF32;
    return p;
}
inline ConvProblem window_of(ConvProblem p) {
    p.ci = p.groups = p.co;
    return p;
}

/// Values of the two steps; z between them is float32, as in the kernels.
struct WeightedSumSteps {
    ConvProblem p;
    ConvValues mix, window;
    Values expected;

    explicit WeightedSumSteps(const ConvProblem &problem)
        : p(problem),
          mix(integer_values(mix_of(p), test_seed())),
          window(integer_values(window_of(p), test_seed() + 1)) {
        take();
    }
    /// What is expected of the values as they are.
    void take() {
        window.input = naive_conv2d(mix_of(p), mix);
        expected = naive_conv2d(window_of(p), window);
    }
};

}  // namespace convwright
