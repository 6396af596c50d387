// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <HalideRuntime.h>

#include <array>
#include <cstdint>
#include <vector>

namespace convwright {

/// Dense values on the "device", which is this process's memory, as a Halide buffer without a host
/// pointer. Sizes are innermost first, mins 0. Stays where it is: the buffer points into it.
template<typename T, int D>
class DeviceBuffer {
public:
    explicit DeviceBuffer(std::array<int, D> sizes, int offset = 0) : offset_(offset) {
        int stride = 1;
        for (int d = 0; d < D; ++d) {
            dims_[d] = halide_dimension_t(0, sizes[d], stride);
            stride *= sizes[d];
        }
        // 16-byte aligned, then as many elements off as asked.
        storage_.resize(stride + offset + 16);
        const auto start = reinterpret_cast<uintptr_t>(storage_.data());
        values_ = reinterpret_cast<T *>((start + 15) / 16 * 16) + offset;
        buffer_.device = reinterpret_cast<uint64_t>(values_);
        buffer_.type = halide_type_of<T>();
        buffer_.dimensions = D;
        buffer_.dim = dims_.data();
    }
    DeviceBuffer(const DeviceBuffer &) = delete;
    DeviceBuffer &operator=(const DeviceBuffer &) = delete;

    T &operator[](int i) { return values_[i]; }
    int size() const {
        int n = 1;
        for (const auto &d : dims_) n *= d.extent;
        return n;
    }
    /// Whole numbers in [-3, 3], whose sums float32 holds exactly.
    void fill_with_integers(uint32_t seed) {
        for (int i = 0; i < size(); ++i) {
            seed = seed * 1664525u + 1013904223u;
            values_[i] = static_cast<T>(static_cast<int>((seed >> 16) % 7) - 3);
        }
    }
    halide_buffer_t *get() { return &buffer_; }

private:
    int offset_;
    std::vector<T> storage_;
    T *values_;
    std::array<halide_dimension_t, D> dims_;
    halide_buffer_t buffer_{};
};

}  // namespace convwright
