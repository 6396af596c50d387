// SPDX-License-Identifier: Apache-2.0
#include "autotune/cuda_spaces.h"

#include <stdexcept>

#include "autotune/cpu_spaces.h"
#include "runtime/cuda/byte_cost.h"
#include "runtime/cuda/candidate_kinds.h"
#include "runtime/cuda/conv_cost.h"
#include "runtime/cuda/occupancy.h"
#include "runtime/cuda/product_cost.h"
#include "runtime/cuda/short_floats.h"
#include "runtime/cuda/weighted_sum_cost.h"
#include "runtime/cuda/weighted_sum_grad_cost.h"
#include "runtime/cuda/wgrad_cost.h"
#include "runtime/pass_limits.h"
#include "runtime/weighted_sum_passes.h"
#include "runtime/wgrad_pass.h"

namespace convwright {
namespace {

/// Of A100 and H100, between which other GPUs lie.
constexpr int kMultiprocessors = 120;

using Conv = Conv2dCudaParams;
using Wgrad = Conv2dWgradCudaParams;

/// Whether knobs that an engine does not read have their defaults: other values would be the same kernel again.
const char *why_told_apart(const Conv &p) {
    const Conv same;
    if (p.engine == Conv::kGemm) return nullptr;
    if (p.engine == Conv::kDepthwise) {
        const bool rest = p.px == same.px && p.co_t == same.co_t && p.chunk == same.chunk;
        return rest ? nullptr : "strips have no panels";
    }
    const bool plain = p.co == same.co && p.px == same.px && p.co_t == same.co_t &&
                       p.px_t == same.px_t && p.chunk == same.chunk;
    return plain ? nullptr : "the direct engine has no tiles";
}

const char *why_told_apart(const Wgrad &p) {
    const Wgrad same;
    if (p.engine == Wgrad::kDepthwise) {
        const bool rest =
            p.e == same.e && p.co_t == same.co_t && p.e_t == same.e_t && p.chunk == same.chunk;
        return rest ? nullptr : "strips have no tiles of elements";
    }
    if (p.px_t != same.px_t) return "only strips have a length";
    if (p.engine == Wgrad::kGemm)
        return p.shares == same.shares ? nullptr : "the gemm engine shares no outputs";
    const bool plain = p.co_t == same.co_t && p.e_t == same.e_t && p.chunk == same.chunk;
    return plain ? nullptr : "the direct engine has no register tiles";
}

/// What is no candidate for tensors of this type although the schedule computes the pass.
const char *why_no_candidate(const Conv &p, DType dtype) {
    const bool is_short = dtype != DType::kF32;
    if (p.mma == Conv::kTf32 || (p.mma != 0 && !is_short))
        return "tensor cores would round the operands, and the problem does not say they may";
    if (is_short && p.engine == Conv::kGemm && p.mma == 0) return "short floats take tensor cores";
    return why_told_apart(p);
}

const char *why_no_candidate(const Wgrad &p, DType dtype) {
    if (dtype != DType::kF32 && p.async != 0 && p.vec == 1)
        return "cp.async copies 4 bytes or more";
    return why_told_apart(p);
}

/// What short floats have of the knobs: a space of all would be a hundred times and, of wgrad, thousands of times as
/// large, which is more than there may be.
std::vector<Knob<Conv>> conv_knobs(DType dtype) {
    if (dtype == DType::kF32) return Conv::float_knobs();
    return knobs_without(Conv(), [](const Conv &p) {
        return p.engine == Conv::kDepthwise || p.mma == Conv::kTf32 || p.vec == 4 ||
               p.co % 8 != 0 || p.px_t < 8 || p.chunk % 16 != 0 || p.taps != 0 || p.stride != 1;
    });
}

std::vector<Knob<Wgrad>> wgrad_knobs(DType dtype) {
    if (dtype == DType::kF32) return Wgrad::float_knobs();
    Wgrad usual;
    usual.mma = Wgrad::kShortFloats, usual.co_t = 16, usual.e_t = 8;
    return knobs_without(usual, [](const Wgrad &p) {
        return p.engine != Wgrad::kGemm || p.mma == 0 || p.vec == 4 || p.co % 16 != 0 ||
               p.e % 8 != 0 || p.co_t % 16 != 0 || p.e_t % 8 != 0 || p.chunk % 16 != 0 ||
               p.taps != 0 || p.stride != 1 || why_told_apart(p) != nullptr;
    });
}

/// What kernels by products have of them.
std::vector<Knob<Conv>> product_gemm_knobs() {
    return knobs_without(Conv(), [](const Conv &p) {
        return p.engine != Conv::kGemm || p.mma != 0 || p.split != 0 || p.vec > 4 ||
               p.co % p.co_t != 0 || p.co_t > 8 || p.px_t > 8 || p.chunk > 16 || p.taps != 0 ||
               p.stride != 1;
    });
}

SpaceKind conv_kind(const ConvProblem &problem, const ConvPass &pass, const cuda::Device &device) {
    return params_kind<Conv>(
        cuda::candidate_kind("conv2d"),
        [=](const Conv &p) {
            if (const char *why = why_no_candidate(p, problem.dtype)) return why;
            return p.why_illegal(pass, problem.format, device.compute_capability,
                                 device.shared_bytes);
        },
        [=](const Conv &p) {
            const int sms = device.multiprocessors;
            const int64_t parts = p.split != 0 ? cuda::split_parts(p, pass, sms) : 1;
            return cuda::predicted_cycles(p, pass, sms, parts);
        },
        conv_knobs(problem.dtype));
}

SpaceKind wgrad_kind(const ConvProblem &problem, const cuda::Device &device) {
    return params_kind<Wgrad>(
        cuda::candidate_kind("conv2d_wgrad"),
        [=](const Wgrad &p) {
            if (const char *why = why_no_candidate(p, problem.dtype)) return why;
            return p.why_illegal(problem, device.compute_capability, device.shared_bytes);
        },
        [=](const Wgrad &p) {
            const int sms = device.multiprocessors;
            return cuda::predicted_cycles(p, problem, sms, cuda::wgrad_parts(p, problem, sms));
        },
        wgrad_knobs(problem.dtype));
}

SpaceKind product_kind(const OperatorProblem &whole, const ConvPass &pass, Format made_for,
                       const cuda::Device &device) {
    return params_kind<Conv>(
        cuda::product_candidate_kind(made_for),
        [=, problem = whole.sizes](const Conv &p) {
            return cuda::why_no_product_kernel(p, made_for, problem, pass, device);
        },
        [=, product = whole.product](const Conv &p) {
            return cuda::predicted_cycles(p, pass, product, device.multiprocessors);
        },
        product_gemm_knobs());
}

/// Kernels of both formats: those without vectors take either. Of equals the first are tried first, which are those
/// whose neighbouring threads have neighbours in memory; images never are.
std::vector<SpaceKind> product_kinds(const OperatorProblem &whole, const ConvPass &pass,
                                     const cuda::Device &device) {
    const bool pixels =
        whole.sizes.direction == Direction::kWgrad || whole.sizes.format == Format::kNchw;
    const Format first = pixels ? Format::kNchw : Format::kNhwc;
    const Format second = pixels ? Format::kNhwc : Format::kNchw;
    return {product_kind(whole, pass, first, device), product_kind(whole, pass, second, device)};
}

SpaceKind byte_kind(const OperatorProblem &whole, Format made_for, const cuda::Device &device) {
    const ByteProduct product = *whole.bytes();
    const ByteGemmShape shape = cuda::byte_layout(whole.sizes, product.terms).shape;
    return params_kind<ByteGemmCudaParams>(
        cuda::byte_candidate_kind(made_for),
        [=, format = whole.sizes.format](const ByteGemmCudaParams &p) {
            return cuda::why_no_byte_kernel(p, made_for, product, format, shape, device);
        },
        [=](const ByteGemmCudaParams &p) {
            return cuda::predicted_cycles(p, product, shape, device.multiprocessors);
        });
}

/// Of dot products kernels of both formats, the problem's own first. Look-ups go along pixels, whatever a kernel is made
/// for.
std::vector<SpaceKind> byte_kinds(const OperatorProblem &whole, const cuda::Device &device) {
    const SpaceKind pixels = byte_kind(whole, Format::kNchw, device);
    if (whole.bytes()->looks_up()) return {pixels};
    const SpaceKind channels = byte_kind(whole, Format::kNhwc, device);
    if (whole.sizes.format == Format::kNhwc) return {channels, pixels};
    return {pixels, channels};
}

SpaceKind weighted_sum_kind(const ConvProblem &problem, const cuda::Device &device) {
    const WeightedSumPasses passes = weighted_sum_passes(problem);
    return params_kind<WeightedSumCudaParams>(
        cuda::candidate_kind("weighted_sum"),
        [=](const WeightedSumCudaParams &p) {
            if (const char *why = why_not_fused(problem, passes)) return why;
            return p.why_illegal(passes.mix, passes.window, device.shared_bytes);
        },
        [=](const WeightedSumCudaParams &p) {
            return cuda::predicted_cycles(p, passes.mix, passes.window, device.multiprocessors);
        });
}

/// The fused kernel's schedules, and the two passes that they are compared with.
std::vector<SpaceKind> gradients_kinds(const OperatorProblem &whole, const cuda::Device &device) {
    std::vector<SpaceKind> kinds = plain_space_kinds(whole, 0);
    kinds.push_back(params_kind<WeightedSumGradCudaParams>(
        cuda::candidate_kind("weighted_sum_grad"),
        [=, problem = whole.sizes](const WeightedSumGradCudaParams &p) {
            return p.why_illegal(problem, device.shared_bytes);
        },
        [=, problem = whole.sizes](const WeightedSumGradCudaParams &p) {
            return cuda::predicted_cycles(p, problem, device.multiprocessors, /*keeps_z=*/true);
        }));
    return kinds;
}

[[noreturn]] void refuse(const OperatorProblem &problem, const std::string &why) {
    throw std::invalid_argument("problem '" + format_problem(problem) + "': " + why + ".");
}

/// What competes for two convolutions in a row; `fused` as of cuda_space().
std::vector<SpaceKind> kinds_of_two(const OperatorProblem &whole, const cuda::Device &device,
                                    bool fused) {
    std::vector<SpaceKind> kinds = plain_space_kinds(whole, 0);
    if (!fused) std::erase_if(kinds, [](const SpaceKind &kind) { return kind.name == kFusedKind; });
    if (fused && whole.op == Operator::kWeightedSum && !whole.step)
        kinds.push_back(weighted_sum_kind(whole.sizes, device));
    return kinds;
}

Space space_of_two(const OperatorProblem &whole, int phase, const cuda::Device &device,
                   bool fused) {
    if (phase != 0) refuse(whole, "it has one pass, 0");
    if (const char *why = whole.is_row_of_two() ? why_not_mixed(whole.sizes) : nullptr)
        refuse(whole, why);
    return Space({format_problem(whole), phase}, whole.is_fused_gradients()
                                                     ? gradients_kinds(whole, device)
                                                     : kinds_of_two(whole, device, fused));
}

}  // namespace

const char *why_no_cuda_space(const OperatorProblem &whole, const cuda::Device &device) {
    const bool is_short = whole.sizes.dtype != DType::kF32;
    if (whole.bytes()) return cuda::why_no_byte_plan(whole.sizes, *whole.bytes());
    if (!whole.product.empty()) return cuda::why_no_approx_plan(whole.sizes);
    if (whole.op == Operator::kConv2d) {
        if (!is_short) return nullptr;
        const char *why = cuda::why_no_short_floats(whole.sizes);
        return why != nullptr ? why : cuda::why_no_tensor_cores(device.compute_capability);
    }
    if (whole.is_fused_gradients()) return cuda::why_no_fused_gradients(whole.sizes);
    return is_short ? "on GPUs two convolutions in a row are computed in float32 alone" : nullptr;
}

cuda::Device nominal_gpu(int architecture) {
    cuda::Device device;
    device.compute_capability = architecture;
    device.multiprocessors = kMultiprocessors;
    device.shared_bytes = cuda::most_shared_bytes(architecture);
    return device;
}

Space cuda_space(const OperatorProblem &whole, int phase, const cuda::Device &device, bool fused) {
    const ConvProblem &problem = whole.sizes;
    if (const char *why = why_no_cuda_space(whole, device)) refuse(whole, why);
    if (whole.op != Operator::kConv2d) return space_of_two(whole, phase, device, fused);
    const bool wgrad = problem.direction == Direction::kWgrad;
    if (const char *why = why_no_passes(problem)) refuse(whole, why);
    if (phase == kWholeProblem) return kinds_space(whole, phase);
    const std::vector<ConvPass> passes = conv_passes(problem);
    const int count = wgrad ? 1 : static_cast<int>(passes.size());
    if (phase < 0 || phase >= count)
        refuse(whole, "there is no pass " + std::to_string(phase) + ", the last one is " +
                          std::to_string(count - 1));
    if (!wgrad && passes[phase].taps() == 0) refuse(whole, "no tap reaches this pass");
    std::vector<SpaceKind> kinds;
    if (whole.bytes()) {
        kinds = byte_kinds(whole, device);
    } else if (!whole.product.empty()) {
        kinds = product_kinds(whole, product_passes(problem)[phase], device);
    } else {
        if (count == 1) kinds = plain_space_kinds(whole, phase);
        kinds.push_back(wgrad ? wgrad_kind(problem, device)
                              : conv_kind(problem, passes[phase], device));
    }
    return Space({format_problem(whole), phase}, std::move(kinds));
}

}  // namespace convwright
