// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <thread>
#include <vector>

namespace convwright {

/// body(closure) on the calling thread and on `workers` - 1 new ones; returns when all have ended. For set_parallel_run()
/// where a pool will not do: the thread sanitizer sees what these threads wait for.
inline void run_on_new_threads(int64_t workers, void (*body)(void *), void *closure) {
    std::vector<std::thread> threads;
    for (int64_t i = 1; i < workers; i++) threads.emplace_back(body, closure);
    body(closure);
    for (std::thread &thread : threads) thread.join();
}

}  // namespace convwright
