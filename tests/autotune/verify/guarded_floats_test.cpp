// SPDX-License-Identifier: Apache-2.0
#include "autotune/verify/guarded_floats.h"

#include <gtest/gtest.h>

#include <cmath>

namespace convwright {
namespace {

TEST(GuardedFloatsDeathTest, CrashesOnAReadAtEitherEnd) {
    const GuardedFloats at_end(1000, Placement::kEnd), at_start(1000, Placement::kStart);
    const volatile float *end = at_end.data() + 1000, *start = at_start.data();
    EXPECT_DEATH((void)end[0], "");
    EXPECT_DEATH((void)start[-1], "");
    (void)end[-1], (void)start[0];
}

TEST(GuardedFloatsDeathTest, CrashesOnAWriteWhenProtected) {
    GuardedFloats floats(10, Placement::kMiddle);
    volatile float *data = floats.data();
    data[0] = 1;
    floats.protect();
    EXPECT_DEATH(data[0] = 2, "");
}

TEST(GuardedFloats, AreAlignedAtTheEndAndStillGuarded) {
    GuardedFloats floats(10, Placement::kEnd, kWorkspaceAlignment);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(floats.data()) % kWorkspaceAlignment, 0u);
    EXPECT_TRUE(floats.redzones_intact());
    floats.data()[10] = 0;  // in front of the guard page: six floats are left by the alignment
    EXPECT_FALSE(floats.redzones_intact());
}

TEST(GuardedFloats, SeesAWriteAroundTheData) {
    for (const int64_t at : {-1, 7}) {
        GuardedFloats floats(7, Placement::kMiddle);
        EXPECT_TRUE(floats.redzones_intact());
        EXPECT_TRUE(std::isnan(floats.data()[at]));
        floats.data()[0] = floats.data()[6] = 0;
        EXPECT_TRUE(floats.redzones_intact());
        floats.data()[at] = 0;
        EXPECT_FALSE(floats.redzones_intact());
    }
}

}  // namespace
}  // namespace convwright
