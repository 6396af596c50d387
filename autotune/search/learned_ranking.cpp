// SPDX-License-Identifier: Apache-2.0
#include "autotune/search/learned_ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "autotune/search/boosted_trees.h"

namespace convwright {
namespace {

// A large space is judged in samples of this size, and learned from the fastest so many: the model's time stays a
// part of one measurement.
constexpr size_t kMostJudged = 4096, kMostLearned = 256;
// With fewer times there is nothing to learn from.
constexpr size_t kLeastTold = 3;
// A few failures beside a point do not say that it fails, too: what was never tried keeps this chance.
constexpr double kLeastChance = 0.3;

/// Logarithm in steps of 2^-20: the last bit of the library's one differs between platforms, and must not
/// decide between two points.
double coarse_log(double value) { return std::round(std::log(value) * 0x1p20) * 0x1p-20; }

/// By how much a value is expected to be below `best`, as a float for the same reason.
float expected_improvement(double best, double mean, double variance) {
    const double deviation = std::sqrt(std::max(variance, 1e-12));
    const double u = (best - mean) / deviation;
    const double density = std::exp(-u * u / 2) / std::sqrt(2 * 3.14159265358979323846);
    return static_cast<float>(deviation * (u * std::erfc(-u / std::sqrt(2.0)) / 2 + density));
}

}  // namespace

LearnedRanking::LearnedRanking(const Space &space, uint64_t seed) : space_(space), random_(seed) {
    for (const SpaceKind &kind : space.kinds()) width_ = std::max(width_, kind.knobs.size());
    width_ += 2;
    double cheapest = std::numeric_limits<double>::infinity();
    for (const Point point : space.legal()) {
        const double predicted = space.predicted(point);
        if (predicted > 0) cheapest = std::min(cheapest, predicted);
    }
    if (std::isfinite(cheapest)) cheapest_ = cheapest;
}

GaussianProcess::Row LearnedRanking::row_of(Point point) const {
    GaussianProcess::Row row;
    row.kind = space_.kind_of(point);
    const std::vector<int> values = space_.values(point);
    for (size_t i = 0; i < values.size(); i++) {
        const std::vector<int> &list = space_.kinds()[row.kind].knobs[i].values;
        if (list.size() == 1) continue;
        const auto step = std::find(list.begin(), list.end(), values[i]) - list.begin();
        row.place.push_back(static_cast<double>(step) / static_cast<double>(list.size() - 1));
    }
    const double predicted = space_.predicted(point);
    row.trend = predicted > 0 ? coarse_log(predicted / cheapest_) : 0;
    return row;
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

std::vector<double> LearnedRanking::chances(const std::vector<Point> &fresh) const {
    std::vector<std::vector<float>> rows;
    std::vector<double> works;
    for (const auto &[point, seconds] : told_) {
        rows.push_back(features(point));
        works.push_back(std::isfinite(seconds) ? 1 : 0);
    }
    // Trees, for failures begin at a threshold: one register too many.
    const BoostedTrees model(rows, works, {});
    std::vector<double> chances;
    for (const Point point : fresh)
        chances.push_back(std::clamp(model.predict(features(point)), kLeastChance, 1.0));
    return chances;
}

std::vector<Point> LearnedRanking::best_of(const std::vector<Point> &fresh) const {
    std::vector<std::pair<double, Point>> measured;
    for (const auto &[point, seconds] : told_) {
        // Of a kind without knobs nothing follows for others.
        const bool has_knobs = !space_.kinds()[space_.kind_of(point)].knobs.empty();
        if (std::isfinite(seconds) && has_knobs) measured.push_back({coarse_log(seconds), point});
    }
    const size_t count = std::min(kBatch, fresh.size());
    if (measured.size() < kLeastTold)
        return {fresh.begin(), fresh.begin() + static_cast<int64_t>(count)};
    std::sort(measured.begin(), measured.end());
    measured.resize(std::min(measured.size(), kMostLearned));
    std::vector<GaussianProcess::Row> learned;
    std::vector<double> residuals;
    for (const auto &[time, point] : measured) {
        learned.push_back(row_of(point));
        residuals.push_back(time - learned.back().trend);
    }
    const GaussianProcess model(learned, residuals);

    const std::vector<double> chance = chances(fresh);
    std::vector<GaussianProcess::Row> rows;
    std::vector<GaussianProcess::Belief> beliefs;
    for (const Point point : fresh) {
        rows.push_back(row_of(point));
        beliefs.push_back(model.believe(rows.back()));
    }
    std::vector<Point> chosen;
    std::vector<bool> taken(fresh.size());
    while (chosen.size() < count) {
        size_t top = 0;
        float most = -1;
        for (size_t i = 0; i < fresh.size(); i++) {
            if (taken[i]) continue;
            const double mean = beliefs[i].mean + rows[i].trend;
            const float worth =
                static_cast<float>(chance[i]) *
                expected_improvement(measured.front().first, mean, beliefs[i].variance);
            if (worth > most) most = worth, top = i;
        }
        taken[top] = true;
        chosen.push_back(fresh[top]);
        for (size_t i = 0; i < fresh.size(); i++) {
            if (!taken[i]) model.expect(rows[top], beliefs[top], rows[i], beliefs[i]);
        }
    }
    return chosen;
}

void LearnedRanking::refill() {
    std::vector<Point> fresh;
    for (const Point point : space_.legal()) {
        if (!seen_.contains(point)) fresh.push_back(point);
    }
    random_.shuffle(fresh);
    if (fresh.size() > kMostJudged) fresh.resize(kMostJudged);
    const std::vector<Point> best = best_of(fresh);
    batch_.assign(best.begin(), best.end());
    told_before_batch_ = told_.size();
}

std::optional<Point> LearnedRanking::ask() {
    // A batch's worth that was told since this one was chosen may say otherwise.
    if (told_.size() >= told_before_batch_ + kBatch) batch_.clear();
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
