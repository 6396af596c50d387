// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/call_context.h"
#include "runtime/new_threads.h"

namespace convwright {

/// While it lives, parallel loops of kernels run on `count` new threads each; then as before.
class TestThreads {
public:
    explicit TestThreads(int64_t count) : before_(count_.exchange(count)) {
        set_parallel_run(run_on_new_threads, [] { return count_.load(); });
    }
    ~TestThreads() {
        count_ = before_;
        if (before_ == 0) set_parallel_run(nullptr, nullptr);
    }
    TestThreads(const TestThreads &) = delete;

private:
    static inline std::atomic<int64_t> count_{0};  ///< 0: there is no pool.
    int64_t before_;
};

}  // namespace convwright
