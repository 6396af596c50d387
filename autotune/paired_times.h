// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <vector>

namespace convwright {

/// How many times as fast one call is as another that was timed in the same rounds: the median over the rounds, and
/// where that of all rounds lies that there could be, in 95 of 100 cases.
struct Lead {
    double ratio = 1;
    double low = 0, high = std::numeric_limits<double>::infinity();

    bool certain() const { return low > 1; }
};

/// By the sign test (Conover, Practical Nonparametric Statistics, 3rd ed., section 3.2): the interval of order statistics, which
/// asks nothing of how times are distributed. A round in which both were disturbed counts like any other. Of fewer than
/// 6 rounds nothing is certain. Of lists of other lengths the rounds that both have count; without any the ratio is 1.
Lead lead_of(const std::vector<double> &seconds, const std::vector<double> &of_other);

}  // namespace convwright
