// SPDX-License-Identifier: Apache-2.0
#include "autotune/search/portfolio.h"

namespace convwright {
namespace {

// Points in a row from one strategy: as many as the learned ranking chooses at once.
constexpr int kTurn = static_cast<int>(LearnedRanking::kBatch);

}  // namespace

Portfolio::Portfolio(const Space &space, uint64_t seed, std::vector<Point> seeds)
    : seeds_(std::move(seeds)),
      analytic_(space, kAnalytic),
      descent_(space, seed),
      learned_(space, ~seed) {}

std::optional<Point> Portfolio::ask() {
    const auto fresh = [&](std::optional<Point> point) { return point && seen_.add(*point); };
    while (next_seed_ < seeds_.size()) {
        const Point seed = seeds_[next_seed_++];
        if (fresh(seed)) return seed;
    }
    while (const std::optional<Point> point = analytic_.ask()) {
        if (fresh(point)) return point;
    }
    Strategy *strategies[] = {&learned_, &descent_};
    for (int tries = 0; tries < 2; tries++) {
        Strategy &strategy = *strategies[turn_++ / kTurn % 2];
        while (const std::optional<Point> point = strategy.ask()) {
            if (fresh(point)) return point;
        }
        turn_ = (turn_ / kTurn + 1) * kTurn;  // it has nothing more: the other one's turn
    }
    return std::nullopt;
}

void Portfolio::tell(Point point, double seconds) {
    seen_.add(point);
    analytic_.tell(point, seconds);
    descent_.tell(point, seconds);
    learned_.tell(point, seconds);
}

}  // namespace convwright
