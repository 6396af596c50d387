// SPDX-License-Identifier: Apache-2.0
#include "runtime/conv2d.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "runtime/cpu_caches.h"
#include "runtime/packing.h"
#include "runtime/parallel_for.h"
#include "runtime/pass_view.h"

namespace convwright {
namespace {

/// Makes the input's rows a single channel each; returns the axis of columns that belongs to them.
PassAxis fold(PassView &input, const ConvPass &pass) {
    const PassAxis x = folded(pass).x;
    const int64_t element = input.channel.stride;
    input.channel = input.group = {1, element}, input.x = {x.in, element};
    return x;
}

/// Panels of lanes that one task computes, so that its copy of the input serves all of them; no sum depends on
/// it. A thread alone takes all: one panel a task copied 1024 channels 16 times, and took 1.6 times as long.
/// Several get equally many tasks, or four each, so that none waits long for the last: with four each in any case two
/// threads took 1.2 times as long as PyTorch's for the 1x1 layers of ResNet-50. Depthwise panels share the lines
/// of each pixel.
int64_t panels_of_task(const WgradPlan &plan, int64_t workers) {
    if (workers == 1 || plan.kernel->params.lane == Conv2dWgradCpuParams::kGroups)
        return plan.panels;
    const int64_t apart = std::max<int64_t>(plan.others * plan.cut.parts_y * plan.cut.parts_n, 1);
    int64_t pieces = 1;
    while (apart * pieces < 4 * workers && apart * pieces % workers != 0) pieces++;
    return std::max<int64_t>((plan.panels + pieces - 1) / pieces, 1);
}

/// Packs what a pass needs of the weight and the bias.
bool pack_pass(CallContext &context, const ConvStep &step, const Panels &panels,
               const Weight &weight, const void *bias, float *packed) {
    const ConvKernel &kernel = *step.kernel;
    pack_bias(bias, kernel.dtype, step.pass, panels, packed + panels.weight_floats());
    return pack_weight(context, kernel.isa, kernel.dtype, step.pass, weight, panels, packed);
}

/// Runs a pass whose operands are packed.
bool run_pass(CallContext &context, const ConvStep &step, const Panels &panels, float *packed,
              bool relu, const Activation &input, const Activation &output) {
    const ConvKernel &kernel = *step.kernel;
    const ConvPass &pass = step.pass;
    const bool folds = kernel.params.stage == Conv2dCpuParams::kFolded;
    BufferView<6> w = folds ? panels.folded_weight(packed) : panels.weight(packed);
    BufferView<3> b = panels.bias(packed + panels.weight_floats());
    PassView view = view_input(input, pass, kernel.dtype);
    PassAxis x = pass.x, y = pass.y;
    if (folds) x = fold(view, pass);
    BufferView<5> in = view.buffer();
    BufferView<5> out = view_output(output, pass, kernel.dtype).buffer();

    void *user_context = &context;
    ConvTaskSize size = step.task;
    int tiled_ow = tiled_columns(kernel.params, pass, kernel.isa);
    float floor = relu ? 0.0f : -std::numeric_limits<float>::infinity();
    void *arguments[] = {
        &user_context,      in.get(),   w.get(),   b.get(),     &floor,      &x.stride,
        &y.stride,          &x.pad,     &y.pad,    &x.dilation, &y.dilation, &size.channel_tiles,
        &size.column_tiles, &size.rows, &tiled_ow, out.get()};
    return kernel.call(arguments) == 0;
}

/// How many images all passes compute before the next ones. Each pass of a strided dgrad reads the
/// whole gradient: an image at a time it stays in the cache in between.
int images_of_block(const ConvPlan &plan, DType dtype) {
    const int all = plan.steps.front().pass.n;
    if (plan.steps.size() == 1) return all;
    int64_t bytes = 0, tasks = 1;
    for (const ConvStep &step : plan.steps) {
        const ConvPass &p = step.pass;
        if (p.n != all) return all;
        const int64_t read = int64_t{p.ci} * p.x.in * p.y.in,
                      written = int64_t{p.co} * p.x.out * p.y.out;
        bytes = std::max(bytes, p.groups * (read + written) * bytes_of(dtype));
        tasks =
            std::max<int64_t>(tasks, (p.y.out + step.task.rows - 1) / std::max(step.task.rows, 1));
    }
    // Half of a core's cache. 1 MB took 1.4 times as long for cores with 512 KB.
    const int64_t workers = parallel_workers(), block = second_level_bytes() / 2;
    const int64_t busy = workers == 1 ? 1 : (4 * workers + tasks - 1) / tasks;
    return static_cast<int>(
        std::clamp<int64_t>(std::max(workers * block / bytes, busy), 1, std::max(all, 1)));
}

}  // namespace

bool run_conv(CallContext &context, const ConvPlan &plan, DType dtype, const Activation &input,
              const Weight &weight, const void *bias, const Activation &output, float *workspace) {
    std::vector<float *> packed;
    for (const ConvStep &step : plan.steps) {
        packed.push_back(workspace);
        if (step.kernel == nullptr) continue;
        const Panels panels(step.kernel->params, step.kernel->isa, step.pass);
        if (!pack_pass(context, step, panels, weight, bias, workspace)) return false;
        workspace += panels.floats();
    }
    const int all = plan.steps.front().pass.n, block = images_of_block(plan, dtype);
    for (int first = 0; first < all; first += block) {
        Activation from = input, to = output;
        from.data = advanced(input.data, first * input.n, dtype);
        to.data = const_cast<void *>(advanced(output.data, first * output.n, dtype));
        for (size_t i = 0; i < plan.steps.size(); i++) {
            ConvStep step = plan.steps[i];
            if (block < all) step.pass.n = std::min(block, all - first);
            if (step.kernel == nullptr) {
                fill_zero(view_output(to, step.pass, dtype));
                continue;
            }
            const Panels panels(step.kernel->params, step.kernel->isa, step.pass);
            if (!run_pass(context, step, panels, packed[i], plan.relu, from, to)) return false;
        }
    }
    return true;
}

bool run_wgrad(CallContext &context, const WgradPlan &plan, const ConvProblem &problem,
               const Activation &grad_output, const Activation &input, const Weight &grad_weight,
               float *workspace) {
    const ConvPass pass = conv_passes(problem).front();
    const DType dtype = problem.dtype;
    const Conv2dWgradCpuParams &params = plan.kernel->params;
    int pixel_channels = pass.co;
    const bool folds_gradient = params.stage == Conv2dWgradCpuParams::kFoldedCopied;
    PassView gradient = view_output(grad_output, pass, dtype);
    if (folds_gradient) {
        gradient.channel = gradient.group = {1, grad_output.c};
        gradient.x = {pass.x.out * pixel_channels, grad_output.c};
    }
    BufferView<5> grad = gradient.buffer();
    PassView read = view_input(input, pass, dtype);
    PassAxis ax = pass.x, ay = pass.y;
    const bool folds = params.folds();
    if (folds) ax = fold(read, pass);
    BufferView<5> in = read.buffer();

    const bool grouped = params.lane == Conv2dWgradCpuParams::kGroups;
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
    int task_panels = static_cast<int>(panels_of_task(plan, parallel_workers()));
    // Without padding, and with whole tiles of channels, the frame is written over as a whole.
    const int64_t read_taps = folds ? plan.kx : (ax.taps.count - 1) * ax.dilation + 1;
    const bool covered = ax.pad == 0 && ay.pad == 0 &&
                         (folds ? plan.kx == ax.taps.count : pass.ci % params.tile == 0);
    int frame_columns = covered ? 0 : static_cast<int>((ax.out - 1) * ax.stride + read_taps);
    void *arguments[17] = {&user_context, grad.get(), in.get(),     &ax.stride,   &ay.stride,
                           &ax.pad,       &ay.pad,    &ax.dilation, &ay.dilation, &cut.rows,
                           &cut.images,   &cut.bands, &cut.blocks,  &task_panels, &frame_columns};
    size_t given = 15;
    if (folds_gradient) arguments[given++] = &pixel_channels;
    arguments[given] = partial.get();
    if (plan.kernel->call(arguments) != 0) return false;

    // Lanes are the output channels of a group, or of all of them.
    const int64_t lanes = grouped ? problem.co : pass.co, lane_stride = grad_weight.co;
    const int64_t other_stride = grad_weight.co * pass.co;
    // Rows of the weight: of a contiguous one everything behind the output channel is one row.
    const bool contiguous = !folds && grad_weight.w == 1 && grad_weight.h == kx &&
                            grad_weight.ci == kx * ky && stored_kx == kx;
    // Folded, a tap of a row lies behind all input channels of the one before.
    std::array<Extent, 3> from{
        folds ? Extent{pass.ci, l} : extents[1], {kx, folds ? l * pass.ci : l}, extents[3]};
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
