// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace convwright {

/// The threads of a block: names and constant extents of its gpu_thread loops.
struct ThreadLoops {
    struct Axis {
        std::string name;
        int64_t extent;
    };
    std::vector<Axis> axes;

    int64_t count() const {
        int64_t n = 1;
        for (const Axis &a : axes) n *= a.extent;
        return n;
    }
};

/// The gpu_thread loops of a nest; nothing if an extent is not constant.
std::optional<ThreadLoops> thread_loops(const Halide::Internal::Stmt &nest);

/// Every element that each thread accesses by `index`: `lanes` values per thread, one thread after
/// the other. Nothing if the index depends on more than the thread, or in a way that is not
/// understood; it is evaluated, not reasoned about.
std::optional<std::vector<int64_t>> thread_addresses(const Halide::Expr &index,
                                                     const ThreadLoops &threads);

}  // namespace convwright
