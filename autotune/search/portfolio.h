// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/search/analytic_ranking.h"
#include "autotune/search/coordinate_descent.h"
#include "autotune/search/learned_ranking.h"

namespace convwright {

/// What a search uses unless told otherwise: candidates that were good elsewhere, then the best
/// predictions, then coordinate descent and the learned ranking in turn, half each.
class Portfolio : public Strategy {
public:
    static constexpr size_t kAnalytic = 12;

    /// `space` must outlive this. `seeds` are legal points to begin with.
    Portfolio(const Space &space, uint64_t seed, std::vector<Point> seeds = {});

    std::optional<Point> ask() override;
    void tell(Point point, double seconds) override;

private:
    std::vector<Point> seeds_;
    size_t next_seed_ = 0;
    AnalyticRanking analytic_;
    CoordinateDescent descent_;
    LearnedRanking learned_;
    SeenPoints seen_;
    int turn_ = 0;
};

}  // namespace convwright
