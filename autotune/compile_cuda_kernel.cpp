// SPDX-License-Identifier: Apache-2.0
#include "autotune/compile_cuda_kernel.h"

#include <stdexcept>

#include "autotune/kernel_steps.h"
#include "runtime/cuda/images.h"
#include "runtime/cuda/occupancy.h"

namespace convwright {
namespace {

/// Spills are judged here, with a reason; the compiler is to end with success.
constexpr char kAnySpills[] = "999999";

/// Of the Generators of a kernel's algorithm the one that its schedule is of.
template<typename Params>
std::string engine_of(const std::string &schedule) {
    constexpr const char *kEngines[] = {"_direct", "_gemm", "_depthwise"};
    return kEngines[parse_params<Params>(schedule).engine];
}

/// What makes the kernels of a generator of the tuner: an entry for each.
struct Source {
    const char *generator;
    std::string KernelTools::*program;
    std::string (*halide_name)(const std::string &schedule);  ///< Throws as parse_params().
};

const Source kSources[] = {
    {"conv2d", &KernelTools::cuda_generators,
     [](const std::string &s) { return "conv2d" + engine_of<Conv2dCudaParams>(s); }},
    {"conv2d_wgrad", &KernelTools::cuda_generators,
     [](const std::string &s) { return "conv2d_wgrad" + engine_of<Conv2dWgradCudaParams>(s); }},
    {"weighted_sum", &KernelTools::cuda_weighted_sum_generators,
     [](const std::string &s) {
         parse_params<WeightedSumCudaParams>(s);
         return std::string("weighted_sum_cuda");
     }},
    {"weighted_sum_grad", &KernelTools::cuda_weighted_sum_generators,
     [](const std::string &s) {
         parse_params<WeightedSumGradCudaParams>(s);
         return std::string("weighted_sum_grad_cuda");
     }},
    {"approx_gemm", &KernelTools::cuda_product_generators,
     [](const std::string &s) {
         parse_params<Conv2dCudaParams>(s);
         return std::string("approx_gemm");
     }},
    {"byte_gemm", &KernelTools::cuda_byte_generators,
     [](const std::string &s) {
         parse_params<ByteGemmCudaParams>(s);
         return std::string("byte_gemm");
     }},
};

const Source &source_of(const std::string &generator) {
    for (const Source &source : kSources)
        if (generator == source.generator) return source;
    throw std::invalid_argument("No Generator makes kernels of " + generator + " for GPUs");
}

}  // namespace

std::variant<MadeCudaKernel, NotMade> compile_cuda_kernel(const KernelTools &tools,
                                                          const cuda::LoadableKernel &wanted,
                                                          const std::string &folder,
                                                          const ProcessLimits &limits,
                                                          int architecture) {
    MadeCudaKernel made{wanted, {}};
    made.kernel.symbol = cuda::kernel_symbol(wanted);
    std::string program, generator;
    try {
        const Source &source = source_of(wanted.generator);
        program = tools.*source.program, generator = source.halide_name(wanted.schedule);
    } catch (const std::invalid_argument &error) {  // of an older version's database
        return NotMade{false, error.what()};
    }
    const KernelSteps steps(made.kernel.symbol, folder, limits);
    std::vector<std::string> params = {std::string("format=") + format_name(wanted.format),
                                       "schedule=" + wanted.schedule};
    // Generators of float32 alone have no such parameter.
    if (wanted.dtype != DType::kF32)
        params.push_back(std::string("dtype=") + dtype_name(wanted.dtype));
    if (!wanted.product.empty()) params.push_back("product=" + wanted.product);
    const std::string text = steps.stem() + ".cu", images_file = steps.stem() + ".images";
    params.push_back("cuda=" + text);
    std::optional<NotMade> failed =
        steps.generate(program, generator, CONVWRIGHT_CUDA_HOST_TARGET, "", params);
    if (!failed) failed = steps.link(tools);
    if (!failed) {
        std::vector<std::string> command = {tools.cuda_compiler,
                                            "--text",
                                            text,
                                            "--output",
                                            images_file,
                                            "--architectures",
                                            std::to_string(architecture),
                                            "--spill-allowance",
                                            kAnySpills};
        if (!tools.nvrtc.empty())
            command.insert(command.end(), {"--nvrtc", tools.nvrtc});
        else if (!tools.python_packages.empty())
            command.insert(command.end(), {"--python-packages", tools.python_packages});
        failed = steps.run("the compiler of CUDA kernels", command);
    }
    if (failed) return *failed;
    const std::string file = steps.contents(".images");
    const auto read = cuda::Images::read(file);
    if (const auto *why = std::get_if<std::string>(&read)) return NotMade{false, *why};
    const auto &images = std::get<cuda::Images>(read);
    if (images.architectures() != std::vector<int>{architecture})
        return NotMade{false,
                       "NVRTC was not found, which compiles CUDA kernels: install PyTorch's CUDA "
                       "packages, or set CONVWRIGHT_NVRTC to its library."};
    made.figures = images.figures(architecture);
    failed = steps.keep(".so", made.kernel.path, made.kernel.sha256);
    if (!failed)
        failed = steps.keep(".images", made.kernel.images_path, made.kernel.images_sha256,
                            cuda::images_suffix);
    if (failed) return *failed;
    return made;
}

std::string why_not_worth_measuring(const std::vector<cuda::KernelFigures> &figures,
                                    int architecture) {
    for (const cuda::KernelFigures &kernel : figures) {
        const std::string needs =
            std::to_string(kernel.registers) + " registers, " +
            std::to_string(kernel.shared_bytes + kernel.dynamic_shared_bytes) +
            " bytes of shared memory";
        if (kernel.spills_beyond(0))
            return "Its threads keep " +
                   std::to_string(std::max(kernel.spill_bytes, kernel.stack_bytes)) +
                   " bytes in local memory that should be in registers (" + needs + ").";
        // Of other architectures the limits are not known here.
        if (cuda::most_shared_bytes(architecture) > 0 &&
            cuda::resident_blocks(kernel, architecture) == 0)
            return "A multiprocessor cannot hold a block of it (" + needs + ").";
    }
    return "";
}

}  // namespace convwright
