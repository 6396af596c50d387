// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/verify/naive_conv2d.h"
#include "runtime/cuda/conv2d.h"

namespace convwright::cuda {

/// Circumstances of a run that a kernel must not care about.
struct Variant {
    const char *name;
    Placement placement;
    bool gaps;  ///< Not for kernels with vectors.
    bool bias, relu;
    Format weight_format;
};

constexpr Variant kBias{"bias", Placement::kEnd, false, true, false, Format::kNchw};
constexpr Variant kRelu{
    "relu, weight channels_last", Placement::kStart, false, false, true, Format::kNhwc};
constexpr Variant kGaps{"gaps, bias, relu", Placement::kStart, true, true, true, Format::kNchw};

/// Fails the running test unless the kernel, run by the emulated driver, gives the result of the definition,
/// NaN where that is NaN, and writes nothing else. `parts` of a split sum where the plan's do not
/// matter. False, and nothing runs, if the kernel does not accept the problem.
bool expect_equals_naive(const ConvKernel &kernel, ConvProblem problem, const Variant &variant,
                         const ConvValues &values, int64_t parts = 0);

}  // namespace convwright::cuda
