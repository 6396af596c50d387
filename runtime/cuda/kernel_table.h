// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "runtime/kernel_table.h"
#include "schedules/conv2d_cuda_params.h"

namespace convwright::cuda {

/// One compiled kernel of the convolution engine.
struct ConvKernel {
    std::string name;      ///< Unique and stable across builds; also the C symbol.
    std::string schedule;  ///< Knobs as text.
    Format format;
    DType dtype;     ///< Of the tensors in memory.
    int index_bits;  ///< 64 where a tensor may have elements that 32 bits cannot count.
    Conv2dCudaParams params;
    KernelEntry call;
};

/// Kernels without knobs, by format: packing of weights and the second pass of split sums.
struct SupportKernels {
    KernelEntry pack_weight, parts;
};

const std::vector<ConvKernel> &conv_kernels();
const SupportKernels &support_kernels(Format format);

}  // namespace convwright::cuda
