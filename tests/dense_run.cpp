// SPDX-License-Identifier: Apache-2.0
#include "tests/dense_run.h"

#include <gtest/gtest.h>

namespace convwright {
namespace {

Tensor4 dense(const Quad &sizes, Format format, const Values &values, DType dtype) {
    return {sizes, strides_for(sizes, format, false), Placement::kMiddle, values, dtype};
}

}  // namespace

Values run_dense(const KernelCall &call, const ConvValues &values) {
    const ConvProblem &p = call.problem;
    const Format result_format = p.direction == Direction::kWgrad ? Format::kNchw : p.format;
    const Tensor4 input = dense(input_sizes(p), p.format, values.input, p.dtype);
    const Tensor4 weight = dense(weight_sizes(p), Format::kNchw, values.weight, p.dtype);
    const Tensor4 output = dense(output_sizes(p), p.format, values.output, p.dtype);
    const Tensor4 result(result_sizes(p), strides_for(result_sizes(p), result_format, false),
                         Placement::kMiddle, p.dtype);
    const Tensor4 bias = dense({1, 1, 1, p.co}, Format::kNchw, values.bias, p.dtype);
    GuardedFloats workspace(call.workspace(), Placement::kMiddle);
    CallContext context;
    EXPECT_TRUE(call.run(context, (p.direction == Direction::kDgrad ? result : input).activation(),
                         (p.direction == Direction::kWgrad ? result : weight).weight(),
                         (p.direction == Direction::kFprop ? result : output).activation(),
                         p.bias ? bias.activation().data : nullptr, workspace.data()))
        << context.error();
    return result.values();
}

}  // namespace convwright
