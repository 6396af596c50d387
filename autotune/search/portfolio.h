// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/search/analytic_ranking.h"
#include "autotune/search/coordinate_descent.h"
#include "autotune/search/learned_ranking.h"
#include "autotune/search/random_search.h"

namespace convwright {

/// What a search uses unless told otherwise: candidates that were good elsewhere, then the best predictions, then of
/// every 8 candidates 6 by the learned ranking, 1 by coordinate descent, and 1 at random, so that
/// a wrong model meets what contradicts it.
class Portfolio : public Strategy {
public:
    static constexpr size_t kAnalytic = 10;

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
    RandomSearch random_;
    SeenPoints seen_;
    size_t turn_ = 0;
};

}  // namespace convwright
