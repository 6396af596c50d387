// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "runtime/call_context.h"

namespace convwright {

/// While it lives, parallel loops of kernels run on `count` new threads each; then as before.
class TestThreads {
public:
    explicit TestThreads(int64_t count) : before_(count_.exchange(count)) {
        set_parallel_run(run, [] { return count_.load(); });
    }
    ~TestThreads() {
        count_ = before_;
        if (before_ == 0) set_parallel_run(nullptr, nullptr);
    }
    TestThreads(const TestThreads &) = delete;

private:
    static void run(int64_t workers, void (*body)(void *), void *closure) {
        std::vector<std::thread> threads;
        for (int64_t i = 1; i < workers; i++) threads.emplace_back(body, closure);
        body(closure);
        for (std::thread &thread : threads) thread.join();
    }
    static inline std::atomic<int64_t> count_{0};  ///< 0: there is no pool.
    int64_t before_;
};

}  // namespace convwright
