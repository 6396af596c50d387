// SPDX-License-Identifier: Apache-2.0
#include "autotune/search/gaussian_process.h"

#include <cmath>
#include <limits>

namespace convwright {
namespace {

// Variances as parts of that of all effects together. The mean may be anything; the slope, which callers take out
// of the values, may be wrong by as much as it is.
constexpr double kMean = 25, kSlope = 4, kMainEffects = 0.4, kJointEffect = 0.6, kNoise = 0.02;
// Before anything is learned effects are a factor of exp(0.6) or so, and 16 rows say as much as this.
constexpr double kPriorScale = 0.4, kPriorRows = 16;
// Of which the likeliest is taken; 1 is the whole axis.
constexpr double kLengths[] = {0.25, 0.5, 1, 2};

}  // namespace

GaussianProcess::GaussianProcess(std::vector<Row> rows, const std::vector<double> &values)
    : rows_(std::move(rows)) {
    double likeliest = -std::numeric_limits<double>::infinity(), chosen = length_;
    for (const double length : kLengths) {
        length_ = length;
        const double likelihood = fit(values);
        if (likelihood > likeliest) likeliest = likelihood, chosen = length;
    }
    length_ = chosen;
    fit(values);
}

double GaussianProcess::kernel(const Row &a, const Row &b) const {
    const double shared = kMean + kSlope * a.trend * b.trend;
    if (a.kind != b.kind) return shared;
    const size_t axes = a.place.size();
    double sum = 0, distance = 0;
    for (size_t i = 0; i < axes; i++) {
        const double step = std::abs(a.place[i] - b.place[i]) / length_;
        sum += std::exp(-step);
        distance += step;
    }
    const double main = axes == 0 ? 1 : sum / static_cast<double>(axes);
    return shared + kMainEffects * main + kJointEffect * std::exp(-distance);
}

double GaussianProcess::fit(const std::vector<double> &values) {
    const size_t n = rows_.size();
    lower_.assign(n * n, 0);
    double log_determinant = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double rest = kernel(rows_[i], rows_[j]) + (i == j ? kNoise : 0);
            for (size_t k = 0; k < j; k++) rest -= lower_[i * n + k] * lower_[j * n + k];
            lower_[i * n + j] = i == j ? std::sqrt(rest) : rest / lower_[j * n + j];
        }
        log_determinant += std::log(lower_[i * n + i]);
    }
    mean_ = 0;
    for (const double value : values) mean_ += value / static_cast<double>(n);
    weights_ = values;
    for (double &weight : weights_) weight -= mean_;
    weights_ = solve_lower(std::move(weights_));
    double squares = 0;
    for (const double weight : weights_) squares += weight * weight;
    const double rows = static_cast<double>(n) + kPriorRows;
    scale_ = (squares + kPriorScale * kPriorRows) / rows;
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; k++) weights_[i] -= lower_[k * n + i] * weights_[k];
        weights_[i] /= lower_[i * n + i];
    }
    return -0.5 * rows * std::log(scale_) - log_determinant;
}

std::vector<double> GaussianProcess::solve_lower(std::vector<double> right) const {
    const size_t n = right.size();
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++) right[i] -= lower_[i * n + k] * right[k];
        right[i] /= lower_[i * n + i];
    }
    return right;
}

GaussianProcess::Belief GaussianProcess::believe(const Row &row) const {
    Belief belief;
    belief.mean = mean_;
    std::vector<double> covariances(rows_.size());
    for (size_t i = 0; i < rows_.size(); i++) {
        covariances[i] = kernel(row, rows_[i]);
        belief.mean += covariances[i] * weights_[i];
    }
    belief.whitened = solve_lower(std::move(covariances));
    double variance = kernel(row, row);
    for (const double part : belief.whitened) variance -= part * part;
    belief.variance = scale_ * variance;
    return belief;
}

void GaussianProcess::expect(const Row &other, const Belief &of_other, const Row &row,
                             Belief &of_row) const {
    double covariance = kernel(row, other);
    for (size_t i = 0; i < of_other.whitened.size(); i++)
        covariance -= of_row.whitened[i] * of_other.whitened[i];
    const double part = covariance / std::sqrt(of_other.variance / scale_ + kNoise);
    of_row.whitened.push_back(part);
    of_row.variance -= scale_ * part * part;
}

}  // namespace convwright
