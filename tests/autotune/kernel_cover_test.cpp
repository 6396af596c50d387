// SPDX-License-Identifier: Apache-2.0
#include "autotune/kernel_cover.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "autotune/random.h"

namespace convwright {
namespace {

using Shapes = std::vector<std::vector<int>>;

bool covers(const Shapes &shapes, unsigned kernels) {
    return std::all_of(shapes.begin(), shapes.end(), [&](const std::vector<int> &serving) {
        return std::any_of(serving.begin(), serving.end(),
                           [&](int kernel) { return kernels >> kernel & 1; });
    });
}

unsigned bits(const std::vector<int> &kernels) {
    unsigned set = 0;
    for (const int kernel : kernels) set |= 1u << kernel;
    return set;
}

TEST(KernelCover, NothingNeedsNoKernel) {
    const KernelCover cover = cover_shapes({});
    EXPECT_TRUE(cover.kernels.empty());
    EXPECT_TRUE(cover.fewest);
}

TEST(KernelCover, IsFewerThanTheGreedyRuleFinds) {
    // Kernel 0 serves four of six shapes and is taken first; 1 and 2 serve three each, and all together.
    const Shapes shapes = {{0, 1}, {0, 1}, {1}, {0, 2}, {0, 2}, {2}};
    EXPECT_EQ(cover_shapes(shapes).kernels, (std::vector<int>{1, 2}));
    const KernelCover greedy = cover_shapes(shapes, 0);
    EXPECT_EQ(greedy.kernels, (std::vector<int>{0, 1, 2}));
    EXPECT_FALSE(greedy.fewest);
}

TEST(KernelCover, IsTheFewestOfAllSets) {
    Random random(7);
    for (int round = 0; round < 200; round++) {
        const int kernels = 1 + static_cast<int>(random.below(10));
        Shapes shapes(1 + random.below(14));
        for (auto &serving : shapes) {
            for (int kernel = 0; kernel < kernels; kernel++)
                if (random.below(4) == 0) serving.push_back(kernel);
            if (serving.empty()) serving.push_back(static_cast<int>(random.below(kernels)));
        }
        int fewest = kernels;
        for (unsigned set = 0; set < 1u << kernels; set++)
            if (covers(shapes, set)) fewest = std::min(fewest, __builtin_popcount(set));
        const KernelCover cover = cover_shapes(shapes);
        EXPECT_TRUE(cover.fewest);
        EXPECT_TRUE(covers(shapes, bits(cover.kernels))) << "round " << round;
        EXPECT_EQ(static_cast<int>(cover.kernels.size()), fewest) << "round " << round;
        EXPECT_TRUE(std::is_sorted(cover.kernels.begin(), cover.kernels.end()));
    }
}

TEST(KernelCover, OfANetworkTakesNoTime) {
    // 100 shapes, 300 kernels, 12 good ones each: larger than any model's.
    Random random(3);
    Shapes shapes(100);
    for (auto &serving : shapes)
        for (int i = 0; i < 12; i++) serving.push_back(static_cast<int>(random.below(300)));
    const KernelCover cover = cover_shapes(shapes, 20000);
    for (const auto &serving : shapes)
        EXPECT_TRUE(std::any_of(serving.begin(), serving.end(), [&](int kernel) {
            return std::binary_search(cover.kernels.begin(), cover.kernels.end(), kernel);
        }));
}

}  // namespace
}  // namespace convwright
