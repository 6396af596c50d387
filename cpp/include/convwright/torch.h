// SPDX-License-Identifier: Apache-2.0
// Convwright for LibTorch: convwright::Conv2d in the place of torch::nn::Conv2d. Header only, over the
// operators that the target Convwright::torch links; needs the LibTorch that the program is built with.
#pragma once

#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <optional>
#include <variant>

namespace convwright {

/// Of a 2-D convolution; pairs are {rows, columns}, dilation 1 is dense.
struct ConvArguments2d {
    std::array<int64_t, 2> stride{1, 1}, padding{0, 0}, dilation{1, 1};
    int64_t groups = 1;
};

namespace detail {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The operators of libconvwright_ops.so, below autograd. Throws c10::Error where it is not loaded.
inline Tensor fprop(const Tensor &input, const Tensor &weight, const std::optional<Tensor> &bias,
                    const ConvArguments2d &a) {
    static const auto op =
        c10::Dispatcher::singleton()
            .findSchemaOrThrow("convwright::conv2d_fprop", "")
            .typed<Tensor(const Tensor &, const Tensor &, const std::optional<Tensor> &,
                          at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, int64_t)>();
    const at::AutoDispatchBelowAutograd guard;
    return op.call(input, weight, bias, a.stride, a.padding, a.dilation, a.groups);
}

using GradientOp = Tensor(const Tensor &, const Tensor &, const Tensor &, at::IntArrayRef,
                          at::IntArrayRef, at::IntArrayRef, int64_t);

inline Tensor dgrad(const Tensor &grad_output, const Tensor &input, const Tensor &weight,
                    const ConvArguments2d &a) {
    static const auto op = c10::Dispatcher::singleton()
                               .findSchemaOrThrow("convwright::conv2d_dgrad", "")
                               .typed<GradientOp>();
    const at::AutoDispatchBelowAutograd guard;
    return op.call(grad_output, input, weight, a.stride, a.padding, a.dilation, a.groups);
}

inline Tensor wgrad(const Tensor &grad_output, const Tensor &input, const Tensor &weight,
                    const ConvArguments2d &a) {
    static const auto op = c10::Dispatcher::singleton()
                               .findSchemaOrThrow("convwright::conv2d_wgrad", "")
                               .typed<GradientOp>();
    const at::AutoDispatchBelowAutograd guard;
    return op.call(grad_output, input, weight, a.stride, a.padding, a.dilation, a.groups);
}

inline void save(AutogradContext *ctx, variable_list tensors, const ConvArguments2d &a) {
    ctx->save_for_backward(std::move(tensors));
    ctx->saved_data["numbers"] =
        std::vector<int64_t>{a.stride[0],   a.stride[1],   a.padding[0], a.padding[1],
                             a.dilation[0], a.dilation[1], a.groups};
}

inline ConvArguments2d saved_arguments(AutogradContext *ctx) {
    const auto n = ctx->saved_data["numbers"].toIntVector();
    return {{n[0], n[1]}, {n[2], n[3]}, {n[4], n[5]}, n[6]};
}

// <fprop(x, w), gy> = <x, dgrad(gy, w)> = <w, wgrad(gy, x)> is one trilinear form, so the derivative of
// each direction is another of the three, and derivatives of every order exist.
struct Fprop : torch::autograd::Function<Fprop> {
    static Tensor forward(AutogradContext *ctx, const Tensor &input, const Tensor &weight,
                          const std::optional<Tensor> &bias, const ConvArguments2d &a) {
        save(ctx, {input, weight}, a);
        ctx->saved_data["bias"] = bias.has_value();
        return fprop(input, weight, bias, a);
    }
    static variable_list backward(AutogradContext *ctx, const variable_list &grads);
};

struct Dgrad : torch::autograd::Function<Dgrad> {
    static Tensor forward(AutogradContext *ctx, const Tensor &grad_output, const Tensor &input,
                          const Tensor &weight, const ConvArguments2d &a) {
        save(ctx, {grad_output, weight}, a);
        return dgrad(grad_output, input, weight, a);
    }
    static variable_list backward(AutogradContext *ctx, const variable_list &grads);
};

struct Wgrad : torch::autograd::Function<Wgrad> {
    static Tensor forward(AutogradContext *ctx, const Tensor &grad_output, const Tensor &input,
                          const Tensor &weight, const ConvArguments2d &a) {
        save(ctx, {grad_output, input}, a);
        return wgrad(grad_output, input, weight, a);
    }
    static variable_list backward(AutogradContext *ctx, const variable_list &grads);
};

inline variable_list Fprop::backward(AutogradContext *ctx, const variable_list &grads) {
    const auto saved = ctx->get_saved_variables();
    const ConvArguments2d a = saved_arguments(ctx);
    variable_list result(4);
    if (ctx->needs_input_grad(0)) result[0] = Dgrad::apply(grads[0], saved[0], saved[1], a);
    if (ctx->needs_input_grad(1)) result[1] = Wgrad::apply(grads[0], saved[0], saved[1], a);
    // Where there is no bias there is no edge to ask about.
    if (ctx->saved_data["bias"].toBool() && ctx->needs_input_grad(2)) {
        result[2] = grads[0].sum({0, 2, 3});
    }
    return result;
}

inline variable_list Dgrad::backward(AutogradContext *ctx, const variable_list &grads) {
    const auto saved = ctx->get_saved_variables();
    const ConvArguments2d a = saved_arguments(ctx);
    variable_list result(4);
    if (ctx->needs_input_grad(0)) result[0] = Fprop::apply(grads[0], saved[1], std::nullopt, a);
    if (ctx->needs_input_grad(2)) result[2] = Wgrad::apply(saved[0], grads[0], saved[1], a);
    return result;
}

inline variable_list Wgrad::backward(AutogradContext *ctx, const variable_list &grads) {
    const auto saved = ctx->get_saved_variables();
    const ConvArguments2d a = saved_arguments(ctx);
    variable_list result(4);
    if (ctx->needs_input_grad(0)) result[0] = Fprop::apply(saved[1], grads[0], std::nullopt, a);
    if (ctx->needs_input_grad(1)) result[1] = Dgrad::apply(saved[0], saved[1], grads[0], a);
    return result;
}

/// Whether the operators take these: the rest is LibTorch's own.
inline bool ours(const Tensor &input, const Tensor &weight, const std::optional<Tensor> &bias) {
    const auto plain = [&](const Tensor &t) {
        return t.scalar_type() == torch::kFloat32 && t.layout() == torch::kStrided &&
               (t.is_cpu() || t.is_cuda()) && t.device() == input.device();
    };
    return plain(input) && plain(weight) && (!bias || plain(*bias)) && weight.numel() != 0 &&
           input.dim() == 4 && weight.dim() == 4 &&
           !at::autocast::is_autocast_enabled(input.device().type());
}

}  // namespace detail

/// torch::conv2d, by Convwright's kernels for float32 tensors on the CPU and on CUDA devices; others,
/// tensors of three dimensions and those under autocast go to torch::conv2d. Differentiable any number
/// of times. Bad arguments throw c10::Error or std::runtime_error with LibTorch's text.
inline torch::Tensor conv2d(const torch::Tensor &input, const torch::Tensor &weight,
                            const std::optional<torch::Tensor> &bias = std::nullopt,
                            const ConvArguments2d &arguments = {}) {
    if (detail::ours(input, weight, bias)) {
        return detail::Fprop::apply(input, weight, bias, arguments);
    }
    return torch::conv2d(input, weight, bias, arguments.stride, arguments.padding,
                         arguments.dilation, arguments.groups);
}

/// torch::nn::Conv2dImpl, computed by convwright::conv2d: the same options, parameters, initial weights
/// and archives.
class Conv2dImpl : public torch::nn::ConvNdImpl<2, Conv2dImpl> {
public:
    Conv2dImpl(int64_t input_channels, int64_t output_channels,
               torch::ExpandingArray<2> kernel_size)
        : Conv2dImpl(torch::nn::Conv2dOptions(input_channels, output_channels, kernel_size)) {}
    explicit Conv2dImpl(const torch::nn::Conv2dOptions &o)
        : ConvNdImpl(torch::nn::detail::ConvNdOptions<2>(o.in_channels(), o.out_channels(),
                                                         o.kernel_size())
                         .stride(o.stride())
                         .padding(o.padding())
                         .dilation(o.dilation())
                         .groups(o.groups())
                         .bias(o.bias())
                         .padding_mode(o.padding_mode())) {}

