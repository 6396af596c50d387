// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace convwright {

/// Runs task(closure, i) for each i in [begin, end) on what set_parallel_run() set, and returns when
/// all have ended. Indices are handed out one by one: tasks differ in cost (edges, a busy second
/// core), so equal shares fixed in advance would wait for the slowest. The first status that is not
/// 0 stops the loop and comes back. Tasks must not throw; loops may be nested.
int parallel_loop(int64_t begin, int64_t end, int (*task)(void *closure, int64_t i), void *closure);

/// On how many threads a loop with enough indices runs.
int64_t parallel_workers();

/// The same for a callable `bool body(int64_t i)`, false where it failed: whether all succeeded.
template<typename Body>
bool parallel_for(int64_t count, const Body &body) {
    const auto task = [](void *closure, int64_t i) {
        return (*static_cast<const Body *>(closure))(i) ? 0 : 1;
    };
    return parallel_loop(0, count, task, const_cast<Body *>(&body)) == 0;
}

}  // namespace convwright
