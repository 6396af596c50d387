// SPDX-License-Identifier: Apache-2.0
#include "tests/autotune/search/search_quality.h"

#include <algorithm>

namespace convwright {

std::vector<double> regret(const Recording &recording, const MakeStrategy &make, int seeds,
                           int trials) {
    constexpr int kBatch = 8;
    const Space space = recording.space();
    const double optimum = recording.best_seconds();
    std::vector<double> sum(trials);
    for (int seed = 1; seed <= seeds; seed++) {
        const std::unique_ptr<Strategy> strategy = make(space, seed);
        double best = kNothing * optimum;
        int done = 0;
        while (done < trials) {
            std::vector<Point> batch;
            while (static_cast<int>(batch.size()) < std::min(kBatch, trials - done)) {
                const std::optional<Point> point = strategy->ask();
                if (!point) break;
                batch.push_back(*point);
            }
            if (batch.empty()) break;
            for (const Point point : batch) {
                const double cost = recording.trials.at(space.text(point)).result.cost();
                strategy->tell(point, cost);
                best = std::min(best, cost);
                sum[done++] += best / optimum;
            }
        }
        while (done < trials) sum[done++] += best / optimum;
    }
    for (double &s : sum) s /= seeds;
    return sum;
}

std::vector<double> random_regret(const Recording &recording, int trials) {
    std::vector<double> costs;
    for (const auto &[candidate, trial] : recording.trials)
        costs.push_back(std::min(trial.result.cost() / recording.best_seconds(), kNothing));
    std::sort(costs.begin(), costs.end());
    const auto all = static_cast<double>(costs.size());
    std::vector<double> regret;
    for (int drawn = 1; drawn <= trials; drawn++) {
        // The i-th best is the best of those drawn if it is among them and no better one is.
        double mean = 0, chance = drawn / all;
        for (size_t i = 0; i + drawn <= costs.size(); i++) {
            mean += chance * costs[i];
            chance *= (all - static_cast<double>(i) - drawn) / (all - static_cast<double>(i) - 1);
        }
        regret.push_back(mean);
    }
    return regret;
}

}  // namespace convwright
