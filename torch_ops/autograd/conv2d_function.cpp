// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/autograd/conv2d_function.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/threshold_backward.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/forward_grad.h>

namespace convwright::autograd {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using OptionalTensor = std::optional<Tensor>;

CarefulBackward careful_backward = nullptr;

template<typename Signature>
c10::TypedOperatorHandle<Signature> find(const char *name, const char *overload = "") {
    return c10::Dispatcher::singleton().findSchemaOrThrow(name, overload).typed<Signature>();
}

/// The operator for inference takes numbers: a list would be made for each call.
Tensor fprop(const Tensor &input, const Tensor &weight, const OptionalTensor &bias,
             const Geometry &g) {
    using Signature = Tensor(const Tensor &, const Tensor &, const OptionalTensor &, int64_t,
                             int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);
    static const auto op = find<Signature>("convwright::conv2d_fprop", "eager");
    return op.call(input, weight, bias, g.stride[0], g.stride[1], g.padding[0], g.padding[1],
                   g.dilation[0], g.dilation[1], g.groups);
}

Tensor fprop_relu(const Tensor &input, const Tensor &weight, const OptionalTensor &bias,
                  const Geometry &g) {
    using Signature = Tensor(const Tensor &, const Tensor &, const OptionalTensor &,
                             at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, int64_t);
    static const auto op = find<Signature>("convwright::conv2d_relu");
    return op.call(input, weight, bias, g.stride, g.padding, g.dilation, g.groups);
}

/// Of conv2d_dgrad and conv2d_wgrad.
using GradientSignature = Tensor(const Tensor &, const Tensor &, const Tensor &, at::IntArrayRef,
                                 at::IntArrayRef, at::IntArrayRef, int64_t);

Gradients plain_backward(const Tensor &grad_output, const Tensor &input, const Tensor &weight,
                         const Geometry &g, std::array<bool, 3> needs) {
    static const auto dgrad = find<GradientSignature>("convwright::conv2d_dgrad");
    static const auto wgrad = find<GradientSignature>("convwright::conv2d_wgrad");
    const at::AutoDispatchBelowAutograd below;
    const auto call = [&](const auto &op) {
        return op.call(grad_output, input, weight, g.stride, g.padding, g.dilation, g.groups);
    };
    Gradients result;
    if (needs[0]) result[0] = call(dgrad);
    if (needs[1]) result[1] = call(wgrad);
    if (needs[2]) result[2] = grad_output.sum(at::IntArrayRef{0, 2, 3});
    return result;
}

/// In saved_data, so that the node can be read by whoever copies or compiles it.
const char *const kGeometry = "geometry", *const kRelu = "relu", *const kBias = "bias";

std::vector<int64_t> to_list(const Geometry &g) {
    return {g.stride[0],   g.stride[1],   g.padding[0], g.padding[1],
            g.dilation[0], g.dilation[1], g.groups};
}

Geometry from_list(const std::vector<int64_t> &v) {
    return {{v[0], v[1]}, {v[2], v[3]}, {v[4], v[5]}, v[6]};
}

struct Conv2dFunction : torch::autograd::Function<Conv2dFunction> {
    static constexpr bool is_traceable = true;  // backward calls operators only

    static Tensor forward(AutogradContext *ctx, const Tensor &input, const Tensor &weight,
                          const OptionalTensor &bias, const Geometry &geometry, bool relu) {
        const at::AutoDispatchBelowAutograd below;
        const auto op = relu ? fprop_relu : fprop;
        Tensor output = op(input, weight, bias, geometry);
        ctx->saved_data[kGeometry] = to_list(geometry);
        ctx->saved_data[kRelu] = relu;
        ctx->saved_data[kBias] = bias.has_value();
        // The output says as well as the sum before it where the ReLU was open.
        ctx->save_for_backward(relu ? variable_list{input, weight, output}
                                    : variable_list{input, weight});
        return output;
    }

    static variable_list backward(AutogradContext *ctx, const variable_list &grads) {
        const variable_list saved = ctx->get_saved_variables();
        const Geometry geometry = from_list(ctx->saved_data[kGeometry].toIntVector());
        Tensor grad_output = grads[0];
        if (ctx->saved_data[kRelu].toBool()) {
            grad_output = at::threshold_backward(grad_output, saved[2], 0);
        }
        // Where there is no bias there is no edge to ask about.
        const bool bias = ctx->saved_data[kBias].toBool() && ctx->needs_input_grad(2);
        const std::array<bool, 3> needs{ctx->needs_input_grad(0), ctx->needs_input_grad(1), bias};
        // Grad mode is on in a backward with create_graph: then the gradients carry graphs.
        const bool plain = !at::GradMode::is_enabled() && !transform_active();
        auto run = plain ? plain_backward : careful_backward;
        const Gradients g = run(grad_output, saved[0], saved[1], geometry, needs);
        return {g[0], g[1], g[2], Tensor(), Tensor()};
    }
};

}  // namespace

void set_careful_backward(CarefulBackward backward) { careful_backward = backward; }

bool transform_active() {
    const c10::DispatchKeySet included = c10::impl::tls_local_dispatch_key_set().included_;
    return included.has(c10::DispatchKey::FuncTorchDynamicLayerFrontMode) ||
           included.has(c10::DispatchKey::FuncTorchDynamicLayerBackMode) ||
           torch::autograd::ForwardADLevel::try_get_by_idx(0) != nullptr;
}

Tensor conv2d(const Tensor &input, const Tensor &weight, const OptionalTensor &bias,
              const Geometry &geometry, bool relu) {
    const bool wanted =
        at::GradMode::is_enabled() &&
        (input.requires_grad() || weight.requires_grad() || (bias && bias->requires_grad()));
    if (wanted) return Conv2dFunction::apply(input, weight, bias, geometry, relu);
    const at::AutoDispatchBelowAutograd below;
    return relu ? fprop_relu(input, weight, bias, geometry) : fprop(input, weight, bias, geometry);
}

}  // namespace convwright::autograd
