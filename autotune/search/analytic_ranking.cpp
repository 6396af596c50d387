// SPDX-License-Identifier: Apache-2.0
#include "autotune/search/analytic_ranking.h"

#include <algorithm>
#include <cmath>

namespace convwright {

namespace {

/// Whether two points differ in at most one knob.
bool are_close(const Space &space, Point a, Point b) {
    if (space.kind_of(a) != space.kind_of(b)) return false;
    const std::vector<int> first = space.values(a), second = space.values(b);
    int different = 0;
    for (size_t i = 0; i < first.size(); i++) different += first[i] != second[i];
    return different <= 1;
}

}  // namespace

AnalyticRanking::AnalyticRanking(const Space &space, size_t count) {
    std::vector<Point> chosen, passed_over;
    for (const Point point : space.ranked()) {
        if (space.kinds()[space.kind_of(point)].knobs.empty()) {
            points_.push_back(point);
            continue;
        }
        if (std::isnan(space.predicted(point))) continue;
        const bool close = std::any_of(chosen.begin(), chosen.end(),
                                       [&](Point other) { return are_close(space, point, other); });
        (close ? passed_over : chosen).push_back(point);
        if (chosen.size() == count) break;
    }
    chosen.insert(chosen.end(), passed_over.begin(), passed_over.end());
    chosen.resize(std::min(chosen.size(), count));
    points_.insert(points_.end(), chosen.begin(), chosen.end());
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
