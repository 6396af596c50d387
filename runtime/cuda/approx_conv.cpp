// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/approx_conv.h"

#include <algorithm>
#include <limits>

#include "runtime/cuda/conv2d.h"
#include "runtime/cuda/gemm_launch.h"
#include "runtime/multipliers/product_choice.h"
#include "runtime/wgrad_pass.h"

namespace convwright::cuda {
namespace {

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

struct Operand {
    const void *data;
    std::array<Extent, 4> axes;
};

Operand operand_of(const Activation &t, int64_t n, int64_t c, int64_t h, int64_t w) {
    return {t.data, {{{n, t.n}, {c, t.c}, {h, t.h}, {w, t.w}}}};
}

/// What the multiplier takes for pixels, and for weights.
std::array<Operand, 2> operands_of(const ConvProblem &p, const ApproxOperands &o) {
    const Operand input = operand_of(o.input, p.n, p.ci, p.ih, p.iw);
    const Operand output = operand_of(o.output, p.n, p.co, p.oh(), p.ow());
    const Operand weight{o.weight.data,
                         {{{p.co, o.weight.co},
                           {p.ci / p.groups, o.weight.ci},
                           {p.kh, o.weight.h},
                           {p.kw, o.weight.w}}}};
    if (p.direction == Direction::kWgrad) return {input, output};
    return {p.direction == Direction::kDgrad ? output : input, weight};
}

int64_t elements(const Operand &operand) {
    int64_t count = 1;
    for (const Extent &axis : operand.axes) count *= axis.extent;
    return count;
}

void set_integers(halide_buffer_t *buffer) { buffer->type = halide_type_t(halide_type_int, 32); }

/// Of one call.
struct Call {
    CallContext &context;
    const ApproxPlan &plan;
    const ApproxOperands &operands;
    float *packed;
    int32_t *chosen, *ranges;  ///< Of the device.
};

bool find_range(const Call &call, const Operand &operand, int32_t *ranges) {
    std::array<Extent, 4> axes = operand.axes;
    for (Extent &axis : axes) {
        if (axis.extent == 1) axis.stride = 0;
    }
    std::stable_sort(axes.begin(), axes.end(),
                     [](const Extent &a, const Extent &b) { return a.stride < b.stride; });
    const int64_t blocks = call.plan.range_blocks;
    DeviceView<4> tensor(operand.data, axes);
    DeviceView<2> partial(ranges,
                          {{{ApproxPlan::kRangeWords, 1}, {blocks, ApproxPlan::kRangeWords}}});
    set_integers(partial.get());
    KernelArguments arguments(&call.context);
    arguments.add(tensor.get());
    for (int d = 0; d < 3; d++) arguments.add(FastDivisor(static_cast<int>(axes[d].extent)));
    arguments.add(
        static_cast<int>(divide_up(elements(operand), blocks * ApproxPlan::kRangeThreads)),
        partial.get());
    return arguments.call(operand_kernels().operand_range);
}

/// What the operands allow, `most` at most.
bool choose(const Call &call, int most) {
    const int64_t blocks = call.plan.range_blocks, words = ApproxPlan::kRangeWords * blocks;
    if (blocks > 0) {
        const auto [pixels, weights] = operands_of(call.plan.problem, call.operands);
        if (!find_range(call, pixels, call.ranges)) return false;
        if (!find_range(call, weights, call.ranges + words)) return false;
    }
    DeviceView<3> ranges(
        call.ranges,
        {{{ApproxPlan::kRangeWords, 1}, {blocks, ApproxPlan::kRangeWords}, {2, words}}});
    DeviceView<1> chosen(call.chosen, {{{1, 1}}});
    set_integers(ranges.get());
    set_integers(chosen.get());
    KernelArguments arguments(&call.context);
    arguments.add(ranges.get(), most, chosen.get());
    return arguments.call(operand_kernels().product_choice);
}

/// Operands of a pass by their part in its sum.
struct PassOperands {
    PassView from, to;
    WeightView weight;
    const void *bias;
};

PassOperands pass_operands(const Call &call, const ConvPass &pass) {
    const ApproxOperands &o = call.operands;
    const Direction direction = call.plan.problem.direction;
    if (direction == Direction::kWgrad) {
        return {wgrad_input(o.input, pass), wgrad_output(o.weight, pass),
                view_weight(wgrad_weight(o.output), pass, DType::kF32), nullptr};
    }
    const bool fprop = direction == Direction::kFprop;
    return {view_input(fprop ? o.input : o.output, pass, DType::kF32),
            view_output(fprop ? o.output : o.input, pass, DType::kF32),
            view_weight(o.weight, pass, DType::kF32), fprop ? o.bias : nullptr};
}

bool run_form(const Call &call, const FormStep &form, const PassOperands &operands) {
    const float no_floor = -std::numeric_limits<float>::infinity();
    const ProductArguments &product = form.form.arguments;
    GemmArguments gemm(call.context, form.step, operands.from, call.packed, operands.bias,
                       no_floor);
    const bool has_table = call.operands.table != nullptr;
    const void *entries = has_table ? call.operands.table : operands.from.data;
    const int64_t count = has_table ? int64_t{1} << (2 * product.correction) : 1;
    DeviceView<1> table(entries, {{{count, 1}}}), chosen(call.chosen, {{{1, 1}}});
    set_integers(table.get());
    set_integers(chosen.get());
    DeviceView<5> output(operands.to.data, operands.to.extents());
    gemm.arguments.add(table.get(), product.keep, product.set, product.correction, product.carried,
                       chosen.get(), output.get());
    return gemm.arguments.call(form.step.kernel->call);
}

/// No tap reaches: the direct engine's kernels store zeros.
bool store_zeros(const Call &call, const ConvPass &pass) {
    const ConvProblem &p = call.plan.problem;
    const auto found =
        std::find_if(conv_kernels().begin(), conv_kernels().end(), [&](const ConvKernel &kernel) {
            return kernel.params.engine == Conv2dCudaParams::kDirect && kernel.format == p.format;
        });
    ConvPlan plan;
    plan.format = p.format;
    plan.steps = {{pass, &*found, 1, 0}};
    return run_conv(call.context, plan, call.operands.output, call.operands.weight, nullptr,
                    call.operands.input, nullptr);
}

bool run_step(const Call &call, const ApproxStep &step) {
    if (step.forms.empty()) return store_zeros(call, step.pass);
    const PassOperands operands = pass_operands(call, step.pass);
    const ConvKernel *packed_for = nullptr;
    for (const FormStep &form : step.forms) {
        const ConvKernel *kernel = form.step.kernel;
        if (packed_for == nullptr || packed_for->schedule != kernel->schedule) {
            if (!pack_weight(call.context, form.step, operands.weight, call.packed)) return false;
            packed_for = kernel;
        }
        // Without ranges of operands it is the most that is chosen.
        const int choice = product_choice(form.form.product);
        if (call.plan.forced && choice >= 0 && !choose(call, choice)) return false;
        if (!run_form(call, form, operands)) return false;
    }
    return true;
}

}  // namespace

bool run_approx_conv(CallContext &context, const ApproxPlan &plan, const ApproxOperands &operands,
                     float *workspace) {
    auto *words = reinterpret_cast<int32_t *>(workspace + plan.packed_floats);
    const Call call{context, plan, operands, workspace, words, words + 4};
    if (plan.chooses && !plan.forced && !choose(call, plan.most)) return false;
    for (const ApproxStep &step : plan.steps) {
        if (!run_step(call, step)) return false;
    }
    return true;
}

}  // namespace convwright::cuda
