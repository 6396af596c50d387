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

std::vector<Samples> calmer_half(const std::vector<Samples> &samples) {
    const size_t rounds = samples.empty() ? 0 : samples[0].seconds.size();
    std::vector<double> together(rounds, 0);
    for (const Samples &of_call : samples)
        for (size_t i = 0; i < rounds; i++) together[i] += of_call.seconds[i] / of_call.median();
    const double most = Samples{together}.median();
    std::vector<Samples> calm(samples.size());
    for (size_t i = 0; i < rounds; i++) {
        if (together[i] > most) continue;
        for (size_t call = 0; call < samples.size(); call++) {
            calm[call].seconds.push_back(samples[call].seconds[i]);
            if (!samples[call].cold_seconds.empty())
                calm[call].cold_seconds.push_back(samples[call].cold_seconds[i]);
        }
    }
    return calm;
}

std::vector<Samples> time_interleaved(const std::vector<std::function<bool()>> &calls,
                                      const TimingPlan &plan) {
    // The thread's clock: under a limit of processor time Linux counts the process's in ticks of 4 ms.
    const clockid_t clock =
        plan.threads == 1 && !plan.wait ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
    std::vector<Samples> samples(calls.size());
    std::vector<int> repeats(calls.size(), 1);
    /// Seconds of a call among `count`; negative if one failed.
    const auto timed = [&](const std::function<bool()> &call, int count) -> double {
        const double start = now(clock);
        for (int j = 0; j < count; j++)
            if (!call()) return -1;
        if (plan.wait && !plan.wait()) return -1;
        return (now(clock) - start) / count;
    };
    const double end = now(CLOCK_MONOTONIC) + plan.seconds;
    for (int round = 0; round <= plan.most; round++) {
        if (round > plan.least && now(CLOCK_MONOTONIC) > end) break;
        for (size_t i = 0; i < calls.size(); i++) {
            if (plan.flush) {
                plan.flush();
                if (plan.wait && !plan.wait()) return {};
                const double taken = timed(calls[i], 1);  // another one would not be cold
                if (taken < 0) return {};
                if (round > 0) samples[i].cold_seconds.push_back(taken);
            }
            const double taken = timed(calls[i], repeats[i]);
            if (taken < 0) return {};
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
