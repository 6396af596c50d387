// SPDX-License-Identifier: Apache-2.0
#include "autotune/compile_kernel.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "autotune/making_folder.h"
#include "runtime/sha256.h"

namespace convwright {
namespace {

namespace fs = std::filesystem;

std::string target_of(Isa isa) {
    return std::string(isa == Isa::kAvx512 ? CONVWRIGHT_TARGET_AVX512 : CONVWRIGHT_TARGET_AVX2) +
           "-" + CONVWRIGHT_KERNEL_FEATURES;
}

const char *name_of(Format format) { return format == Format::kNhwc ? "nhwc" : "nchw"; }

std::string contents(const fs::path &path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

NotMade failure(const std::string &program, const std::string &symbol,
                const ProcessResult &result) {
    const std::string first = result.complaint.substr(0, result.complaint.find('\n'));
    const bool timeout = result.end == ProcessResult::End::kWallTimeout ||
                         result.end == ProcessResult::End::kCpuTimeout;
    return {timeout, program + " " + result.what_happened() + " for " + symbol +
                         (first.empty() ? "." : ": " + first)};
}

bool executable(const std::string &path) { return access(path.c_str(), X_OK) == 0; }

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

std::variant<MadeKernel, NotMade> compile_kernel(const KernelTools &tools,
                                                 const LoadableKernel &wanted,
                                                 const std::string &folder,
                                                 const ProcessLimits &limits) {
    const std::string symbol = kernel_symbol(wanted);
    const MakingFolder work(folder);
    if (work.path().empty()) return NotMade{false, "Nothing can be written to '" + folder + "'."};
    const std::string stem = work.path() + "/" + symbol;
    std::vector<std::string> generate = {tools.generators,
                                         "-g",
                                         wanted.generator,
                                         "-f",
                                         symbol,
                                         "-n",
                                         symbol,
                                         "-e",
                                         "object,assembly",
                                         "-o",
                                         work.path(),
                                         "target=" + target_of(wanted.isa),
                                         std::string("format=") + name_of(wanted.format),
                                         "schedule=" + wanted.schedule,
                                         std::string("dtype=") + dtype_name(wanted.dtype)};
    if (!wanted.problem.empty()) {
        generate.push_back("problem=" + wanted.problem);
        // wgrad is one pass: its Generator has no such parameter.
        if (wanted.generator != "conv2d_wgrad")
            generate.push_back("phase=" + std::to_string(wanted.phase));
    }
    ProcessResult result = run_process(generate, limits);
    if (!result.success()) return failure("the Generator", symbol, result);

    const std::string object = stem + ".so";
    result = run_process({tools.linker, "-shared", "-o", object, stem + ".o", tools.shim}, limits);
    if (!result.success()) return failure("the linker", symbol, result);

    MadeKernel made{wanted, spills_in_inner_loops(contents(stem + ".s"))};
    made.kernel.symbol = symbol;
    made.kernel.path = folder + "/" + symbol + ".so";
    made.kernel.sha256 = sha256_hex(contents(object));
    std::error_code error;
    fs::permissions(object, fs::perms::owner_all, error);
    if (!error) fs::rename(object, made.kernel.path, error);
    if (error)
        return NotMade{false,
                       "'" + made.kernel.path + "' cannot be written: " + error.message() + "."};
    return made;
}

}  // namespace convwright
