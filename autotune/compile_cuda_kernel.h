// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/compile_kernel.h"
#include "runtime/cuda/loaded_kernels.h"
#include "runtime/cuda/nvrtc.h"

namespace convwright {

struct MadeCudaKernel {
    cuda::LoadableKernel kernel;
    std::vector<cuda::KernelFigures> figures;  ///< On the architecture that it was made for.
};

/// Generates and links the host code of the kernel that `wanted` describes but for its files, and compiles its text
/// for sm_<architecture>, each step in a process of its own under `limits`: <folder>/<symbol>.so and
/// <folder>/<symbol> with images_suffix(), the text for other GPUs included. Throws as compile_kernel().
std::variant<MadeCudaKernel, NotMade> compile_cuda_kernel(const KernelTools &tools,
                                                          const cuda::LoadableKernel &wanted,
                                                          const std::string &folder,
                                                          const ProcessLimits &limits,
                                                          int architecture);

/// Empty, or why a kernel is not worth a measurement, one sentence: it spills, or a multiprocessor of the
/// architecture cannot hold a block of it.
std::string why_not_worth_measuring(const std::vector<cuda::KernelFigures> &figures,
                                    int architecture);

}  // namespace convwright
