// SPDX-License-Identifier: Apache-2.0
#include "autotune/verify/call_tensors.h"

namespace convwright {
namespace {

Tensor4 operand(const ConvProblem &p, const Quad &sizes, Format format, const TensorLayout &layout,
                const Values &values) {
    return {sizes, strides_for(sizes, format, layout.gaps), layout.placement, values, p.dtype};
}

Tensor4 result_of(const ConvProblem &p, const TensorLayout &layout) {
    const Format format = p.direction == Direction::kWgrad ? layout.weight_format : p.format;
    const Quad sizes = result_sizes(p);
    return {sizes, strides_for(sizes, format, layout.gaps), Placement::kMiddle, p.dtype};
}

}  // namespace

CallTensors::CallTensors(const ConvProblem &p, const ConvValues &values, const TensorLayout &layout,
                         int64_t workspace)
    : problem_(p),
      input_(operand(p, input_sizes(p), p.format, layout, values.input)),
      weight_(operand(p, values.depthwise.empty() ? weight_sizes(p) : Quad{p.co, p.ci, 1, 1},
                      layout.weight_format, layout, values.weight)),
      output_(operand(p, output_sizes(p), p.format, layout, values.output)),
      bias_({1, 1, 1, p.co}, {p.co, p.co, p.co, 1}, layout.placement, values.bias, p.dtype),
      result_(result_of(p, layout)),
      workspace_(workspace, Placement::kMiddle) {
    if (values.depthwise.empty()) return;
    const Quad taps{p.co, 1, p.kh, p.kw};
    depthwise_.emplace(taps, strides_for(taps, layout.weight_format, layout.gaps), layout.placement,
                       values.depthwise, p.dtype);
}

bool CallTensors::run(const KernelCall &call, CallContext &context) {
    const Direction direction = problem_.direction;
    const void *bias = problem_.bias ? bias_.activation().data : nullptr;
    if (depthwise_)
        return run_weighted_sum(context, call.weighted_sum, input_.activation(), weight_.weight(),
                                depthwise_->weight(), bias, result_.activation(),
                                workspace_.data());
    return call.run(context, (direction == Direction::kDgrad ? result_ : input_).activation(),
                    (direction == Direction::kWgrad ? result_ : weight_).weight(),
                    (direction == Direction::kFprop ? result_ : output_).activation(), bias,
                    workspace_.data());
}

}  // namespace convwright
