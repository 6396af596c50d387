// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "autotune/verify/byte_model.h"
#include "autotune/verify/product_model.h"
#include "runtime/approx_plan.h"
#include "runtime/conv2d.h"
#include "runtime/cuda/approx_plan.h"
#include "runtime/cuda/byte_plan.h"
#include "runtime/cuda/conv_plan.h"
#include "runtime/cuda/weighted_sum.h"
#include "runtime/cuda/weighted_sum_grad.h"
#include "runtime/cuda/wgrad_plan.h"
#include "runtime/weighted_sum.h"

namespace convwright {

/// Plans of a kernel for a GPU.
struct GpuPlans {
    cuda::ConvPlan conv;
    cuda::WgradPlan wgrad;
    cuda::WeightedSumPlan weighted_sum;
    cuda::ApproxPlan approx = {};
    cuda::BytePlan bytes = {};
    cuda::WeightedSumGradPlan gradients = {};  ///< Of a weighted sum, fused,
    cuda::WeightedSumGradPasses passes = {};   ///< or in their place one by one.
};

/// One kernel planned for one problem of any direction.
struct KernelCall {
    ConvProblem problem;
    ConvPlan conv;                          ///< fprop and dgrad.
    WgradPlan wgrad;                        ///< wgrad.
    WeightedSumPlan weighted_sum = {};      ///< Has a kernel where the problem is a weighted sum's.
    std::optional<GpuPlans> gpu = {};       ///< In the place of the others.
    std::optional<ApproxPlan> approx = {};  ///< In their place for a product,
    std::shared_ptr<const ProductModel> model = nullptr;  ///< by the form of this multiplier.
    std::shared_ptr<const ByteModel> bytes = nullptr;     ///< Of 8-bit operands, on a GPU.

    bool keeps_z = true;  ///< Of a weighted sum's gradients: those of z are stored.

    bool is_weighted_sum() const {
        return weighted_sum.kernel != nullptr || (gpu && gpu->weighted_sum.kernel != nullptr) ||
               is_sum_gradients();
    }
    bool is_sum_gradients() const {
        return gpu && (gpu->gradients.kernel != nullptr || gpu->passes.exist());
    }
    int64_t workspace() const;  ///< Floats.

    /// The same call by the form of another multiplier of the product, or by another table.
    KernelCall with(const std::shared_ptr<const ProductModel> &other) const;
    KernelCall with(const std::shared_ptr<const ByteModel> &other) const;

    /// What a GPU has to have of the multiplier; null if that is nothing.
    const std::vector<int32_t> *table() const;

    /// One convolution, of a weighted sum none. Operands by their part in the forward one; of the three tensors the
    /// direction's result is written, the others are read; all pointers are the GPU's where the kernel is for one, which
    /// this does not wait for. `table`: a GPU's copy of table(), if there is one. False if the kernel failed.
    bool run(CallContext &context, const Activation &input, const Weight &weight,
             const Activation &output, const void *bias, float *workspace,
             const int32_t *table = nullptr) const;

    /// The gradients of a weighted sum, likewise; `grad_z` is written by the two passes whatever keeps_z says.
    bool run_gradients(CallContext &context, const Activation &grad_output, const Weight &pointwise,
                       const Weight &depthwise, const Activation &grad_z,
                       const Activation &grad_input, float *workspace) const;
};

/// The call of the kernel of this name; nothing if it does not accept the problem. `dense` as in
/// conv_plan().
std::optional<KernelCall> kernel_call(const std::string &kernel, const ConvProblem &problem,
                                      bool dense);

}  // namespace convwright
