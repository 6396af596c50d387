// SPDX-License-Identifier: Apache-2.0
#include "autotune/timing.h"

#include <time.h>

#include <algorithm>
#include <cmath>

namespace convwright {
namespace {

double now(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// Reads memory, a line at a time.
class Flush {
public:
    explicit Flush(size_t bytes) : memory_(bytes, 1) {}
    void operator()() {
        unsigned sum = 0;
        for (size_t i = 0; i < memory_.size(); i += 64) sum += memory_[i];
        if (!memory_.empty()) memory_[0] = static_cast<unsigned char>(sum | 1);
    }

private:
    std::vector<unsigned char> memory_;
};

}  // namespace

double Samples::quantile(double part) const {
    if (seconds.empty()) return 0;
    std::vector<double> sorted = seconds;
    std::sort(sorted.begin(), sorted.end());
    const double at = part * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<size_t>(at);
    const size_t above = std::min(below + 1, sorted.size() - 1);
    const double rest = at - std::floor(at);
    return sorted[below] * (1 - rest) + sorted[above] * rest;
}

double Samples::spread() const {
    return median() > 0 ? (quantile(0.8) - quantile(0.2)) / 2 / median() : 0;
}

std::vector<Samples> time_interleaved(const std::vector<std::function<bool()>> &calls,
                                      const TimingPlan &plan) {
    // The thread's clock: under a limit of processor time Linux counts the process's in ticks of 4 ms.
    const clockid_t clock =
        plan.threads == 1 && !plan.wait ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
    std::vector<Samples> samples(calls.size());
    std::vector<int> repeats(calls.size(), 1);
    Flush flush(plan.flush_bytes);
    const double end = now(CLOCK_MONOTONIC) + plan.seconds;
    for (int round = 0; round <= plan.most; round++) {
        if (round > plan.least && now(CLOCK_MONOTONIC) > end) break;
        for (size_t i = 0; i < calls.size(); i++) {
            // With caches flushed only the first call of a sample would be cold.
            const int count = plan.flush_bytes > 0 ? 1 : repeats[i];
            flush();
            const double start = now(clock);
            for (int j = 0; j < count; j++)
                if (!calls[i]()) return {};
            if (plan.wait && !plan.wait()) return {};
            const double taken = (now(clock) - start) / count;
            if (round > 0) {
                samples[i].seconds.push_back(taken);
            } else if (taken < plan.shortest) {
                repeats[i] = static_cast<int>(std::ceil(plan.shortest / std::max(taken, 1e-8)));
            }
        }
    }
    return samples;
}

}  // namespace convwright
