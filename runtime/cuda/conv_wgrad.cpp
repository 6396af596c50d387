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

/// Adds the parts in their order, into a gradient of the problem's type.
bool reduce(CallContext &context, const ConvProblem &p, const std::vector<Axis> &axes,
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
    DeviceView<5> result(grad_weight.data, to, p.dtype);
    KernelArguments arguments(&context);
    arguments.add(partial.get());
    for (size_t d = 0; d < 4; d++) {
        arguments.add(FastDivisor(static_cast<int32_t>(to[d].extent)));
    }
    arguments.add(result.get());
    return arguments.call(support_kernels(p.format, p.dtype).wgrad_reduce);
}

/// A single tap has no dilation. Elements behind the last one still have taps, and if those are inside
/// the image they are read: their steps must be true.
int32_t dilation(const PassAxis &axis) { return axis.taps.count == 1 ? 1 : axis.dilation; }

/// Steps through the input by output pixel and tap: what meets at a pixel and a tap lies the sum of
/// both from the first padded column and row, which is in front of the tensor.
struct PatchSteps {
    const void *first;
    int64_t c, g, x, y, n, kx, ky;

    PatchSteps(const Activation &t, const ConvPass &pass, DType dtype) {
        // An axis of one element may have any stride.
        const int64_t column = pass.x.in == 1 ? 0 : t.w * pass.x.in_step;
        const int64_t row = pass.y.in == 1 ? 0 : t.h * pass.y.in_step;
        first = reinterpret_cast<const void *>(reinterpret_cast<uintptr_t>(t.data) -
                                               (pass.x.pad * column + pass.y.pad * row) *
                                                   bytes_of(dtype));
        c = t.c, g = pass.ci * t.c, n = t.n;
        // One column or row has no step to the next: it might be too large for 32 bits.
        x = pass.x.out > 1 ? pass.x.stride * column : 0;
        y = pass.y.out > 1 ? pass.y.stride * row : 0;
        kx = dilation(pass.x) * column, ky = dilation(pass.y) * row;
    }
};

/// Device memory of which a kernel is only told where it starts.
class Memory : public DeviceView<1> {
public:
    Memory(const void *data, int vec, DType dtype) : DeviceView<1>(data, {{{vec, 1}}}, dtype) {}
};

void add_geometry(KernelArguments &arguments, const ConvPass &pass) {
    const PassAxis &x = pass.x, &y = pass.y;
    arguments.add(x.stride, y.stride, x.pad, y.pad, dilation(x), dilation(y));
}

/// ow, oh, input channels in vectors, kw.
void add_divisors(KernelArguments &arguments, const ConvPass &pass, int vec) {
    arguments.add(FastDivisor(pass.x.out), FastDivisor(pass.y.out), FastDivisor(pass.ci / vec),
                  FastDivisor(pass.x.taps.count));
}

bool run_gemm(CallContext &context, const WgradPlan &plan, const ConvPass &pass,
              const Activation &grad_output, const Activation &input, halide_buffer_t *partial) {
    const int vec = plan.kernel->params.vec;
    const PassView grad = view_output(grad_output, pass, plan.kernel->dtype);
    const DType dtype = plan.kernel->dtype;
    const PatchSteps patch(input, pass, dtype);
    Memory grad_memory(grad.data, vec, dtype), input_memory(patch.first, vec, dtype);
    // Of a pixel, a group or a tap, in vectors; a vector of channels is one, or one channel.
    const auto step = [&](int64_t elements) { return static_cast<int32_t>(elements / vec); };
    const auto channel = [&](int64_t elements) { return static_cast<int32_t>(elements); };
    KernelArguments arguments(&context);
    arguments.add(grad_memory.get(), channel(grad.channel.stride), step(grad.group.stride),
                  step(grad.x.stride), step(grad.y.stride), step(grad.n.stride));
    arguments.add(input_memory.get(), channel(patch.c), step(patch.g), step(patch.x), step(patch.y),
                  step(patch.n), step(patch.kx), step(patch.ky));
    arguments.add(pass.co, pass.ci / vec, pass.groups, pass.n);
    arguments.add(pass.x.out, pass.y.out, pass.x.in, pass.y.in, pass.x.taps.count);
    add_geometry(arguments, pass);
    arguments.add(static_cast<int32_t>(plan.cut.steps));
    add_divisors(arguments, pass, vec);
    arguments.add(FastDivisor(pass.groups), partial);
    return arguments.call(plan.kernel->call);
}

bool run_direct(CallContext &context, const WgradPlan &plan, const ConvPass &pass,
                const Activation &grad_output, const Activation &input, halide_buffer_t *partial) {
    const PassView grad = view_output(grad_output, pass, plan.kernel->dtype);
    DeviceView<5> grad_view(grad.data, grad.extents());
    const PatchSteps patch(input, pass, plan.kernel->dtype);
    // Not a DeviceView, which has no steps along axes of one element.
    BufferView<7> input_view(nullptr, {{{pass.ci, patch.c},
                                        {pass.groups, patch.g},
                                        {1, patch.x},
                                        {1, patch.y},
                                        {pass.n, patch.n},
                                        {1, patch.kx},
                                        {1, patch.ky}}});
    input_view.get()->device = reinterpret_cast<uintptr_t>(patch.first);
    KernelArguments arguments(&context);
    arguments.add(grad_view.get(), input_view.get());
    arguments.add(pass.x.in, pass.y.in, pass.x.taps.count);
    add_geometry(arguments, pass);
    arguments.add(static_cast<int32_t>(plan.cut.steps));
    add_divisors(arguments, pass, 1);
    arguments.add(FastDivisor(pass.co), partial);
    return arguments.call(plan.kernel->call);
}

