// SPDX-License-Identifier: Apache-2.0
#include "autotune/search/learned_ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace convwright {
namespace {

// A large space is judged in samples of this size: the model's time stays a part of one measurement.
constexpr size_t kMostJudged = 4096;
// With fewer times there is nothing to learn from.
constexpr size_t kLeastTold = 8;
// A failure is taken for a point of this many times the time of the slowest that worked.
constexpr double kFailureFactor = 2;

/// Logarithm in steps of 2^-20: the last bit of the library's one differs between platforms, and must not
/// decide between two points.
double coarse_log(double value) { return std::round(std::log(value) * 0x1p20) * 0x1p-20; }

}  // namespace

LearnedRanking::LearnedRanking(const Space &space, uint64_t seed) : space_(space), random_(seed) {
    for (const SpaceKind &kind : space.kinds()) width_ = std::max(width_, kind.knobs.size());
    width_ += 2;
}

std::vector<float> LearnedRanking::features(Point point) const {
    std::vector<float> row(width_, -1.0f);
    row[0] = static_cast<float>(space_.kind_of(point));
    const double predicted = space_.predicted(point);
    row[1] = predicted > 0 ? static_cast<float>(coarse_log(predicted)) : -1000.0f;
    size_t i = 2;
    for (const int value : space_.values(point)) row[i++] = static_cast<float>(value);
    return row;
}

std::vector<Point> LearnedRanking::by_judgement(const std::vector<Point> &fresh) const {
    double slowest = 0;
    for (const auto &[point, seconds] : told_) {
        if (std::isfinite(seconds)) slowest = std::max(slowest, seconds);
    }
    std::vector<std::vector<float>> rows;
    std::vector<double> targets;
    for (const auto &[point, seconds] : told_) {
        rows.push_back(features(point));
        const double time = std::isfinite(seconds) ? seconds : slowest * kFailureFactor;
        targets.push_back(coarse_log(time));
    }
    const BoostedTrees model(rows, targets, {});
    std::vector<std::pair<double, Point>> judged;
    for (const Point point : fresh) judged.push_back({model.predict(features(point)), point});
    const size_t count = std::min(kBatch, judged.size());
    std::partial_sort(judged.begin(), judged.begin() + static_cast<int64_t>(count), judged.end());
    std::vector<Point> best;
    for (size_t i = 0; i < count; i++) best.push_back(judged[i].second);
    return best;
}

void LearnedRanking::refill() {
    std::vector<Point> fresh;
    for (const Point point : space_.legal()) {
        if (!seen_.contains(point)) fresh.push_back(point);
    }
    random_.shuffle(fresh);
    const size_t measured = std::count_if(told_.begin(), told_.end(),
                                          [](const auto &t) { return std::isfinite(t.second); });
    const size_t random = measured < kLeastTold ? kBatch : kRandomOfBatch;
    std::vector<Point> wanted(fresh.begin(),
                              fresh.begin() + static_cast<int64_t>(std::min(random, fresh.size())));
    fresh.erase(fresh.begin(), fresh.begin() + static_cast<int64_t>(wanted.size()));
    if (fresh.size() > kMostJudged) fresh.resize(kMostJudged);
    if (wanted.size() < kBatch && !fresh.empty()) {
        // The judged ones first: a search that ends within a batch has had its best.
        std::vector<Point> best = by_judgement(fresh);
        best.resize(std::min(best.size(), kBatch - wanted.size()));
        wanted.insert(wanted.begin(), best.begin(), best.end());
    }
    batch_.assign(wanted.begin(), wanted.end());
}

std::optional<Point> LearnedRanking::ask() {
    for (int fills = 0; fills < 2; fills++) {
        while (!batch_.empty()) {
            const Point point = batch_.front();
            batch_.pop_front();
            if (seen_.add(point)) return point;
        }
        refill();
    }
    return std::nullopt;
}

void LearnedRanking::tell(Point point, double seconds) {
    seen_.add(point);
    told_.push_back({point, seconds});
}

}  // namespace convwright
