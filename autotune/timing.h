// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace convwright {

/// Times of one call in seconds, in the order they were taken.
struct Samples {
    std::vector<double> seconds;

    /// The value below which this part of the samples lies; 0.5 is the median. 0 without samples.
    double quantile(double part) const;
    double median() const { return quantile(0.5); }
    /// Half of p20..p80 as a part of the median.
    double spread() const;
};

/// How calls are timed.
struct TimingPlan {
    int threads = 1;  ///< 1: processor time, which other processes disturb less; else wall time.
    double seconds = 0.1;       ///< Rounds go on until this much time went by,
    int least = 5, most = 200;  ///< but at least and at most so many.
    size_t flush_bytes =
        0;  ///< Read between calls, to throw the tensors out of caches of this size.
    double shortest = 50e-6;  ///< A sample repeats its call until it takes this long.
    /// Waits for what calls have begun elsewhere, whose wall time counts; false if that failed. Null: calls return
    /// when they are done.
    std::function<bool()> wait = nullptr;
};

/// Times calls in rounds of one sample each, so that what disturbs the machine meets all of them. The
/// first round is dropped. A call that returns false ends it: the result is empty then.
std::vector<Samples> time_interleaved(const std::vector<std::function<bool()>> &calls,
                                      const TimingPlan &plan);

}  // namespace convwright
