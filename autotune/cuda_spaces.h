// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/space.h"
#include "runtime/cuda/device.h"
#include "runtime/operator_problem.h"

namespace convwright {

/// A GPU of this architecture of which nothing else is known, for candidates that are made without one: with the
/// multiprocessors of its largest kind, which change the order of predictions and no legality.
cuda::Device nominal_gpu(int architecture);

/// Why no kernels are searched for the problem on a GPU; null if some are.
const char *why_no_cuda_space(const OperatorProblem &problem, const cuda::Device &device);

/// What the CUDA schedules can do on a GPU for a pass of a convolution, the kind "conv2d.cuda" or, for wgrad,
/// "conv2d_wgrad.cuda", for a pass of an approximate one, "approx_gemm_nhwc.cuda" and "approx_gemm_nchw.cuda", for one of
/// 8-bit operands "byte_gemm_nhwc.cuda" and "byte_gemm_nchw.cuda", for a weighted sum's gradients, "weighted_sum_grad.cuda"
/// beside "unfused", the two passes. Where one pass is
/// all of an exact convolution "pytorch" is one,
/// too, and of all passes of one that has several there are algorithms alone, as on CPUs. For two convolutions in a row
/// plain_kinds() compete, and for a weighted sum without its backward "weighted_sum.cuda" beside them; without `fused`,
/// for a library that has no fused kernel of the problem, nothing fused does. Kernels that round operands
/// to TF32 are no part of it: a problem does not say that they may. bfloat16 and float16 have tensor cores, in
/// channels_last and from compute capability 8.0 on. Throws std::invalid_argument with one sentence if the problem has
/// no pass `phase`, nothing reaches it, or its operator, format or type has no kernels there.
Space cuda_space(const OperatorProblem &problem, int phase, const cuda::Device &device,
                 bool fused = true);

}  // namespace convwright
