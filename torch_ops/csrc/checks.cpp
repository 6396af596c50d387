// SPDX-License-Identifier: Apache-2.0
// Texts are those of aten's check_shape_forward (aten/src/ATen/native/Convolution.cpp).
#include "torch_ops/csrc/checks.h"

#include <sstream>
#include <stdexcept>

namespace convwright {
namespace {

template<typename... Parts>
void require(bool holds, const Parts &...parts) {
    if (holds) return;
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

bool all_at_least(const IntList &values, int64_t least) {
    for (const int64_t v : values) {
        if (v < least) return false;
    }
    return true;
}

}  // namespace

ConvProblem check_conv2d(const Tensor &input, const Tensor &weight,
                         const std::optional<Tensor> &bias, const ConvArguments &a) {
    require(a.stride.size() == 2 && a.padding.size() == 2 && a.dilation.size() == 2,
            "convwright: stride, padding and dilation take two values (rows, columns), got ",
            a.stride.size(), ", ", a.padding.size(), " and ", a.dilation.size(), ".");
    require(weight.dim() == 4 && input.dim() == 4, "Expected 4-dimensional input for 4-dimensional "
            "weight ", list_text(weight.sizes()), ", but got ", input.dim(),
            "-dimensional input of size ", list_text(input.sizes()), " instead");
    require(a.groups > 0, "non-positive groups is not supported");
    require(all_at_least(a.padding, 0), "negative padding is not supported");
    require(all_at_least(a.stride, 1), "non-positive stride is not supported");
    require(all_at_least(a.dilation, 1), "dilation should be greater than zero");

    const int64_t co = weight.size(0), ci = weight.size(1) * a.groups;
    const std::string weight_text = list_text(weight.sizes());
    require(co >= a.groups, "Given groups=", a.groups, ", expected weight to be at least ",
            a.groups, " at dimension 0, but got weight of size ", weight_text, " instead");
    require(co % a.groups == 0, "Given groups=", a.groups, ", expected weight to be divisible by ",
            a.groups, " at dimension 0, but got weight of size [", weight_text, "] instead");
    require(input.size(1) == ci, "Given groups=", a.groups, ", weight of size ", weight_text,
            ", expected input", list_text(input.sizes()), " to have ", ci, " channels, but got ",
            input.size(1), " channels instead");
    require(!bias || (bias->dim() == 1 && bias->size(0) == co), "Given weight of size ",
            weight_text, ", expected bias to be 1-dimensional with ", co,
            " elements, but got bias of size ", bias ? list_text(bias->sizes()) : "", " instead");

    ConvProblem p;
    p.n = input.size(0), p.ci = ci, p.ih = input.size(2), p.iw = input.size(3);
    p.co = co, p.kh = weight.size(2), p.kw = weight.size(3);
    p.stride_h = a.stride[0], p.stride_w = a.stride[1];
    p.pad_h = a.padding[0], p.pad_w = a.padding[1];
    p.dilation_h = a.dilation[0], p.dilation_w = a.dilation[1];
    p.groups = a.groups, p.bias = bias.has_value();
    const int64_t padded_h = p.ih + 2 * p.pad_h, padded_w = p.iw + 2 * p.pad_w;
    const int64_t span_h = p.dilation_h * (p.kh - 1) + 1, span_w = p.dilation_w * (p.kw - 1) + 1;
    require(span_h <= padded_h && span_w <= padded_w, "Calculated padded input size per channel: (",
            padded_h, " x ", padded_w, "). Kernel size: (", span_h, " x ", span_w,
            "). Kernel size can't be greater than actual input size");
    return p;
}

ConvProblem check_conv2d_backward(const char *op, const Tensor &grad_output, const Tensor &input,
                                  const Tensor &weight, const ConvArguments &arguments) {
    const ConvProblem p = check_conv2d(input, weight, std::nullopt, arguments);
    const IntList expected{p.n, p.co, p.oh(), p.ow()};
    bool equal = grad_output.dim() == 4;
    for (int64_t d = 0; equal && d < 4; d++) equal = grad_output.size(d) == expected[d];
    require(equal, op, ": expected grad_output of size ", list_text(expected), ", but got ",
            list_text(grad_output.sizes()), ".");
    return p;
}

}  // namespace convwright
