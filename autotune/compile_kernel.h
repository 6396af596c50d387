// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>

#include "autotune/run_process.h"
#include "runtime/kernel_table.h"

namespace convwright {

/// The programs that make a kernel on this machine.
struct KernelTools {
    std::string generators;  ///< Program of the Halide Generators.
    std::string shim;        ///< Object file of runtime/kernel_shim.cpp.
    std::string linker;

    /// The linker on the PATH: ld, ld.lld, ld.gold or, as drivers of one, cc, gcc, clang; empty if there
    /// is none.
    static std::string find_linker();
    /// Null if all are there, else what is missing and what to do, as one sentence.
    std::string why_missing() const;
};

/// A kernel to make, in the words of generators/kernels.cmake.
struct KernelSource {
    std::string generator;  ///< "conv2d", "conv2d_wgrad" or "weighted_sum".
    Isa isa = Isa::kAvx2;
    Format format = Format::kNhwc;
    DType dtype = DType::kF32;
    std::string schedule;
    std::string problem;  ///< Empty: sizes at run time.
    int phase = 0;        ///< Which pass of the problem.

    /// As the name of a shipped kernel is made: unique, and the symbol in the shared object.
    std::string symbol() const;
};

/// A shared object for KernelModule::load().
struct MadeKernel {
    std::string path, sha256;
    int spills = 0;  ///< As spills_in_inner_loops().
};

struct NotMade {
    bool timeout = false;
    std::string why;  ///< One sentence, with the first line that the program said.
};

/// Generates and links a kernel, each step in a process of its own under `limits`, to
/// <folder>/<symbol>.so, which is there as a whole or not at all.
std::variant<MadeKernel, NotMade> compile_kernel(const KernelTools &tools,
                                                 const KernelSource &source,
                                                 const std::string &folder,
                                                 const ProcessLimits &limits);

/// Vector values that the innermost loops with fused multiply-adds keep in memory: accesses of the stack
/// by vector moves and operands in x86 assembly (AT&T syntax). 0 for a register tile that fits.
int spills_in_inner_loops(const std::string &assembly);

}  // namespace convwright
