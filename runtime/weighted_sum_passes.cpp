// SPDX-License-Identifier: Apache-2.0
#include "runtime/weighted_sum_passes.h"

#include <algorithm>

#include "runtime/cost_model.h"

namespace convwright {
namespace {

/// The pointwise pass over the columns of z that some tap meets; a task has rows of its own.
ConvPass mix_pass(const ConvProblem &p) {
    const int64_t last = (p.ow() - 1) * p.stride_w + (p.kw - 1) * p.dilation_w - p.pad_w;
    ConvPass pass;
    pass.n = static_cast<int>(p.n);
    pass.ci = static_cast<int>(p.ci), pass.co = static_cast<int>(p.co);
    pass.x.in = pass.x.out = static_cast<int>(std::min(last + 1, p.iw));
    pass.y.in = pass.y.out = static_cast<int>(p.ih);
    return pass;
}

}  // namespace

ConvProblem pointwise_problem(const ConvProblem &problem) {
    ConvProblem p = problem;
    p.kh = p.kw = p.stride_h = p.stride_w = p.dilation_h = p.dilation_w = 1;
    p.pad_h = p.pad_w = 0;
    p.bias = p.relu = false;
    return p;
}

ConvProblem depthwise_problem(const ConvProblem &problem) {
    ConvProblem p = problem;
    p.ci = p.groups = p.co;
    return p;
}

WeightedSumPasses weighted_sum_passes(const ConvProblem &problem) {
    return {mix_pass(problem), conv_passes(depthwise_problem(problem)).front()};
}

const char *why_not_mixed(const ConvProblem &problem) {
    const char *why = why_too_large(problem);
    return why != nullptr ? why : why_too_large(depthwise_problem(problem));
}

const char *why_not_fused(const ConvProblem &problem, const WeightedSumPasses &passes) {
    if (problem.format != Format::kNhwc) return "only channels_last is fused";
    // The scratch is read row by row: no steps between its rows and columns.
    if (passes.window.x.in_step != 1 || passes.window.y.in_step != 1) return "there is one tap";
    return passes.mix.x.out < 1 ? "no tap meets a column" : nullptr;
}

double predicted_cycles(const WeightedSumCpuParams &params, const WeightedSumPasses &passes,
                        Isa isa) {
    return predicted_cycles(params.pointwise(), passes.mix, Format::kNhwc, isa) +
           predicted_cycles(params.depthwise(), passes.window, Format::kNhwc, isa);
}

}  // namespace convwright
