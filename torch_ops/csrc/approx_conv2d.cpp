// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/csrc/approx_conv2d.h"

#include <memory>
#include <stdexcept>
#include <utility>

#include "runtime/approx_conv.h"
#include "runtime/cuda/approx_conv.h"
#include "runtime/multipliers/operand_edit.h"
#include "runtime/operator_problem.h"
#include "runtime/trace.h"
#include "runtime/winograd.h"
#include "torch_ops/csrc/approx_cuda.h"
#include "torch_ops/csrc/aten.h"
#include "torch_ops/csrc/conv2d.h"
#include "torch_ops/csrc/multipliers.h"
#include "torch_ops/csrc/operands.h"
#include "torch_ops/csrc/torch_cuda.h"

namespace convwright {
namespace {

using Axes = Extent[4];

/// A multiplier in one of the float formats.
struct FloatMultiplier {
    Multiplier multiplier;
    NumberFormat format;
    OperandEdit edit;

    /// In place of the multiplier, if there is one; of CUDA tensors it lies on their device.
    std::shared_ptr<const MantissaTable> table;
    std::optional<Tensor> device_table;

    FloatMultiplier(const std::string &name, const std::string &number_format,
                    const std::optional<Tensor> &mantissa_table)
        : multiplier(mantissa_table ? Multiplier{} : multiplier_of(name)),
          format(number_format_of(number_format)),
          edit(operand_edit(multiplier, format)) {
        if (mantissa_table && mantissa_table->is_cuda()) {
            device_table = device_mantissa_table(*mantissa_table);
        } else if (mantissa_table) {
            table = mantissa_table_of(*mantissa_table);
        }
        if (format != NumberFormat::kFloat32 && format != NumberFormat::kBfloat16) {
            throw std::runtime_error(
                "convwright: approx_conv2d takes number_format float32 or "
                "bfloat16, not " +
                number_format + "; int8 and uint8 have approx_int8_conv2d.");
        }
        require_format(multiplier, format);
    }
    /// Whether the exact convolution of edited operands is the result.
    bool is_exact() const {
        if (has_table()) return false;
        const MultiplierClass c = multiplier_class(multiplier, format);
        return c == MultiplierClass::kExact ||
               (c == MultiplierClass::kTransform && edited_products_are_exact(multiplier, format));
    }
    bool is_zero() const {
        return !has_table() && multiplier_class(multiplier, format) == MultiplierClass::kZeros;
    }
    bool has_table() const { return table != nullptr || device_table.has_value(); }
    /// For tensors that are where `t` is.
    CudaProduct on_cuda() const {
        if (table) {
            throw std::runtime_error(
                "convwright: the table of fractions is on the CPU and the tensors are on a GPU; "
                "move it with .to(device).");
        }
        if (!device_table)
            return {format_multiplier(multiplier), cuda::device_forms(multiplier), {}};
        const int bits = mantissa_table_bits(static_cast<size_t>(device_table->numel()));
        return {"table" + std::to_string(bits), cuda::device_forms_of_table(bits), device_table};
    }
};

void axes_of(const Tensor &t, Axes &axes) {
    const Quad sizes = sizes_of(t), strides = strides_of(t);
    for (int d = 0; d < 4; d++) axes[d] = {sizes[d], strides[d]};
}

/// `t` as the multiplier sees its operands; `t` itself where it sees them as they are.
Tensor edited(const Tensor &t, const OperandEdit &edit) {
    if (t.is_cuda()) return edited_on_cuda(t, edit);
    if (!edit.changes()) return t;
    const Quad sizes = sizes_of(t), strides = dense_strides(sizes, suggested_format(t));
    const Tensor result = empty_strided(sizes, strides);
    Axes axes;
    axes_of(t, axes);
    edit_operands(edit, static_cast<const float *>(t.const_data_ptr()), axes,
                  static_cast<float *>(result.mutable_data_ptr()),
                  {strides[0], strides[1], strides[2], strides[3]});
    return result;
}

OperandRange range_of(const Tensor &t) {
    Axes axes;
    axes_of(t, axes);
    return operand_range(static_cast<const float *>(t.const_data_ptr()), axes);
}

/// The form for these operands: fast where all their products stay in the normal range.
ApproxPlan plan_for(const ConvProblem &p, const FloatMultiplier &m, const Tensor &pixels,
                    const Tensor &weights) {
    ProductForm form;
    if (m.table) {
        form = product_form(*m.table);
    } else {
        const OperandRange range = range_of(weights);
        const bool fast = products_stay_normal(range_of(pixels), range);
        form = product_form(m.multiplier, fast, range.has_zero);
    }
    ApproxPlan plan = approx_plan(p, form);
    if (plan.steps.empty()) {
        throw std::runtime_error("convwright: " + plan.reason + " (" + format_problem(p) + ").");
    }
    if (Trace::on()) {
        // As the tuner names it: one search serves all multipliers with this product.
        OperatorProblem problem(p);
        problem.product = form.product;
        Trace::add(format_problem(problem) + "\t" + plan.kernels() + "\t" + plan.schedules() +
                   "\t" + isa_name(plan.isa()));
    }
    return plan;
}

void require_float32(const Tensor &a, const Tensor &b, const std::optional<Tensor> &bias) {
    const auto is_float = [](const Tensor &t) { return t.scalar_type() == ScalarType::Float; };
    if (is_float(a) && is_float(b) && (!bias || is_float(*bias))) return;
    throw std::runtime_error(
        "convwright: approximate multipliers take float32 tensors; convert the others with "
        ".float().");
}

/// Float32 tensors, and a table of a GPU where they are.
void require_one_place(const FloatMultiplier &m, const Tensor &a, const Tensor &b,
                       const std::optional<Tensor> &bias) {
    require_float32(a, b, bias);
    if (m.device_table && Place::of(*m.device_table) != Place::of(a)) {
        throw std::runtime_error(
            "convwright: the table of fractions is on another GPU than the tensors, or they are on "
            "the CPU; move it with .to(input.device).");
    }
}

bool is_empty(const ConvProblem &p) {
    return why_impossible(p) != nullptr || p.oh() < 1 || p.ow() < 1;
}

Tensor zeros(const Quad &sizes, const Quad &strides) {
    const Tensor t = empty_strided(sizes, strides);
    auto *data = static_cast<float *>(t.mutable_data_ptr());
    std::fill_n(data, t.numel(), 0.0f);
    return t;
}

/// No product: every output is the bias, or zero; where `like` is.
Tensor no_products(const Tensor &like, const Quad &result, const Quad &result_strides,
                   const std::optional<Tensor> &bias) {
    if (like.is_cuda()) return no_products_on_cuda(like, result, result_strides, bias);
    const Tensor t = zeros(result, result_strides);
    if (!bias) return t;
    const BiasOperand b = bias_operand(bias);
    const Quad sizes = sizes_of(t), strides = strides_of(t);
    auto *data = static_cast<float *>(t.mutable_data_ptr());
    for (int64_t n = 0; n < sizes[0]; n++) {
        for (int64_t c = 0; c < sizes[1]; c++) {
            const float value = static_cast<const float *>(b.data)[c] + 0.0f;  // no -0
            for (int64_t y = 0; y < sizes[2]; y++) {
                float *row = data + n * strides[0] + c * strides[1] + y * strides[2];
                for (int64_t x = 0; x < sizes[3]; x++) row[x * strides[3]] = value;
            }
        }
    }
    return t;
}

/// While one lives, this thread's exact kernels round no operand and take sums of the products themselves.
struct SumsOfProducts {
    WithoutTf32 whole_operands;
    WithoutWinograd no_transforms;
};

Tensor run(const ConvProblem &p, const FloatMultiplier &m, const Tensor &source,
           const Tensor &weight, const std::optional<Tensor> &bias, const Quad &result) {
    Operand from = operand(source, p.format);
    const WeightOperand w = weight_operand(weight);
    const BiasOperand b = bias_operand(bias);
    const Quad strides = dense_strides(result, p.format);
    Tensor output = empty_strided(result, strides);
    Activation to{output.mutable_data_ptr(), strides[0], strides[1], strides[2], strides[3]};
    ConvProblem visited = p;
    if (from.dense) {
        visited = with_long_rows(p);  // whole register tiles
        const bool dgrad = p.direction == Direction::kDgrad;
        from.view.h = from.view.w * (dgrad ? visited.ow() : visited.iw);
        to.h = to.w * (dgrad ? visited.iw : visited.ow());
    }
    const ApproxPlan plan = plan_for(visited, m, source, weight);
    Workspace workspace(plan.workspace);
    CallContext context;
    const bool success =
        run_approx_conv(context, plan, from.view, w.view, b.data, to, workspace.data());
    require_success(success, context, format_problem(p), plan.kernels());
    return output;
}

}  // namespace

Tensor approx_conv2d_fprop(const Tensor &input, const Tensor &weight,
                           const std::optional<Tensor> &bias, const IntList &stride,
                           const IntList &padding, const IntList &dilation, int64_t groups,
                           const std::string &multiplier, const std::string &number_format,
                           const std::optional<Tensor> &mantissa_table) {
    const FloatMultiplier m(multiplier, number_format, mantissa_table);
    const ConvArguments arguments{stride, padding, dilation, groups};
    check_one_type(input, weight, bias);
    ConvProblem p = check_conv2d(input, weight, bias, arguments);
    require_one_place(m, input, weight, bias);
    complete(p, Direction::kFprop, input, weight);
    if (is_empty(p)) return aten_fprop(input, weight, bias, arguments);
    const Quad result{p.n, p.co, p.oh(), p.ow()}, strides = dense_strides(result, p.format);
    if (m.is_zero()) return no_products(input, result, strides, bias);
    const Tensor a = edited(input, m.edit), b = edited(weight, m.edit);
    const SumsOfProducts precisely;
    if (m.is_exact()) return conv2d_fprop(a, b, bias, stride, padding, dilation, groups);
    if (!a.is_cuda()) return run(p, m, a, b, bias, result);
    const Tensor output = empty_strided(result, strides, DType::kF32, Place::of(a));
    approx_on_cuda(p, m.on_cuda(), {a, b, output, bias});
    return output;
}

Tensor approx_conv2d_dgrad(const Tensor &grad_output, const Tensor &input, const Tensor &weight,
                           const IntList &stride, const IntList &padding, const IntList &dilation,
                           int64_t groups, const std::string &multiplier,
                           const std::string &number_format,
                           const std::optional<Tensor> &mantissa_table) {
    const FloatMultiplier m(multiplier, number_format, mantissa_table);
    const ConvArguments arguments{stride, padding, dilation, groups};
    ConvProblem p = check_conv2d_backward("convwright::approx_conv2d_dgrad", grad_output, input,
                                          weight, arguments);
    require_one_place(m, grad_output, weight, input);
    complete(p, Direction::kDgrad, stands_for_sizes(input) ? grad_output : input, weight);
    if (is_empty(p)) return aten_dgrad(grad_output, input, weight, arguments);
    const Quad result{p.n, p.ci, p.ih, p.iw}, strides = dense_strides(result, p.format);
    if (m.is_zero()) return no_products(input, result, strides, std::nullopt);
    const Tensor a = edited(grad_output, m.edit), b = edited(weight, m.edit);
    const SumsOfProducts precisely;
    if (m.is_exact()) return conv2d_dgrad(a, input, b, stride, padding, dilation, groups);
    if (!a.is_cuda()) return run(p, m, a, b, std::nullopt, result);
    const Tensor grad_input = empty_strided(result, strides, DType::kF32, Place::of(a));
    approx_on_cuda(p, m.on_cuda(), {grad_input, b, a, std::nullopt});
    return grad_input;
}

Tensor approx_conv2d_wgrad(const Tensor &grad_output, const Tensor &input, const Tensor &weight,
                           const IntList &stride, const IntList &padding, const IntList &dilation,
                           int64_t groups, const std::string &multiplier,
                           const std::string &number_format,
                           const std::optional<Tensor> &mantissa_table) {
    const FloatMultiplier m(multiplier, number_format, mantissa_table);
    const ConvArguments arguments{stride, padding, dilation, groups};
    ConvProblem p = check_conv2d_backward("convwright::approx_conv2d_wgrad", grad_output, input,
                                          weight, arguments);
    require_one_place(m, grad_output, input, weight);
    complete(p, Direction::kWgrad, input, weight);
    if (is_empty(p)) return aten_wgrad(grad_output, input, weight, arguments);
    const Tensor grad_weight = empty_like_weight(weight, DType::kF32);
    if (m.is_zero())
        return no_products(input, sizes_of(grad_weight), strides_of(grad_weight), std::nullopt);
    const Tensor a = edited(input, m.edit), b = edited(grad_output, m.edit);
    const SumsOfProducts precisely;
    if (m.is_exact()) return conv2d_wgrad(b, a, weight, stride, padding, dilation, groups);
    if (a.is_cuda()) {
        approx_on_cuda(p, m.on_cuda(), {a, grad_weight, b, std::nullopt});
        return grad_weight;
    }
    const Operand in = operand(a, p.format), grad = operand(b, p.format);
    const ApproxPlan plan = plan_for(p, m, a, b);
    Workspace workspace(plan.workspace);
    CallContext context;
    const bool success = run_approx_wgrad(context, plan, grad.view, in.view,
                                          weight_view(grad_weight), workspace.data());
    require_success(success, context, format_problem(p), plan.kernels());
    return grad_weight;
}

}  // namespace convwright
