// SPDX-License-Identifier: Apache-2.0
#include "autotune/cold_caches.h"

#include <memory>
#include <vector>

#include "autotune/verify/gpu_copy.h"
#include "runtime/cpu_caches.h"
#include "runtime/parallel_for.h"

namespace convwright {
namespace {

constexpr size_t kLine = 64;
/// Where the driver does not know: of the largest GPUs there are.
constexpr size_t kGpuSecondLevelBytes = 128 << 20;

}  // namespace

std::function<void()> cpu_cache_flush(size_t bytes) {
    return [memory = std::vector<unsigned char>(bytes, 1)]() mutable {
        const auto shares = static_cast<size_t>(parallel_workers());
        const size_t share = memory.size() / shares;
        parallel_for(static_cast<int64_t>(shares), [&](int64_t i) {
            const size_t first = static_cast<size_t>(i) * share;
            for (size_t at = first; at < first + share; at += kLine) memory[at]++;
            return true;
        });
    };
}

std::function<void()> gpu_cache_flush(size_t bytes) {
    return [memory = std::make_shared<GpuScratch>(bytes)] { memory->overwrite(); };
}

size_t cpu_flush_bytes(int threads) {
    return 2 * static_cast<size_t>(second_level_bytes()) * static_cast<size_t>(threads);
}

size_t gpu_flush_bytes(int64_t second_level_bytes) {
    return 2 * (second_level_bytes > 0 ? static_cast<size_t>(second_level_bytes)
                                       : kGpuSecondLevelBytes);
}

}  // namespace convwright
