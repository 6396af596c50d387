// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "runtime/cuda/driver.h"

namespace convwright {

/// Makes GPU `index` the one of this thread. Throws std::runtime_error with one sentence where that cannot be.
void use_gpu(int index);

/// Waits for what this thread's GPU was given. Throws std::runtime_error with what went wrong in it.
void wait_for_gpu();

/// Memory of this thread's GPU that nothing else uses. Members throw std::runtime_error.
class GpuScratch {
public:
    explicit GpuScratch(size_t bytes);
    ~GpuScratch();
    GpuScratch(const GpuScratch &) = delete;
    GpuScratch &operator=(const GpuScratch &) = delete;

    /// Writes all of it, behind what the GPU was given before: what else was in a cache of half its size is out.
    void overwrite();

private:
    const cuda::Driver &driver_;
    size_t bytes_;
    cuda::Address memory_ = 0;
};

/// A copy of host memory on this thread's GPU, for as long as it lives. Members throw std::runtime_error.
class GpuCopy {
public:
    explicit GpuCopy(std::pair<void *, size_t> host);
    ~GpuCopy();
    GpuCopy(const GpuCopy &) = delete;
    GpuCopy &operator=(const GpuCopy &) = delete;

    /// Copies back to the host.
    void download() const;
    /// Whether the GPU has left all of it as the host has it.
    bool unchanged() const;

    /// Where the GPU has what the host has at `host`.
    template<typename T>
    T *of(T *host) const {
        const auto offset = reinterpret_cast<uintptr_t>(host) - reinterpret_cast<uintptr_t>(host_);
        return reinterpret_cast<T *>(memory_ + offset);
    }

private:
    const cuda::Driver &driver_;
    void *host_;
    size_t bytes_;
    cuda::Address memory_ = 0;
};

}  // namespace convwright
