// SPDX-License-Identifier: Apache-2.0
#include "autotune/verify/kernel_call.h"

#include <algorithm>

#include "runtime/approx_conv.h"
#include "runtime/cuda/approx_conv.h"
#include "runtime/cuda/byte_conv.h"
#include "runtime/cuda/conv2d.h"
#include "runtime/cuda/conv_wgrad.h"

namespace convwright {

int64_t KernelCall::workspace() const {
    if (weighted_sum.kernel != nullptr) return weighted_sum.workspace;
    if (gpu)
        return std::max({gpu->conv.workspace, gpu->wgrad.workspace, gpu->approx.workspace,
                         gpu->passes.workspace(), gpu->bytes.workspace});
    if (approx) return approx->workspace;
    return problem.direction == Direction::kWgrad ? wgrad.workspace : conv.workspace;
}

KernelCall KernelCall::with(const std::shared_ptr<const ProductModel> &other) const {
    KernelCall call = *this;
    call.model = other;
    if (call.approx) call.approx->form = other->form;
    if (!call.gpu) return call;
    for (cuda::ApproxStep &step : call.gpu->approx.steps)
        for (cuda::FormStep &planned : step.forms)
            for (const ProductForm &form : other->forms)
                if (form.product == planned.form.product) planned.form = form;
    return call;
}

KernelCall KernelCall::with(const std::shared_ptr<const ByteModel> &other) const {
    KernelCall call = *this;
    call.bytes = other;
    return call;
}

const std::vector<int32_t> *KernelCall::table() const {
    if (bytes) return &bytes->device.words;
    return model && !model->table.entries.empty() ? &model->table.entries : nullptr;
}

bool KernelCall::run(CallContext &context, const Activation &input, const Weight &weight,
                     const Activation &output, const void *bias, float *workspace,
                     const int32_t *table) const {
    if (gpu && bytes)
        return cuda::run_byte_conv(context, gpu->bytes, bytes->device,
                                   {input, weight, output, table, bytes->pad_value},
                                   reinterpret_cast<int32_t *>(workspace));
    if (gpu && model)
        return cuda::run_approx_conv(context, gpu->approx, {input, weight, output, bias, table},
                                     workspace);
    if (gpu) {
        const bool dgrad = problem.direction == Direction::kDgrad;
        if (problem.direction == Direction::kWgrad)
            return cuda::run_wgrad(context, gpu->wgrad, problem, output, input, weight, workspace);
        return cuda::run_conv(context, gpu->conv, dgrad ? output : input, weight, bias,
                              dgrad ? input : output, workspace);
    }
    if (approx && problem.direction == Direction::kWgrad)
        return run_approx_wgrad(context, *approx, output, input, weight, workspace);
    if (approx) {
        const bool dgrad = problem.direction == Direction::kDgrad;
        return run_approx_conv(context, *approx, dgrad ? output : input, weight,
                               dgrad ? nullptr : bias, dgrad ? input : output, workspace);
    }
    switch (problem.direction) {
        case Direction::kFprop:
            return run_conv(context, conv, problem.dtype, input, weight, bias, output, workspace);
        case Direction::kDgrad:
            return run_conv(context, conv, problem.dtype, output, weight, nullptr, input,
                            workspace);
        case Direction::kWgrad:
            break;
    }
    return run_wgrad(context, wgrad, problem, output, input, weight, workspace);
}

bool KernelCall::run_gradients(CallContext &context, const Activation &grad_output,
                               const Weight &pointwise, const Weight &depthwise,
                               const Activation &grad_z, const Activation &grad_input,
                               float *workspace) const {
    if (gpu->gradients.kernel != nullptr)
        return cuda::run_weighted_sum_grad(context, *gpu->gradients.kernel, problem, grad_output,
                                           pointwise, depthwise, keeps_z ? &grad_z : nullptr,
                                           grad_input);
    const auto &[window, mix] = gpu->passes;
    return cuda::run_conv(context, window, grad_output, depthwise, nullptr, grad_z, workspace) &&
           cuda::run_conv(context, mix, grad_z, pointwise, nullptr, grad_input, workspace);
}

std::optional<KernelCall> kernel_call(const std::string &name, const ConvProblem &problem,
                                      bool dense) {
    KernelCall call{problem, {}, {}};
    for (const ConvKernel &kernel : conv_kernels()) {
        if (kernel.name == name) call.conv = conv_plan_with(kernel, problem, dense);
    }
    for (const WgradKernel &kernel : wgrad_kernels()) {
        if (kernel.name == name) call.wgrad = wgrad_plan_with(kernel, problem);
    }
    if (call.conv.steps.empty() && call.wgrad.kernel == nullptr) return std::nullopt;
    return call;
}

}  // namespace convwright
