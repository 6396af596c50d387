// SPDX-License-Identifier: Apache-2.0
#include "autotune/search/portfolio.h"

namespace convwright {

Portfolio::Portfolio(const Space &space, uint64_t seed, std::vector<Point> seeds)
    : seeds_(std::move(seeds)),
      analytic_(space, kAnalytic),
      descent_(space, seed),
      learned_(space, ~seed),
      random_(space, seed ^ 0x5bd1e995) {}

std::optional<Point> Portfolio::ask() {
    const auto fresh = [&](std::optional<Point> point) { return point && seen_.add(*point); };
    while (next_seed_ < seeds_.size()) {
        const Point seed = seeds_[next_seed_++];
        if (fresh(seed)) return seed;
    }
    while (const std::optional<Point> point = analytic_.ask()) {
        if (fresh(point)) return point;
    }
    constexpr size_t kTurns = LearnedRanking::kBatch;
    Strategy *const turns[kTurns] = {&learned_, &learned_, &learned_, &random_,
                                     &learned_, &learned_, &learned_, &descent_};
    Strategy *const mine = turns[turn_++ % kTurns];
    // The descent may wait for what is out; the learned ranking ends with the space.
    for (Strategy *strategy : {mine, static_cast<Strategy *>(&learned_)}) {
        while (const std::optional<Point> point = strategy->ask()) {
            if (fresh(point)) return point;
        }
    }
    return std::nullopt;
}

void Portfolio::tell(Point point, double seconds) {
    seen_.add(point);
    analytic_.tell(point, seconds);
    descent_.tell(point, seconds);
    learned_.tell(point, seconds);
    random_.tell(point, seconds);
}

}  // namespace convwright
