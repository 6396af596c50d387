// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/conv_problem.h"

namespace convwright {

/// Fails the running test unless every kernel that accepts `problem` on this CPU equals the naive
/// convolution on small integers, tolerance 0. Each kernel runs with all its memory (operands, result, workspace and
/// scratch) against a guard page at the end and at the start, with bias and without, on dense tensors and on such with
/// gaps and the other order of weights.
void expect_kernels_equal_naive(const ConvProblem &problem);

}  // namespace convwright
