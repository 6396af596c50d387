// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/csrc/conv2d.h"

#include <torch/csrc/stable/ops.h>

#include <cstdint>
#include <optional>
#include <stdexcept>

#include "runtime/trace.h"
#include "torch_ops/csrc/aten.h"
#include "torch_ops/csrc/cpu_engine.h"
#include "torch_ops/csrc/cuda_engine.h"
#include "torch_ops/csrc/traced.h"

namespace convwright {
namespace {

/// Null if Convwright's kernels can take the problem at all, else why aten is called.
template<typename Engine>
const char *why_aten(const ConvProblem &p, const Tensor &a, const Tensor &b) {
    if (a.scalar_type() != b.scalar_type()) return "the tensors differ in dtype";
    if (!dtype_of(a)) return Engine::kDtypes;
    if (why_impossible(p) != nullptr || p.oh() < 1 || p.ow() < 1) return "a tensor is empty";
    return Engine::why_not(p, a);
}

/// The problem string with the dtype that the tensors have, which may be none of the kernels'.
std::string problem_text(const ConvProblem &p, ScalarType dtype) {
    std::string text = format_problem(p);
    if (p.dtype != DType::kF32 || dtype == ScalarType::Float) return text;
    return text.replace(text.find("f32"), 3, dtype == ScalarType::Double ? "f64" : "other");
}

void trace_aten(const ConvProblem &p, ScalarType dtype, const char *why) {
    if (Trace::on()) Trace::add(problem_text(p, dtype) + "\tPyTorch\t" + why);
}

/// Runs an fprop or dgrad problem from `source` into a new tensor of sizes `result`.
template<typename Engine>
Tensor run(const ConvProblem &p, const Tensor &source, const Tensor &weight,
           const std::optional<Tensor> &bias, const Quad &result) {
    Engine engine(source);
    const Operand from = operand(source, p.format, Engine::reach(p.dtype));
    const Quad strides = dense_strides(result, p.format);
    Tensor output = empty_strided(result, strides, p.dtype, Place::of(source));
    const Activation to{output.mutable_data_ptr(), strides[0], strides[1], strides[2], strides[3]};
    const auto &plan = engine.plan(p, from, to);
    require_kernel(p, !plan.steps.empty(), plan.reason);
    trace_kernel(p, engine, plan);
    const WeightOperand w = weight_operand(weight);
    const BiasOperand b = bias_operand(bias);
    const bool success = engine.run(plan, p.dtype, from.view, w.view, b.data, to);
    require_success(success, engine.context(), format_problem(p), plan.kernels());
    return output;
}

template<typename Engine>
Tensor fprop_on(ConvProblem p, const Tensor &input, const Tensor &weight,
                const std::optional<Tensor> &bias, const ConvArguments &arguments) {
    const char *why = why_aten<Engine>(p, input, weight);
    if (why == nullptr && bias && bias->scalar_type() != input.scalar_type()) {
        why = "the bias has another dtype";
    }
    if (why != nullptr) {
        trace_aten(p, input.scalar_type(), why);
        const Tensor output = aten_fprop(input, weight, bias, arguments);
        return p.relu ? aten_relu(output) : output;
    }
    return run<Engine>(p, input, weight, bias, {p.n, p.co, p.oh(), p.ow()});
}

Tensor fprop(const Tensor &input, const Tensor &weight, const std::optional<Tensor> &bias,
             const ConvArguments &arguments, bool relu = false) {
    check_one_type(input, weight, bias);
    ConvProblem p = check_conv2d(input, weight, bias, arguments);
    complete(p, Direction::kFprop, input, weight);
    p.relu = relu;
    return input.is_cuda() ? fprop_on<CudaEngine>(p, input, weight, bias, arguments)
                           : fprop_on<CpuEngine>(p, input, weight, bias, arguments);
}

template<typename Engine>
Tensor dgrad_on(const ConvProblem &p, const Tensor &grad_output, const Tensor &input,
                const Tensor &weight, const ConvArguments &arguments) {
    if (const char *why = why_aten<Engine>(p, grad_output, weight)) {
        trace_aten(p, input.scalar_type(), why);
        return aten_dgrad(grad_output, input, weight, arguments);
    }
    return run<Engine>(p, grad_output, weight, std::nullopt, {p.n, p.ci, p.ih, p.iw});
}

template<typename Engine>
Tensor wgrad_on(const ConvProblem &p, const Tensor &grad_output, const Tensor &input,
                const Tensor &weight, const ConvArguments &arguments) {
    if (const char *why = why_aten<Engine>(p, grad_output, input)) {
        trace_aten(p, input.scalar_type(), why);
        return aten_wgrad(grad_output, input, weight, arguments);
    }
    Engine engine(input);
    Operand grad = operand(grad_output, p.format, Engine::reach(p.dtype));
    Operand in = operand(input, p.format, Engine::reach(p.dtype));
    const ConvProblem visited = Engine::wgrad_problem(p, grad, in);
    const auto &plan = engine.wgrad_plan(visited, grad, in);
    require_kernel(p, plan.kernel != nullptr, plan.reason);
    trace_kernel(p, engine, plan);
    const Tensor grad_weight = empty_like_weight(weight, p.dtype);
    const bool success =
        engine.run_wgrad(plan, visited, grad.view, in.view, weight_view(grad_weight));
    require_success(success, engine.context(), format_problem(p), plan.kernels());
    return grad_weight;
}

}  // namespace

Tensor conv2d_fprop(const Tensor &input, const Tensor &weight, const std::optional<Tensor> &bias,
                    const IntList &stride, const IntList &padding, const IntList &dilation,
                    int64_t groups) {
    return fprop(input, weight, bias, {stride, padding, dilation, groups});
}

Tensor conv2d_relu(const Tensor &input, const Tensor &weight, const std::optional<Tensor> &bias,
                   const IntList &stride, const IntList &padding, const IntList &dilation,
                   int64_t groups) {
    return fprop(input, weight, bias, {stride, padding, dilation, groups}, /*relu=*/true);
}

Tensor conv2d_fprop_eager(const Tensor &input, const Tensor &weight,
                          const std::optional<Tensor> &bias, int64_t stride_h, int64_t stride_w,
                          int64_t pad_h, int64_t pad_w, int64_t dilation_h, int64_t dilation_w,
                          int64_t groups) {
    // Callers have looked at the input alone; what they must not get is an error from inside aten.
    const ScalarType dtype = input.scalar_type();
    if (!dtype_of(input) || weight.scalar_type() != dtype ||
        (bias && bias->scalar_type() != dtype) || weight.numel() == 0) {
        throw std::runtime_error(
            "convwright::conv2d_fprop.eager: kernels exist for float32, bfloat16 or float16 "
            "tensors, "
            "all of one dtype, and weights that are not empty.");
    }
    using Pair = ConvArguments::Pair;
    return fprop(
        input, weight, bias,
        {Pair{stride_h, stride_w}, Pair{pad_h, pad_w}, Pair{dilation_h, dilation_w}, groups});
}

Tensor conv2d_dgrad(const Tensor &grad_output, const Tensor &input, const Tensor &weight,
                    const IntList &stride, const IntList &padding, const IntList &dilation,
                    int64_t groups) {
    const ConvArguments arguments{stride, padding, dilation, groups};
    ConvProblem p =
        check_conv2d_backward("convwright::conv2d_dgrad", grad_output, input, weight, arguments);
    complete(p, Direction::kDgrad, stands_for_sizes(input) ? grad_output : input, weight);
    return input.is_cuda() ? dgrad_on<CudaEngine>(p, grad_output, input, weight, arguments)
                           : dgrad_on<CpuEngine>(p, grad_output, input, weight, arguments);
}

Tensor conv2d_wgrad(const Tensor &grad_output, const Tensor &input, const Tensor &weight,
                    const IntList &stride, const IntList &padding, const IntList &dilation,
                    int64_t groups) {
    const ConvArguments arguments{stride, padding, dilation, groups};
    ConvProblem p =
        check_conv2d_backward("convwright::conv2d_wgrad", grad_output, input, weight, arguments);
    complete(p, Direction::kWgrad, input, weight);
    return input.is_cuda() ? wgrad_on<CudaEngine>(p, grad_output, input, weight, arguments)
                           : wgrad_on<CpuEngine>(p, grad_output, input, weight, arguments);
}

std::string conv2d_problem(const Tensor &input, const Tensor &weight, bool bias,
                           const IntList &stride, const IntList &padding, const IntList &dilation,
                           int64_t groups, const std::string &direction) {
    ConvProblem p = check_conv2d(input, weight, std::nullopt, {stride, padding, dilation, groups});
    complete(p,
             direction == "dgrad"   ? Direction::kDgrad
             : direction == "wgrad" ? Direction::kWgrad
                                    : Direction::kFprop,
             input, weight);
    p.bias = bias;
    return format_problem(p);
}

}  // namespace convwright
