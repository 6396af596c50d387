// SPDX-License-Identifier: Apache-2.0
// Strong definitions of the Halide runtime's weak hooks. Halide's frames are nounwind: nothing here
// throws. Nothing prints or aborts either; an error becomes a status and a text in the context.
#include <HalideRuntime.h>
#include <sanitizer/asan_interface.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <utility>

#include "runtime/call_context.h"

namespace convwright {

void CallContext::set_error(const char *text) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (error_.empty()) error_ = text;
}

std::string CallContext::error() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return error_;
}

namespace {

std::atomic<ParallelRun> parallel_run{nullptr};
std::atomic<int64_t (*)()> max_workers{nullptr};

/// A loop whose iterations are handed out one by one: tasks differ in cost (edges, a busy second
/// core), so equal shares fixed in advance would wait for the slowest.
struct Loop {
    void *user_context;
    halide_task_t task;
    int end;
    uint8_t *closure;
    std::atomic<int> next;
    std::atomic<int> status{0};

    void work() {
        while (status.load(std::memory_order_relaxed) == 0) {
            const int i = next.fetch_add(1, std::memory_order_relaxed);
            if (i >= end) return;
            if (const int failed = task(user_context, i, closure)) status = failed;
        }
    }
};

/// Scratch of kernels: freed blocks wait for the next call in the thread that freed them. A fresh
/// block of this size comes from the kernel page by page, and clearing pages cost 12 % of a wgrad.
/// To the address sanitizer a lent block is as long as asked for, and one that waits is out of bounds.
class ScratchCache {
public:
    ~ScratchCache() {
        for (void *block : blocks_) std::free(block);
    }
    void *take(size_t size) {
        for (void *&block : blocks_) {
            if (block != nullptr && size_of(block) >= size && size_of(block) <= 2 * size) {
                return lend(std::exchange(block, nullptr), size);
            }
        }
        void *block = std::aligned_alloc(kAlignment, kAlignment + round_up(size));
        if (block == nullptr) return nullptr;
        size_of(block) = round_up(size);
        return lend(block, size);
    }
    void give(void *block) {
        if (size_of(block) <= kLargest) {
            ASAN_POISON_MEMORY_REGION(user_pointer(block), size_of(block));
            std::swap(block, blocks_[oldest_++ % kBlocks]);
        }
        std::free(block);
    }
    static void *user_pointer(void *block) { return static_cast<char *>(block) + kAlignment; }
    static void *block_of(void *pointer) { return static_cast<char *>(pointer) - kAlignment; }

private:
    static constexpr size_t kAlignment = 128;  // two cache lines; Halide asks for one vector
    static constexpr size_t kLargest = size_t{8} << 20, kBlocks = 3;  // per thread

    static void *lend(void *block, [[maybe_unused]] size_t size) {
        ASAN_POISON_MEMORY_REGION(user_pointer(block), size_of(block));
        ASAN_UNPOISON_MEMORY_REGION(user_pointer(block), size);
        return block;
    }
    static size_t round_up(size_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; }
    static size_t &size_of(void *block) { return *static_cast<size_t *>(block); }

    void *blocks_[kBlocks] = {};
    size_t oldest_ = 0;
};

thread_local ScratchCache scratch;

}  // namespace

void set_parallel_run(ParallelRun run, int64_t (*workers)()) {
    max_workers = workers;
    parallel_run = run;
}

}  // namespace convwright

extern "C" {

void halide_error(void *user_context, const char *text) {
    if (user_context != nullptr)
        static_cast<convwright::CallContext *>(user_context)->set_error(text);
}

int halide_do_par_for(void *user_context, halide_task_t task, int min, int size, uint8_t *closure) {
    convwright::Loop loop{user_context, task, min + size, closure, {min}};
    const auto run = convwright::parallel_run.load();
    const int64_t workers =
        run == nullptr || size == 1 ? 1 : std::min<int64_t>(size, convwright::max_workers.load()());
    if (workers <= 1) {
        loop.work();
    } else {
        run(
            workers, [](void *l) { static_cast<convwright::Loop *>(l)->work(); }, &loop);
    }
    return loop.status;
}

void *halide_malloc(void *, size_t size) {
    void *block = convwright::scratch.take(size);
    return block == nullptr ? nullptr : convwright::ScratchCache::user_pointer(block);
}

void halide_free(void *, void *pointer) {
    if (pointer != nullptr) convwright::scratch.give(convwright::ScratchCache::block_of(pointer));
}

}  // extern "C"
