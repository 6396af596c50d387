// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/conv2d_direct.h"

namespace convwright {

/// A thread sums the outputs of a task in registers; the reduction runs in the order given.
void schedule_task_sum(TaskSum &alg, const std::vector<Halide::RVar> &reduction);

}  // namespace convwright
