// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/weighted_sum_grad_tile.h"

namespace convwright {

/// A block is a tile: its threads leave the gradient of z in shared memory, store it where that is asked for,
/// and mix strips of the input's gradient from it in registers.
void schedule_weighted_sum_grad_cuda(WeightedSumGradTiles &alg,
                                     const WeightedSumGradCudaParams &params);

}  // namespace convwright
