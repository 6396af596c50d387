// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <HalideRuntime.h>

#include <cstdint>
#include <cstring>
#include <deque>
#include <vector>

#include "runtime/fast_division.h"
#include "runtime/kernel_table.h"

namespace convwright::cuda {

/// The arguments of a kernel's uniform entry, in their order.
class KernelArguments {
public:
    explicit KernelArguments(void *user_context) { add_word(user_context); }

    void add(halide_buffer_t *buffer) { pointers_.push_back(buffer); }
    void add(int32_t value) { add_word(value); }
    void add(float value) { add_word(value); }
    void add(bool value) { add_word(value); }
    /// The two words of generators/fast_division.h.
    void add(const FastDivisor &by) {
        add_word(by.multiplier);
        add_word(by.shift);
    }
    template<typename First, typename Second, typename... More>
    void add(First &&first, Second &&second, More &&...more) {
        add(first);
        add(second, more...);
    }

    bool call(KernelEntry kernel) { return kernel(pointers_.data()) == 0; }

private:
    template<typename T>
    void add_word(T value) {
        std::memcpy(&words_.emplace_back(0), &value, sizeof value);
        pointers_.push_back(&words_.back());
    }

    std::deque<uint64_t> words_;  // stay where they are
    std::vector<void *> pointers_;
};

}  // namespace convwright::cuda
