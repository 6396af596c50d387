// SPDX-License-Identifier: Apache-2.0
#include "runtime/scratch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <thread>

namespace convwright {
namespace {

TEST(GuardedScratch, IsAligned) {
    for (const Placement placement : {Placement::kMiddle, Placement::kStart, Placement::kEnd}) {
        const GuardedScratch guard(placement);
        for (const size_t size : {1, 63, 64, 100, 5000}) {
            const Scratch scratch(size);
            EXPECT_EQ(reinterpret_cast<uintptr_t>(scratch.data()) % 64, 0u) << size;
        }
    }
}

TEST(GuardedScratch, BetweenGuardPagesStartsAsNaN) {
    const GuardedScratch guard(Placement::kEnd);
    const Scratch scratch(sizeof(float));
    EXPECT_TRUE(std::isnan(*static_cast<const float *>(scratch.data())));
}

TEST(GuardedScratchDeathTest, CrashesAtTheEndThatIsGuarded) {
    const auto at = [](Placement placement, int64_t offset) {
        const GuardedScratch guard(placement);
        const Scratch scratch(4096);
        static_cast<volatile char *>(scratch.data())[offset] = 1;
    };
    EXPECT_DEATH(at(Placement::kEnd, 4096), "");
    EXPECT_DEATH(at(Placement::kStart, -1), "");
    at(Placement::kEnd, 4095), at(Placement::kStart, 0);
}

TEST(GuardedScratch, IsGivenBackHoweverItWasTaken) {
    void *cached = take_scratch(1000);
    void *guarded = nullptr;
    {
        const GuardedScratch guard(Placement::kStart);
        guarded = take_scratch(1000);
        give_scratch(cached);
    }
    void *plain = take_scratch(1000);
    std::thread([&] { give_scratch(guarded); }).join();
    give_scratch(plain);
    EXPECT_NE(plain, guarded);
}

}  // namespace
}  // namespace convwright
