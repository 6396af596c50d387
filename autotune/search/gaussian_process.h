// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

namespace convwright {

/// Gaussian-process regression (Rasmussen and Williams, 2006, algorithm 2.1) over rows that are each of one kind and
/// have a place on every axis of that kind, for a few hundred of them:
///
///   value = mean + slope * trend(row) + main effects of the axes + joint effect of all + noise
///
/// with exponential kernels, for a step on an axis may change much. Rows of two kinds share mean and slope.
class GaussianProcess {
public:
    struct Row {
        int kind = 0;
        std::vector<double> place;  ///< On each axis, from 0 to 1.
        double trend = 0;
    };
    /// What is known of the value of a row.
    struct Belief {
        double mean = 0, variance = 0;  ///< Without the noise of a measurement.
        std::vector<double> whitened;   ///< Covariances with what was learned from.
    };

    /// Learns from rows and a value of each, at least one. Length and size of the effects follow from
    /// the likelihood.
    GaussianProcess(std::vector<Row> rows, const std::vector<double> &values);

    Belief believe(const Row &row) const;
    /// Narrows the belief in `row` by a value that will be measured at `other`, whatever it is.
    void expect(const Row &other, const Belief &of_other, const Row &row, Belief &of_row) const;

private:
    double kernel(const Row &a, const Row &b) const;
    /// For the present length; the logarithm of its likelihood, up to a constant.
    double fit(const std::vector<double> &values);
    std::vector<double> solve_lower(std::vector<double> right) const;

    std::vector<Row> rows_;
    double length_ = 1, scale_ = 1, mean_ = 0;
    std::vector<double> lower_;  ///< Cholesky factor, row by row.
    std::vector<double> weights_;
};

}  // namespace convwright
