// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "runtime/cuda/candidate_kinds.h"
#include "runtime/cuda/kernel_table.h"
#include "runtime/operator_problem.h"

namespace convwright::cuda {

/// A CUDA kernel outside this library: a shared object of its host code, and its images (images.h).
struct LoadableKernel {
    /// "conv2d", "conv2d_wgrad", "weighted_sum", "weighted_sum_grad", "approx_gemm" or "byte_gemm".
    std::string generator;
    std::string symbol, schedule;
    std::string product = {};  ///< Of "approx_gemm": one of product_names(); else a ByteProduct's.
    Format format = Format::kNhwc;
    DType dtype = DType::kF32;
    std::string path, sha256;                ///< Of the shared object, as KernelModule::load().
    std::string images_path, images_sha256;  ///< In the same folder.
};

/// What a choice keeps of the files: the SHA-256 of the shared object, and behind it that of the images.
std::string artifact_of(const LoadableKernel &kernel);

/// The end of the name of images, behind the symbol. By their content: those for two GPUs differ.
std::string images_suffix(const std::string &images_sha256);

/// Gives the kernel the files of `folder` that an artifact_of() is of. False, and nothing changes, where the text is none.
bool place_files(LoadableKernel &kernel, const std::string &folder, const std::string &artifact);

/// The name of a kernel that the other fields describe: unique, and another one when the version of its
/// generator's params is.
std::string kernel_symbol(const LoadableKernel &kernel);

/// The kernel that a candidate such as "conv2d.cuda/engine:1,co:64" stands for, with its symbol and without files;
/// nothing where the text is none for this operator and direction.
std::optional<LoadableKernel> parse_candidate(const OperatorProblem &problem,
                                              const std::string &candidate);

/// The product of a kernel; empty where it has an exact one.
template<typename Params>
std::string product_of(const Kernel<Params> &) {
    return "";
}
inline std::string product_of(const ProductKernel &kernel) { return kernel.product; }
inline std::string product_of(const ByteKernel &kernel) { return kernel.product; }

/// The library's own kernel with the same knobs; null if there is none. Throws as parse_params().
template<typename AnyKernel>
const AnyKernel *shipped_kernel(const std::vector<AnyKernel> &kernels,
                                const LoadableKernel &wanted) {
    using Params = decltype(AnyKernel::params);
    const std::string schedule = format_params(parse_params<Params>(wanted.schedule));
    for (const AnyKernel &kernel : kernels) {
        if (kernel.schedule == schedule && kernel.format == wanted.format &&
            kernel.dtype == wanted.dtype && kernel.index_bits == 32 &&
            product_of(kernel) == wanted.product)
            return &kernel;
    }
    return nullptr;
}

/// The kernel, loaded when first asked for, or one sentence why not. It stays for the process's life; its programs
/// reach a GPU at its first launch. Both files must be this user's own, with the recorded SHA-256. Throws
/// std::invalid_argument if the schedule is none of the generator's. Thread-safe.
std::variant<const ConvKernel *, std::string> load_conv_kernel(const LoadableKernel &kernel);
std::variant<const WgradKernel *, std::string> load_wgrad_kernel(const LoadableKernel &kernel);
std::variant<const WeightedSumKernel *, std::string> load_weighted_sum_kernel(
    const LoadableKernel &kernel);
std::variant<const WeightedSumGradKernel *, std::string> load_weighted_sum_grad_kernel(
    const LoadableKernel &kernel);
std::variant<const ProductKernel *, std::string> load_product_kernel(const LoadableKernel &kernel);
std::variant<const ByteKernel *, std::string> load_byte_kernel(const LoadableKernel &kernel);

}  // namespace convwright::cuda
