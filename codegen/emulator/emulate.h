// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <tuple>
#include <utility>

#include "codegen/emulator/block.h"

namespace convwright::emulator {

/// How a kernel is launched.
struct Launch {
    const char *kernel = "kernel";  ///< Its name in errors.
    dim3 grid, block;
    size_t shared_bytes = 0;  ///< Dynamic shared memory.
    Order order = Order::kForward;
    uint64_t seed = 0;  ///< Of Order::kShuffled.
};

struct Outcome {
    std::string error;  ///< Empty, or one sentence with kernel, block and thread.
    Counters counters;
};

/// Runs `body` as each thread of the grid, a block after the other. Not thread-safe: the built-in
/// variables and shared memory of the program are one set. Beyond errors that come back as text,
/// the sanitizers end the program, and say which thread it was.
Outcome run_grid(const Launch &launch, const std::function<void()> &body);

/// Runs kernel(args...); arguments are converted as in a call.
template<typename... Params, typename... Args>
Outcome emulate(void (*kernel)(Params...), const Launch &launch, Args &&...args) {
    static_assert(sizeof...(Params) == sizeof...(Args), "as many arguments as parameters");
    const std::tuple<Params...> values(std::forward<Args>(args)...);
    return run_grid(launch, [&] { std::apply(kernel, values); });
}

/// Runs a kernel with arguments by address, as cuLaunchKernel takes them.
template<typename... Params>
Outcome emulate_packed(void (*kernel)(Params...), const Launch &launch, void *const *args) {
    const auto call = [&]<size_t... I>(std::index_sequence<I...>) {
        kernel(*static_cast<Params *>(args[I])...);
    };
    return run_grid(launch, [&] { call(std::index_sequence_for<Params...>()); });
}

}  // namespace convwright::emulator
