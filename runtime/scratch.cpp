// SPDX-License-Identifier: Apache-2.0
#include "runtime/scratch.h"

#include <sanitizer/asan_interface.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <utility>

namespace convwright {
namespace {

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

/// Blocks between guard pages, of all threads, by their address.
class GuardedBlocks {
public:
    static GuardedBlocks &instance() {
        static auto *blocks = new GuardedBlocks;  // threads may outlive main()
        return *blocks;
    }
    void *take(size_t size, Placement placement) {
        try {
            GuardedPages pages(size, placement, kVector);
            std::memset(pages.data(), 0xff, size);  // NaN, as float32 and as bfloat16
            const std::lock_guard<std::mutex> lock(mutex_);
            void *data = pages.data();
            blocks_.emplace(data, std::move(pages));
            return data;
        } catch (const std::bad_alloc &) {
            return nullptr;
        }
    }
    /// False if the memory is none of these.
    bool give(void *pointer) {
        const std::lock_guard<std::mutex> lock(mutex_);
        return blocks_.erase(pointer) > 0;
    }

private:
    static constexpr size_t kVector = 64;
    std::mutex mutex_;
    std::map<void *, GuardedPages> blocks_;
};

std::atomic<int> guards_at_start{0}, guards_at_end{0};  ///< GuardedScratch that live.
/// Blocks that were taken between guard pages, and are not given back.
std::atomic<int64_t> guarded{0};

std::atomic<int> *guards_at(Placement placement) {
    if (placement == Placement::kMiddle) return nullptr;
    return placement == Placement::kStart ? &guards_at_start : &guards_at_end;
}

}  // namespace

void *take_scratch(size_t size) {
    const bool at_start = guards_at_start.load() > 0;
    if (at_start || guards_at_end.load() > 0) {
        void *data =
            GuardedBlocks::instance().take(size, at_start ? Placement::kStart : Placement::kEnd);
        guarded += data != nullptr;
        return data;
    }
    void *block = scratch.take(size);
    return block == nullptr ? nullptr : ScratchCache::user_pointer(block);
}

void give_scratch(void *pointer) {
    if (pointer == nullptr) return;
    if (guarded.load() > 0 && GuardedBlocks::instance().give(pointer)) {
        guarded--;
        return;
    }
    scratch.give(ScratchCache::block_of(pointer));
}

GuardedScratch::GuardedScratch(Placement placement) : placement_(placement) {
    if (auto *guards = guards_at(placement_)) ++*guards;
}

GuardedScratch::~GuardedScratch() {
    if (auto *guards = guards_at(placement_)) --*guards;
}

}  // namespace convwright
