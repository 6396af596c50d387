// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/conv_pass.h"
#include "schedules/conv2d_cuda_params.h"

namespace convwright::cuda {

/// Predicted cycles of the device for one pass, packing and the addition of parts included. `parts`
/// of the sum, 1 for a kernel that does not split it. Only the order of two predictions is used. `instructions`
/// of a product in the gemm engine, 1 for the exact one.
double predicted_cycles(const Conv2dCudaParams &params, const ConvPass &pass, int multiprocessors,
                        int64_t parts, double instructions = 1);

/// Into how many parts of equal length a kernel with the knob `split` cuts the sum: enough blocks for
/// all multiprocessors. Depends on sizes and their number alone: each call gives the same bits.
int64_t split_parts(const Conv2dCudaParams &params, const ConvPass &pass, int multiprocessors);

}  // namespace convwright::cuda
