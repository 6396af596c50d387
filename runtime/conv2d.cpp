// SPDX-License-Identifier: Apache-2.0
#include "runtime/conv2d.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "runtime/packing.h"
#include "runtime/pass_view.h"

namespace convwright {
namespace {

bool run_pass(CallContext &context, const ConvKernel &kernel, const ConvPass &pass,
              const ConvTaskSize &task, const Activation &input, const Weight &weight,
              const void *bias, bool relu, const Activation &output, float *workspace) {
    const Panels panels(kernel.params, kernel.isa, pass);
    float *packed = workspace, *packed_bias = workspace + panels.weight_floats();
    if (!pack_weight(context, kernel.isa, kernel.dtype, pass, weight, panels, packed)) return false;
    pack_bias(bias, kernel.dtype, pass, panels, packed_bias);

    const bool folds = kernel.params.stage == Conv2dCpuParams::kFolded;
    BufferView<6> w = folds ? panels.folded_weight(packed) : panels.weight(packed);
    BufferView<3> b = panels.bias(packed_bias);
    PassView view = view_input(input, pass, kernel.dtype);
    PassAxis x = pass.x, y = pass.y;
    if (folds) {
        x = folded(pass).x;
        view.channel = view.group = {1, input.c}, view.x = {x.in, input.c};
    }
    BufferView<5> in = view.buffer();
    BufferView<5> out = view_output(output, pass, kernel.dtype).buffer();

    void *user_context = &context;
    ConvTaskSize size = task;
    int tiled_ow = tiled_columns(kernel.params, pass, kernel.isa);
    float floor = relu ? 0.0f : -std::numeric_limits<float>::infinity();
    void *arguments[] = {
        &user_context,      in.get(),   w.get(),   b.get(),     &floor,      &x.stride,
        &y.stride,          &x.pad,     &y.pad,    &x.dilation, &y.dilation, &size.channel_tiles,
        &size.column_tiles, &size.rows, &tiled_ow, out.get()};
    return kernel.call(arguments) == 0;
}

}  // namespace

bool run_conv(CallContext &context, const ConvPlan &plan, DType dtype, const Activation &input,
              const Weight &weight, const void *bias, const Activation &output, float *workspace) {
    for (const ConvStep &step : plan.steps) {
        if (step.kernel == nullptr) {
            fill_zero(view_output(output, step.pass, dtype));
        } else if (!run_pass(context, *step.kernel, step.pass, step.task, input, weight, bias,
                             plan.relu, output, workspace)) {
            return false;
        }
    }
    return true;
}

bool run_wgrad(CallContext &context, const WgradPlan &plan, const ConvProblem &problem,
               const Activation &grad_output, const Activation &input, const Weight &grad_weight,
               float *workspace) {
    const ConvPass pass = conv_passes(problem).front();
    const DType dtype = problem.dtype;
    BufferView<5> grad = view_output(grad_output, pass, dtype).buffer();
    BufferView<5> in = view_input(input, pass, dtype).buffer();

    const bool grouped = plan.kernel->params.lane == Conv2dWgradCpuParams::kGroups;
    const int64_t kx = problem.kw, stored_kx = plan.kx, ky = problem.kh, l = plan.panel;
    const int64_t panel = l * plan.ci * stored_kx * ky, part = panel * plan.panels * plan.others;
    const std::array<Extent, 8> extents{{{l, 1},
                                         {plan.ci, l * stored_kx * ky},
                                         {stored_kx, l},
                                         {ky, l * stored_kx},
                                         {plan.panels, panel},
                                         {plan.others, panel * plan.panels},
                                         {plan.cut.parts_y, part},
                                         {plan.cut.parts_n, part * plan.cut.parts_y}}};
    BufferView<8> partial(workspace, extents);
    void *user_context = &context;
    WgradCut cut = plan.cut;
    PassAxis ax = pass.x, ay = pass.y;
    // Without padding, and with whole tiles of channels, the frame is written over as a whole.
    const bool covered =
        pass.x.pad == 0 && pass.y.pad == 0 && pass.ci % plan.kernel->params.tile == 0;
    int frame_columns =
        covered ? 0
                : (pass.x.out - 1) * pass.x.stride + (pass.x.taps.count - 1) * pass.x.dilation + 1;
    void *arguments[] = {&user_context, grad.get(),      in.get(),       &ax.stride,
                         &ay.stride,    &ax.pad,         &ay.pad,        &ax.dilation,
                         &ay.dilation,  &cut.rows,       &cut.images,    &cut.bands,
                         &cut.blocks,   &cut.task_tiles, &frame_columns, partial.get()};
    if (plan.kernel->call(arguments) != 0) return false;

    // Lanes are the output channels of a group, or of all of them.
    const int64_t lanes = grouped ? problem.co : pass.co, lane_stride = grad_weight.co;
    const int64_t other_stride = grad_weight.co * pass.co;
    // Rows of the weight: of a contiguous one everything behind the output channel is one row.
    const bool contiguous =
        grad_weight.w == 1 && grad_weight.h == kx && grad_weight.ci == kx * ky && stored_kx == kx;
    std::array<Extent, 3> from{extents[1], {kx, l}, extents[3]};
    std::array<Extent, 3> to{{{pass.ci, grad_weight.ci}, {kx, grad_weight.w}, {ky, grad_weight.h}}};
    if (contiguous) {
        from = {{{plan.ci * kx * ky, l}, {1, 0}, {1, 0}}};
        to = {{{pass.ci * kx * ky, 1}, {1, 0}, {1, 0}}};
    }
    // `count` lanes of each of `panels` panels from `first` on, to the lanes from `to_lane` on.
    const auto reduce = [&](int64_t first, int64_t panels, int64_t count, int64_t to_lane) {
        if (panels == 0 || count == 0) return true;
        BufferView<8> parts(workspace + first * panel, {{extents[0],
                                                         from[0],
                                                         from[1],
                                                         from[2],
                                                         {panels, panel},
                                                         extents[5],
                                                         extents[6],
                                                         extents[7]}});
        BufferView<6> result(advanced(grad_weight.data, to_lane * lane_stride, dtype),
                             {{{count, lane_stride},
                               to[0],
                               to[1],
                               to[2],
                               {panels, l * lane_stride},
                               {plan.others, other_stride}}},
                             dtype);
        void *reduction[] = {&user_context, parts.get(), result.get()};
        return support_kernels(plan.kernel->isa, dtype).wgrad_reduce(reduction) == 0;
    };
    const int64_t whole = lanes / l, rest = lanes % l;
    if (rest == 0 || !plan.last_panel_moved_back) {
        return reduce(0, whole, l, 0) && reduce(whole, 1, rest, whole * l);
    }
    // Both write the lanes that the last two panels share, and write the same.
    return reduce(0, whole, l, 0) && reduce(whole, 1, l, lanes - l);
}

}  // namespace convwright
