// SPDX-License-Identifier: Apache-2.0
#include "runtime/trace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace convwright {
namespace {

TEST(Trace, KeepsLinesInOrderWhileOn) {
    Trace::add("lost");
    Trace::start();
    EXPECT_TRUE(Trace::on());
    Trace::add("one");
    Trace::add("two");
    EXPECT_EQ(Trace::take(), "one\ntwo");
    EXPECT_EQ(Trace::take(), "");
    Trace::add("three");
    Trace::stop();
    EXPECT_FALSE(Trace::on());
    Trace::add("lost");
    EXPECT_EQ(Trace::take(), "three");
}

TEST(Trace, StartClearsWhatWasThere) {
    Trace::start();
    Trace::add("old");
    Trace::start();
    EXPECT_EQ(Trace::take(), "");
    Trace::stop();
}

TEST(Trace, KeepsEveryLineOfManyThreads) {
    Trace::start();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++) {
        threads.emplace_back([] {
            for (int i = 0; i < 100; i++) Trace::add("line");
        });
    }
    for (std::thread &thread : threads) thread.join();
    Trace::stop();
    const std::string lines = Trace::take();
    EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 399);
}

}  // namespace
}  // namespace convwright
