// SPDX-License-Identifier: Apache-2.0
#include "runtime/conv_pass.h"

#include <algorithm>
#include <utility>

namespace convwright {
namespace {

struct Axis {
    int in, out, taps, stride, pad, dilation;
};

/// `may_step`: kernels do not need this axis of the input to be dense.
PassAxis fprop_axis(const Axis &a, bool may_step) {
    PassAxis pass;
    pass.in = a.in, pass.out = a.out;
    pass.stride = a.stride, pass.pad = a.pad, pass.dilation = a.dilation;
    pass.taps = {0, 1, a.taps};
    // One tap at a stride reads every s-th position: a dense axis seen through larger steps.
    if (a.taps == 1 && a.pad == 0 && may_step) {
        pass.in = pass.out, pass.in_step = a.stride, pass.stride = 1;
    }
    return pass;
}

/// The phase of dgrad that writes input positions phase, phase + stride, ...
PassAxis dgrad_axis(const Axis &a, int phase) {
    PassAxis pass;
    pass.in = a.out;
    pass.out = (a.in - phase + a.stride - 1) / a.stride;
    pass.out_first = phase, pass.out_step = a.stride;
    int first = -1, last = -1, step = 0, count = 0;
    for (int k = 0; k < a.taps; k++) {
        if ((phase + a.pad - k * a.dilation) % a.stride != 0) continue;
        if (count == 1) step = k - first;
        if (count == 0) first = k;
        last = k;
        count++;
    }
    pass.taps = {last, -step, count};
    if (count > 0) pass.pad = -((phase + a.pad - last * a.dilation) / a.stride);
    if (count > 1) pass.dilation = step * a.dilation / a.stride;
    return pass;
}

}  // namespace

std::vector<ConvPass> conv_passes(const ConvProblem &p) {
    const auto i = [](int64_t v) { return static_cast<int>(v); };
    const Axis x{i(p.iw), i(p.ow()), i(p.kw), i(p.stride_w), i(p.pad_w), i(p.dilation_w)};
    const Axis y{i(p.ih), i(p.oh()), i(p.kh), i(p.stride_h), i(p.pad_h), i(p.dilation_h)};
    ConvPass pass;
    pass.n = i(p.n), pass.groups = i(p.groups);
    pass.ci = i(p.ci / p.groups), pass.co = i(p.co / p.groups);
    if (p.direction != Direction::kDgrad) {
        pass.x = fprop_axis(x, p.format == Format::kNhwc), pass.y = fprop_axis(y, true);
        return {pass};
    }
    pass.transposed = true;
    std::swap(pass.ci, pass.co);
    std::vector<ConvPass> passes;
    for (int phase_y = 0; phase_y < std::min(y.stride, y.in); phase_y++) {
        for (int phase_x = 0; phase_x < std::min(x.stride, x.in); phase_x++) {
            pass.x = dgrad_axis(x, phase_x), pass.y = dgrad_axis(y, phase_y);
            passes.push_back(pass);
        }
    }
    return passes;
}

bool can_fold(const ConvPass &p) { return p.groups == 1 && p.x.dilation == 1 && p.x.in_step == 1; }

ConvPass folded(ConvPass p) {
    p.x.in *= p.ci, p.x.stride *= p.ci, p.x.pad *= p.ci, p.x.taps.count *= p.ci;
    p.ci = 1;
    return p;
}

}  // namespace convwright
