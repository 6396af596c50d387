// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime/cuda/exact_check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/repro.h"
#include "tests/runtime/cuda/emulated_driver.h"

namespace convwright::cuda {
namespace {

bool equal(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

/// Empty if equal, else how many values differ and the first that does.
std::string differences(const Values &actual, const Values &expected) {
    size_t count = 0, first = 0;
    for (size_t i = expected.size(); i-- > 0;) {
        if (equal(actual[i], expected[i])) continue;
        count++;
        first = i;
    }
    if (count == 0) return "";
    return std::to_string(count) + " of " + std::to_string(expected.size()) +
           " values differ; the first, number " + std::to_string(first) + ", is " +
           std::to_string(actual[first]) + ", not " + std::to_string(expected[first]);
}

ConvPlan plan_of(const ConvKernel &kernel, const ConvProblem &p, const Placed &placed,
                 int64_t parts) {
    ConvPlan plan = conv_plan_with(kernel, p, emulated_device(), placed);
    for (ConvStep &step : plan.steps) {
        if (parts == 0 || !step.kernel->params.split) continue;
        step.parts = parts;
        const StepLayout layout(step);
        plan.workspace = std::max(plan.workspace, layout.packed_floats + layout.partial_floats);
    }
    return plan;
}

}  // namespace

bool expect_equals_naive(const ConvKernel &kernel, ConvProblem p, const Variant &v,
                         const ConvValues &values, int64_t parts) {
    const bool fprop = p.direction == Direction::kFprop;
    p.bias = v.bias && fprop, p.relu = v.relu && fprop;
    const Repro repro(p, kernel.name, v.name);
    const bool gaps = v.gaps && kernel.params.vec == 1;
    const auto tensor = [&](const Quad &sizes, Format format, const Values &of) {
        return Tensor4(sizes, strides_for(sizes, format, gaps), v.placement, of, p.dtype);
    };
    const Tensor4 input = tensor(input_sizes(p), p.format, values.input);
    const Tensor4 weight = tensor(weight_sizes(p), v.weight_format, values.weight);
    const Tensor4 output = tensor(output_sizes(p), p.format, values.output);
    const Tensor4 bias({1, 1, 1, p.co}, {p.co, p.co, p.co, 1}, v.placement, values.bias, p.dtype);
    const Tensor4 result(result_sizes(p), strides_for(result_sizes(p), p.format, gaps),
                         Placement::kMiddle, p.dtype);
    const Activation from = (fprop ? input : output).activation(), to = result.activation();
    const Placed where = fprop ? placed(p, to, from) : placed(p, from, to);
    const ConvPlan plan = plan_of(kernel, p, where, parts);
    if (plan.steps.empty()) return false;

    GuardedFloats workspace(plan.workspace, Placement::kMiddle);
    CallContext context;
    const bool success = run_conv(context, plan, from, weight.weight(),
                                  p.bias ? bias.activation().data : nullptr, to, workspace.data());
    EXPECT_TRUE(success) << context.error();
    EXPECT_EQ(differences(result.values(), naive_conv2d(p, values)), "");
    EXPECT_TRUE(result.redzones_intact()) << "The kernel wrote around its result.";
    EXPECT_TRUE(workspace.redzones_intact()) << "The kernel wrote around its workspace.";
    return true;
}

}  // namespace convwright::cuda
