// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/conv2d_gemm.h"

namespace convwright {

/// A block computes a tile of a group in turns over the sum: panels of both operands go to shared
/// memory, each thread adds their products to its registers.
void schedule_conv2d_gemm(Conv2dGemm &alg, const GemmShape &shape);

}  // namespace convwright
