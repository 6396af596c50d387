// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/random.h"
#include "autotune/search/strategy.h"

namespace convwright {

/// All legal points in random order: what other strategies must beat.
class RandomSearch : public Strategy {
public:
    RandomSearch(const Space &space, uint64_t seed) : points_(space.legal()) {
        Random(seed).shuffle(points_);
    }

    std::optional<Point> ask() override {
        while (next_ < points_.size()) {
            const Point point = points_[next_++];
            if (seen_.add(point)) return point;
        }
        return std::nullopt;
    }
    void tell(Point point, double /*seconds*/) override { seen_.add(point); }

private:
    std::vector<Point> points_;
    size_t next_ = 0;
    SeenPoints seen_;
};

}  // namespace convwright
