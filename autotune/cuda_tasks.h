// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/tuner.h"
#include "runtime/cuda/device.h"

namespace convwright {

/// As tuning_tasks(), of what has kernels on GPUs: the passes, the ones with the most to gain first, then all passes of
/// a problem together, then gradients of weighted sums, `wsum2d:dgrad_...`, which stand for `wsum2d:step_...`, too.
std::vector<TuningTask> cuda_tuning_tasks(const std::vector<CountedProblem> &problems,
                                          const cuda::Device &device,
                                          std::vector<std::string> &left_out);

/// The candidate that runs for a pass without tuning; empty if there is none.
std::string untuned_cuda_candidate(const TuningTask &task, const cuda::Device &device);

}  // namespace convwright
