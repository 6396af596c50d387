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
      weight_(operand(p, weight_sizes(p), layout.weight_format, layout, values.weight)),
      output_(operand(p, output_sizes(p), p.format, layout, values.output)),
      bias_({1, 1, 1, p.co}, {p.co, p.co, p.co, 1}, layout.placement, values.bias, p.dtype),
      result_(result_of(p, layout)),
      workspace_(workspace, Placement::kMiddle) {}

bool CallTensors::run(const KernelCall &call, CallContext &context) {
    const Direction direction = problem_.direction;
    return call.run(context, (direction == Direction::kDgrad ? result_ : input_).activation(),
                    (direction == Direction::kWgrad ? result_ : weight_).weight(),
                    (direction == Direction::kFprop ? result_ : output_).activation(),
                    problem_.bias ? bias_.activation().data : nullptr, workspace_.data());
}

}  // namespace convwright
