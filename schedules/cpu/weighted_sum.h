// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/weighted_sum_fprop.h"
#include "schedules/weighted_sum_params.h"

namespace convwright {

/// Schedules the fused weighted sum for `lanes` floats per vector; a parallel task is `rows` output
/// rows of one image. `panels` are those of the packed pointwise weight. The promises of `p.why_illegal` hold.
void schedule_weighted_sum_cpu(WeightedSumFprop &a, const WeightedSumCpuParams &p,
                               Halide::Expr rows, Halide::Expr panels, int lanes);

}  // namespace convwright
