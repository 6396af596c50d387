// SPDX-License-Identifier: Apache-2.0
// All problems around the edges of the CPU's register tiles, by all CUDA kernels that accept them.
#include <gtest/gtest.h>

#include <tuple>

#include "tests/runtime/cuda/emulated_driver.h"
#include "tests/runtime/cuda/exact_check.h"
#include "tests/runtime/edge_problems.h"
#include "tests/seed.h"

namespace convwright::cuda {
namespace {

using Case = std::tuple<size_t, Direction, Format>;  // number of the family

std::string case_name(const testing::TestParamInfo<Case> &info) {
    const auto [family, direction, format] = info.param;
    return edge_families()[family].name + (direction == Direction::kFprop ? "_fprop" : "_dgrad") +
           (format == Format::kNhwc ? "_nhwc" : "_nchw");
}

class Conv2dCudaEdges : public testing::TestWithParam<Case> {
    UseEmulatedDriver driver_;
};

/// A tile for each of many groups is nearly all zeros, and a minute of emulation: some tiles suffice.
bool is_worth_it(const ConvKernel &kernel, const ConvProblem &problem) {
    const Conv2dCudaParams &p = kernel.params;
    return problem.groups <= 8 || p.engine == Conv2dCudaParams::kDirect || p.co * p.px <= 32 * 32;
}

TEST_P(Conv2dCudaEdges, EveryAcceptingKernelEqualsNaive) {
    const auto [family, direction, format] = GetParam();
    size_t number = 0;
    for (ConvProblem problem : edge_families()[family].problems) {
        problem.direction = direction, problem.format = format;
        const ConvValues values = integer_values(problem, test_seed());
        const Variant &variant = number++ % 3 == 0 ? kBias : number % 3 == 1 ? kRelu : kGaps;
        int accepting = 0;
        for (const ConvKernel &kernel : conv_kernels()) {
            problem.dtype = kernel.dtype;
            if (kernel.format == format && is_worth_it(kernel, problem))
                accepting += expect_equals_naive(kernel, problem, variant, values);
        }
        EXPECT_GT(accepting, 0) << "no kernel accepts " << format_problem(problem);
    }
}

INSTANTIATE_TEST_SUITE_P(Edges, Conv2dCudaEdges,
                         testing::Combine(testing::Range(size_t{0}, edge_families().size()),
                                          testing::Values(Direction::kFprop, Direction::kDgrad),
                                          testing::Values(Format::kNchw, Format::kNhwc)),
                         case_name);

}  // namespace
}  // namespace convwright::cuda
