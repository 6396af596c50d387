// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/conv_problem.h"

namespace convwright::cuda {

/// A weighted sum with the taps and the stride of a kernel, over an input of `iw` x `ih`; `start` says what of it.
template<typename Params>
ConvProblem window_problem(const Params &params, const char *start, int64_t n, int64_t ci,
                           int64_t ih, int64_t iw, int64_t co, int64_t pad) {
    ConvProblem p = parse_problem(start);
    p.n = n, p.ci = ci, p.ih = ih, p.iw = iw, p.co = co;
    p.kh = p.kw = params.taps, p.stride_h = p.stride_w = params.stride;
    p.pad_h = p.pad_w = pad;
    return p;
}

}  // namespace convwright::cuda
