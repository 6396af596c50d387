// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "runtime/kernel_module.h"
#include "runtime/operator_problem.h"

namespace convwright {

/// A kernel in a shared object: what a row of the registry says of a shipped one, and where it is.
struct LoadableKernel {
    std::string generator;  ///< "conv2d", "conv2d_wgrad", "weighted_sum" or "approx_conv2d".
    std::string symbol, schedule;
    std::string
        product;  ///< Of "approx_conv2d", whose kernels take tensors of any strides: `format` is nhwc.
    std::string problem;  ///< The only one it accepts, or empty.
    int phase = 0;
    Format format = Format::kNhwc;
    Isa isa = Isa::kNone;
    DType dtype = DType::kF32;
    std::string path, sha256;  ///< As KernelModule::load().
};

/// What makes the kernels of one convolution, on every target: "conv2d" or "conv2d_wgrad".
std::string conv2d_generator(Direction direction);

/// The symbol of a kernel that a Generator, at this version of its params, makes for a target.
std::string versioned_symbol(const std::string &generator, int version, Format format, DType dtype,
                             const std::string &target, const std::string &schedule);

/// The name of a kernel that the other fields describe: unique, and another one when the version of its generator's
/// params is, so that no object is taken for what its schedule meant earlier.
std::string kernel_symbol(const LoadableKernel &kernel);

/// The kernel that a candidate of the tuner stands for, such as "conv2d.avx512/lane:0,vec:2", with its symbol and
/// without a file; nothing where the text is none for this operator and direction.
std::optional<LoadableKernel> parse_candidate(const OperatorProblem &problem,
                                              const std::string &candidate);

/// The library's own kernel with the same knobs; null if there is none. Throws as parse_params().
template<typename Params>
const Kernel<Params> *shipped_kernel(const std::vector<Kernel<Params>> &kernels,
                                     const LoadableKernel &wanted) {
    const std::string schedule = format_params(parse_params<Params>(wanted.schedule));
    for (const Kernel<Params> &kernel : kernels) {
        if (kernel.schedule == schedule && kernel.isa == wanted.isa &&
            kernel.format == wanted.format && kernel.dtype == wanted.dtype &&
            kernel.problem.empty())
            return &kernel;
    }
    return nullptr;
}

/// The same of kernels of the product that `wanted` names.
const ProductKernel *shipped_kernel(const std::vector<ProductKernel> &kernels,
                                    const LoadableKernel &wanted);

/// The kernel, loaded when first asked for, or one sentence why not. It stays for the process's life. Throws
/// std::invalid_argument if the schedule is none of the generator's. Thread-safe.
std::variant<const ConvKernel *, std::string> load_conv_kernel(const LoadableKernel &kernel);
std::variant<const WgradKernel *, std::string> load_wgrad_kernel(const LoadableKernel &kernel);
std::variant<const WeightedSumKernel *, std::string> load_weighted_sum_kernel(
    const LoadableKernel &kernel);
std::variant<const ProductKernel *, std::string> load_product_kernel(const LoadableKernel &kernel);

}  // namespace convwright
