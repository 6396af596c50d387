// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>

#include "autotune/random.h"
#include "autotune/search/gaussian_process.h"
#include "autotune/search/strategy.h"

namespace convwright {

/// Learns from all that was told by how much a point's time differs from what was predicted, and which points fail, and
/// asks for the new points of which the most is expected: chance to work times expected improvement on the
/// best (Jones, Schonlau and Welch, 1998). Within a batch each choice counts as measured, at its mean.
class LearnedRanking : public Strategy {
public:
    static constexpr size_t kBatch = 8;

    /// `space` must outlive this.
    LearnedRanking(const Space &space, uint64_t seed);

    std::optional<Point> ask() override;
    void tell(Point point, double seconds) override;

private:
    void refill();
    GaussianProcess::Row row_of(Point point) const;
    /// Kind, logarithm of the predicted cost, knobs.
    std::vector<float> features(Point point) const;
    /// How likely each point is to work.
    std::vector<double> chances(const std::vector<Point> &fresh) const;
    /// In the order of their worth; the first ones as they are where too little was told.
    std::vector<Point> best_of(const std::vector<Point> &fresh) const;

    const Space &space_;
    Random random_;
    SeenPoints seen_;
    double cheapest_ = 1;  ///< Prediction of the space.
    size_t width_ = 0;     ///< Features: kind, prediction, knobs of the longest kind.
    std::vector<std::pair<Point, double>> told_;
    std::deque<Point> batch_;
    size_t told_before_batch_ = 0;
};

}  // namespace convwright
