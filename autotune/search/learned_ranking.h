// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>

#include "autotune/search/boosted_trees.h"
#include "autotune/search/strategy.h"

namespace convwright {

/// Boosted trees learn the time of a point from its knobs and its predicted cost, from all that was
/// told; of the new points the best by their judgement are asked for, in batches of 8, and in each batch
/// one at random, so that a wrong model meets what contradicts it.
class LearnedRanking : public Strategy {
public:
    static constexpr size_t kBatch = 8;
    static constexpr size_t kRandomOfBatch = 1;  ///< 12.5 %.

    /// `space` must outlive this.
    LearnedRanking(const Space &space, uint64_t seed);

    std::optional<Point> ask() override;
    void tell(Point point, double seconds) override;

private:
    void refill();
    /// Of legal()[i]: kind, knobs, and the logarithm of the predicted cost.
    std::vector<float> features(Point point) const;
    std::vector<Point> by_judgement(const std::vector<Point> &fresh) const;

    const Space &space_;
    Random random_;
    SeenPoints seen_;
    size_t width_ = 0;  ///< Features: kind, prediction, knobs of the longest kind.
    std::vector<std::pair<Point, double>> told_;
    std::deque<Point> batch_;
};

}  // namespace convwright
