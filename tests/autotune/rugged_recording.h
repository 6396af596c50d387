// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/replay.h"

namespace convwright {

/// A recording that no device made: times by a formula, for tests that need a search to go somewhere. `world` changes
/// where the optimum lies. About 300 candidates of one kind and "pytorch"; with the knobs vec, tile, stage
/// and unroll
///   seconds = 1e-3 * waste * spill * stage * chain * noise
///   waste   columns of a row of 28 that whole tiles compute in vain
///   spill   1 + 0.12 for each register of vec * tile + vec + 1 over 32
///   stage   a factor of its own for each stage, drawn from [1, 1.6]
///   chain   1 + 4 / (vec * tile * unroll): too few sums to hide a latency
///   noise   drawn from [0.9, 1.25] for each pair of tile and unroll, and again from [0.95, 1.1] for each candidate: no smooth
///           function of the knobs, as alignment and caches are
/// One candidate in 16 fails. The prediction knows waste, spill and chain, but not the stages,
/// and is wrong by a factor from [0.8, 1.4] for each register tile and from [0.8, 1.2] for each stage.
Recording rugged_recording(uint64_t world);

}  // namespace convwright
