// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/weighted_sum_tile.h"

namespace convwright {

/// A block is a tile: its threads mix into registers, leave z in shared memory, and sum the taps of their
/// strips from there.
void schedule_weighted_sum_cuda(WeightedSumTiles &alg, const WeightedSumCudaParams &params);

}  // namespace convwright
