// SPDX-License-Identifier: Apache-2.0
#include "runtime/loaded_kernels.h"

#include <map>
#include <mutex>
#include <stdexcept>

#include "runtime/in_quotes.h"
#include "runtime/multipliers/product_words.h"
#include "schedules/product_knobs.h"

namespace convwright {
namespace {

template<typename Params>
Kernel<Params> kernel_of(const LoadableKernel &k, const Params &params, KernelEntry entry) {
    return {k.symbol, format_params(params), k.problem, k.phase, k.format, k.isa, k.dtype, params,
            entry};
}

ProductKernel product_kernel_of(const LoadableKernel &k, const Conv2dCpuParams &params,
                                KernelEntry entry) {
    return {k.symbol, k.product, format_params(params), k.isa, params, entry};
}

template<typename Params, typename Loaded>
std::variant<const Loaded *, std::string> load(const LoadableKernel &k,
                                               Loaded (*make)(const LoadableKernel &,
                                                              const Params &, KernelEntry)) {
    static std::mutex mutex;
    static std::map<std::string, Loaded> kernels;  // by content and symbol
    const std::lock_guard<std::mutex> lock(mutex);
    const std::string key = k.sha256 + " " + k.symbol;
    if (const auto found = kernels.find(key); found != kernels.end()) return &found->second;
    if (k.isa > host_isa() || k.isa == Isa::kNone)
        return "kernel " + k.symbol + " was made for " + isa_name(k.isa) +
               ", which this CPU does not have; tune the problem here.";
    const Params params = parse_params<Params>(k.schedule);
    auto loaded = load_kernel_entry(k.path, k.sha256, k.symbol);
    if (auto *why = std::get_if<std::string>(&loaded)) return std::move(*why);
    return &kernels.emplace(key, make(k, params, std::get<KernelEntry>(loaded))).first->second;
}

/// What makes the kernels of a problem; empty where it has none of its own.
std::string generator_of(const OperatorProblem &problem) {
    // Engines of 8-bit products have no knobs.
    if (problem.bytes()) return "";
    if (!problem.product.empty()) return "approx_conv2d";
    if (problem.op == Operator::kConv2d) return conv2d_generator(problem.sizes.direction);
    // A step's kernels are those of its parts, and gradients are fused on GPUs alone.
    const bool forward = !problem.step && !problem.is_fused_gradients();
    return problem.op == Operator::kWeightedSum && forward ? "weighted_sum" : "";
}

}  // namespace

std::string conv2d_generator(Direction direction) {
    return direction == Direction::kWgrad ? "conv2d_wgrad" : "conv2d";
}

std::string versioned_symbol(const std::string &generator, int version, Format format, DType dtype,
                             const std::string &target, const std::string &schedule) {
    std::string symbol = generator + "_v" + std::to_string(version) + "_" +
                         (format == Format::kNhwc ? "nhwc_" : "nchw_") + dtype_name(dtype) + "_" +
                         target + "_" + schedule;
    for (char &c : symbol)
        if (c == ':' || c == ',') c = '_';
    return symbol;
}

std::string kernel_symbol(const LoadableKernel &k) {
    const int version = k.generator == "conv2d_wgrad"   ? Conv2dWgradCpuParams::kVersion
                        : k.generator == "weighted_sum" ? WeightedSumCpuParams::kVersion
                                                        : Conv2dCpuParams::kVersion;
    const std::string name = k.generator + (k.product.empty() ? "" : "_" + k.product);
    std::string symbol =
        versioned_symbol(name, version, k.format, k.dtype, isa_name(k.isa), k.schedule);
    if (!k.problem.empty()) symbol += "_" + k.problem + "_" + std::to_string(k.phase);
    return symbol;
}

std::optional<LoadableKernel> parse_candidate(const OperatorProblem &problem,
                                              const std::string &candidate) {
    const size_t dot = candidate.find('.'), slash = candidate.find('/');
    if (dot == std::string::npos || slash == std::string::npos || dot > slash) return std::nullopt;
    LoadableKernel kernel;
    kernel.generator = candidate.substr(0, dot);
    if (kernel.generator.empty() || kernel.generator != generator_of(problem)) return std::nullopt;
    const std::string isa = candidate.substr(dot + 1, slash - dot - 1);
    for (const Isa known : {Isa::kAvx2, Isa::kAvx512})
        if (isa == isa_name(known)) kernel.isa = known;
    if (kernel.isa == Isa::kNone) return std::nullopt;
    kernel.schedule = candidate.substr(slash + 1);
    kernel.product = problem.product;
    if (kernel.product.empty()) kernel.format = problem.sizes.format;
    kernel.dtype = problem.sizes.dtype;
    kernel.symbol = kernel_symbol(kernel);
    return kernel;
}

const ProductKernel *shipped_kernel(const std::vector<ProductKernel> &kernels,
                                    const LoadableKernel &wanted) {
    const auto params = parse_params<Conv2dCpuParams>(wanted.schedule);
    const std::string schedule = format_params(params);
    for (const ProductKernel &kernel : kernels) {
        if (kernel.product == wanted.product && kernel.schedule == schedule &&
            kernel.isa == wanted.isa)
            return &kernel;
    }
    return nullptr;
}

std::variant<const ConvKernel *, std::string> load_conv_kernel(const LoadableKernel &kernel) {
    return load(kernel, kernel_of<Conv2dCpuParams>);
}

std::variant<const WgradKernel *, std::string> load_wgrad_kernel(const LoadableKernel &kernel) {
    return load(kernel, kernel_of<Conv2dWgradCpuParams>);
}

std::variant<const WeightedSumKernel *, std::string> load_weighted_sum_kernel(
    const LoadableKernel &kernel) {
    return load(kernel, kernel_of<WeightedSumCpuParams>);
}

std::variant<const ProductKernel *, std::string> load_product_kernel(const LoadableKernel &kernel) {
    const auto params = parse_params<Conv2dCpuParams>(kernel.schedule);
    const int words = product_weight_words(kernel.product);
    if (const char *why = why_no_product_schedule(params, words, kernel.isa))
        throw std::invalid_argument("schedule " + in_quotes(kernel.schedule) + ": " + why + ".");
    return load(kernel, product_kernel_of);
}

}  // namespace convwright
