// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>

#include "autotune/random.h"
#include "autotune/search/strategy.h"

namespace convwright {

/// Coordinate descent with random restarts: the neighbours of the best point of the present descent,
/// knob by knob, and where none is better, another legal point to start from.
class CoordinateDescent : public Strategy {
public:
    /// `space` must outlive this.
    CoordinateDescent(const Space &space, uint64_t seed) : space_(space), random_(seed) {}

    std::optional<Point> ask() override;
    void tell(Point point, double seconds) override;

private:
    std::optional<Point> restart();

    const Space &space_;
    Random random_;
    SeenPoints seen_;
    std::optional<Point> centre_;  ///< Where the descent stands.
    double centre_seconds_ = std::numeric_limits<double>::infinity();
    int pending_ = 0;  ///< Own points that were asked for and not told yet.
    std::unordered_set<Point> asked_;
};

}  // namespace convwright
