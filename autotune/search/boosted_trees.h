// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

namespace convwright {

/// Gradient-boosted regression trees for squared error (Friedman, 2001), for a few hundred rows.
/// Deterministic: of equal splits the first one of the first feature is taken.
class BoostedTrees {
public:
    struct Options {
        int trees = 80;
        int depth = 4;
        int least_rows = 2;  ///< In a leaf.
        double rate = 0.15;
    };

    /// Rows of equally many features, one target each; at least one row.
    BoostedTrees(const std::vector<std::vector<float>> &rows, const std::vector<double> &targets,
                 const Options &options);

    double predict(const std::vector<float> &row) const;

private:
    struct Node {
        int feature = -1;  ///< -1: a leaf.
        float limit = 0;   ///< Rows with less than this go left.
        int left = 0, right = 0;
        double value = 0;  ///< Of a leaf.
    };
    struct Split {
        int feature = -1;
        float limit = 0;
        double gain = 0;
    };
    /// Adds the tree for `members` to `nodes_` and returns its root.
    int grow(const std::vector<std::vector<float>> &rows, const std::vector<double> &residuals,
             const std::vector<int> &members, int depth);
    Split best_split(const std::vector<std::vector<float>> &rows,
                     const std::vector<double> &residuals, const std::vector<int> &members) const;

    Options options_;
    double mean_ = 0;
    std::vector<Node> nodes_;
    std::vector<int> roots_;
};

}  // namespace convwright
