// SPDX-License-Identifier: Apache-2.0
#include "autotune/program_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "runtime/private_file.h"

namespace convwright {
namespace {

namespace fs = std::filesystem;

/// The first of these that is there, or the last.
std::string first_of(const std::vector<fs::path> &paths) {
    for (const fs::path &path : paths) {
        std::error_code error;
        if (fs::exists(path, error)) return path.lexically_normal();
    }
    return paths.back().lexically_normal();
}

}  // namespace

std::string program_path() {
    std::error_code error;
    return fs::read_symlink("/proc/self/exe", error);
}

KernelTools kernel_tools(const std::string &generators) {
    const fs::path folder = fs::path(program_path()).parent_path();
    const auto program = [&](const std::string &name) {
        return first_of({folder / name, folder / "../generators" / name});
    };
    KernelTools tools;
    tools.generators = generators.empty() ? program("convwright_generators") : generators;
    tools.product_generators = program("convwright_product_generators");
    tools.shim = first_of({folder / "../lib/kernel_shim.o", folder / "kernel_shim.o"});
    tools.linker = KernelTools::find_linker();
    tools.cuda_generators = program("convwright_cuda_generators");
    tools.cuda_weighted_sum_generators = program("convwright_cuda_weighted_sum_generators");
    tools.cuda_product_generators = program("convwright_cuda_product_generators");
    tools.cuda_byte_generators = program("convwright_cuda_byte_generators");
    tools.cuda_compiler = first_of(
        {folder / "convwright_compile_cuda", folder / "../codegen/convwright_compile_cuda"});
    // A setting of the user counts before what the build found.
    std::error_code error;
    const char *chosen = std::getenv("CONVWRIGHT_NVRTC");
    if ((chosen == nullptr || *chosen == '\0') && fs::exists(CONVWRIGHT_NVRTC_FILE, error))
        tools.nvrtc = CONVWRIGHT_NVRTC_FILE;
    // From a wheel: PyTorch's CUDA packages lie beside this one.
    const fs::path packages = (folder / "../..").lexically_normal();
    if (fs::exists(packages / "nvidia", error)) tools.python_packages = packages;
    return tools;
}

std::string why_no_generators(const std::string &generators) {
    // Without arguments it says how it is used; the loader ends a program that lacks a library with 127.
    constexpr int kNotLoaded = 127;
    const ProcessResult result = run_process({generators}, {60, 0, 0});
    if (result.end != ProcessResult::End::kExited || result.status == kNotLoaded)
        return "'" + generators +
               "', which makes kernels, does not start; install the Halide that it is linked with, "
               "the extra convwright[tune] (" +
               result.complaint.substr(0, result.complaint.find('\n')) + ").";
    return "";
}

std::string private_folder(const std::string &path, const std::string &advice) {
    std::error_code error;
    fs::create_directories(fs::path(path).parent_path(), error);
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
        throw std::runtime_error("The folder '" + path + "' cannot be made; " + advice +
                                 " that can.");
    // Later nothing would be loaded from there.
    const FileDescriptor folder(path, O_RDONLY | O_DIRECTORY);
    const char *why = folder.get() < 0 ? "cannot be opened" : why_not_private(folder.get());
    if (why != nullptr)
        throw std::runtime_error("The folder '" + path + "' " + why + "; " + advice +
                                 " of your own.");
    return path;
}

std::string library_versions(const std::string &torch) {
    return "convwright=" CONVWRIGHT_VERSION ";halide=" CONVWRIGHT_HALIDE_VERSION +
           (torch.empty() ? "" : ";torch=" + torch);
}

}  // namespace convwright
