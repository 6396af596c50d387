// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/weighted_sum_grad.h"

#include <algorithm>
#include <limits>

#include "runtime/cuda/device_view.h"
#include "runtime/cuda/forced_kernel.h"
#include "runtime/cuda/kernel_arguments.h"
#include "runtime/cuda/tuned_choices.h"
#include "runtime/tuned_choices.h"
#include "runtime/weighted_sum_passes.h"

namespace convwright::cuda {
namespace {

using P = WeightedSumGradCudaParams;

const char *why_illegal(const WeightedSumGradKernel &kernel, const ConvProblem &p,
                        const Device &device, const Placed &placed) {
    if (const char *why = why_no_fused_gradients(p)) return why;
    if (placed.index_bits != 32) return "a tensor has 2^31 elements or more";
    if (kernel.params.vec > 1 && !placed.vectors) return "pixels are not aligned to 16 bytes";
    return kernel.params.why_illegal(p, device.shared_bytes);
}

/// The kernel with the fewest predicted cycles; null where no kernel accepts the problem.
const WeightedSumGradKernel *best_kernel(const ConvProblem &p, const Device &device,
                                         const Placed &placed, bool keeps_z, double &least) {
    const WeightedSumGradKernel *best = nullptr;
    least = std::numeric_limits<double>::infinity();
    for (const WeightedSumGradKernel &kernel : weighted_sum_grad_kernels()) {
        if (why_illegal(kernel, p, device, placed) != nullptr) continue;
        const double cycles = predicted_cycles(kernel.params, p, device.multiprocessors, keeps_z);
        if (cycles < least) least = cycles, best = &kernel;
    }
    return best;
}

}  // namespace

double WeightedSumGradPasses::cycles() const {
    return exist() ? window.cycles() + mix.cycles() : std::numeric_limits<double>::infinity();
}

WeightedSumGradPasses weighted_sum_grad_passes(const ConvProblem &p, const Device &device,
                                               bool tf32) {
    return {conv_plan(depthwise_problem(p), device, {}, tf32),
            conv_plan(pointwise_problem(p), device, {}, tf32)};
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
    const OperatorProblem subject(problem, Operator::kWeightedSum);
    const std::optional<TunedPass> tuned = tuned_pass(subject, 0, device);
    if (tuned && tuned->kind == kUnfusedKind) {
        best.reason = "tuning found the two passes to be faster";
        return best;
    }
    double least = 0;
    best.kernel = best_kernel(problem, device, placed, keeps_z, least);
    const auto passes = [&](bool may_round) {
        return weighted_sum_grad_passes(problem, device, may_round).cycles();
    };
    if (const WeightedSumGradKernel *kernel = tuned ? tuned->weighted_sum_grad : nullptr) {
        std::optional<LeftAside> why;
        if (why_illegal(*kernel, problem, device, placed) != nullptr) {
            const bool dense = why_illegal(*kernel, problem, device, {}) == nullptr;
            why = dense ? LeftAside::kOfPlace : LeftAside::kOfSizes;
        } else if (tf32) {
            // It was compared with passes that do not round.
            const double fused = std::min(
                least, predicted_cycles(kernel->params, problem, device.multiprocessors, keeps_z));
            const double rounding = passes(true);
            if (rounding < fused && rounding < passes(false)) why = LeftAside::kForTensorCores;
        }
        if (!why) return {kernel, "", tuned_mark(tuned->shipped)};
        best.mark = leave_aside(subject, 0, kernel->name, *why);
    }
    if (best.kernel == nullptr) {
        best.reason = "no fused CUDA kernel of this library accepts the problem";
    } else if (passes(tf32) <= least) {
        best.kernel = nullptr, best.reason = "the two passes take fewer predicted cycles";
    }
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
