// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "runtime/conv_problem.h"

namespace convwright {

/// Problems that share what is difficult about them, as fprop without bias.
struct ProblemFamily {
    std::string name;
    std::vector<ConvProblem> problems;
};

/// Sizes around the edges of every register tile of the shipped kernels, and geometries that are
/// easily got wrong. Small: an exact run of all kernels over all of it takes seconds.
const std::vector<ProblemFamily> &edge_families();

}  // namespace convwright
