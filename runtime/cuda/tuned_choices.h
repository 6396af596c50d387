// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "runtime/cuda/device.h"
#include "runtime/cuda/kernel_table.h"
#include "runtime/operator_problem.h"

namespace convwright::cuda {

/// What tuning chose for one pass of a problem, or for all of it, on a GPU.
struct TunedPass {
    const ConvKernel *conv = nullptr;
    const WgradKernel *wgrad = nullptr;
    const WeightedSumKernel *weighted_sum = nullptr;
    const WeightedSumGradKernel *weighted_sum_grad = nullptr;
    const ProductKernel *product = nullptr;
    const ByteKernel *bytes = nullptr;
    std::string kind;      ///< As of CPUs, but empty for gradients of a weighted sum by one kernel.
    bool shipped = false;  ///< As of CPUs.
};

/// A candidate of a problem as what computes it, its kernel loaded where the library does not have it; else one sentence.
/// `artifact` as of choose_in_process().
std::variant<TunedPass, std::string> resolve_choice(const OperatorProblem &problem, int phase,
                                                    const std::string &candidate,
                                                    const std::string &artifact);

/// tuned_pass() on a GPU of this name and number of multiprocessors.
std::optional<TunedPass> tuned_pass(const OperatorProblem &problem, int phase,
                                    const Device &device);

/// Whether tuning found PyTorch's own convolution to be the fastest there, unless a kernel is forced. A look-up when it was
/// asked before in this thread.
bool pytorch_was_chosen(const ConvProblem &problem, const Device &device);

/// Why a kernel that was chosen for a pass does not run.
enum class LeftAside {
    kOfSizes,        ///< It does not accept the problem on this GPU,
    kOfPlace,        ///< or tensors that lie so.
    kOfRounding,     ///< It rounds operands to TF32, which is not allowed.
    kForTensorCores  ///< TF32 is allowed, and no kernel that rounds was compared with it.
};

/// Says so by a notice, and returns what stands behind the schedule that runs instead.
const char *leave_aside(const OperatorProblem &problem, int phase, const std::string &kernel,
                        LeftAside why);

}  // namespace convwright::cuda
