// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "runtime/isa.h"
#include "tests/runtime/edge_problems.h"
#include "tests/runtime/exact_check.h"

namespace convwright {
namespace {

using Case = std::tuple<size_t, Direction, Format>;  // number of the family

std::string case_name(const testing::TestParamInfo<Case> &info) {
    const auto [family, direction, format] = info.param;
    const char *directions[] = {"fprop", "dgrad", "wgrad"};
    return edge_families()[family].name + "_" + directions[static_cast<int>(direction)] +
           (format == Format::kNhwc ? "_nhwc" : "_nchw");
}

class Conv2dKernels : public testing::TestWithParam<Case> {};

TEST_P(Conv2dKernels, EveryAcceptingKernelEqualsNaive) {
    if (host_isa() == Isa::kNone) GTEST_SKIP() << "This CPU has no AVX2 with FMA.";
    const auto [family, direction, format] = GetParam();
    for (ConvProblem problem : edge_families()[family].problems) {
        problem.direction = direction;
        problem.format = format;
        expect_kernels_equal_naive(problem);
        if (problem.groups == 1) continue;  // dense bfloat16 has no kernels
        problem.dtype = DType::kBf16;
        expect_kernels_equal_naive(problem);
    }
}

INSTANTIATE_TEST_SUITE_P(Edges, Conv2dKernels,
                         testing::Combine(testing::Range(size_t{0}, edge_families().size()),
                                          testing::Values(Direction::kFprop, Direction::kDgrad,
                                                          Direction::kWgrad),
                                          testing::Values(Format::kNchw, Format::kNhwc)),
                         case_name);

}  // namespace
}  // namespace convwright
