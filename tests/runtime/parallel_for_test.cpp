// SPDX-License-Identifier: Apache-2.0
#include "runtime/parallel_for.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/thread_run.h"

namespace convwright {
namespace {

TEST(ParallelFor, RunsEveryIndexWhileThePoolIsSetAndTakenAway) {
    constexpr int kRounds = 1000000;
    constexpr int64_t kIndices = 4;
    std::atomic<bool> done{false};
    std::thread setter([&] {
        for (int round = 0; round < kRounds; round++) {
            set_parallel_run([](int64_t, void (*body)(void *), void *closure) { body(closure); },
                             [] { return int64_t{3}; });
            set_parallel_run(nullptr, nullptr);
        }
        done = true;
    });
    int64_t sum = 0, loops = 0;
    bool succeeded = true;
    while (!done) {
        const auto add = [&](int64_t i) {
            sum += i;
            return true;
        };
        succeeded = parallel_for(kIndices, add) && parallel_workers() > 0 && succeeded;
        loops++;
    }
    setter.join();
    const TestThreads back(1);  // leaves the pool that CONVWRIGHT_TEST_THREADS gives every test
    EXPECT_TRUE(succeeded);
    EXPECT_EQ(sum, loops * kIndices * (kIndices - 1) / 2);
}

}  // namespace
}  // namespace convwright
