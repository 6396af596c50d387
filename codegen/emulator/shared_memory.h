// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace convwright::emulator {

/// What unwritten memory holds, two bytes at a time: a quiet NaN as float32, bfloat16 and half, and
/// 127 and -27 as int8.
constexpr uint16_t kPoison = 0x7FE5;

/// Fills memory with kPoison. Redzones of the address sanitizer may lie in between.
void poison(void *memory, size_t bytes);

/// The shared memory of the one block that runs: `__shared__` variables of the program, and the
/// dynamic memory of the launch, which is an allocation of its own.
class SharedMemory {
public:
    static constexpr size_t kAlignment = 128;  ///< Of the dynamic part, in bytes.

    explicit SharedMemory(size_t dynamic_bytes);
    ~SharedMemory();
    SharedMemory(const SharedMemory &) = delete;
    SharedMemory &operator=(const SharedMemory &) = delete;

    void *dynamic() const { return dynamic_; }
    void poison_all() const;  ///< As a new block finds it.
    bool contains(const void *memory, size_t bytes) const;

private:
    void *dynamic_;
    size_t bytes_;
};

}  // namespace convwright::emulator
