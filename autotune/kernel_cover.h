// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace convwright {

/// Kernels of which every shape has at least one.
struct KernelCover {
    std::vector<int> kernels;  ///< Ascending.
    bool fewest = true;        ///< Proven; else the search for fewer was given up after its steps.
};

/// The fewest kernels such that each shape has one of those that serve it: set cover, by branch and bound from what the
/// greedy rule (each time the kernel that serves the most open shapes) finds. Exact unless `most_steps` branches were not
/// enough. `serving` names for each shape the kernels, 0 to some number, that are good enough for it: one at
/// least. Depends on its arguments alone.
KernelCover cover_shapes(const std::vector<std::vector<int>> &serving,
                         int64_t most_steps = int64_t{1} << 20);

}  // namespace convwright
