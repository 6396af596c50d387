// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime/exact_check.h"

#include <gtest/gtest.h>

#include "autotune/verify/call_tensors.h"
#include "tests/repro.h"
#include "tests/seed.h"

namespace convwright {
namespace {

/// Circumstances of a run that the kernel must not care about.
struct Variant {
    const char *name;
    TensorLayout layout;
    bool bias, relu;
};

constexpr Variant kVariants[] = {
    {"memory ends at a guard page", {Placement::kEnd, false, Format::kNchw}, true, false},
    {"memory starts at a guard page", {Placement::kStart, false, Format::kNchw}, false, true},
    {"gaps, weight channels_last", {Placement::kEnd, true, Format::kNhwc}, true, true},
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

void expect_equal(const KernelCall &call, const ConvValues &values, const TensorLayout &layout,
                  const Values &expected) {
    CallTensors tensors(call.problem, values, layout, call.workspace());
    CallContext context;
    ASSERT_TRUE(tensors.run(call, context)) << context.error();
    EXPECT_EQ(differences(tensors.result(), expected), "");
    EXPECT_TRUE(tensors.redzones_intact()) << "The kernel wrote around its result or workspace.";
}

}  // namespace

void expect_kernels_equal_naive(const ConvProblem &problem) {
    const ConvValues values = integer_values(problem, test_seed());
    for (const Variant &variant : kVariants) {
        ConvProblem p = problem;
        p.bias = variant.bias && p.direction == Direction::kFprop;
        p.relu = variant.relu && p.direction == Direction::kFprop;
        const Values expected = naive_conv2d(p, values);
        const bool dense = !variant.layout.gaps;
        const auto kernels = accepting_kernels(p, dense);
        EXPECT_FALSE(kernels.empty()) << "no kernel accepts " << format_problem(p);
        for (const KernelInfo &kernel : kernels) {
            const Repro repro(p, kernel.name, variant.name);
            expect_equal(*kernel_call(kernel.name, p, dense), values, variant.layout, expected);
        }
    }
}

}  // namespace convwright
