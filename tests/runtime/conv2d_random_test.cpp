// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <random>

#include "runtime/isa.h"
#include "tests/random_problem.h"
#include "tests/runtime/exact_check.h"
#include "tests/seed.h"

namespace convwright {
namespace {

class Conv2dRandom : public testing::TestWithParam<int> {};

/// CONVWRIGHT_SEED gives other problems.
TEST_P(Conv2dRandom, EveryAcceptingKernelEqualsNaive) {
    if (host_isa() == Isa::kNone) GTEST_SKIP() << "This CPU has no AVX2 with FMA.";
    std::mt19937 random(test_seed() + GetParam());
    for (int i = 0; i < 50; i++) expect_kernels_equal_naive(random_problem(random));
}

INSTANTIATE_TEST_SUITE_P(Draws, Conv2dRandom, testing::Range(0, 10));

}  // namespace
}  // namespace convwright
