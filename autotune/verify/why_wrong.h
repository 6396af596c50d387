// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "autotune/verify/kernel_call.h"

namespace convwright {

/// A candidate as calls of any problem; nothing where it does not accept one.
using CallMaker = std::function<std::optional<KernelCall>(const ConvProblem &)>;

/// Empty if the candidate computes `problem` exactly, else one sentence with the first fault. To be called in a
/// process of its own: what a wrong kernel touches outside its tensors is a guard page. Checked are
///  - small problems of the same channels, taps and strides (one output pixel; odd sizes), all of their
///    results against the definition, all memory at the start and at the end of its pages;
///  - the problem itself with two sets of integers whose sums are exact, or of operands of two multipliers of a
///    product, whose sums have one order, or of bytes by two tables: against the definition at a few hundred
///    results, against `trusted` at all, and a second run against the first, bit for bit;
///  - that nothing around results and workspace is written, and every result is.
std::string why_wrong(const CallMaker &candidate, const ConvProblem &problem,
                      const KernelCall &trusted);

/// Problems with the same channels, taps and strides as `problem` and few pixels.
std::vector<ConvProblem> edge_problems_of(const ConvProblem &problem);

}  // namespace convwright
