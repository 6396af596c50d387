// SPDX-License-Identifier: Apache-2.0
#include "autotune/search/coordinate_descent.h"

namespace convwright {

std::optional<Point> CoordinateDescent::ask() {
    std::optional<Point> point;
    if (centre_) {
        for (const Point neighbour : space_.neighbours(*centre_)) {
            if (seen_.contains(neighbour)) continue;
            point = neighbour;
            break;
        }
        // What is still out may be better than the centre: a restart now would forget it.
        if (!point && pending_ > 0) return std::nullopt;
    }
    if (!point) point = restart();
    if (!point) return std::nullopt;
    seen_.add(*point);
    asked_.insert(*point);
    pending_++;
    return point;
}

std::optional<Point> CoordinateDescent::restart() {
    centre_.reset();
    centre_seconds_ = std::numeric_limits<double>::infinity();
    const std::vector<Point> &legal = space_.legal();
    if (legal.empty()) return std::nullopt;
    // From a random place on, the next new one: found even when few are left.
    const size_t begin = random_.below(legal.size());
    for (size_t i = 0; i < legal.size(); i++) {
        const Point point = legal[(begin + i) % legal.size()];
        if (!seen_.contains(point)) return point;
    }
    return std::nullopt;
}

void CoordinateDescent::tell(Point point, double seconds) {
    seen_.add(point);
    if (asked_.erase(point) != 0) pending_--;
    if (seconds < centre_seconds_) centre_ = point, centre_seconds_ = seconds;
}

}  // namespace convwright
