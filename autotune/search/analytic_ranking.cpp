// SPDX-License-Identifier: Apache-2.0
#include "autotune/search/analytic_ranking.h"

#include <cmath>

namespace convwright {

AnalyticRanking::AnalyticRanking(const Space &space, size_t count) {
    size_t predicted = 0;
    for (const Point point : space.ranked()) {
        const bool whole_kind = space.kinds()[space.kind_of(point)].knobs.empty();
        if (!whole_kind && (std::isnan(space.predicted(point)) || ++predicted > count)) continue;
        points_.push_back(point);
    }
}

std::optional<Point> AnalyticRanking::ask() {
    while (next_ < points_.size()) {
        const Point point = points_[next_++];
        if (seen_.add(point)) return point;
    }
    return std::nullopt;
}

void AnalyticRanking::tell(Point point, double /*seconds*/) { seen_.add(point); }

}  // namespace convwright
