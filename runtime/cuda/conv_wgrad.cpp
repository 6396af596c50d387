// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/conv_wgrad.h"

#include <algorithm>
#include <vector>

#include "runtime/cuda/device_view.h"
#include "runtime/cuda/kernel_arguments.h"
#include "runtime/pass_view.h"

namespace convwright::cuda {
namespace {

/// Where the partial sums lie: steps of a filter element, an output channel, a group and a part.
struct Strides {
    int64_t e, co, g, part;
};

/// A dimension of the weight, and the steps of one element of it in the weight and in a part.
struct Axis {
    int64_t extent, to, from;
};

/// Of the weight by their steps in it, the smallest first; neighbours that are one run in both become
/// one, so that a dense weight has two or three.
std::vector<Axis> axes_of(const ConvProblem &p, const Weight &weight, const Strides &part) {
    const int64_t ci = p.ci / p.groups, co = p.co / p.groups;
    std::vector<Axis> axes;
    for (const Axis &a : {Axis{ci, weight.ci, part.e}, Axis{p.kw, weight.w, part.e * ci},
                          Axis{p.kh, weight.h, part.e * ci * p.kw}, Axis{co, weight.co, part.co},
                          Axis{p.groups, weight.co * co, part.g}}) {
        if (a.extent > 1) axes.push_back(a);
    }
    std::stable_sort(axes.begin(), axes.end(),
                     [](const Axis &a, const Axis &b) { return a.to < b.to; });
    std::vector<Axis> merged;
    for (const Axis &a : axes) {
        if (!merged.empty()) {
            Axis &last = merged.back();
            if (a.to == last.to * last.extent && a.from == last.from * last.extent) {
                last.extent *= a.extent;
                continue;
            }
        }
        merged.push_back(a);
    }
    return merged;
}

/// Adds the parts in their order.
bool reduce(CallContext &context, Format format, const std::vector<Axis> &axes,
            const Weight &grad_weight, const float *workspace, int64_t parts, int64_t part_stride) {
    std::array<Extent, 6> from;
    std::array<Extent, 5> to;
    for (size_t d = 0; d < to.size(); d++) {
        const Axis axis = d < axes.size() ? axes[d] : Axis{1, 0, 0};
        from[d] = {axis.extent, axis.from};
        to[d] = {axis.extent, axis.to};
    }
    from[5] = {parts, part_stride};
    DeviceView<6> partial(workspace, from);
    DeviceView<5> result(grad_weight.data, to);
    KernelArguments arguments(&context);
    arguments.add(partial.get());
    for (size_t d = 0; d < 4; d++) {
        arguments.add(FastDivisor(static_cast<int32_t>(to[d].extent)));
    }
    arguments.add(result.get());
    return arguments.call(support_kernels(format).wgrad_reduce);
}

/// Whether the only part may be written as the result: whole tiles, and elements side by side.
bool is_result(const ConvProblem &p, const WgradPlan &plan, const Weight &weight) {
    const int64_t ci = p.ci / p.groups;
    return plan.cut.parts == 1 && plan.e == ci * p.kh * p.kw && plan.co * plan.groups == p.co &&
           (ci == 1 || weight.ci == 1) && (p.kw == 1 || weight.w == ci) &&
           (p.kh == 1 || weight.h == ci * p.kw) && weight.co % 4 == 0 &&
           reinterpret_cast<uintptr_t>(weight.data) % 16 == 0;
}

}  // namespace

bool run_wgrad(CallContext &context, const WgradPlan &plan, const ConvProblem &problem,
               const Activation &grad_output, const Activation &input, const Weight &grad_weight,
               float *workspace) {
    const Conv2dWgradCudaParams &params = plan.kernel->params;
    const bool gemm = params.engine == Conv2dWgradCudaParams::kGemm;
    const ConvPass pass = conv_passes(problem).front();
    const PassView grad_view = view_output(grad_output, pass, problem.dtype);
    const PassView input_view = view_input(input, pass, problem.dtype);
    DeviceView<5> grad(grad_view.data, grad_view.extents());
    DeviceView<5> in(input_view.data, input_view.extents());

    // Neighbouring threads of the direct engine have neighbouring channels.
    const bool channels_first = !gemm && problem.format == Format::kNhwc;
    Strides strides;
    strides.e = channels_first ? plan.co : 1;
    strides.co = channels_first ? 1 : plan.e;
    strides.g = gemm ? plan.e * plan.co : strides.co * pass.co;
    strides.part = plan.e * plan.co * plan.groups;

    const bool straight = is_result(problem, plan, grad_weight);
    if (straight) strides = {1, grad_weight.co, grad_weight.co * pass.co, 0};
    DeviceView<5> partial(straight ? grad_weight.data : workspace,
                          {{{params.e, strides.e},
                            {params.co, strides.co},
                            {plan.e / params.e, params.e * strides.e},
                            {plan.co / params.co, params.co * strides.co},
                            {plan.groups * plan.cut.parts, gemm ? strides.g : strides.part}}});
    const PassAxis &x = pass.x, &y = pass.y;
    KernelArguments arguments(&context);
    arguments.add(grad.get(), in.get(), x.stride, y.stride, x.pad, y.pad, x.dilation, y.dilation,
                  x.taps.count, static_cast<int32_t>(plan.cut.steps), FastDivisor(x.out),
                  FastDivisor(y.out), FastDivisor(pass.ci / params.vec), FastDivisor(x.taps.count),
                  FastDivisor(pass.groups), FastDivisor(pass.co), partial.get());
    if (!arguments.call(plan.kernel->call)) return false;
    return straight || reduce(context, problem.format, axes_of(problem, grad_weight, strides),
                              grad_weight, workspace, plan.cut.parts, strides.part);
}

}  // namespace convwright::cuda
