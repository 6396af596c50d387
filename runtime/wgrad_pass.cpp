// SPDX-License-Identifier: Apache-2.0
#include "runtime/wgrad_pass.h"

namespace convwright {

ConvPass wgrad_pass(const ConvProblem &p) {
    const auto i = [](int64_t v) { return static_cast<int>(v); };
    const auto axis = [&](int64_t in, int64_t taps, int64_t stride, int64_t pad, int64_t dilation,
                          int64_t out) {
        PassAxis a;
        a.in = i(in), a.out = i(taps);
        a.stride = i(dilation), a.pad = i(pad), a.dilation = i(stride);
        a.taps = {0, 1, i(out)};
        return a;
    };
    ConvPass pass;
    pass.n = i(p.ci / p.groups), pass.groups = i(p.groups);
    pass.ci = i(p.n), pass.co = i(p.co / p.groups);
    pass.x = axis(p.iw, p.kw, p.stride_w, p.pad_w, p.dilation_w, p.ow());
    pass.y = axis(p.ih, p.kh, p.stride_h, p.pad_h, p.dilation_h, p.oh());
    return pass;
}

std::vector<ConvPass> product_passes(const ConvProblem &p) {
    if (p.direction == Direction::kWgrad) return {wgrad_pass(p)};
    return conv_passes(p);
}

PassView wgrad_input(const Activation &t, const ConvPass &pass) {
    return {t.data,           DType::kF32,      {pass.ci, t.n}, {pass.groups, pass.n * t.c},
            {pass.x.in, t.w}, {pass.y.in, t.h}, {pass.n, t.c}};
}

PassView wgrad_output(const Weight &t, const ConvPass &pass) {
    return {t.data,
            DType::kF32,
            {pass.co, t.co},
            {pass.groups, pass.co * t.co},
            {pass.x.out, t.w},
            {pass.y.out, t.h},
            {pass.n, t.ci}};
}

Weight wgrad_weight(const Activation &t) { return {t.data, t.c, t.n, t.h, t.w}; }

}  // namespace convwright
