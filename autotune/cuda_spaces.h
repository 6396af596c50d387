// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/space.h"
#include "autotune/tuner.h"
#include "runtime/cuda/device.h"

namespace convwright {

/// A GPU of this architecture of which nothing else is known, for candidates that are made without one: with the
/// multiprocessors of its largest kind, which change the order of predictions and no legality.
cuda::Device nominal_gpu(int architecture);

/// What the CUDA schedules can do on a GPU for a pass of a convolution, the kind "conv2d.cuda" or, for wgrad,
/// "conv2d_wgrad.cuda", for a pass of an approximate one, "approx_gemm_nhwc.cuda" and "approx_gemm_nchw.cuda", or for a
/// weighted sum without its backward, "weighted_sum.cuda". Kernels that round operands
/// to TF32 are no part of it: a problem does not say that they may. bfloat16 and float16 have tensor cores, in
/// channels_last and from compute capability 8.0 on. Throws std::invalid_argument with one sentence if the problem has
/// no pass `phase`, nothing reaches it, or its operator, format or type has no kernels there.
Space cuda_space(const OperatorProblem &problem, int phase, const cuda::Device &device);

/// As tuning_tasks(), of what has kernels on GPUs; a task for each pass.
std::vector<TuningTask> cuda_tuning_tasks(const std::vector<CountedProblem> &problems,
                                          const cuda::Device &device,
                                          std::vector<std::string> &left_out);

/// The candidate that runs for a pass without tuning; empty if there is none.
std::string untuned_cuda_candidate(const TuningTask &task, const cuda::Device &device);

}  // namespace convwright
