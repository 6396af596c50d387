// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "schedules/weighted_sum_params.h"

namespace convwright {

/// The two steps of a weighted sum as passes of the convolution engine.
struct WeightedSumPasses {
    ConvPass mix;     ///< Pointwise, over the columns that some tap of the other one meets.
    ConvPass window;  ///< Depthwise.
};

/// The two steps of a weighted sum as convolutions, in the direction of `problem`. Bias and ReLU are the depthwise one's.
ConvProblem pointwise_problem(const ConvProblem &problem);
ConvProblem depthwise_problem(const ConvProblem &problem);

/// `problem` is fprop with groups 1: sizes of the input and the output, and the geometry of the
/// depthwise step. It is possible and not too large (why_not_mixed()).
WeightedSumPasses weighted_sum_passes(const ConvProblem &problem);

/// Null if kernels, which count in 32 bits, can compute both steps, else why not.
const char *why_not_mixed(const ConvProblem &problem);

/// Null if a fused schedule can compute the problem, else why none can.
const char *why_not_fused(const ConvProblem &problem, const WeightedSumPasses &passes);

/// Cycles of one core, as those of cost_model.h.
double predicted_cycles(const WeightedSumCpuParams &params, const WeightedSumPasses &passes,
                        Isa isa);

}  // namespace convwright
