// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "autotune/replay.h"
#include "autotune/search/strategy.h"

namespace convwright {

using MakeStrategy = std::function<std::unique_ptr<Strategy>(const Space &, uint64_t seed)>;

/// How far from the optimum a search of a recording is after each trial: element t is the best time
/// among the first t + 1 ones over the best recorded, the mean of seeds 1 to `seeds`. Before anything worked it
/// counts as `kNothing`. Points are asked for in batches, as the engine does.
std::vector<double> regret(const Recording &recording, const MakeStrategy &make, int seeds,
                           int trials);
inline constexpr double kNothing = 10;

/// The same for random search, over all of its orders: no luck of seeds is in it.
std::vector<double> random_regret(const Recording &recording, int trials);

}  // namespace convwright
