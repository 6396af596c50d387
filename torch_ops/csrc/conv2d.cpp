// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/csrc/conv2d.h"

#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <stdexcept>

#include "runtime/conv2d.h"
#include "runtime/trace.h"
#include "torch_ops/csrc/aten.h"
#include "torch_ops/csrc/layout.h"

namespace convwright {
namespace {

using torch::headeronly::ScalarType;

/// What kernels hold in memory, or nothing where they have no such type.
std::optional<DType> dtype_of(const Tensor &t) {
    if (t.scalar_type() == ScalarType::Float) return DType::kF32;
    if (t.scalar_type() == ScalarType::BFloat16) return DType::kBf16;
    return std::nullopt;
}

Format output_format(const Tensor &input, const Tensor &weight) {
    const bool nhwc =
        suggested_format(input) == Format::kNhwc || suggested_format(weight) == Format::kNhwc;
    return nhwc ? Format::kNhwc : Format::kNchw;
}

/// Null if Convwright's kernels can take the problem at all, else why aten is called.
const char *why_aten(const ConvProblem &p, const Tensor &a, const Tensor &b) {
    if (a.scalar_type() != b.scalar_type()) return "the tensors differ in dtype";
    if (!dtype_of(a)) return "kernels exist for float32 and bfloat16";
    if (p.dtype == DType::kBf16 && p.groups == 1) return "dense bfloat16 has no kernels";
    if (host_isa() == Isa::kNone) return "kernels exist for AVX2 with FMA and AVX-512";
    if (why_impossible(p) != nullptr || p.oh() < 1 || p.ow() < 1) return "a tensor is empty";
    return why_too_large(p);
}

/// The problem string with the dtype that the tensors have, which may be none of the kernels'.
std::string problem_text(const ConvProblem &p, ScalarType dtype) {
    std::string text = format_problem(p);
    if (p.dtype == DType::kBf16 || dtype == ScalarType::Float) return text;
    const char *name = dtype == ScalarType::Double ? "f64"
                       : dtype == ScalarType::Half ? "f16"
                                                   : "other";
    return text.replace(text.find("f32"), 3, name);
}

void trace_aten(const ConvProblem &p, ScalarType dtype, const char *why) {
    if (Trace::on()) Trace::add(problem_text(p, dtype) + "\tPyTorch\t" + why);
}

template<typename Plan>
void trace_kernel(const ConvProblem &p, const Plan &plan) {
    if (!Trace::on()) return;
    Trace::add(format_problem(p) + "\t" + plan.kernels() + "\t" + plan.schedules() + "\t" +
               isa_name(plan.isa()));
}

void require_kernel(const ConvProblem &p, bool found, const std::string &reason) {
    if (found) return;
    throw std::runtime_error("convwright: " + reason + " (" + format_problem(p) + ").");
}

void require_success(bool success, const CallContext &context, const ConvProblem &p,
                     const std::string &kernel) {
    if (success) return;
    throw std::runtime_error("convwright: kernel " + kernel + " failed on " + format_problem(p) +
                             ": " + context.error());
}

/// Floats for packed operands and partial sums. Small ones live on the stack: for tiny problems an
/// allocation costs more than the convolution.
class Workspace {
public:
    explicit Workspace(int64_t floats) {
        if (floats > kSmall) owner_ = empty_strided({1, 1, 1, floats}, {floats, floats, floats, 1});
    }
    float *data() { return owner_ ? static_cast<float *>(owner_->mutable_data_ptr()) : small_; }

private:
    static constexpr int64_t kSmall = 2048;
    std::optional<Tensor> owner_;  // not a Tensor: an empty one is an allocation too
    alignas(64) float small_[kSmall];
};

Weight weight_view(const Tensor &w) {
    const Quad s = strides_of(w);
    return {w.const_data_ptr(), s[0], s[1], s[2], s[3]};
}

/// Whether Halide cannot address the weight through its strides.
bool needs_copy(const Tensor &w) {
    const Quad sizes = sizes_of(w), strides = strides_of(w);
    for (int d = 0; d < 4; d++) {
        if (sizes[d] * strides[d] > INT32_MAX) return true;
    }
    return false;
}

/// Runs an fprop or dgrad problem from `source` into a new tensor of sizes `result`.
Tensor run(const ConvProblem &p, const Tensor &source, const Tensor &weight,
           const std::optional<Tensor> &bias, const Quad &result) {
    const Operand from = operand(source, p.format);
    const ConvPlan &plan = conv_plan(p, from.dense);
    require_kernel(p, !plan.steps.empty(), plan.reason);
    trace_kernel(p, plan);
    const Quad strides = dense_strides(result, p.format);
    Tensor output = empty_strided(result, strides, p.dtype);
    std::optional<Tensor> w, b;
    if (needs_copy(weight)) w = torch::stable::contiguous(weight);
    if (bias && bias->stride(0) != 1) b = torch::stable::contiguous(*bias);
    const void *bias_data = bias ? (b ? *b : *bias).const_data_ptr() : nullptr;
    Workspace workspace(plan.workspace);
    CallContext context;
    const bool success =
        run_conv(context, plan, p.dtype, from.view, weight_view(w ? *w : weight), bias_data,
                 {output.mutable_data_ptr(), strides[0], strides[1], strides[2], strides[3]},
                 workspace.data());
    require_success(success, context, p, plan.kernels());
    return output;
}

/// What the tensors add to sizes that have been checked.
void complete(ConvProblem &p, Direction direction, const Tensor &input, const Tensor &weight) {
    p.direction = direction;
    p.format = output_format(input, weight);
    p.dtype = dtype_of(input).value_or(DType::kF32);
}

Tensor fprop(const Tensor &input, const Tensor &weight, const std::optional<Tensor> &bias,
             const ConvArguments &arguments, bool relu = false) {
    ConvProblem p = check_conv2d(input, weight, bias, arguments);
    complete(p, Direction::kFprop, input, weight);
    p.relu = relu;
    const char *why = why_aten(p, input, weight);
    if (why == nullptr && bias && bias->scalar_type() != input.scalar_type()) {
        why = "the bias has another dtype";
    }
    if (why != nullptr) {
        trace_aten(p, input.scalar_type(), why);
        const Tensor output = aten_fprop(input, weight, bias, arguments);
        return relu ? aten_relu(output) : output;
    }
    return run(p, input, weight, bias, {p.n, p.co, p.oh(), p.ow()});
}

/// Whether the strides visit each element of a dense block of memory once.
bool non_overlapping_and_dense(const Quad &sizes, const Quad &strides) {
    std::array<int, 4> order{0, 1, 2, 3};
    std::sort(order.begin(), order.end(), [&](int a, int b) {
        return std::pair(sizes[a] > 1, strides[a]) < std::pair(sizes[b] > 1, strides[b]);
    });
    int64_t expected = 1;
    for (const int d : order) {
        if (sizes[d] == 1) continue;
        if (strides[d] != expected) return false;
        expected *= sizes[d];
    }
    return true;
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
            "convwright::conv2d_fprop.eager: kernels exist for float32 or bfloat16 tensors, all of "
            "one dtype, and weights that are not empty.");
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
    complete(p, Direction::kDgrad, input, weight);
    if (const char *why = why_aten(p, grad_output, weight)) {
        trace_aten(p, input.scalar_type(), why);
        return aten_dgrad(grad_output, input, weight, arguments);
    }
    return run(p, grad_output, weight, std::nullopt, {p.n, p.ci, p.ih, p.iw});
}

Tensor conv2d_wgrad(const Tensor &grad_output, const Tensor &input, const Tensor &weight,
                    const IntList &stride, const IntList &padding, const IntList &dilation,
                    int64_t groups) {
    const ConvArguments arguments{stride, padding, dilation, groups};
    ConvProblem p =
        check_conv2d_backward("convwright::conv2d_wgrad", grad_output, input, weight, arguments);
    complete(p, Direction::kWgrad, input, weight);
    if (const char *why = why_aten(p, grad_output, input)) {
        trace_aten(p, input.scalar_type(), why);
        return aten_wgrad(grad_output, input, weight, arguments);
    }
    const WgradPlan &plan = wgrad_plan(p);
    require_kernel(p, plan.kernel != nullptr, plan.reason);
    trace_kernel(p, plan);
    const Operand grad = operand(grad_output, p.format), in = operand(input, p.format);
    const Quad sizes = sizes_of(weight);
    Quad strides = strides_of(weight);
    if (!non_overlapping_and_dense(sizes, strides)) strides = dense_strides(sizes, Format::kNchw);
    const Tensor grad_weight = empty_strided(sizes, strides, p.dtype);
    Workspace workspace(plan.workspace);
    CallContext context;
    const bool success =
        run_wgrad(context, plan, p, grad.view, in.view, weight_view(grad_weight), workspace.data());
    require_success(success, context, p, plan.kernels());
    return grad_weight;
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
