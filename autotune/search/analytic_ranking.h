// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/search/strategy.h"

namespace convwright {

/// Algorithms without knobs, of which nothing is predicted, then the best points by predicted cost. Points that differ
/// in one knob from a better one come last: predictions of them are wrong together.
class AnalyticRanking : public Strategy {
public:
    /// `space` must outlive this. At most `count` points with a prediction.
    AnalyticRanking(const Space &space, size_t count);

    std::optional<Point> ask() override;
    void tell(Point point, double seconds) override;

private:
    std::vector<Point> points_;
    size_t next_ = 0;
    SeenPoints seen_;
};

}  // namespace convwright
