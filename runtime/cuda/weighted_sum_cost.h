// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/conv_pass.h"
#include "schedules/weighted_sum_cuda_params.h"

namespace convwright::cuda {

/// Predicted cycles of the device: multiply-adds of all blocks, whole tiles, and what their threads copy, by count. Only
/// the order of two predictions is used.
double predicted_cycles(const WeightedSumCudaParams &params, const ConvPass &mix,
                        const ConvPass &window, int multiprocessors);

}  // namespace convwright::cuda
