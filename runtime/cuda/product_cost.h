// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "runtime/cuda/device.h"
#include "runtime/cuda/placed.h"

namespace convwright::cuda {

inline constexpr char kTooLargeForProducts[] =
    "approximate products have CUDA kernels for tensors with fewer than 2^31 elements";

/// Elements of the largest tensor. In double: those of expanded tensors may overflow 64 bits.
double most_elements(const ConvProblem &problem);

/// Null if there may be a plan for operands that lie in memory without gaps, else why not.
const char *why_no_approx_plan(const ConvProblem &problem);

/// Null if kernels of these knobs, made for `format`, compute this pass by a product and add in the order that is
/// specified; else why not.
const char *why_no_product_kernel(const Conv2dCudaParams &params, Format format,
                                  const ConvProblem &problem, const ConvPass &pass,
                                  const Device &device, const Placed &placed = {});

/// Predicted cycles of the device for one pass by a product.
double predicted_cycles(const Conv2dCudaParams &params, const ConvPass &pass,
                        const std::string &product, int multiprocessors);

}  // namespace convwright::cuda
