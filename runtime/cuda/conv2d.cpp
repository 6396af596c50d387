// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/conv2d.h"

#include <limits>

#include "runtime/cuda/gemm_launch.h"

namespace convwright::cuda {
namespace {

using P = Conv2dCudaParams;

/// What all steps of a call share.
struct Call {
    CallContext &context;
    const ConvPlan &plan;
    const Activation &input;
    const Weight &weight;
    const void *bias;
    const Activation &output;
    float *workspace;

    float floor() const { return plan.relu ? 0.0f : -std::numeric_limits<float>::infinity(); }
};

DeviceView<5> device_view(const PassView &v) { return {v.data, v.extents(), v.dtype}; }

/// The arguments of kernels of generators/output_tasks.h.
void add_tasks(KernelArguments &arguments, const ConvPass &pass) {
    constexpr int kStrip = 4 * 32;
    const int columns = pass.x.out, rows = pass.y.out, pixels = pass.n * rows * columns;
    arguments.add(pass.co, pass.groups, columns, rows, pass.n, pixels, FastDivisor(columns),
                  FastDivisor(rows), FastDivisor(pass.co * pass.groups), FastDivisor(pass.co),
                  FastDivisor((pixels + kStrip - 1) / kStrip));
}

bool run_direct(const Call &call, const ConvStep &step) {
    const ConvPass &pass = step.pass;
    const WeightView w = view_weight(call.weight, pass, call.plan.dtype);
    DeviceView<5> weight(w.data, w.extents, call.plan.dtype);
    DeviceView<5> input = device_view(view_input(call.input, pass, call.plan.dtype));
    DeviceView<5> output = device_view(view_output(call.output, pass, call.plan.dtype));
    DeviceView<1> bias = bias_view(call.bias, pass, call.output.data, call.plan.dtype);
    KernelArguments arguments(&call.context);
    add_tasks(arguments, pass);
    arguments.add(bias.get(), call.floor(), input.get(), weight.get(), pass.x.stride, pass.y.stride,
                  pass.x.pad, pass.y.pad, pass.x.dilation, pass.y.dilation, output.get());
    return arguments.call(step.kernel->call);
}

/// For nchw with columns and rows exchanged.
bool run_depthwise(const Call &call, const ConvStep &step) {
    const ConvPass &pass = step.pass;
    const P &params = step.kernel->params;
    const bool columns = call.plan.format == Format::kNhwc;
    const auto exchanged = [&](Extent x, Extent y) { return columns ? x : y; };
    const auto view = [&](const PassView &v) {
        return DeviceView<4>(v.data, {{v.group, exchanged(v.x, v.y), exchanged(v.y, v.x), v.n}});
    };
    DeviceView<4> input = view(view_input(call.input, pass, call.plan.dtype));
    DeviceView<4> output = view(view_output(call.output, pass, call.plan.dtype));
    const WeightView w = view_weight(call.weight, pass, call.plan.dtype);
    const Extent &kx = w.extents[2], &ky = w.extents[3];
    DeviceView<3> weight(w.data, {{w.extents[4], exchanged(kx, ky), exchanged(ky, kx)}});
    DeviceView<1> bias = bias_view(call.bias, pass, call.output.data, call.plan.dtype);
    const PassAxis &x = columns ? pass.x : pass.y, &y = columns ? pass.y : pass.x;
    const int tiles = (pass.groups + params.co - 1) / params.co;
    KernelArguments arguments(&call.context);
    arguments.add(input.get(), weight.get(), bias.get(), call.floor(), y.stride, x.pad, y.pad,
                  y.dilation, x.out, y.out);
    arguments.add(FastDivisor((x.out + params.px_t - 1) / params.px_t), FastDivisor(y.out),
                  FastDivisor(tiles), output.get());
    return arguments.call(step.kernel->call);
}

/// Adds the parts of a split sum in their order.
bool add_parts(const Call &call, const ConvPass &pass, DeviceView<5> &partial) {
    const halide_dimension_t *d = partial.get()->dim;
    const auto extent = [&](int i) { return Extent{d[i].extent, d[i].stride}; };
    DeviceView<4> parts(reinterpret_cast<const void *>(partial.get()->device),
                        {{extent(0), extent(1), extent(2), extent(3)}});
    DeviceView<5> output = device_view(view_output(call.output, pass, call.plan.dtype));
    DeviceView<1> bias = bias_view(call.bias, pass, call.output.data, call.plan.dtype);
    KernelArguments arguments(&call.context);
    add_tasks(arguments, pass);
    arguments.add(bias.get(), call.floor(), parts.get(), output.get());
    return arguments.call(support_kernels(call.plan.format, call.plan.dtype).parts);
}

bool run_gemm(const Call &call, const ConvStep &step) {
    const ConvPass &pass = step.pass;
    const P &params = step.kernel->params;
    const WeightView w = view_weight(call.weight, pass, call.plan.dtype);
    if (!pack_weight(call.context, step, w, call.workspace)) return false;
    const PassView view = view_output(call.output, pass, call.plan.dtype);
    const void *to = view.data;
    std::array<Extent, 5> extents = view.extents();
    if (params.vec > 1 && call.plan.format == Format::kNchw) {
        // The pixels of an image are one row.
        extents[2] = {extents[2].extent * extents[3].extent, 1}, extents[3] = {1, 0};
    }
    if (params.split) {
        // Parts, dense along what neighbouring threads store.
        const StepLayout layout(step);
        const int64_t co = layout.partial_co, pixels = layout.partial_pixels;
        const bool channels_first = call.plan.format == Format::kNhwc;
        const int64_t all = co * pixels * pass.groups;
        extents = {{{co, channels_first ? 1 : pixels},
                    {pass.groups, channels_first ? co : co * pixels},
                    {pixels, channels_first ? co * pass.groups : 1},
                    {step.parts, all},
                    {1, all * step.parts}}};
        to = call.workspace + layout.packed_floats;
    }
    DeviceView<5> output(to, extents, params.split ? DType::kF32 : call.plan.dtype);
    GemmArguments call_with(call.context, step, view_input(call.input, pass, call.plan.dtype),
                            call.workspace, call.bias, call.floor());
    call_with.arguments.add(output.get());
    if (!call_with.arguments.call(step.kernel->call)) return false;
    return !params.split || add_parts(call, pass, output);
}

}  // namespace

bool run_conv(CallContext &context, const ConvPlan &plan, const Activation &input,
              const Weight &weight, const void *bias, const Activation &output, float *workspace) {
    const Call call{context, plan, input, weight, bias, output, workspace};
    constexpr decltype(&run_direct) kRun[] = {run_direct, run_gemm, run_depthwise};  // by engine
    for (const ConvStep &step : plan.steps) {
        if (!kRun[step.kernel->params.engine](call, step)) return false;
    }
    return true;
}

}  // namespace convwright::cuda
