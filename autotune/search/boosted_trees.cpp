// SPDX-License-Identifier: Apache-2.0
#include "autotune/search/boosted_trees.h"

#include <algorithm>

namespace convwright {

BoostedTrees::BoostedTrees(const std::vector<std::vector<float>> &rows,
                           const std::vector<double> &targets, const Options &options)
    : options_(options) {
    for (const double target : targets) mean_ += target;
    mean_ /= static_cast<double>(targets.size());
    std::vector<double> residuals = targets;
    for (double &residual : residuals) residual -= mean_;
    std::vector<int> all(rows.size());
    for (size_t i = 0; i < all.size(); i++) all[i] = static_cast<int>(i);
    for (int t = 0; t < options_.trees; t++) {
        const int root = grow(rows, residuals, all, options_.depth);
        roots_.push_back(root);
        for (size_t i = 0; i < rows.size(); i++) {
            int node = root;
            while (nodes_[node].feature >= 0) {
                const Node &n = nodes_[node];
                node = rows[i][n.feature] < n.limit ? n.left : n.right;
            }
            residuals[i] -= nodes_[node].value;
        }
    }
}

int BoostedTrees::grow(const std::vector<std::vector<float>> &rows,
                       const std::vector<double> &residuals, const std::vector<int> &members,
                       int depth) {
    const int index = static_cast<int>(nodes_.size());
    nodes_.emplace_back();
    const Split split = depth > 0 ? best_split(rows, residuals, members) : Split{};
    if (split.feature < 0) {
        double sum = 0;
        for (const int i : members) sum += residuals[i];
        nodes_[index].value = options_.rate * sum / static_cast<double>(members.size());
        return index;
    }
    std::vector<int> low, high;
    for (const int i : members) {
        (rows[i][split.feature] < split.limit ? low : high).push_back(i);
    }
    const int left = grow(rows, residuals, low, depth - 1);
    const int right = grow(rows, residuals, high, depth - 1);
    nodes_[index] = {split.feature, split.limit, left, right, 0};
    return index;
}

BoostedTrees::Split BoostedTrees::best_split(const std::vector<std::vector<float>> &rows,
                                             const std::vector<double> &residuals,
                                             const std::vector<int> &members) const {
    Split best;
    best.gain = 1e-12;
    double total = 0;
    for (const int i : members) total += residuals[i];
    const auto count = static_cast<double>(members.size());
    std::vector<int> order = members;
    const int features = static_cast<int>(rows.front().size());
    for (int f = 0; f < features; f++) {
        std::sort(order.begin(), order.end(), [&](int a, int b) {
            return rows[a][f] != rows[b][f] ? rows[a][f] < rows[b][f] : a < b;
        });
        double left = 0;
        for (size_t i = 1; i < order.size(); i++) {
            left += residuals[order[i - 1]];
            const float below = rows[order[i - 1]][f], above = rows[order[i]][f];
            if (below == above) continue;
            const auto n = static_cast<double>(i);
            if (n < options_.least_rows || count - n < options_.least_rows) continue;
            // How much less the squared error is with a mean for each side.
            const double gain = left * left / n + (total - left) * (total - left) / (count - n) -
                                total * total / count;
            if (gain > best.gain) best = {f, below + (above - below) / 2, gain};
        }
    }
    return best;
}

double BoostedTrees::predict(const std::vector<float> &row) const {
    double sum = mean_;
    for (int node : roots_) {
        while (nodes_[node].feature >= 0) {
            const Node &n = nodes_[node];
            node = row[n.feature] < n.limit ? n.left : n.right;
        }
        sum += nodes_[node].value;
    }
    return sum;
}

}  // namespace convwright
