// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/space.h"
#include "runtime/isa.h"
#include "runtime/operator_problem.h"

namespace convwright {

/// Those of plain_kinds(), on CPUs and GPUs.
std::vector<SpaceKind> plain_space_kinds(const OperatorProblem &problem, int phase);
/// Null if the problem has schedules on CPUs, or algorithms that compete there, else why not: 8-bit products have none.
const char *why_not_on_cpus(const OperatorProblem &problem);

/// What the CPU schedules can do for a convolution. Kinds are "conv2d.<isa>" or, for wgrad,
/// "conv2d_wgrad.<isa>", one for each of `isas`; where one pass is the whole problem also "pytorch",
/// for PyTorch does no single phase. With a product there are "approx_conv2d.<isa>" alone. Throws
/// std::invalid_argument if the problem has no pass `phase`, or nothing reaches that pass, it is too large for kernels,
/// or as why_not_on_cpus() says.
Space conv_cpu_space(const OperatorProblem &problem, int phase, const std::vector<Isa> &isas);

/// The same for the weighted sum that `problem` stands for (runtime/weighted_sum_passes.h): kinds "weighted_sum.<isa>", "unfused" and
/// "composed", which take their kernels from other records, and "pytorch".
Space weighted_sum_cpu_space(const ConvProblem &problem, const std::vector<Isa> &isas);

/// Where nothing but algorithms compete: plain_kinds(). For all passes of a problem that has several, for steps, and for
/// depthwise separable layers. Throws std::invalid_argument for a problem that has one pass or a product, or is too large.
Space kinds_space(const OperatorProblem &problem, int phase);

/// The one of the three above that is searched for a phase of a problem; kWholeProblem is one, too.
Space cpu_space(const OperatorProblem &problem, int phase, const std::vector<Isa> &isas);

/// Null if `text` is the problem of a subject, else what is wrong, one sentence.
std::optional<std::string> why_no_subject(const std::string &text);

}  // namespace convwright
