// SPDX-License-Identifier: Apache-2.0
// Texts are those of aten's check_shape_forward (aten/src/ATen/native/Convolution.cpp).
#include "torch_ops/csrc/checks.h"

#include <torch/headeronly/core/ScalarType.h>

#include <sstream>
#include <stdexcept>

namespace convwright {
namespace {

template<typename... Parts>
[[noreturn]] void refuse(const Parts &...parts) {
    std::ostringstream text;
    (text << ... << parts);
    throw std::runtime_error(text.str());
}

template<typename List>
std::string list_text(const List &values) {
    std::string text = "[";
    for (size_t i = 0; i < values.size(); i++) {
        text += (i == 0 ? "" : ", ") + std::to_string(values[i]);
    }
    return text + "]";
}

bool all_at_least(const ConvArguments::Pair &pair, int64_t least) {
    return pair[0] >= least && pair[1] >= least;
}

ConvArguments::Pair pair_of(const char *name, const IntList &values) {
    if (values.size() != 2) {
        refuse("convwright: ", name, " takes two values (rows, columns), got ", list_text(values),
               ".");
    }
    return {values[0], values[1]};
}

/// Device type in the high half, index in the low one.
int64_t device_of(const Tensor &t) {
    int32_t type = 0, index = 0;
    TORCH_ERROR_CODE_CHECK(aoti_torch_get_device_type(t.get(), &type));
    TORCH_ERROR_CODE_CHECK(aoti_torch_get_device_index(t.get(), &index));
    // -1 and 0 are both the CPU.
    return int64_t{type} << 32 | static_cast<uint32_t>(index < 0 ? 0 : index);
}

/// As aten's Tensor::toString: "torch.cuda.FloatTensor".
std::string type_text(const Tensor &t) {
    return std::string("torch.") + (t.is_cuda() ? "cuda." : "") +
           torch::headeronly::toString(t.scalar_type()) + "Tensor";
}

std::string device_text(const Tensor &t) {
    return t.is_cuda() ? "cuda:" + std::to_string(t.get_device_index()) : "cpu";
}

void check_one_device(const char *op, const Tensor &first, const char *name, const Tensor &t) {
    if (device_of(t) == device_of(first)) return;
    refuse("Expected all tensors to be on the same device, but got ", name, " is on ",
           device_text(t), ", different from other tensors on ", device_text(first),
           " (when checking argument in method ", op, ")");
}

}  // namespace

void check_one_type(const Tensor &input, const Tensor &weight, const std::optional<Tensor> &bias) {
    const auto check = [&](const char *name, const Tensor &t) {
        const bool gpu = input.is_cuda();
        if (gpu != t.is_cuda() || (gpu && t.scalar_type() != input.scalar_type())) {
            refuse("Input type (", type_text(input), ") and ", name, " type (", type_text(t),
                   ") should be the same");
        }
        check_one_device("convwright::conv2d_fprop", input, name, t);
    };
    check("weight", weight);
    if (bias) check("bias", *bias);
}

ConvArguments::ConvArguments(const IntList &stride_list, const IntList &padding_list,
                             const IntList &dilation_list, int64_t group_count)
    : stride(pair_of("stride", stride_list)),
      padding(pair_of("padding", padding_list)),
      dilation(pair_of("dilation", dilation_list)),
      groups(group_count) {}

ConvProblem check_conv2d(const Tensor &input, const Tensor &weight,
                         const std::optional<Tensor> &bias, const ConvArguments &a) {
    if (weight.dim() != 4 || input.dim() != 4) {
        refuse("Expected 4-dimensional input for 4-dimensional weight ", list_text(weight.sizes()),
               ", but got ", input.dim(), "-dimensional input of size ", list_text(input.sizes()),
               " instead");
    }
    if (a.groups <= 0) refuse("non-positive groups is not supported");
    if (!all_at_least(a.padding, 0)) refuse("negative padding is not supported");
    if (!all_at_least(a.stride, 1)) refuse("non-positive stride is not supported");
    if (!all_at_least(a.dilation, 1)) refuse("dilation should be greater than zero");

    const int64_t co = weight.size(0), ci = weight.size(1) * a.groups;
    if (co < a.groups) {
        refuse("Given groups=", a.groups, ", expected weight to be at least ", a.groups,
               " at dimension 0, but got weight of size ", list_text(weight.sizes()), " instead");
    }
    if (co % a.groups != 0) {
        refuse("Given groups=", a.groups, ", expected weight to be divisible by ", a.groups,
               " at dimension 0, but got weight of size [", list_text(weight.sizes()), "] instead");
    }
    if (input.size(1) != ci) {
        refuse("Given groups=", a.groups, ", weight of size ", list_text(weight.sizes()),
               ", expected input", list_text(input.sizes()), " to have ", ci, " channels, but got ",
               input.size(1), " channels instead");
    }
    if (bias && (bias->dim() != 1 || bias->size(0) != co)) {
        refuse("Given weight of size ", list_text(weight.sizes()),
               ", expected bias to be 1-dimensional with ", co, " elements, but got bias of size ",
               list_text(bias->sizes()), " instead");
    }

    ConvProblem p;
    p.n = input.size(0), p.ci = ci, p.ih = input.size(2), p.iw = input.size(3);
    p.co = co, p.kh = weight.size(2), p.kw = weight.size(3);
    p.stride_h = a.stride[0], p.stride_w = a.stride[1];
    p.pad_h = a.padding[0], p.pad_w = a.padding[1];
    p.dilation_h = a.dilation[0], p.dilation_w = a.dilation[1];
    p.groups = a.groups, p.bias = bias.has_value();
    const int64_t padded_h = p.ih + 2 * p.pad_h, padded_w = p.iw + 2 * p.pad_w;
    const int64_t span_h = p.dilation_h * (p.kh - 1) + 1, span_w = p.dilation_w * (p.kw - 1) + 1;
    if (span_h > padded_h || span_w > padded_w) {
        refuse("Calculated padded input size per channel: (", padded_h, " x ", padded_w,
               "). Kernel size: (", span_h, " x ", span_w,
               "). Kernel size can't be greater than actual input size");
    }
    // aten refuses them too, but what it throws is printed where the stable ABI catches it.
    if (p.n != 0 && p.ci != 0 && (p.ih == 0 || p.iw == 0)) {
        refuse("Only zero batch or zero channel inputs are supported, but got input shape: ",
               list_text(input.sizes()));
    }
    return p;
}

ConvProblem check_conv2d_backward(const char *op, const Tensor &grad_output, const Tensor &input,
                                  const Tensor &weight, const ConvArguments &arguments) {
    check_one_device(op, grad_output, "input", input);
    check_one_device(op, grad_output, "weight", weight);
    const ConvProblem p = check_conv2d(input, weight, std::nullopt, arguments);
    const IntList expected{p.n, p.co, p.oh(), p.ow()};
    bool equal = grad_output.dim() == 4;
    for (int64_t d = 0; equal && d < 4; d++) equal = grad_output.size(d) == expected[d];
    if (!equal) {
        refuse(op, ": expected grad_output of size ", list_text(expected), ", but got ",
               list_text(grad_output.sizes()), ".");
    }
    return p;
}

}  // namespace convwright
