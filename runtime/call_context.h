// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

namespace convwright {

/// One per operator call; reaches Halide's hooks as their user_context. Holds the first error text
/// of the call's kernels, from whichever thread it came.
class CallContext {
public:
    void set_error(const char *text);
    std::string error() const;

    void *stream = nullptr;  ///< CUstream that kernels are enqueued on; null is the default stream.
    int device = 0;          ///< GPU whose primary context is taken where the thread has none.

private:
    mutable std::mutex mutex_;
    std::string error_;
};

/// Runs body(closure) once in each of at most `workers` threads, returns when all have ended. Must
/// not throw.
using ParallelRun = void (*)(int64_t workers, void (*body)(void *closure), void *closure);

/// Sets what parallel loops of kernels run on, for the whole process; one thread until then.
/// The operators set PyTorch's own pool, so that no second pool exists.
void set_parallel_run(ParallelRun run, int64_t (*max_workers)());

}  // namespace convwright
