// SPDX-License-Identifier: Apache-2.0
#include "runtime/pass_limits.h"

#include <algorithm>
#include <cstdint>

namespace convwright {

// why_too_large() has these bounds, too, behind the one of elements; pass_limits_test.cpp compares them.
const char *why_no_passes(const ConvProblem &p) {
    // In double: what a text says may overflow 64 bits.
    const auto padded = [](int64_t size, int64_t pad) { return size + 2.0 * pad; };
    if (std::max({p.n, p.ci, p.co, p.stride_h, p.stride_w, p.dilation_h, p.dilation_w}) >
            INT32_MAX ||
        std::max(padded(p.ih, p.pad_h), padded(p.iw, p.pad_w)) > INT32_MAX) {
        return "a padded size, a stride or a dilation is 2^31 or more";
    }
    const int64_t phases = std::min(p.stride_h, p.ih) * std::min(p.stride_w, p.iw);
    return p.direction == Direction::kDgrad && phases > kMostPhases
               ? "the gradient has more than 4096 phases"
               : nullptr;
}

}  // namespace convwright
