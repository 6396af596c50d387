// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/cuda/device.h"
#include "runtime/cuda/placed.h"
#include "runtime/multipliers/byte_product.h"
#include "schedules/byte_gemm_cuda_params.h"

namespace convwright::cuda {

inline constexpr char kTooManyBytes[] =
    "8-bit products have CUDA kernels for tensors with fewer than 2^31 bytes, those that they pack "
    "included";

/// How an fprop problem of 8-bit operands lies in words of four bytes.
struct ByteLayout {
    ByteGemmShape shape;
    /// Whether a word has bytes of all taps that an output pixel meets, for few channels: shape.taps is 1
    /// then. Else words are of the pixels of the input.
    bool gathers = false;
    int64_t packed_pixels = 1;  ///< Without the one outside.
    int64_t pixel_words = 0;    ///< Of the packed pixels, that come first in the workspace.
};

/// For a product of so many terms.
ByteLayout byte_layout(const ConvProblem &problem, int terms);

/// Null if there may be a plan for operands that lie in memory without gaps, else why not.
const char *why_no_byte_plan(const ConvProblem &problem, const ByteProduct &product);

/// Null if kernels of these knobs and this product, made for `format`, compute a problem of that format and shape; else
/// why not.
const char *why_no_byte_kernel(const ByteGemmCudaParams &params, Format format,
                               const ByteProduct &product, Format of_problem,
                               const ByteGemmShape &shape, const Device &device,
                               const Placed &placed = {});

/// Predicted cycles of the device.
double predicted_cycles(const ByteGemmCudaParams &params, const ByteProduct &product,
                        const ByteGemmShape &shape, int multiprocessors);

}  // namespace convwright::cuda
