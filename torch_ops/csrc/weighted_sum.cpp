// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/csrc/weighted_sum.h"

#include <stdexcept>

#include "runtime/isa_setting.h"
#include "runtime/operator_problem.h"
#include "runtime/trace.h"
#include "runtime/weighted_sum.h"
#include "torch_ops/csrc/conv2d.h"
#include "torch_ops/csrc/cuda_engine.h"
#include "torch_ops/csrc/operands.h"

namespace convwright {
namespace {

const IntList kOne{1, 1}, kZero{0, 0};

std::string problem_text(const ConvProblem &p) {
    return format_problem(OperatorProblem{p, Operator::kWeightedSum});
}

void trace(const ConvProblem &p, const WeightedSumPlan &plan) {
    if (!Trace::on()) return;
    Trace::add(problem_text(p) + "\t" + plan.kernel->name + "\t" + plan.schedule() + "\t" +
               isa_name(plan.kernel->isa));
}

/// By the fused kernel of the GPU; nothing where none accepts the problem.
std::optional<Tensor> fused_on_cuda(const ConvProblem &p, const Tensor &input,
                                    const Tensor &pointwise, const Tensor &depthwise,
                                    const std::optional<Tensor> &bias) {
    if (p.dtype != DType::kF32) return std::nullopt;
    CudaEngine engine(input);
    const Operand from = operand(input, p.format, CudaEngine::kReach);
    const Quad sizes{p.n, p.co, p.oh(), p.ow()}, strides = dense_strides(sizes, p.format);
    const Tensor output = empty_strided(sizes, strides, p.dtype, Place::of(input));
    const Activation to{output.mutable_data_ptr(), strides[0], strides[1], strides[2], strides[3]};
    const cuda::WeightedSumPlan &plan = engine.weighted_sum_plan(p, from, to);
    if (plan.kernel == nullptr) return std::nullopt;
    if (Trace::on()) {
        Trace::add(problem_text(p) + "\t" + plan.kernel->name + "\t" + plan.schedule() + "\t" +
                   engine.name(plan));
    }
    const WeightOperand w = weight_operand(pointwise), d = weight_operand(depthwise);
    const BiasOperand b = bias_operand(bias);
    const bool success = engine.run_weighted_sum(plan, from.view, w.view, d.view, b.data, to);
    require_success(success, engine.context(), problem_text(p), plan.kernel->name);
    return output;
}

/// One operand's dtype for all, float32 or bfloat16.
bool of_kernels(const Tensor &input, const Tensor &a, const Tensor &b,
                const std::optional<Tensor> &bias) {
    const ScalarType dtype = input.scalar_type();
    return dtype_of(input) && a.scalar_type() == dtype && b.scalar_type() == dtype &&
           (!bias || bias->scalar_type() == dtype);
}

}  // namespace

Tensor weighted_sum_fprop(const Tensor &input, const Tensor &pointwise, const Tensor &depthwise,
                          const std::optional<Tensor> &bias, const IntList &stride,
                          const IntList &padding, const IntList &dilation) {
    // Sizes are those of both convolutions in turn; z has the input's.
    check_one_type(input, pointwise, bias);
    check_one_type(input, depthwise, std::nullopt);
    const ConvProblem mix =
        check_conv2d(input, pointwise, std::nullopt, {kOne, kZero, kOne, /*groups=*/1});
    if (mix.kh != 1 || mix.kw != 1) {
        throw std::runtime_error(
            "convwright::weighted_sum_fprop: expected a pointwise weight of size [Co, Ci, 1, 1].");
    }
    if (depthwise.dim() != 4 || depthwise.size(0) != mix.co || depthwise.size(1) != 1) {
        throw std::runtime_error(
            "convwright::weighted_sum_fprop: expected a depthwise weight of size [Co, 1, Kh, Kw] "
            "with as many channels as the pointwise one.");
    }
    if (bias && (bias->dim() != 1 || bias->size(0) != mix.co)) {
        throw std::runtime_error(
            "convwright::weighted_sum_fprop: expected a bias of size [Co], with as many elements "
            "as there are output channels.");
    }
    const ConvArguments window{stride, padding, dilation, mix.co};
    ConvProblem p = mix;
    p.kh = depthwise.size(2), p.kw = depthwise.size(3);
    p.stride_h = window.stride[0], p.stride_w = window.stride[1];
    p.pad_h = window.padding[0], p.pad_w = window.padding[1];
    p.dilation_h = window.dilation[0], p.dilation_w = window.dilation[1];
    p.bias = bias.has_value();
    complete(p, Direction::kFprop, input, pointwise);
    if (suggested_format(depthwise) == Format::kNhwc) p.format = Format::kNhwc;

    if (!input.is_cuda() && why_impossible(p) == nullptr &&
        of_kernels(input, pointwise, depthwise, bias) && host_isa_as_set() != Isa::kNone) {
        const WeightedSumPlan &plan = weighted_sum_plan(p);
        if (plan.kernel != nullptr) {
            trace(p, plan);
            const Operand from = operand(input, p.format);
            const WeightOperand w = weight_operand(pointwise), d = weight_operand(depthwise);
            const BiasOperand b = bias_operand(bias);
            const Quad sizes{p.n, p.co, p.oh(), p.ow()}, strides = dense_strides(sizes, p.format);
            Tensor output = empty_strided(sizes, strides, p.dtype);
            Workspace workspace(plan.workspace);
            CallContext context;
            const bool success = run_weighted_sum(
                context, plan, from.view, w.view, d.view, b.data,
                {output.mutable_data_ptr(), strides[0], strides[1], strides[2], strides[3]},
                workspace.data());
            require_success(success, context, problem_text(p), plan.kernel->name);
            return output;
        }
    }
    if (input.is_cuda() && why_impossible(p) == nullptr &&
        of_kernels(input, pointwise, depthwise, bias)) {
        if (std::optional<Tensor> output = fused_on_cuda(p, input, pointwise, depthwise, bias))
            return *output;
    }
    const Tensor z = conv2d_fprop(input, pointwise, std::nullopt, kOne, kZero, kOne, 1);
    return conv2d_fprop(z, depthwise, bias, stride, padding, dilation, mix.co);
}

}  // namespace convwright
