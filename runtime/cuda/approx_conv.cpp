// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/approx_conv.h"

#include <algorithm>
#include <limits>

#include "runtime/cuda/conv2d.h"
#include "runtime/cuda/conv_cost.h"
#include "runtime/cuda/gemm_launch.h"
#include "runtime/multipliers/product_choice.h"
#include "runtime/wgrad_pass.h"

namespace convwright::cuda {
namespace {

constexpr int kWords = 3, kRangeThreads = 256;  // generators/cuda/operand_range_generator.cpp
constexpr int kElementsPerThread = 16, kMostRangeBlocks = 512;

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Instructions of a multiprocessor's arithmetic for one product, by counting.
double instructions(const std::string &product) {
    const int choice = product_choice(product);
    if (choice <= 0) return product == "rounded" ? 2 : 20;
    return product == "mbm" ? 4 : product == "mbm_zeros" ? 5 : product == "mitchell_zeros" ? 3 : 2;
}

/// Whether vectors of the tensors lie where the kernel's accesses need them.
bool fits(const ProductKernel &kernel, const ConvProblem &p, const Placed &placed) {
    if (kernel.params.vec == 1) return true;
    const bool stores =
        p.direction == Direction::kFprop ? placed.output_vectors : placed.input_vectors;
    return p.direction != Direction::kWgrad && kernel.format == p.format && placed.vectors &&
           stores;
}

/// The kernel with the fewest predicted cycles; none where no kernel takes the pass.
ConvStep best_step(const ConvPass &pass, const std::string &product, const ConvProblem &p,
                   const Device &device, const Placed &placed) {
    ConvStep best{pass, nullptr, 1, std::numeric_limits<double>::infinity()};
    for (const ProductKernel &kernel : product_kernels()) {
        if (kernel.product != product || !fits(kernel, p, placed)) continue;
        if (kernel.params.why_illegal(pass, kernel.format, device.compute_capability,
                                      device.shared_bytes) != nullptr)
            continue;
        const double cycles = predicted_cycles(kernel.params, pass, device.multiprocessors, 1,
                                               instructions(product));
        if (cycles < best.cycles) best.kernel = &kernel, best.cycles = cycles;
    }
    return best;
}

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

/// Sizes alone.
int64_t most_elements(const ConvProblem &p) {
    int64_t most = 0;
    for (const Operand &operand : operands_of(p, {})) most = std::max(most, elements(operand));
    return most;
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
    DeviceView<2> partial(ranges, {{{kWords, 1}, {blocks, kWords}}});
    set_integers(partial.get());
    KernelArguments arguments(&call.context);
    arguments.add(tensor.get());
    for (int d = 0; d < 3; d++) arguments.add(FastDivisor(static_cast<int>(axes[d].extent)));
    arguments.add(static_cast<int>(divide_up(elements(operand), blocks * kRangeThreads)),
                  partial.get());
    return arguments.call(operand_kernels().operand_range);
}

/// What the operands allow.
bool choose(const Call &call) {
    const int64_t blocks = call.plan.range_blocks, words = kWords * blocks;
    if (blocks > 0) {
        const auto [pixels, weights] = operands_of(call.plan.problem, call.operands);
        if (!find_range(call, pixels, call.ranges)) return false;
        if (!find_range(call, weights, call.ranges + words)) return false;
    }
    DeviceView<3> ranges(call.ranges, {{{kWords, 1}, {blocks, kWords}, {2, words}}});
    DeviceView<1> chosen(call.chosen, {{{1, 1}}});
    set_integers(ranges.get());
    set_integers(chosen.get());
    KernelArguments arguments(&call.context);
    arguments.add(ranges.get(), call.plan.most, chosen.get());
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
    gemm.arguments.add(table.get(), product.keep, product.set, product.correction,
                       product.carried, chosen.get(), output.get());
    return gemm.arguments.call(form.step.kernel->call);
}

/// No tap reaches: the direct engine's kernels store zeros.
bool store_zeros(const Call &call, const ConvPass &pass) {
    const ConvProblem &p = call.plan.problem;
    const auto found = std::find_if(
        conv_kernels().begin(), conv_kernels().end(), [&](const ConvKernel &kernel) {
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
        if (!run_form(call, form, operands)) return false;
    }
    return true;
}

/// What `text` says of the kernels, each set of forms once.
template<typename Text>
std::string joined(const std::vector<ApproxStep> &steps, Text text) {
    std::vector<std::string> seen;
    for (const ApproxStep &step : steps) {
        std::string forms;
        for (const FormStep &form : step.forms) {
            const std::string one = text(*form.step.kernel);
            if (forms.find(one) == std::string::npos) forms += (forms.empty() ? "" : "|") + one;
        }
        if (forms.empty() || std::find(seen.begin(), seen.end(), forms) != seen.end()) continue;
        seen.push_back(forms);
    }
    std::string result;
    for (const std::string &forms : seen) result += (result.empty() ? "" : "+") + forms;
    return result.empty() ? "zeros" : result;
}

}  // namespace

std::string ApproxPlan::kernels() const {
    return joined(steps, [](const ConvKernel &kernel) { return kernel.name; });
}

std::string ApproxPlan::schedules() const {
    return joined(steps, [](const ConvKernel &kernel) { return kernel.schedule; });
}

std::vector<ProductForm> device_forms(const Multiplier &m) {
    std::vector<ProductForm> forms;
    for (const ProductForm &form : {product_form(m, true, false), product_form(m, true, true),
                                    product_form(m, false, true)}) {
        if (forms.empty() || forms.back().product != form.product) forms.push_back(form);
    }
    return forms;
}

std::vector<ProductForm> device_forms_of_table(int bits) {
    ProductForm form;
    form.product = "mantissa_table";
    form.arguments.correction = bits;
    return {form};
}

ApproxPlan approx_plan(const ConvProblem &problem, const std::vector<ProductForm> &forms,
                       const Device &device, const Placed &placed) {
    ApproxPlan plan;
    const auto none = [](const std::string &why) {
        ApproxPlan refused;
        refused.reason = why;
        return refused;
    };
    // With room for what the last block has behind the last element.
    constexpr int64_t kMostElements = INT32_MAX - (int64_t{1} << 20);
    if (placed.index_bits != 32 || most_elements(problem) > kMostElements)
        return none("approximate products have CUDA kernels for tensors with fewer than 2^31 elements");
    plan.problem = problem;
    plan.most = product_choice(forms.front().product);
    std::vector<ConvPass> passes;
    if (problem.direction == Direction::kWgrad) {
        passes = {wgrad_pass(problem)};
    } else {
        passes = conv_passes(problem);
    }
    for (const ConvPass &pass : passes) {
        ApproxStep step{pass, {}};
        for (const ProductForm &form : forms) {
            if (pass.taps() == 0) break;
            const ConvStep found = best_step(pass, form.product, problem, device, placed);
            if (found.kernel != nullptr) {
                step.forms.push_back({form, found});
                const StepLayout layout(found);
                plan.packed_floats = std::max(plan.packed_floats, layout.packed_floats);
            } else if (product_choice(form.product) == 2) {
                plan.most = 1;  // the form for any weight takes its operands, too
            } else {
                return none("no CUDA kernel with the product " + form.product +
                            " takes this problem");
            }
        }
        plan.steps.push_back(step);
    }
    for (ApproxStep &step : plan.steps) {
        const auto beyond = [&](const FormStep &form) {
            return product_choice(form.form.product) > plan.most;
        };
        step.forms.erase(std::remove_if(step.forms.begin(), step.forms.end(), beyond),
                         step.forms.end());
    }
    plan.chooses = plan.most >= 0;
    if (plan.most > 0) {
        const int64_t share = int64_t{kRangeThreads} * kElementsPerThread;
        plan.range_blocks = static_cast<int>(
            std::clamp<int64_t>(divide_up(most_elements(problem), share), 1, kMostRangeBlocks));
    }
    constexpr int kChosen = 4;  // one word, and what follows begins at 16 bytes
    plan.packed_floats = divide_up(plan.packed_floats, 4) * 4;
    plan.workspace =
        plan.packed_floats + (plan.chooses ? kChosen + 2 * kWords * plan.range_blocks : 0);
    return plan;
}

bool run_approx_conv(CallContext &context, const ApproxPlan &plan, const ApproxOperands &operands,
                     float *workspace) {
    auto *words = reinterpret_cast<int32_t *>(workspace + plan.packed_floats);
    const Call call{context, plan, operands, workspace, words, words + 4};
    if (plan.chooses && !choose(call)) return false;
    for (const ApproxStep &step : plan.steps) {
        if (!run_step(call, step)) return false;
    }
    return true;
}

}  // namespace convwright::cuda
