// SPDX-License-Identifier: Apache-2.0
/// 10^7 pairs of operands a model.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "runtime/multipliers/float_models.h"
#include "tests/runtime/multipliers/error_rows.h"
#include "tests/runtime/multipliers/literal_models.h"
#include "tests/seed.h"

namespace convwright {
namespace {

constexpr int kPairs = 10000000;

class SlowErrorRows : public testing::TestWithParam<ErrorRow> {};

TEST_P(SlowErrorRows, AreThePublishedOnes) { check_error_row(GetParam(), kPairs, test_seed()); }

INSTANTIATE_TEST_SUITE_P(Sampled, SlowErrorRows, testing::ValuesIn(kErrorRows));

TEST(SlowFloatModels, MbmEqualsItsPseudocodeOnAnyFloats) {
    std::mt19937 random(test_seed());
    for (int i = 0; i < kPairs; i++) {
        const float a = any_float(random), b = any_float(random);
        for (int t : {0, 9, 16, 17, 20}) {
            ASSERT_TRUE(same(mbm_f32(a, b, t), literal_mbm_f32(a, b, t)))
                << pair_text(a, b) << ", t = " << t;
        }
    }
}

TEST(SlowFloatModels, MbmAndMitchellEqualTheirAlgebra) {
    std::mt19937 random(test_seed());
    for (int i = 0; i < kPairs; i++) {
        const float a = moderate_float(random), b = moderate_float(random);
        ASSERT_TRUE(same(mbm_f32(a, b, 0), algebra_mbm(a, b))) << pair_text(a, b);
        ASSERT_TRUE(
            same(mitchell_f32(a, b), algebra_product(a, b, {fraction_of(a), fraction_of(b), 0, 0})))
            << pair_text(a, b);
    }
}

}  // namespace
}  // namespace convwright
