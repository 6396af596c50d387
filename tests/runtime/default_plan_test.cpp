// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <tuple>

#include "runtime/isa.h"
#include "runtime/plan.h"
#include "tests/dense_run.h"
#include "tests/random_problem.h"
#include "tests/repro.h"
#include "tests/seed.h"

namespace convwright {
namespace {

/// What runs untuned is legal and right, whatever the problem: every problem has a kernel, and small integers come out
/// as the definition says. CONVWRIGHT_SEED gives other problems.
TEST(DefaultPlan, OfTwoHundredRandomProblemsEqualsNaive) {
    if (host_isa() == Isa::kNone) GTEST_SKIP() << "This CPU has no AVX2 with FMA.";
    std::mt19937 random(test_seed());
    std::set<std::tuple<Direction, Format, bool>> seen;
    for (int i = 0; i < 200; i++) {
        const ConvProblem problem = random_problem(random);
        seen.insert({problem.direction, problem.format, problem.groups > 1});
        KernelCall call{problem, {}, {}};
        std::string name;
        if (problem.direction == Direction::kWgrad) {
            call.wgrad = wgrad_plan(problem);
            ASSERT_NE(call.wgrad.kernel, nullptr) << format_problem(problem);
            name = call.wgrad.kernel->name;
        } else {
            call.conv = conv_plan(problem, /*dense=*/true);
            ASSERT_FALSE(call.conv.steps.empty()) << format_problem(problem);
            name = call.conv.kernels();
        }
        const Repro repro(problem, name);
        const ConvValues values = integer_values(problem, test_seed());
        EXPECT_EQ(run_dense(call, values), naive_conv2d(problem, values));
    }
    EXPECT_EQ(seen.size(), 12u);  // each direction and format, with groups and without
}

}  // namespace
}  // namespace convwright
