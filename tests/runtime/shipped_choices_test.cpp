// SPDX-License-Identifier: Apache-2.0
#include "runtime/shipped_choices.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/loaded_kernels.h"

namespace convwright {
namespace {

TEST(ShippedChoices, EveryKernelIsInTheLibraryOnce) {
    if (shipped_choices().empty()) GTEST_SKIP() << "No table was built in (CONVWRIGHT_TUNED).";
    for (const ShippedChoice &choice : shipped_choices()) {
        const std::string candidate(choice.candidate);
        if (candidate.find('/') == std::string::npos) continue;
        const OperatorProblem problem = parse_operator_problem(std::string(choice.problem));
        const auto kernel = parse_candidate(problem, candidate);
        ASSERT_TRUE(kernel.has_value()) << candidate;
        const auto count = [&](const auto &kernels) {
            return std::count_if(kernels.begin(), kernels.end(), [&](const auto &k) {
                return k.schedule == kernel->schedule && k.isa == kernel->isa &&
                       k.format == kernel->format && k.dtype == kernel->dtype && k.problem.empty();
            });
        };
        const auto found = kernel->generator == "weighted_sum"   ? count(weighted_sum_kernels())
                           : kernel->generator == "conv2d_wgrad" ? count(wgrad_kernels())
                                                                 : count(conv_kernels());
        EXPECT_EQ(found, 1) << candidate;
    }
}

TEST(ShippedChoices, AreFoundByAllThree) {
    if (shipped_choices().empty()) GTEST_SKIP() << "No table was built in (CONVWRIGHT_TUNED).";
    for (const ShippedChoice &choice : shipped_choices()) {
        EXPECT_EQ(find_shipped_choice(choice.identity, choice.problem, choice.phase), &choice);
        EXPECT_EQ(find_shipped_choice(choice.identity, choice.problem, choice.phase + 100),
                  nullptr);
        EXPECT_EQ(find_shipped_choice("cpu/another/avx2", choice.problem, choice.phase), nullptr);
    }
}

}  // namespace
}  // namespace convwright
