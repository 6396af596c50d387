// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/conv_problem.h"

namespace convwright {

/// Null if what a tile of windows reads fits into one buffer of a kernel, else why not: windows may be
/// as far apart as anybody likes.
const char *why_tiles_reach_too_far(const ConvProblem &problem);

}  // namespace convwright