    /// input [N, Ci, H, W] or [Ci, H, W].
    torch::Tensor forward(const torch::Tensor &input) {
        const auto &p = _reversed_padding_repeated_twice;  // left, right, top, bottom
        const std::optional<torch::Tensor> b =
            bias.defined() ? std::make_optional(bias) : std::nullopt;
        ConvArguments2d a{array(options.stride()), {}, array(options.dilation()), options.groups()};
        torch::Tensor padded = input;
        if (!std::holds_alternative<torch::enumtype::kZeros>(options.padding_mode())) {
            namespace F = torch::nn::functional;
            padded = F::pad(input, F::PadFuncOptions(p).mode(pad_mode()));
        } else {
            a.padding = {p[2], p[0]};
            const int64_t right = p[1] - p[0], below = p[3] - p[2];  // "same" with an even kernel
            if (right != 0 || below != 0) padded = at::constant_pad_nd(input, {0, right, 0, below});
        }
        if (padded.dim() == 3) return conv2d(padded.unsqueeze(0), weight, b, a).squeeze(0);
        return conv2d(padded, weight, b, a);
    }

private:
    static std::array<int64_t, 2> array(const torch::ExpandingArray<2> &pair) {
        return {(*pair)[0], (*pair)[1]};
    }
    torch::nn::functional::PadFuncOptions::mode_t pad_mode() const {
        if (std::holds_alternative<torch::enumtype::kReflect>(options.padding_mode())) {
            return torch::kReflect;
        }
        if (std::holds_alternative<torch::enumtype::kReplicate>(options.padding_mode())) {
            return torch::kReplicate;
        }
        return torch::kCircular;
    }
};
TORCH_MODULE(Conv2d);

}  // namespace convwright
