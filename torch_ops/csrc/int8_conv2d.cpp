// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/csrc/int8_conv2d.h"

#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/ops.h>

#include <stdexcept>
#include <string>

#include "runtime/trace.h"
#include "torch_ops/csrc/cuda_engine.h"
#include "torch_ops/csrc/known_tables.h"
#include "torch_ops/csrc/operands.h"

namespace convwright {
namespace {

[[noreturn]] void refuse(const std::string &sentence) {
    throw std::runtime_error("convwright: " + sentence);
}

/// Where `like` is.
Tensor empty_int32(const Quad &sizes, const Quad &strides, const Tensor &like) {
    return new_tensor(4, sizes.data(), strides.data(), aoti_torch_dtype_int32(), Place::of(like));
}

Activation bytes_of(const Tensor &t) {
    const Quad strides = strides_of(t);
    return {t.const_data_ptr(), strides[0], strides[1], strides[2], strides[3]};
}

Activation writable(const Tensor &t) {
    const Quad strides = strides_of(t);
    return {t.mutable_data_ptr(), strides[0], strides[1], strides[2], strides[3]};
}

/// As problem strings have it, with the bytes' type in the place of float32.
std::string text_of(const ConvProblem &p, bool is_signed) {
    std::string text = format_problem(p);
    const std::string f32 = std::string("_") + dtype_name(DType::kF32) + "_";
    return text.replace(text.find(f32), f32.size(), is_signed ? "_int8_" : "_uint8_");
}

/// A call with sizes and types that have been checked, and an output that is not empty.
struct Call {
    ConvProblem problem;
    std::string text;
    bool is_signed;
    uint8_t pad_value;
    Tensor input, weight, output;
};

void on_cpu(const Call &call, const Tensor &table) {
    const auto known = known_table(table, call.is_signed);
    const Int8Plan plan = int8_plan(call.problem, known->table, call.pad_value);
    const char *engine = int8_engine_name(plan.engine);
    if (Trace::on()) {
        Trace::add(call.text + "\t" + engine + "\t" + describe(known->classification) + "\t" +
                   isa_name(host_isa()));
    }
    Workspace workspace((plan.workspace + 3) / 4);
    CallContext context;
    const bool success =
        run_int8_conv(context, plan, bytes_of(call.input), weight_view(call.weight),
                      writable(call.output), workspace.data());
    require_success(success, context, call.text, engine);
}

void on_cuda(const Call &call, const Tensor &table, const std::optional<Tensor> &device_table) {
    const auto known = known_device_table(table, call.is_signed);
    if (!device_table || device_table->scalar_type() != ScalarType::Int ||
        Place::of(*device_table) != Place::of(call.input) ||
        device_table->numel() != static_cast<int64_t>(known->table.words.size())) {
        refuse(
            "8-bit products of tensors of a GPU take device_table: what int8_device_table makes of "
            "the table, moved to that GPU.");
    }
    CudaEngine engine(call.input);
    const Tensor words = torch::stable::contiguous(*device_table);
    const WeightOperand weight = weight_operand(call.weight);
    const cuda::ByteOperands operands{bytes_of(call.input), weight.view, writable(call.output),
                                      static_cast<const int32_t *>(words.const_data_ptr()),
                                      call.pad_value};
    const cuda::BytePlan &plan = engine.byte_plan(call.problem, known->table, operands);
    if (plan.kernel == nullptr) {
        refuse(plan.reason + " (" + call.text +
               "); the CPU has others, move the tensors with .cpu().");
    }
    if (Trace::on()) {
        Trace::add(call.text + "\t" + plan.kernel->name + "\t" + describe(known->classification) +
                   "; " + plan.kernel->schedule + plan.mark + "\t" + engine.name(plan));
    }
    require_success(engine.run_bytes(plan, known->table, operands), engine.context(), call.text,
                    plan.kernel->name);
}

}  // namespace

Tensor approx_int8_conv2d(const Tensor &input, const Tensor &weight, const IntList &stride,
                          const IntList &padding, const IntList &dilation, int64_t groups,
                          const Tensor &table, int64_t pad_value,
                          const std::optional<Tensor> &device_table) {
    const ScalarType dtype = input.scalar_type();
    if ((dtype != ScalarType::Char && dtype != ScalarType::Byte) || weight.scalar_type() != dtype) {
        refuse("approx_int8_conv2d takes input and weight that are both int8 or both uint8.");
    }
    const bool is_signed = dtype == ScalarType::Char;
    const int64_t least = is_signed ? -128 : 0;
    if (pad_value < least || pad_value > least + 255) {
        refuse("pad_value " + std::to_string(pad_value) +
               " is not a number of the input's dtype, " +
               (is_signed ? "-128 to 127." : "0 to 255."));
    }
    check_one_type(input, weight, std::nullopt);
    ConvProblem p = check_conv2d(input, weight, std::nullopt, {stride, padding, dilation, groups});
    p.direction = Direction::kFprop;
    p.format = output_format(input, weight);
    const Quad sizes{p.n, p.co, p.oh(), p.ow()};
    const Tensor output = empty_int32(sizes, dense_strides(sizes, p.format), input);
    if (why_impossible(p) != nullptr || output.numel() == 0) {
        Tensor zeros = output;
        return torch::stable::zero_(zeros);
    }
    if (const char *why = why_too_large(p)) refuse(std::string(why) + ".");
    const Call call{
        p,     text_of(p, is_signed), is_signed, static_cast<uint8_t>(pad_value), input, weight,
        output};
    input.is_cuda() ? on_cuda(call, table, device_table) : on_cpu(call, table);
    return output;
}

}  // namespace convwright
