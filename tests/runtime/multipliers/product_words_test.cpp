// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/product_words.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "runtime/kernel_table.h"

namespace convwright {
namespace {

TEST(ProductNames, AreThoseOfTheKernels) {
    std::set<std::string> of_kernels;
    for (const ProductKernel &kernel : product_kernels()) of_kernels.insert(kernel.product);
    const std::vector<std::string> &names = product_names();
    EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()), of_kernels);
}

TEST(UsualProduct, IsTheFastFormAndOfWgradTheOneForZeros) {
    EXPECT_EQ(usual_product({Model::kMbm, 0}, Direction::kFprop), "mbm");
    EXPECT_EQ(usual_product({Model::kMbm, 0}, Direction::kWgrad), "mbm_zeros");
    EXPECT_EQ(usual_product({Model::kRoba}, Direction::kDgrad), "roba");
    EXPECT_EQ(usual_product({Model::kRealm, 4}, Direction::kFprop), "realm_bits");
}

TEST(UsualProduct, IsNoneWhereTheExactKernelsComputeIt) {
    EXPECT_EQ(usual_product({}, Direction::kFprop), "");
    EXPECT_EQ(usual_product({Model::kZeros}, Direction::kFprop), "");
    EXPECT_EQ(usual_product({Model::kDrum, 6}, Direction::kFprop), "");
    EXPECT_EQ(usual_product({Model::kDrum, 24}, Direction::kFprop), "rounded");
}

}  // namespace
}  // namespace convwright