/// For nchw with columns and rows exchanged.
bool run_depthwise(CallContext &context, const WgradPlan &plan, const ConvPass &pass,
                   const Activation &grad_output, const Activation &input,
                   halide_buffer_t *partial) {
    const Conv2dWgradCudaParams &params = plan.kernel->params;
    const bool columns = plan.kernel->format == Format::kNhwc;
    const auto view = [&](const PassView &v) {
        return DeviceView<4>(v.data, {{v.group, columns ? v.x : v.y, columns ? v.y : v.x, v.n}});
    };
    DeviceView<4> grad = view(view_output(grad_output, pass, plan.kernel->dtype));
    DeviceView<4> from = view(view_input(input, pass, plan.kernel->dtype));
    const PassAxis &x = columns ? pass.x : pass.y, &y = columns ? pass.y : pass.x;
    KernelArguments arguments(&context);
    arguments.add(grad.get(), from.get(), y.stride, x.pad, y.pad, y.dilation);
    arguments.add(static_cast<int32_t>(plan.cut.steps),
                  FastDivisor((x.out + params.px_t - 1) / params.px_t), FastDivisor(y.out),
                  partial);
    return arguments.call(plan.kernel->call);
}

/// Where the kernel writes its parts: (e, co) of a tile, e tile, co tile, slice; depthwise, by the
/// axes that it takes for columns and rows: (co of a tile, kx, ky, co tile, part).
DeviceView<5> view_partial(const void *data, const WgradPlan &plan, const Strides &s) {
    const Conv2dWgradCudaParams &params = plan.kernel->params;
    const Extent co{params.co, s.co}, co_tile{plan.co / params.co, params.co * s.co};
    if (params.engine == Conv2dWgradCudaParams::kDepthwise) {
        const Extent kx{params.taps, s.e}, ky{params.taps, s.e * params.taps};
        const bool columns = plan.kernel->format == Format::kNhwc;
        return {data,
                {{co, columns ? kx : ky, columns ? ky : kx, co_tile, {plan.cut.parts, s.part}}}};
    }
    const bool gemm = params.engine == Conv2dWgradCudaParams::kGemm;
    return {data,
            {{{params.e, s.e},
              co,
              {plan.e / params.e, params.e * s.e},
              co_tile,
              {plan.groups * plan.cut.parts, gemm ? s.g : s.part}}}};
}

/// Whether the only part may be written as the result: whole tiles, and elements side by side.
bool is_result(const ConvProblem &p, const WgradPlan &plan, const Weight &weight) {
    const int64_t ci = p.ci / p.groups;
    // Parts are float32.
    return p.dtype == DType::kF32 && plan.cut.parts == 1 && plan.e == ci * p.kh * p.kw &&
           plan.co * plan.groups == p.co && (ci == 1 || weight.ci == 1) &&
           (p.kw == 1 || weight.w == ci) && (p.kh == 1 || weight.h == ci * p.kw) &&
           weight.co % 4 == 0 && reinterpret_cast<uintptr_t>(weight.data) % 16 == 0;
}

}  // namespace

bool run_wgrad(CallContext &context, const WgradPlan &plan, const ConvProblem &problem,
               const Activation &grad_output, const Activation &input, const Weight &grad_weight,
               float *workspace) {
    const Conv2dWgradCudaParams &params = plan.kernel->params;
    const bool gemm = params.engine == Conv2dWgradCudaParams::kGemm;
    const ConvPass pass = conv_passes(problem).front();
    // Neighbouring threads of the engines without tiles have neighbouring channels.
    const bool channels_first = !gemm && problem.format == Format::kNhwc;
    Strides strides;
    strides.e = channels_first ? plan.co : 1;
    strides.co = channels_first ? 1 : plan.e;
    strides.g = gemm ? plan.e * plan.co : strides.co * pass.co;
    strides.part = plan.e * plan.co * plan.groups;

    const bool straight = is_result(problem, plan, grad_weight);
    if (straight) strides = {1, grad_weight.co, grad_weight.co * pass.co, 0};
    DeviceView<5> partial = view_partial(straight ? grad_weight.data : workspace, plan, strides);
    constexpr decltype(&run_direct) kRun[] = {run_direct, run_gemm, run_depthwise};  // by engine
    const auto run = kRun[params.engine];
    if (!run(context, plan, pass, grad_output, input, partial.get())) return false;
    return straight || reduce(context, problem, axes_of(problem, grad_weight, strides), grad_weight,
                              workspace, plan.cut.parts, strides.part);
}

}  // namespace convwright::cuda
