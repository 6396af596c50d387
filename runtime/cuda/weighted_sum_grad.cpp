// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/weighted_sum_grad.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/cuda/conv_plan.h"
#include "runtime/cuda/cost_constants.h"
#include "runtime/cuda/device_view.h"
#include "runtime/cuda/forced_kernel.h"
#include "runtime/cuda/kernel_arguments.h"
#include "runtime/weighted_sum_passes.h"

namespace convwright::cuda {
namespace {

using P = WeightedSumGradCudaParams;

// 2 to 8 on sm_90, 1 to 3 on sm_75, by shared memory.
constexpr double kResidentBlocks = 4;
// Part of the shorter one of arithmetic and traffic that shows: a guess, which tells kernels with equal traffic apart.
constexpr double kNotHidden = 0.1;

double z_elements(const ConvProblem &p) { return 1.0 * p.n * p.co * p.ih * p.iw; }

const char *why_not(const ConvProblem &p, const Placed &placed) {
    if (p.dtype != DType::kF32) return "CUDA kernels compute with float32";
    if (p.format != Format::kNhwc) return "only channels_last is fused";
    if (placed.index_bits != 32 || z_elements(p) > kMostElements)
        return "a tensor has 2^31 elements or more";
    ConvProblem forward = p;
    forward.direction = Direction::kFprop;
    return why_not_mixed(forward);
}

const char *why_illegal(const WeightedSumGradKernel &kernel, const ConvProblem &p,
                        const Device &device, const Placed &placed) {
    if (const char *why = why_not(p, placed)) return why;
    if (kernel.params.vec > 1 && !placed.vectors) return "pixels are not aligned to 16 bytes";
    return kernel.params.why_illegal(p, device.shared_bytes);
}

/// Predicted cycles of the two passes one by one; infinite where kernels are missing.
double cycles_one_by_one(const ConvProblem &p, const Device &device, bool tf32) {
    ConvProblem window = p, mix = p;
    window.ci = window.groups = p.co;
    mix.kh = mix.kw = mix.stride_h = mix.stride_w = mix.dilation_h = mix.dilation_w = 1;
    mix.pad_h = mix.pad_w = 0;
    double cycles = 0;
    for (const ConvProblem &step : {window, mix}) {
        const ConvPlan plan = conv_plan(step, device, {}, tf32);
        if (plan.steps.empty()) return std::numeric_limits<double>::infinity();
        cycles += plan.cycles();
    }
    return cycles;
}

}  // namespace

double predicted_cycles(const P &params, const ConvProblem &p, int multiprocessors, bool keeps_z) {
    const double pixels = 1.0 * params.columns * params.rows, vector = P::kVector;
    const double chunks = 1.0 * params.middle / params.channels;
    // Instructions of a thread times threads: products, and what is read of shared memory for them.
    const double copies = 8.0 * chunks * params.channels * params.grad_pixels() / params.vec;
    const double window =
        chunks * params.channels * pixels * params.met() * params.met() * (1 + 2 / vector);
    const double turns = std::ceil(1.0 * p.co / params.chunk);
    const double mixed =
        turns * params.chunk * params.channels * pixels * (1 + 1 / vector + 1.0 / params.strip);
    const double stores = kStoreInstructions * pixels / vector *
                          (params.channels + (keeps_z ? 1.0 * params.middle : 0));
    const double work = (copies + window + mixed + stores) / (kInstructionsPerCycle * kWarp);
    const double most = std::ceil(params.blocks(p) / multiprocessors);  // of the busiest
    // For each chunk and for the pointwise weight; blocks that share a multiprocessor hide each other's waits.
    const double waits = (chunks + 1) * kTurnLatency + kBlockCycles;
    const double cycles = most * (work + waits / std::min(most, kResidentBlocks));
    const double bytes =
        4.0 * (p.n * (p.co * p.oh() * p.ow() + p.ci * p.ih * p.iw) + (keeps_z ? z_elements(p) : 0));
    const double memory = bytes / (kBytesPerCycle * multiprocessors);
    return kLaunchCycles + std::max(cycles, memory) + kNotHidden * std::min(cycles, memory);
}

WeightedSumGradPlan weighted_sum_grad_plan_with(const WeightedSumGradKernel &kernel,
                                                const ConvProblem &problem, const Device &device,
                                                const Placed &placed) {
    WeightedSumGradPlan plan;
    if (const char *why = why_illegal(kernel, problem, device, placed)) plan.reason = why;
    if (plan.reason.empty()) plan.kernel = &kernel;
    return plan;
}

WeightedSumGradPlan weighted_sum_grad_plan(const ConvProblem &problem, const Device &device,
                                           const Placed &placed, bool keeps_z, bool tf32) {
    WeightedSumGradPlan best;
    if (!forced_kernel().empty()) {
        best.reason = "a kernel of one convolution is forced";
        return best;
    }
    best.reason = "no fused CUDA kernel of this library accepts the problem";
    double least = std::numeric_limits<double>::infinity();
    for (const WeightedSumGradKernel &kernel : weighted_sum_grad_kernels()) {
        const auto plan = weighted_sum_grad_plan_with(kernel, problem, device, placed);
        if (plan.kernel == nullptr) continue;
        const double cycles =
            predicted_cycles(kernel.params, problem, device.multiprocessors, keeps_z);
        if (cycles < least) least = cycles, best = plan;
    }
    if (best.kernel == nullptr || least < cycles_one_by_one(problem, device, tf32)) return best;
    best.kernel = nullptr, best.reason = "the two passes take fewer predicted cycles";
    return best;
}

bool run_weighted_sum_grad(CallContext &context, const WeightedSumGradKernel &kernel,
                           const ConvProblem &p, const Activation &grad_output,
                           const Weight &pointwise, const Weight &depthwise,
                           const Activation *grad_z, const Activation &grad_input) {
    const P &params = kernel.params;
    const auto view = [&](const Activation &t, int64_t channels, int64_t columns, int64_t rows) {
        return DeviceView<4>(t.data, {{{channels, t.c}, {columns, t.w}, {rows, t.h}, {p.n, t.n}}});
    };
    // A buffer without channels takes nothing, but a null pointer would be Halide's question for bounds.
    const int64_t kept = grad_z != nullptr ? p.co : 0;
    DeviceView<4> from = view(grad_output, p.co, p.ow(), p.oh());
    DeviceView<4> middle = view(grad_z != nullptr ? *grad_z : grad_input, kept, p.iw, p.ih);
    DeviceView<4> to = view(grad_input, p.ci, p.iw, p.ih);
    DeviceView<2> mixing(pointwise.data, {{{p.co, pointwise.co}, {p.ci, pointwise.ci}}});
    DeviceView<3> taps(
        depthwise.data,
        {{{p.co, depthwise.co}, {params.taps, depthwise.w}, {params.taps, depthwise.h}}});
    const auto word = [](int64_t value) { return static_cast<int32_t>(value); };
    const auto tiles = [&](int64_t extent, int size) {
        return FastDivisor(word(P::tiles(extent, size)));
    };
    KernelArguments arguments(&context);
    arguments.add(from.get(), mixing.get(), taps.get(), word(p.pad_w), word(p.pad_h), word(p.ci),
                  word(p.iw), word(p.ih), word(kept));
    arguments.add(tiles(p.ci, params.channels), tiles(p.iw, params.columns),
                  tiles(p.ih, params.rows), middle.get(), to.get());
    return arguments.call(kernel.call);
}

}  // namespace convwright::cuda
