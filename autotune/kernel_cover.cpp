// SPDX-License-Identifier: Apache-2.0
#include "autotune/kernel_cover.h"

#include <algorithm>

namespace convwright {
namespace {

class Search {
public:
    Search(const std::vector<std::vector<int>> &serving, int64_t most_steps)
        : serving_(serving), steps_(most_steps) {
        for (size_t shape = 0; shape < serving.size(); shape++) {
            for (const int kernel : serving[shape]) {
                shapes_.resize(std::max<size_t>(shapes_.size(), static_cast<size_t>(kernel) + 1));
                shapes_[kernel].push_back(static_cast<int>(shape));
            }
        }
        served_.assign(serving.size(), 0);
    }

    KernelCover run() {
        best_ = greedy();
        branch();
        std::sort(best_.begin(), best_.end());
        return {best_, steps_ >= 0};
    }

private:
    void take(int kernel) {
        taken_.push_back(kernel);
        for (const int shape : shapes_[kernel]) served_[shape]++;
    }
    void drop(int kernel) {
        taken_.pop_back();
        for (const int shape : shapes_[kernel]) served_[shape]--;
    }
    int open_shapes(int kernel) const {
        return static_cast<int>(std::count_if(shapes_[kernel].begin(), shapes_[kernel].end(),
                                              [&](int shape) { return served_[shape] == 0; }));
    }

    std::vector<int> greedy() {
        for (;;) {
            int most = 0, best = -1;
            for (int kernel = 0; kernel < static_cast<int>(shapes_.size()); kernel++)
                if (open_shapes(kernel) > most) most = open_shapes(kernel), best = kernel;
            if (best < 0) break;
            take(best);
        }
        const std::vector<int> found = taken_;
        for (const int kernel : found) drop(kernel);
        return found;
    }

    /// Kernels that are still needed at least: open shapes no two of which one kernel serves.
    size_t least() const {
        std::vector<char> met(serving_.size(), 0);
        size_t count = 0;
        for (size_t shape = 0; shape < serving_.size(); shape++) {
            if (served_[shape] > 0 || met[shape]) continue;
            count++;
            for (const int kernel : serving_[shape])
                for (const int other : shapes_[kernel]) met[other] = 1;
        }
        return count;
    }

    void branch() {
        if (steps_ < 0) return;
        steps_--;
        int hardest = -1;  // of the open shapes: the one that the fewest kernels serve
        for (size_t shape = 0; shape < serving_.size(); shape++)
            if (served_[shape] == 0 &&
                (hardest < 0 || serving_[shape].size() < serving_[hardest].size()))
                hardest = static_cast<int>(shape);
        if (hardest < 0) {
            if (taken_.size() < best_.size()) best_ = taken_;
            return;
        }
        if (taken_.size() + least() >= best_.size()) return;
        std::vector<int> kernels = serving_[hardest];
        std::stable_sort(kernels.begin(), kernels.end(),
                         [&](int a, int b) { return open_shapes(a) > open_shapes(b); });
        for (const int kernel : kernels) {
            take(kernel);
            branch();
            drop(kernel);
        }
    }

    const std::vector<std::vector<int>> &serving_;
    std::vector<std::vector<int>> shapes_;  ///< By kernel.
    std::vector<int> served_;               ///< By shape: how many of those taken serve it.
    std::vector<int> taken_, best_;
    int64_t steps_;
};

}  // namespace

KernelCover cover_shapes(const std::vector<std::vector<int>> &serving, int64_t most_steps) {
    return Search(serving, most_steps).run();
}

}  // namespace convwright
