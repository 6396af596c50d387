// SPDX-License-Identifier: Apache-2.0
#include "autotune/paired_times.h"

#include <algorithm>
#include <cmath>

namespace convwright {
namespace {

/// Probability that the interval leaves out what it should hold, on each side.
constexpr double kTail = 0.025;

/// The largest k such that fewer than k of n fair coins show heads with at most that probability; 0: there is none.
int order_statistic(int n) {
    double term = std::pow(0.5, n), below = 0;  // of exactly k heads, of fewer than k + 1
    for (int k = 0; k < n; k++) {
        below += term;
        if (below > kTail) return k;
        term *= static_cast<double>(n - k) / (k + 1);
    }
    return n;
}

}  // namespace

Lead lead_of(const std::vector<double> &seconds, const std::vector<double> &of_other) {
    Lead lead;
    const size_t n = std::min(seconds.size(), of_other.size());
    if (n == 0) return lead;
    std::vector<double> ratios;
    for (size_t i = 0; i < n; i++) ratios.push_back(of_other[i] / seconds[i]);
    std::sort(ratios.begin(), ratios.end());
    lead.ratio = (ratios[(n - 1) / 2] + ratios[n / 2]) / 2;
    const auto k = static_cast<size_t>(order_statistic(static_cast<int>(n)));
    if (k > 0) lead.low = ratios[k - 1], lead.high = ratios[n - k];
    return lead;
}

}  // namespace convwright
