// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "runtime/kernel_table.h"
#include "schedules/byte_gemm_cuda_params.h"
#include "schedules/conv2d_cuda_params.h"
#include "schedules/conv2d_wgrad_cuda_params.h"
#include "schedules/weighted_sum_cuda_params.h"
#include "schedules/weighted_sum_grad_cuda_params.h"

namespace convwright::cuda {

/// One compiled kernel.
template<typename Params>
struct Kernel {
    std::string name;      ///< Unique and stable across builds; also the C symbol.
    std::string schedule;  ///< Knobs as text.
    Format format;
    DType dtype;     ///< Of the tensors in memory.
    int index_bits;  ///< 64 where a tensor may have elements that 32 bits cannot count.
    Params params;
    KernelEntry call;
};

using ConvKernel = Kernel<Conv2dCudaParams>;
using WgradKernel = Kernel<Conv2dWgradCudaParams>;
using WeightedSumKernel = Kernel<WeightedSumCudaParams>;
using WeightedSumGradKernel = Kernel<WeightedSumGradCudaParams>;

/// The convolution engine with another product (generators/products.h). Kernels whose accesses are no
/// vectors take tensors of any strides, whatever their format.
struct ProductKernel : ConvKernel {
    std::string product;
};

/// Of 8-bit operands, by its product.
struct ByteKernel : Kernel<ByteGemmCudaParams> {
    std::string product;
};

/// What makes words of bytes (generators/cuda/pack_bytes_generator.cpp).
struct BytePackingKernels {
    KernelEntry pixels, weights;
};

/// Of operands of approximate products: their ranges, what those allow, and edited ones.
struct OperandKernels {
    KernelEntry operand_range, product_choice, edit_operands;
};

/// Kernels without knobs, by format and type: packing of weights and the second pass of split sums, of
/// wgrad for both formats. Null where there is none.
struct SupportKernels {
    KernelEntry pack_weight, parts, wgrad_reduce;
};

const std::vector<ConvKernel> &conv_kernels();
const std::vector<WgradKernel> &wgrad_kernels();
const std::vector<WeightedSumKernel> &weighted_sum_kernels();
const std::vector<WeightedSumGradKernel> &weighted_sum_grad_kernels();
const std::vector<ProductKernel> &product_kernels();
const std::vector<ByteKernel> &byte_kernels();
/// Whether a kernel is in the library because a table of choices names it.
bool is_kernel_of_choices(const std::string &name);
const BytePackingKernels &byte_packing_kernels();
const OperandKernels &operand_kernels();
const SupportKernels &support_kernels(Format format, DType dtype);

}  // namespace convwright::cuda
