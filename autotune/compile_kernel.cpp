// SPDX-License-Identifier: Apache-2.0
#include "autotune/compile_kernel.h"

#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "autotune/kernel_steps.h"

namespace convwright {
namespace {

std::string target_of(Isa isa) {
    return std::string(isa == Isa::kAvx512 ? CONVWRIGHT_TARGET_AVX512 : CONVWRIGHT_TARGET_AVX2) +
           "-" + CONVWRIGHT_KERNEL_FEATURES;
}

bool executable(const std::string &path) { return access(path.c_str(), X_OK) == 0; }

/// Of what every kernel needs.
std::string why_parts_are_missing(const std::string &generators, const std::string &shim) {
    if (!executable(generators))
        return "'" + generators +
               "' is not a program that makes kernels: build it, or install the "
               "extra convwright[tune].";
    if (access(shim.c_str(), R_OK) != 0)
        return "'" + shim +
               "', which every kernel is linked with, cannot be read: install Convwright "
               "again.";
    return "";
}

}  // namespace

std::string KernelTools::find_linker() {
    const char *path = std::getenv("PATH");
    for (const char *name : {"ld", "ld.lld", "ld.gold", "cc", "gcc", "clang"}) {
        std::istringstream folders(path == nullptr ? "" : path);
        for (std::string folder; std::getline(folders, folder, ':');) {
            const std::string program = folder + "/" + name;
            if (!folder.empty() && executable(program)) return program;
        }
    }
    return "";
}

std::string KernelTools::why_missing() const {
    if (linker.empty())
        return "No linker was found on the PATH, and CPU candidates need one: install binutils "
               "(ld) or "
               "lld.";
    const std::string why = why_parts_are_missing(generators, shim);
    return why.empty() ? why_parts_are_missing(product_generators, shim) : why;
}

std::string KernelTools::why_missing_for_cuda() const {
    if (linker.empty())
        return "No linker was found on the PATH, and candidates for GPUs need one for their host "
               "code: install binutils (ld) or lld.";
    if (!executable(cuda_compiler))
        return "'" + cuda_compiler +
               "' is not a program that compiles CUDA kernels: build it, or install the extra "
               "convwright[tune].";
    for (const std::string &program : {cuda_generators, cuda_weighted_sum_generators,
                                       cuda_product_generators, cuda_byte_generators})
        if (std::string why = why_parts_are_missing(program, shim); !why.empty()) return why;
    return "";
}

std::variant<MadeKernel, NotMade> compile_kernel(const KernelTools &tools,
                                                 const LoadableKernel &wanted,
                                                 const std::string &folder,
                                                 const ProcessLimits &limits) {
    const KernelSteps steps(kernel_symbol(wanted), folder, limits);
    std::vector<std::string> params = {std::string("format=") + format_name(wanted.format),
                                       "schedule=" + wanted.schedule};
    const bool product = !wanted.product.empty();
    params.push_back(product ? "product=" + wanted.product
                             : std::string("dtype=") + dtype_name(wanted.dtype));
    if (!wanted.problem.empty()) {
        params.push_back("problem=" + wanted.problem);
        // wgrad is one pass: its Generator has no such parameter.
        if (wanted.generator != "conv2d_wgrad")
            params.push_back("phase=" + std::to_string(wanted.phase));
    }
    std::optional<NotMade> failed =
        steps.generate(product ? tools.product_generators : tools.generators, wanted.generator,
                       target_of(wanted.isa), ",assembly", params);
    if (!failed) failed = steps.link(tools);
    MadeKernel made{wanted, 0};
    made.kernel.symbol = kernel_symbol(wanted);
    if (!failed) made.spills = spills_in_inner_loops(steps.contents(".s"));
    if (!failed) failed = steps.keep(".so", made.kernel.path, made.kernel.sha256);
    if (failed) return *failed;
    return made;
}

}  // namespace convwright
