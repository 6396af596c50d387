// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/loaded_kernels.h"

#include <fcntl.h>

#include <deque>
#include <map>
#include <mutex>
#include <type_traits>

#include "runtime/cuda/module_table.h"
#include "runtime/kernel_module.h"
#include "runtime/loaded_kernels.h"
#include "runtime/private_file.h"
#include "runtime/sha256.h"

namespace convwright::cuda {
namespace {

constexpr size_t kDigits = 64;                         // of a SHA-256
constexpr size_t kMostImageBytes = size_t{256} << 20;  // no kernel's programs come near

/// Makes the programs of a kernel known to load_module(). Empty, or one sentence why not.
std::string enter_images_of(const LoadableKernel &k) {
    const size_t slash = k.images_path.rfind('/');
    const FileDescriptor folder(
        slash == std::string::npos ? "." : k.images_path.substr(0, slash + 1),
        O_RDONLY | O_DIRECTORY);
    std::string content;
    std::string why = folder.get() < 0 ? "lie in a folder that cannot be opened" : "";
    if (why.empty())
        why = read_private_file(folder.get(), k.images_path.substr(slash + 1), kMostImageBytes,
                                content);
    if (why.empty() && sha256_hex(content) != k.images_sha256)
        why = "are not the recorded ones by their SHA-256";
    if (!why.empty())
        return "kernel images '" + k.images_path + "': " + why +
               "; delete them and make the kernel again.";
    // Of kernels that stay for the process's life, of any generator.
    static auto &kept = *new std::deque<std::pair<std::string, std::string>>;
    static std::mutex mutex;
    const std::lock_guard<std::mutex> lock(mutex);
    const auto &[symbol, bytes] = kept.emplace_back(k.symbol, std::move(content));
    enter_images({{symbol.c_str(), bytes.data(), bytes.data() + bytes.size()}});
    return "";
}

template<typename AnyKernel>
std::variant<const AnyKernel *, std::string> load(const LoadableKernel &k) {
    using Params = decltype(AnyKernel::params);
    static std::mutex mutex;
    struct Loaded {
        std::string sha256, images_sha256;
        AnyKernel kernel;
    };
    static std::map<std::string, Loaded> kernels;  // by symbol, which programs are found by
    const std::lock_guard<std::mutex> lock(mutex);
    if (const auto found = kernels.find(k.symbol); found != kernels.end()) {
        const Loaded &loaded = found->second;
        if (loaded.sha256 == k.sha256 && loaded.images_sha256 == k.images_sha256)
            return &loaded.kernel;
        return "another kernel " + k.symbol + " was loaded in this process; start it again.";
    }
    const Params params = parse_params<Params>(k.schedule);
    auto found_entry = load_kernel_entry(k.path, k.sha256, k.symbol);
    if (auto *why = std::get_if<std::string>(&found_entry)) return std::move(*why);
    const KernelEntry entry = std::get<KernelEntry>(found_entry);
    if (std::string why = enter_images_of(k); !why.empty()) return why;
    AnyKernel kernel;
    static_cast<Kernel<Params> &>(kernel) = {
        k.symbol, format_params(params), k.format, k.dtype, 32, params, entry};
    if constexpr (!std::is_same_v<AnyKernel, Kernel<Params>>) kernel.product = k.product;
    return &kernels.emplace(k.symbol, Loaded{k.sha256, k.images_sha256, kernel})
                .first->second.kernel;
}

/// What makes the kernels of a problem; empty where it has none of its own on GPUs.
std::string generator_of(const OperatorProblem &problem) {
    if (!problem.product.empty()) return problem.bytes() ? kByteGemm : kApproxGemm;
    if (problem.op == Operator::kConv2d) return conv2d_generator(problem.sizes.direction);
    if (problem.is_fused_gradients()) return "weighted_sum_grad";
    return problem.op == Operator::kWeightedSum && !problem.step ? "weighted_sum" : "";
}

int params_version(const std::string &generator) {
    if (generator == "conv2d_wgrad") return Conv2dWgradCudaParams::kVersion;
    if (generator == "weighted_sum") return WeightedSumCudaParams::kVersion;
    if (generator == "weighted_sum_grad") return WeightedSumGradCudaParams::kVersion;
    if (generator == kByteGemm) return ByteGemmCudaParams::kVersion;
    return Conv2dCudaParams::kVersion;
}

}  // namespace

std::string artifact_of(const LoadableKernel &kernel) {
    return kernel.sha256 + kernel.images_sha256;
}

std::string images_suffix(const std::string &images_sha256) {
    constexpr size_t kEnough = 16;  // digits; what is loaded is known by all of them
    return "." + images_sha256.substr(0, kEnough) + ".images";
}

bool place_files(LoadableKernel &kernel, const std::string &folder, const std::string &artifact) {
    if (artifact.size() != 2 * kDigits) return false;
    kernel.sha256 = artifact.substr(0, kDigits);
    kernel.images_sha256 = artifact.substr(kDigits);
    kernel.path = folder + "/" + kernel.symbol + ".so";
    kernel.images_path = folder + "/" + kernel.symbol + images_suffix(kernel.images_sha256);
    return true;
}

std::string kernel_symbol(const LoadableKernel &k) {
    const std::string name = k.product.empty() ? k.generator : k.generator + "_" + k.product;
    return versioned_symbol(name, params_version(k.generator), k.format, k.dtype, "cuda",
                            k.schedule);
}

std::optional<LoadableKernel> parse_candidate(const OperatorProblem &problem,
                                              const std::string &candidate) {
    LoadableKernel kernel;
    kernel.generator = generator_of(problem);
    // One kernel for any number of terms.
    const std::optional<ByteProduct> bytes = problem.bytes();
    kernel.product = bytes ? bytes->name : problem.product;
    kernel.dtype = problem.sizes.dtype;
    std::vector<Format> formats = {problem.sizes.format};
    if (!kernel.product.empty()) formats = {Format::kNhwc, Format::kNchw};
    for (const Format format : formats) {
        const std::string kind =
            (kernel.product.empty() ? candidate_kind(kernel.generator.c_str())
                                    : candidate_kind(kernel.generator.c_str(), format)) +
            "/";
        if (kernel.generator.empty() || candidate.rfind(kind, 0) != 0) continue;
        kernel.schedule = candidate.substr(kind.size());
        kernel.format = format;
        kernel.symbol = kernel_symbol(kernel);
        return kernel;
    }
    return std::nullopt;
}

std::variant<const ConvKernel *, std::string> load_conv_kernel(const LoadableKernel &kernel) {
    return load<ConvKernel>(kernel);
}

std::variant<const WgradKernel *, std::string> load_wgrad_kernel(const LoadableKernel &kernel) {
    return load<WgradKernel>(kernel);
}

std::variant<const WeightedSumKernel *, std::string> load_weighted_sum_kernel(
    const LoadableKernel &kernel) {
    return load<WeightedSumKernel>(kernel);
}

std::variant<const WeightedSumGradKernel *, std::string> load_weighted_sum_grad_kernel(
    const LoadableKernel &kernel) {
    return load<WeightedSumGradKernel>(kernel);
}

std::variant<const ProductKernel *, std::string> load_product_kernel(const LoadableKernel &kernel) {
    return load<ProductKernel>(kernel);
}

std::variant<const ByteKernel *, std::string> load_byte_kernel(const LoadableKernel &kernel) {
    return load<ByteKernel>(kernel);
}

}  // namespace convwright::cuda
