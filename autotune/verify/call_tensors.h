// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/verify/kernel_call.h"
#include "autotune/verify/naive_conv2d.h"

namespace convwright {

/// How the tensors of a call lie in memory.
struct TensorLayout {
    Placement placement = Placement::kMiddle;  ///< Of what is read; the result lies in the middle.
    bool gaps = false;  ///< Rows, images and pixels are followed by others' memory.
    Format weight_format = Format::kNchw;
};

/// All tensors of a problem in guarded memory: those that its direction reads hold `values` and cannot be
/// written, the result and the workspace hold NaN.
class CallTensors {
public:
    CallTensors(const ConvProblem &problem, const ConvValues &values, const TensorLayout &layout,
                int64_t workspace);

    /// Runs a call of the problem whose workspace is no larger. False if a kernel failed: the text is
    /// in `context`.
    bool run(const KernelCall &call, CallContext &context);

    Values result() const { return result_.values(); }
    /// Nothing was written around the result or the workspace.
    bool redzones_intact() const {
        return result_.redzones_intact() && workspace_.redzones_intact();
    }

private:
    ConvProblem problem_;
    Tensor4 input_, weight_, output_, bias_, result_;
    std::optional<Tensor4> depthwise_;  ///< Of a weighted sum.
    GuardedFloats workspace_;
};

}  // namespace convwright
