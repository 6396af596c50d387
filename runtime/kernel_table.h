// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "schedules/conv2d_params.h"
#include "schedules/conv2d_wgrad_params.h"
#include "schedules/weighted_sum_params.h"

namespace convwright {

/// Halide's uniform entry: one pointer per argument (buffers as halide_buffer_t *, the user context
/// and scalars by address), 0 on success.
using KernelEntry = int (*)(void **arguments);

/// One compiled kernel. The rows come from generators/kernels.cmake at build time, so that no row
/// can be left out by the linker and none is written twice.
template<typename Params>
struct Kernel {
    std::string name;      ///< Unique and stable across builds; also the C symbol.
    std::string schedule;  ///< Knobs as text.
    std::string problem;   ///< The only problem it accepts, or empty for a generic kernel.
    int phase;             ///< The only pass of that problem it computes.
    Format format;
    Isa isa;
    DType dtype;  ///< Of the tensors in memory.
    Params params;
    KernelEntry call;
};

using ConvKernel = Kernel<Conv2dCpuParams>;
using WgradKernel = Kernel<Conv2dWgradCpuParams>;
using WeightedSumKernel = Kernel<WeightedSumCpuParams>;

/// A convolution sum with another product, for tensors of any strides.
struct ProductKernel {
    std::string name, product, schedule;
    Isa isa;
    Conv2dCpuParams params;
    KernelEntry call;
};

/// Kernels without knobs: packing of weights (float32: also for Winograd tiles) and the reduction of wgrad.
struct SupportKernels {
    KernelEntry pack_weight, wgrad_reduce, winograd_weight;
};

const std::vector<ConvKernel> &conv_kernels();
const std::vector<WgradKernel> &wgrad_kernels();
const std::vector<WeightedSumKernel> &weighted_sum_kernels();
const std::vector<ProductKernel> &product_kernels();
/// Whether the kernel of this name is in the library for a table of choices alone (schedules/tuned).
bool is_kernel_of_choices(const std::string &name);
const SupportKernels &support_kernels(Isa isa, DType dtype);

}  // namespace convwright
