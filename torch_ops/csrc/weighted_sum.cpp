// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/csrc/weighted_sum.h"

#include <stdexcept>
#include <utility>

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

using Gradients = std::tuple<Tensor, Tensor>;

/// By the fused kernel of the GPU; nothing where none accepts the problem or the two passes are faster, as measured or
/// predicted.
std::optional<Gradients> fused_dgrad(const ConvProblem &p, const Tensor &grad_output,
                                     const Tensor &pointwise, const Tensor &depthwise,
                                     bool keeps_z) {
    CudaEngine engine(grad_output);
    const Operand from = operand(grad_output, p.format, CudaEngine::kReach);
    const Quad sizes{p.n, p.ci, p.ih, p.iw}, z_sizes{keeps_z ? p.n : 0, p.co, p.ih, p.iw};
    const Quad s = dense_strides(sizes, p.format), z = dense_strides(z_sizes, p.format);
    // Memory only for what runs; new memory begins at a multiple of 16 bytes, as null does.
    Activation to{nullptr, s[0], s[1], s[2], s[3]}, middle{nullptr, z[0], z[1], z[2], z[3]};
    const cuda::WeightedSumGradPlan &plan = engine.weighted_sum_grad_plan(p, from, to, keeps_z);
    if (plan.kernel == nullptr) return std::nullopt;
    if (Trace::on()) {
        Trace::add(problem_text(p) + "\t" + plan.kernel->name + "\t" + plan.schedule() + "\t" +
                   engine.name(plan));
    }
    const Place place = Place::of(grad_output);
    Gradients made{empty_strided(sizes, s, p.dtype, place),
                   empty_strided(z_sizes, z, p.dtype, place)};
    to.data = std::get<0>(made).mutable_data_ptr(),
    middle.data = std::get<1>(made).mutable_data_ptr();
    const WeightOperand w = weight_operand(pointwise), d = weight_operand(depthwise);
    const bool success = engine.run_weighted_sum_grad(plan, p, from.view, w.view, d.view,
                                                      keeps_z ? &middle : nullptr, to);
    require_success(success, engine.context(), problem_text(p), plan.kernel->name);
    return made;
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

std::tuple<Tensor, Tensor> weighted_sum_dgrad(const Tensor &grad_output, const Tensor &input,
                                              const Tensor &z, const Tensor &pointwise,
                                              const Tensor &depthwise, const IntList &stride,
                                              const IntList &padding, const IntList &dilation,
                                              bool grad_z) {
    const char *name = "convwright::weighted_sum_dgrad";
    const int64_t channels = z.dim() == 4 ? z.size(1) : 1;
    const ConvProblem window = check_conv2d_backward(name, grad_output, z, depthwise,
                                                     {stride, padding, dilation, channels});
    const ConvProblem mix =
        check_conv2d_backward(name, z, input, pointwise, {kOne, kZero, kOne, /*groups=*/1});
    if (window.co != channels || mix.kh != 1 || mix.kw != 1) {
        throw std::runtime_error(
            "convwright::weighted_sum_dgrad: expected a pointwise weight of size [Co, Ci, 1, 1] "
            "and a depthwise one of size [Co, 1, Kh, Kw].");
    }
    ConvProblem p = window;
    p.ci = mix.ci, p.groups = 1;
    complete(p, Direction::kDgrad, z, depthwise);
    // The kernel stores both in one format, the convolutions each in its own.
    if (grad_output.is_cuda() && p.format == output_format(input, pointwise) &&
        p.dtype == DType::kF32 && why_impossible(p) == nullptr && p.oh() > 0 && p.ow() > 0 &&
        of_kernels(grad_output, pointwise, depthwise, std::nullopt)) {
        if (auto gradients = fused_dgrad(p, grad_output, pointwise, depthwise, grad_z))
            return *std::move(gradients);
    }
    Tensor of_z = conv2d_dgrad(grad_output, z, depthwise, stride, padding, dilation, channels);
    Tensor of_input = conv2d_dgrad(of_z, input, pointwise, kOne, kZero, kOne, 1);
    return {std::move(of_input), std::move(of_z)};
}

}  // namespace convwright
