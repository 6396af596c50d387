// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/weighted_sum.h"

#include <limits>

#include "runtime/cuda/device_view.h"
#include "runtime/cuda/gemm_launch.h"
#include "runtime/cuda/kernel_arguments.h"
#include "runtime/cuda/tuned_choices.h"
#include "runtime/tuned_choices.h"
#include "runtime/weighted_sum_passes.h"

namespace convwright::cuda {
namespace {

using P = WeightedSumCudaParams;

const char *why_illegal(const WeightedSumKernel &kernel, const ConvProblem &p,
                        const WeightedSumPlan &plan, const Device &device, const Placed &placed) {
    if (p.dtype != DType::kF32) return "CUDA kernels compute with float32";
    if (placed.index_bits != 32) return "a tensor has 2^31 elements or more";
    if (const char *why = why_not_fused(p, {plan.mix, plan.window})) return why;
    if (kernel.params.vec > 1 && !placed.vectors) return "pixels are not aligned to 16 bytes";
    return kernel.params.why_illegal(plan.mix, plan.window, device.shared_bytes);
}

/// Everything but the kernel.
WeightedSumPlan without_kernel(const ConvProblem &problem) {
    WeightedSumPlan plan;
    plan.reason = "no fused CUDA kernel of this library accepts the problem";
    if (const char *why = why_not_mixed(problem)) {
        plan.reason = why;
        return plan;
    }
    const WeightedSumPasses passes = weighted_sum_passes(problem);
    plan.mix = passes.mix, plan.window = passes.window;
    plan.relu = problem.relu;
    return plan;
}

}  // namespace

WeightedSumPlan weighted_sum_plan_with(const WeightedSumKernel &kernel, const ConvProblem &problem,
                                       const Device &device, const Placed &placed) {
    WeightedSumPlan plan = without_kernel(problem);
    if (why_not_mixed(problem) == nullptr &&
        why_illegal(kernel, problem, plan, device, placed) == nullptr)
        plan.kernel = &kernel;
    return plan;
}

WeightedSumPlan weighted_sum_plan(const ConvProblem &problem, const Device &device,
                                  const Placed &placed) {
    WeightedSumPlan best = without_kernel(problem);
    if (why_not_mixed(problem) != nullptr) return best;
    const std::optional<TunedPass> tuned = tuned_pass({problem, Operator::kWeightedSum}, 0, device);
    if (const WeightedSumKernel *kernel = tuned ? tuned->weighted_sum : nullptr) {
        if (why_illegal(*kernel, problem, best, device, placed) == nullptr) {
            best.kernel = kernel, best.mark = tuned_mark(tuned->shipped);
            return best;
        }
        const bool dense = why_illegal(*kernel, problem, best, device, {}) == nullptr;
        best.mark = leave_aside({problem, Operator::kWeightedSum}, 0, kernel->name,
                                dense ? LeftAside::kOfPlace : LeftAside::kOfSizes);
    }
    double least = std::numeric_limits<double>::infinity();
    for (const WeightedSumKernel &kernel : weighted_sum_kernels()) {
        if (why_illegal(kernel, problem, best, device, placed) != nullptr) continue;
        const double cycles =
            predicted_cycles(kernel.params, best.mix, best.window, device.multiprocessors);
        if (cycles < least) least = cycles, best.kernel = &kernel;
    }
    return best;
}

bool run_weighted_sum(CallContext &context, const WeightedSumPlan &plan, const Activation &input,
                      const Weight &pointwise, const Weight &depthwise, const void *bias,
                      const Activation &output) {
    const ConvPass &mix = plan.mix, &window = plan.window;
    const P &params = plan.kernel->params;
    const auto view = [&](const Activation &t, int channels, int columns, int rows) {
        return DeviceView<4>(t.data,
                             {{{channels, t.c}, {columns, t.w}, {rows, t.h}, {window.n, t.n}}});
    };
    DeviceView<4> from = view(input, mix.ci, window.x.in, window.y.in);
    DeviceView<4> to = view(output, mix.co, window.x.out, window.y.out);
    DeviceView<2> mixing(pointwise.data, {{{mix.co, pointwise.co}, {mix.ci, pointwise.ci}}});
    DeviceView<3> taps(
        depthwise.data,
        {{{mix.co, depthwise.co}, {params.taps, depthwise.w}, {params.taps, depthwise.h}}});
    DeviceView<1> biases = bias_view(bias, window, output.data);
    const float floor = plan.relu ? 0.0f : -std::numeric_limits<float>::infinity();
    KernelArguments arguments(&context);
    arguments.add(from.get(), mixing.get(), taps.get(), biases.get(), floor, window.x.pad,
                  window.y.pad, window.x.out, window.y.out);
    arguments.add(FastDivisor(P::blocks_of(mix.co, P::kChannels)),
                  FastDivisor(P::blocks_of(window.x.out, params.columns)),
                  FastDivisor(P::blocks_of(window.y.out, params.rows)), to.get());
    return arguments.call(plan.kernel->call);
}

}  // namespace convwright::cuda
