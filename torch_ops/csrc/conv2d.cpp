// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/csrc/conv2d.h"

#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include "runtime/conv2d.h"
#include "runtime/trace.h"
#include "torch_ops/csrc/aten.h"
#include "torch_ops/csrc/layout.h"

namespace convwright {
namespace {

using torch::headeronly::ScalarType;

bool is_float32(const Tensor &t) { return t.scalar_type() == ScalarType::Float; }

Format output_format(const Tensor &input, const Tensor &weight) {
    const bool nhwc = suggested_format(input) == Format::kNhwc ||
                      suggested_format(weight) == Format::kNhwc;
    return nhwc ? Format::kNhwc : Format::kNchw;
}

/// Null if Convwright's kernels can take the problem at all, else why aten is called.
const char *why_aten(const ConvProblem &p, const Tensor &a, const Tensor &b) {
    if (!is_float32(a) || !is_float32(b)) return "kernels exist for float32";
    if (host_isa() == Isa::kNone) return "kernels exist for AVX2 with FMA and AVX-512";
    if (why_impossible(p) != nullptr || p.oh() < 1 || p.ow() < 1) return "a tensor is empty";
    const int64_t most = std::max({p.n * p.ci * p.ih * p.iw, p.n * p.co * p.oh() * p.ow(),
                                   p.co * (p.ci / p.groups) * p.kh * p.kw,
                                   p.ih + 2 * p.pad_h, p.iw + 2 * p.pad_w});
    return most > INT32_MAX ? "a tensor has 2^31 elements or more" : nullptr;
}

void trace_aten(const ConvProblem &p, const char *why) {
    if (Trace::on()) Trace::add(format_problem(p) + "\tPyTorch\t" + why);
}

template<typename Plan>
void trace_kernel(const ConvProblem &p, const Plan &plan) {
    if (!Trace::on()) return;
    Trace::add(format_problem(p) + "\t" + plan.kernel->name + "\t" + plan.kernel->schedule + "\t" +
               isa_name(plan.kernel->isa));
}

template<typename Plan>
void require_kernel(const ConvProblem &p, const Plan &plan) {
    if (plan.kernel != nullptr) return;
    throw std::runtime_error("convwright: " + plan.reason + " (" + format_problem(p) + ").");
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
    float *data() {
        return owner_.defined() ? static_cast<float *>(owner_.mutable_data_ptr()) : small_;
    }

private:
    static constexpr int64_t kSmall = 2048;
    Tensor owner_;
    alignas(64) float small_[kSmall];
};

Weight weight_view(const Tensor &w) {
    const Quad s = strides_of(w);
    return {static_cast<const float *>(w.const_data_ptr()), s[0], s[1], s[2], s[3]};
}

/// A weight whose strides Halide can address.
Tensor addressable(const Tensor &w) {
    const Quad sizes = sizes_of(w), strides = strides_of(w);
    for (int d = 0; d < 4; d++) {
        if (sizes[d] * strides[d] > INT32_MAX) {
            return torch::stable::contiguous(w);
        }
    }
    return w;
}

/// Runs an fprop or dgrad problem from `source` into a new tensor of sizes `result`.
Tensor run(const ConvProblem &p, const Tensor &source, const Tensor &weight,
           const std::optional<Tensor> &bias, const Quad &result) {
    const Operand from = operand(source, p.format);
    const ConvPlan &plan = conv_plan(p, from.dense);
    require_kernel(p, plan);
    trace_kernel(p, plan);
    const Quad strides = dense_strides(result, p.format);
    Tensor output = empty_strided(result, strides);
    const Tensor w = addressable(weight);
    const Tensor b = bias ? torch::stable::contiguous(*bias) : Tensor();
    Workspace workspace(plan.workspace);
    CallContext context;
    const bool success =
        run_conv(context, plan, from.view, weight_view(w),
                 bias ? static_cast<const float *>(b.const_data_ptr()) : nullptr,
                 {static_cast<const float *>(output.mutable_data_ptr()), strides[0], strides[1],
                  strides[2], strides[3]},
                 workspace.data());
    require_success(success, context, p, plan.kernel->name);
    return output;
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
    const ConvArguments arguments{stride, padding, dilation, groups};
    ConvProblem p = check_conv2d(input, weight, bias, arguments);
    const char *why = why_aten(p, input, weight);
    if (why == nullptr && bias && !is_float32(*bias)) why = "the bias has another dtype";
    if (why != nullptr) {
        trace_aten(p, why);
        return aten_fprop(input, weight, bias, arguments);
    }
    p.format = output_format(input, weight);
    return run(p, input, weight, bias, {p.n, p.co, p.oh(), p.ow()});
}

Tensor conv2d_dgrad(const Tensor &grad_output, const Tensor &input, const Tensor &weight,
                    const IntList &stride, const IntList &padding, const IntList &dilation,
                    int64_t groups) {
    const ConvArguments arguments{stride, padding, dilation, groups};
    ConvProblem p = check_conv2d_backward("convwright::conv2d_dgrad", grad_output, input, weight,
                                          arguments);
    p.direction = Direction::kDgrad;
    if (const char *why = why_aten(p, grad_output, weight)) {
        trace_aten(p, why);
        return aten_dgrad(grad_output, input, weight, arguments);
    }
    p.format = output_format(input, weight);
    return run(p, grad_output, weight, std::nullopt, {p.n, p.ci, p.ih, p.iw});
}

Tensor conv2d_wgrad(const Tensor &grad_output, const Tensor &input, const Tensor &weight,
                    const IntList &stride, const IntList &padding, const IntList &dilation,
                    int64_t groups) {
    const ConvArguments arguments{stride, padding, dilation, groups};
    ConvProblem p = check_conv2d_backward("convwright::conv2d_wgrad", grad_output, input, weight,
                                          arguments);
    p.direction = Direction::kWgrad;
    if (const char *why = why_aten(p, grad_output, input)) {
        trace_aten(p, why);
        return aten_wgrad(grad_output, input, weight, arguments);
    }
    p.format = output_format(input, weight);
    const WgradPlan &plan = wgrad_plan(p);
    require_kernel(p, plan);
    trace_kernel(p, plan);
    const Operand grad = operand(grad_output, p.format), in = operand(input, p.format);
    const Quad sizes = sizes_of(weight);
    Quad strides = strides_of(weight);
    if (!non_overlapping_and_dense(sizes, strides)) strides = dense_strides(sizes, Format::kNchw);
    const Tensor grad_weight = empty_strided(sizes, strides);
    Workspace workspace(plan.workspace);
    CallContext context;
    const bool success = run_wgrad(context, plan, p, grad.view, in.view, weight_view(grad_weight),
                                   workspace.data());
    require_success(success, context, p, plan.kernel->name);
    return grad_weight;
}

std::string conv2d_problem(const Tensor &input, const Tensor &weight, bool bias,
                           const IntList &stride, const IntList &padding, const IntList &dilation,
                           int64_t groups, const std::string &direction) {
    ConvProblem p = check_conv2d(input, weight, std::nullopt, {stride, padding, dilation, groups});
    p.format = output_format(input, weight);
    p.bias = bias;
    p.direction = direction == "dgrad"   ? Direction::kDgrad
                  : direction == "wgrad" ? Direction::kWgrad
                                         : Direction::kFprop;
    return format_problem(p);
}

}  // namespace convwright
