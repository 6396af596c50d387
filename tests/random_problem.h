// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <random>

#include "runtime/conv_problem.h"

namespace convwright {

/// A possible problem of moderate size, all fields drawn at random; the kernel may hang over the
/// input and the stride may jump over taps.
inline ConvProblem random_problem(std::mt19937 &random) {
    const auto draw = [&](int64_t low, int64_t high) {
        return low + static_cast<int64_t>(random() % (high - low + 1));
    };
    ConvProblem p;
    do {
        p.direction = static_cast<Direction>(draw(0, 2));
        p.format = static_cast<Format>(draw(0, 1));
        const bool depthwise = draw(0, 4) == 0;
        p.groups = draw(0, 2) == 0 || depthwise ? draw(1, 40) : 1;
        p.ci = p.groups * (depthwise ? 1 : draw(1, 40 / p.groups + 1));
        p.co = p.groups * (depthwise ? 1 : draw(1, 70 / p.groups + 1));
        p.n = draw(1, 3);
        p.ih = draw(1, 20), p.iw = draw(1, 40);
        p.kh = draw(1, 7), p.kw = draw(1, 7);
        p.stride_h = draw(1, 3), p.stride_w = draw(1, 3);
        p.pad_h = draw(0, 4), p.pad_w = draw(0, 4);
        p.dilation_h = draw(1, 3), p.dilation_w = draw(1, 3);
        if (draw(0, 2) == 0) {  // as most layers are, and as kernels with compiled-in taps want it
            p.kw = p.kh, p.stride_w = p.stride_h, p.dilation_h = p.dilation_w = 1;
        }
        if (draw(0, 4) == 0) p.kh = p.kw = p.stride_h = p.stride_w = 1, p.pad_h = p.pad_w = 0;
        p.bias = p.direction == Direction::kFprop && draw(0, 1) == 1;
        p.relu = p.direction == Direction::kFprop && draw(0, 1) == 1;
        p.dtype = p.groups > 1 && draw(0, 2) == 0 ? DType::kBf16 : DType::kF32;
    } while (why_impossible(p) != nullptr);
    return p;
}

}  // namespace convwright
