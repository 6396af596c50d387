// SPDX-License-Identifier: Apache-2.0
#include "autotune/cold_caches.h"

#include <gtest/gtest.h>

namespace convwright {
namespace {

TEST(ColdCaches, TwiceTheSecondLevelIsWritten) {
    EXPECT_GE(cpu_flush_bytes(1), size_t{128} << 10);
    EXPECT_LE(cpu_flush_bytes(1), size_t{64} << 20);
    EXPECT_EQ(cpu_flush_bytes(3), 3 * cpu_flush_bytes(1));
    EXPECT_EQ(gpu_flush_bytes(50 << 20), size_t{100} << 20);
    EXPECT_GE(gpu_flush_bytes(0), size_t{100} << 20);  // of a driver that does not tell
}

TEST(ColdCaches, EveryCallOfAFlushWritesAnew) {
    const auto flush = cpu_cache_flush(cpu_flush_bytes(1));
    for (int call = 0; call < 3; call++) flush();
    const auto copy = flush;  // a plan is copied
    copy();
    EXPECT_TRUE(cpu_cache_flush(0) != nullptr);
}

}  // namespace
}  // namespace convwright
