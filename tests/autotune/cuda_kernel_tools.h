// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/program_files.h"

namespace convwright {

/// The programs of this build, and those for CUDA kernels; without `nvrtc` where there is none.
inline KernelTools test_cuda_kernel_tools() {
    KernelTools tools = kernel_tools("");
    tools.generators = CONVWRIGHT_GENERATORS;
    tools.cuda_generators = CONVWRIGHT_CUDA_GENERATORS;
    tools.cuda_product_generators = CONVWRIGHT_CUDA_PRODUCT_GENERATORS;
    tools.cuda_byte_generators = CONVWRIGHT_CUDA_BYTE_GENERATORS;
    tools.cuda_weighted_sum_generators = CONVWRIGHT_CUDA_WEIGHTED_SUM_GENERATORS;
    tools.cuda_compiler = CONVWRIGHT_COMPILE_CUDA;
    tools.shim = CONVWRIGHT_KERNEL_SHIM;
    return tools;
}

}  // namespace convwright
