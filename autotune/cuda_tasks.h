// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/tuner.h"
#include "runtime/cuda/device.h"

namespace convwright {

/// As tuning_tasks(), of what is searched on GPUs: the passes, the ones with the most to gain first, then all passes of
/// a problem together, then weighted sums and their gradients, `wsum2d:dgrad_...`, and what compares algorithms of two
/// convolutions in a row alone. A step of a weighted sum stands for its gradients, too, unless it is composed by rule.
std::vector<TuningTask> cuda_tuning_tasks(const std::vector<CountedProblem> &problems,
                                          const cuda::Device &device,
                                          std::vector<std::string> &left_out);

/// The space of a task: without what is fused where the library has no such kernel to verify others by.
Space cuda_space_of(const TuningTask &task, const cuda::Device &device);

/// For a GPU or, where that is null, for the CPU: tuning_tasks(), space_of() and untuned_candidate() of either.
std::vector<TuningTask> tasks_on(const cuda::Device *gpu,
                                 const std::vector<CountedProblem> &problems,
                                 std::vector<std::string> &left_out);
Space space_on(const cuda::Device *gpu, const TuningTask &task, const std::vector<Isa> &isas = {});
std::string untuned_on(const cuda::Device *gpu, const TuningTask &task);

/// The candidate that runs for a pass without tuning; empty if there is none, or if nobody knows (TuningTask::kind).
std::string untuned_cuda_candidate(const TuningTask &task, const cuda::Device &device);

}  // namespace convwright
