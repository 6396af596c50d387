// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/csrc/approx_cuda.h"

#include <torch/csrc/stable/ops.h>

#include "runtime/cuda/edit_operands.h"
#include "torch_ops/csrc/cuda_engine.h"
#include "torch_ops/csrc/traced.h"

namespace convwright {
namespace {

/// The kernels have no 64-bit indices: what those would need is copied.
constexpr Reach kReach = Reach::kElements32;

Activation writable(const Tensor &t) {
    const Quad s = strides_of(t);
    return {t.mutable_data_ptr(), s[0], s[1], s[2], s[3]};
}

/// What a trace has in front of the kernels.
std::string traced_problem(const ConvProblem &p, const CudaProduct &product) {
    return format_problem(p) + "_" + product.name;
}

[[noreturn]] void refuse(const ConvProblem &p, const CudaProduct &product, const std::string &why) {
    throw std::runtime_error("convwright: " + why + " (" + traced_problem(p, product) +
                             "); the CPU has others, move the tensors with .cpu().");
}

}  // namespace

Tensor edited_on_cuda(const Tensor &t, const OperandEdit &edit) {
    if (!edit.changes()) return t;
    if (const char *why = cuda::why_not_edited(t.numel()))
        throw std::runtime_error(std::string("convwright: ") + why + "; split the batch.");
    CudaEngine engine(t);
    const Format format = suggested_format(t);
    const Operand from = operand(t, format, kReach);
    const Quad sizes = sizes_of(t), strides = dense_strides(sizes, format);
    const Tensor result = empty_strided(sizes, strides, DType::kF32, Place::of(t));
    const Extent axes[4] = {{sizes[0], from.view.n},
                            {sizes[1], from.view.c},
                            {sizes[2], from.view.h},
                            {sizes[3], from.view.w}};
    if (t.numel() == 0) return result;
    const bool success = engine.edit(edit, static_cast<const float *>(from.view.data), axes,
                                     static_cast<float *>(result.mutable_data_ptr()), strides);
    require_success(success, engine.context(), "an operand", "edit_operands_cuda");
    return result;
}

void approx_on_cuda(const ConvProblem &p, const CudaProduct &product, const CudaConvolution &t) {
    // Before operands that are too large are copied.
    if (const char *why = cuda::why_no_approx_plan(p)) refuse(p, product, why);
    CudaEngine engine(t.input);
    // A result is written where it lies, never into a copy.
    const auto operand_of = [&](const Tensor &activation, Direction written_by) {
        if (p.direction == written_by) return Operand{{}, writable(activation)};
        return operand(activation, p.format, kReach);
    };
    const Operand input = operand_of(t.input, Direction::kDgrad);
    const Operand output = operand_of(t.output, Direction::kFprop);
    const WeightOperand weight = p.direction == Direction::kWgrad
                                     ? WeightOperand{{}, weight_view(t.weight)}
                                     : weight_operand(t.weight);
    const BiasOperand bias = bias_operand(t.bias);
    cuda::ApproxOperands operands{input.view, weight.view, output.view, bias.data, nullptr};
    if (product.table)
        operands.table = static_cast<const int32_t *>(product.table->const_data_ptr());
    const cuda::ApproxPlan &plan = engine.approx_plan(p, product.name, product.forms, operands);
    if (plan.steps.empty()) refuse(p, product, plan.reason);
    if (Trace::on()) {
        Trace::add(traced_problem(p, product) + "\t" + plan.kernels() + "\t" + plan.schedules() +
                   "\t" + engine.name(plan));
    }
    const bool success = engine.run_approx(plan, operands);
    require_success(success, engine.context(), format_problem(p), plan.kernels());
}

Tensor no_products_on_cuda(const Tensor &like, const Quad &sizes, const Quad &strides,
                           const std::optional<Tensor> &bias) {
    Tensor result = empty_strided(sizes, strides, DType::kF32, Place::of(like));
    torch::stable::zero_(result);
    if (!bias) return result;
    // 0 - (0 - b) is b, and +0 where b is -0.
    Tensor zeros = torch::stable::new_zeros(*bias, {sizes[1]});
    const Tensor positive = torch::stable::subtract(zeros, torch::stable::subtract(zeros, *bias));
    return torch::stable::copy_(result, torch::stable::reshape(positive, {1, sizes[1], 1, 1}));
}

}  // namespace convwright
