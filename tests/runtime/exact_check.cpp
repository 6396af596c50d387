// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime/exact_check.h"

#include <gtest/gtest.h>

#include "autotune/verify/kernel_call.h"
#include "autotune/verify/naive_conv2d.h"
#include "tests/repro.h"
#include "tests/seed.h"

namespace convwright {
namespace {

/// Circumstances of a run that the kernel must not care about.
struct Variant {
    const char *name;
    Placement placement;
    bool gaps, bias, relu;
    Format weight_format;
};

constexpr Variant kVariants[] = {
    {"operands end at a guard page", Placement::kEnd, false, true, false, Format::kNchw},
    {"operands start at a guard page", Placement::kStart, false, false, true, Format::kNchw},
    {"gaps, weight channels_last", Placement::kEnd, true, true, true, Format::kNhwc},
};

/// The tensors of a problem laid out as a variant says. The result's direction is not read.
struct Operands {
    Tensor4 input, weight, output, bias;
    Quad result_strides;

    Operands(const ConvProblem &p, const Variant &v, const ConvValues &values)
        : input(tensor(p, input_sizes(p), p.format, v, values.input)),
          weight(tensor(p, weight_sizes(p), v.weight_format, v, values.weight)),
          output(tensor(p, output_sizes(p), p.format, v, values.output)),
          bias({1, 1, 1, p.co}, {p.co, p.co, p.co, 1}, v.placement, values.bias, p.dtype),
          result_strides(strides_for(result_sizes(p),
                                     p.direction == Direction::kWgrad ? v.weight_format : p.format,
                                     v.gaps)) {}

    static Tensor4 tensor(const ConvProblem &p, const Quad &sizes, Format format, const Variant &v,
                          const Values &values) {
        return {sizes, strides_for(sizes, format, v.gaps), v.placement, values, p.dtype};
    }
};

/// Empty if equal, else how many values differ and the first that does.
std::string differences(const Values &actual, const Values &expected) {
    size_t count = 0, first = 0;
    for (size_t i = expected.size(); i-- > 0;) {
        if (actual[i] == expected[i]) continue;  // a NaN is never equal
        count++;
        first = i;
    }
    if (count == 0) return "";
    return std::to_string(count) + " of " + std::to_string(expected.size()) +
           " values differ; the first, number " + std::to_string(first) + ", is " +
           std::to_string(actual[first]) + ", not " + std::to_string(expected[first]);
}

void expect_equal(const KernelCall &call, const Operands &operands, const Values &expected) {
    const ConvProblem &p = call.problem;
    const Tensor4 result(result_sizes(p), operands.result_strides, Placement::kMiddle, p.dtype);
    GuardedFloats workspace(call.workspace(), Placement::kMiddle);
    CallContext context;
    const bool success =
        call.run(context, (p.direction == Direction::kDgrad ? result : operands.input).activation(),
                 (p.direction == Direction::kWgrad ? result : operands.weight).weight(),
                 (p.direction == Direction::kFprop ? result : operands.output).activation(),
                 p.bias ? operands.bias.activation().data : nullptr, workspace.data());
    ASSERT_TRUE(success) << context.error();
    EXPECT_EQ(differences(result.values(), expected), "");
    EXPECT_TRUE(result.redzones_intact()) << "The kernel wrote around its result.";
    EXPECT_TRUE(workspace.redzones_intact()) << "The kernel wrote around its workspace.";
}

}  // namespace

void expect_kernels_equal_naive(const ConvProblem &problem) {
    const ConvValues values = integer_values(problem, test_seed());
    for (const Variant &variant : kVariants) {
        ConvProblem p = problem;
        p.bias = variant.bias && p.direction == Direction::kFprop;
        p.relu = variant.relu && p.direction == Direction::kFprop;
        const Values expected = naive_conv2d(p, values);
        const Operands operands(p, variant, values);
        const auto kernels = accepting_kernels(p, !variant.gaps);
        EXPECT_FALSE(kernels.empty()) << "no kernel accepts " << format_problem(p);
        for (const KernelInfo &kernel : kernels) {
            const Repro repro(p, kernel.name, variant.name);
            expect_equal(*kernel_call(kernel.name, p, !variant.gaps), operands, expected);
        }
    }
}

}  // namespace convwright
