// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace convwright {

/// The threads of a block: names and constant extents of its gpu_thread loops; and the loops that each
/// thread runs by itself, where their bounds are constant.
struct ThreadLoops {
    struct Axis {
        std::string name;
        int64_t extent;
        int64_t min = 0;
    };
    std::vector<Axis> axes, serial;

    int64_t count() const {
        int64_t n = 1;
        for (const Axis &a : axes) n *= a.extent;
        return n;
    }
};

/// The gpu_thread loops of a nest; nothing if an extent is not constant.
std::optional<ThreadLoops> thread_loops(const Halide::Internal::Stmt &nest);

/// Every element that each thread accesses by `index` in all turns of the serial loops: as many values
/// per thread, one thread after the other. Nothing if the index depends on more than the thread and
/// those loops, in a way that is not understood, or on too many turns; it is evaluated, not reasoned
/// about.
std::optional<std::vector<int64_t>> thread_addresses(const Halide::Expr &index,
                                                     const ThreadLoops &threads);

}  // namespace convwright
