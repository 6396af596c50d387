// SPDX-License-Identifier: Apache-2.0
#include "runtime/parallel_for.h"

#include <algorithm>
#include <atomic>

#include "runtime/call_context.h"

namespace convwright {
namespace {

std::atomic<ParallelRun> parallel_run{nullptr};
std::atomic<int64_t (*)()> max_workers{nullptr};

struct Loop {
    int (*task)(void *closure, int64_t i);
    void *closure;
    int64_t end;
    std::atomic<int64_t> next;
    std::atomic<int> status{0};

    void work() {
        while (status.load(std::memory_order_relaxed) == 0) {
            const int64_t i = next.fetch_add(1, std::memory_order_relaxed);
            if (i >= end) return;
            if (const int failed = task(closure, i)) status = failed;
        }
    }
};

/// Beside another thread that sets them, either may be there alone.
int64_t workers_of(ParallelRun run) {
    const auto most = max_workers.load();
    return run == nullptr || most == nullptr ? 1 : std::max<int64_t>(most(), 1);
}

}  // namespace

void set_parallel_run(ParallelRun run, int64_t (*workers)()) {
    max_workers = workers;
    parallel_run = run;
}

int64_t parallel_workers() { return workers_of(parallel_run.load()); }

int parallel_loop(int64_t begin, int64_t end, int (*task)(void *closure, int64_t i),
                  void *closure) {
    Loop loop{task, closure, end, {begin}};
    const auto run = parallel_run.load();
    const int64_t size = end - begin;
    const int64_t workers = size == 1 ? 1 : std::min(size, workers_of(run));
    if (workers <= 1) {
        loop.work();
    } else {
        run(
            workers, [](void *l) { static_cast<Loop *>(l)->work(); }, &loop);
    }
    return loop.status;
}

}  // namespace convwright
