// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>

#include "autotune/run_process.h"
#include "runtime/loaded_kernels.h"

namespace convwright {

/// The programs that make a kernel on this machine.
struct KernelTools {
    std::string generators;          ///< Program of the Halide Generators.
    std::string product_generators;  ///< The same of approximate products.
    std::string shim;                ///< Object file of runtime/kernel_shim.cpp.
    std::string linker;
    std::string cuda_generators = {};  ///< Program of the Generators of CUDA convolutions.
    std::string cuda_weighted_sum_generators = {};  ///< The same of fused weighted sums,
    std::string cuda_product_generators = {};       ///< of approximate convolutions,
    std::string cuda_byte_generators = {};          ///< and of 8-bit products.
    std::string cuda_compiler = {};                 ///< convwright_compile_cuda.
    std::string nvrtc = {};  ///< NVIDIA's run-time compiler; empty: where Nvrtc::open() finds it,
    std::string python_packages = {};  ///< and in this folder of packages, if it is not empty.

    /// The linker on the PATH: ld, ld.lld, ld.gold or, as drivers of one, cc, gcc, clang; empty if there
    /// is none.
    static std::string find_linker();
    /// Empty if all are there, else what is missing and what to do, as one sentence.
    std::string why_missing() const;
    std::string why_missing_for_cuda() const;
};

/// A kernel in a shared object that load_conv_kernel() or load_wgrad_kernel() takes.
struct MadeKernel {
    LoadableKernel kernel;
    int spills = 0;  ///< As spills_in_inner_loops().
};

struct NotMade {
    bool timeout = false;
    std::string why;  ///< One sentence, with the first line that the program said.
};

/// Generates and links the kernel that `wanted` describes but for its symbol, path and SHA-256, each step in a
/// process of its own under `limits`, to <folder>/<symbol>.so, which is there as a whole or not at all. Throws
/// std::runtime_error, one sentence, if no process could be started.
std::variant<MadeKernel, NotMade> compile_kernel(const KernelTools &tools,
                                                 const LoadableKernel &wanted,
                                                 const std::string &folder,
                                                 const ProcessLimits &limits);

/// Vector values that the innermost loops with fused multiply-adds keep in memory: accesses of the stack
/// by vector moves and operands in x86 assembly (AT&T syntax). 0 for a register tile that fits.
int spills_in_inner_loops(const std::string &assembly);

}  // namespace convwright
