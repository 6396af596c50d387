// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/csrc/stable/accelerator.h>

#include <optional>
#include <string>

#include "runtime/cuda/approx_conv.h"
#include "runtime/cuda/byte_conv.h"
#include "runtime/cuda/conv2d.h"
#include "runtime/cuda/conv_wgrad.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/weighted_sum.h"
#include "runtime/cuda/weighted_sum_grad.h"
#include "runtime/multipliers/operand_edit.h"
#include "torch_ops/csrc/operands.h"

namespace convwright {

/// As the user sees it: "sm_90".
inline std::string architecture_name(const cuda::Device &device) {
    return "sm_" + std::to_string(device.compute_capability);
}

/// What one operator call needs of a GPU; members as of `CpuEngine`. Everything is enqueued on
/// PyTorch's current stream of the tensors' device, and nothing waits for it. Workspaces come from
/// PyTorch's caching allocator, which gives the memory to later work of the same stream only, so
/// they may be released while kernels still use them, also under graph capture.
class CudaEngine {
public:
    static constexpr Reach kReach = Reach::kStrides32;
    static constexpr const char *kDtypes = "CUDA kernels exist for float32, bfloat16 and float16";

    /// For tensors that are where `t` is. Throws std::runtime_error with one sentence where the
    /// driver or the GPU cannot run the kernels.
    explicit CudaEngine(const Tensor &t);

    /// As CpuEngine's, of tensors that are where `like` is. Throws as the constructor does.
    static const char *why_not(const ConvProblem &p, const Tensor &like);
    /// Short floats have no kernels with 64-bit indices.
    static Reach reach(DType dtype) { return dtype == DType::kF32 ? kReach : Reach::kElements32; }
    static ConvProblem wgrad_problem(const ConvProblem &p, Operand &, Operand &) { return p; }
    template<typename Plan>
    std::string name(const Plan &) const {
        return architecture_name(device_);
    }

    /// Of this thread's last ones where it is among them; valid until the next call.
    const cuda::ConvPlan &plan(const ConvProblem &p, const Operand &from,
                               const Activation &to) const;
    const cuda::WgradPlan &wgrad_plan(const ConvProblem &p, const Operand &grad_output,
                                      const Operand &input) const;
    /// The plan of an approximate product, which `key` names.
    const cuda::ApproxPlan &approx_plan(const ConvProblem &p, const std::string &key,
                                        const std::vector<ProductForm> &forms,
                                        const cuda::ApproxOperands &operands) const;
    bool run(const cuda::ConvPlan &plan, DType dtype, const Activation &input, const Weight &weight,
             const void *bias, const Activation &output);
    bool run_wgrad(const cuda::WgradPlan &plan, const ConvProblem &p, const Activation &grad_output,
                   const Activation &input, const Weight &grad_weight);
    /// Of fused kernels; as plan().
    const cuda::WeightedSumPlan &weighted_sum_plan(const ConvProblem &p, const Operand &from,
                                                   const Activation &to) const;
    bool run_weighted_sum(const cuda::WeightedSumPlan &plan, const Activation &input,
                          const Weight &pointwise, const Weight &depthwise, const void *bias,
                          const Activation &output);
    /// Of the fused gradients; as plan(). grad_z is stored if `keeps_z`.
    const cuda::WeightedSumGradPlan &weighted_sum_grad_plan(const ConvProblem &p,
                                                            const Operand &grad_output,
                                                            const Activation &grad_input,
                                                            bool keeps_z) const;
    /// By the plan's kernel; `grad_z` is null where it is not asked for.
    bool run_weighted_sum_grad(const cuda::WeightedSumGradPlan &plan, const ConvProblem &p,
                               const Activation &grad_output, const Weight &pointwise,
                               const Weight &depthwise, const Activation *grad_z,
                               const Activation &grad_input);
    /// Of 8-bit products; as plan().
    const cuda::BytePlan &byte_plan(const ConvProblem &p, const DeviceTable &table,
                                    const cuda::ByteOperands &operands) const;
    bool run_bytes(const cuda::BytePlan &plan, const DeviceTable &table,
                   const cuda::ByteOperands &operands);
    bool run_approx(const cuda::ApproxPlan &plan, const cuda::ApproxOperands &operands);
    /// cuda::edit_operands().
    bool edit(const OperandEdit &edit, const float *from, const Extent (&from_axes)[4], float *to,
              const Quad &to_strides);
    const CallContext &context() const { return context_; }

private:
    Place place_;
    std::optional<torch::stable::accelerator::DeviceGuard> guard_;
    const cuda::Device &device_;
    CallContext context_;
};

}  // namespace convwright
