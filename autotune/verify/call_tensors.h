// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "autotune/verify/kernel_call.h"
#include "autotune/verify/naive_conv2d.h"

namespace convwright {

/// How the tensors of a call lie in memory.
struct TensorLayout {
    Placement placement = Placement::kMiddle;  ///< Of tensors, workspace and, at an end, scratch.
    bool gaps = false;  ///< Rows, images and pixels are followed by others' memory.
    Format weight_format = Format::kNchw;
    /// The result, workspace and scratch lie in the middle all the same: kernels for GPUs store whole vectors.
    bool result_in_middle = false;

    Placement result_placement() const { return result_in_middle ? Placement::kMiddle : placement; }
};

/// All tensors of a problem in guarded memory: those that its direction reads hold `values` and cannot be
/// written, the result and the workspace hold NaN. Calls of kernels for GPUs have copies there.
class CallTensors {
public:
    CallTensors(const ConvProblem &problem, const ConvValues &values, const TensorLayout &layout,
                int64_t workspace);

    /// Runs a call of the problem whose workspace is no larger; calls by tables all have the table of the first. False
    /// if a kernel failed: the text is in `context`.
    bool run(const KernelCall &call, CallContext &context);
    /// The same without waiting for a GPU, for what is timed.
    bool begin(const KernelCall &call, CallContext &context);

    /// Of a weighted sum's gradients those of the input and, behind them, those of z.
    Values result() const;
    /// Nothing was written around the result or the workspace, nor, on a GPU, to the others.
    bool redzones_intact() const;

private:
    struct GpuCopies;

    ConvProblem problem_;
    Placement result_placement_;
    Tensor4 input_, weight_, output_, bias_, result_;
    std::optional<Tensor4> depthwise_;  ///< Of a weighted sum.
    std::optional<Tensor4> grad_z_;     ///< Of its gradients, a result.
    GuardedFloats workspace_;
    std::shared_ptr<const GpuCopies> gpu_;  ///< From the first call of a kernel for one.
};

}  // namespace convwright
