// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/conv_problem.h"

namespace convwright {

/// dgrad has a pass for each phase of the stride, and a plan holds them all.
constexpr int kMostPhases = 4096;

/// Null if conv_passes() can make the passes of a possible problem, which count each axis in 32 bits, else
/// why not. Elements may be more.
const char *why_no_passes(const ConvProblem &problem);

}  // namespace convwright
