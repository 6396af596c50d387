// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace convwright {

/// Writes so much memory of its own at each call, a share of it on each thread of parallel loops: what else was in
/// caches of half this size is out then.
std::function<void()> cpu_cache_flush(size_t bytes);

/// The same on this thread's GPU, behind what that was given before. Throws std::runtime_error where it has not as much
/// memory, as the function does where the driver fails.
std::function<void()> gpu_cache_flush(size_t bytes);

/// Bytes that empty the caches of this many cores which no others share, the second level. Those behind them are left:
/// what a layer reads in a network was written just before, and on servers they are other machines', too.
size_t cpu_flush_bytes(int threads);
/// Those that empty a GPU's second level; of one that does not tell its size (0) as for the largest there are.
size_t gpu_flush_bytes(int64_t second_level_bytes);

}  // namespace convwright
