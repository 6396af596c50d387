// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace convwright {

/// Times of one call in seconds, in the order they were taken.
struct Samples {
    std::vector<double> seconds;
    std::vector<double> cold_seconds =
        {};  ///< With caches emptied; none unless the plan asks for them.

    /// The value below which this part of `seconds` lies; 0.5 is the median. 0 without samples.
    double quantile(double part) const;
    double median() const { return quantile(0.5); }
    double cold_median() const { return Samples{cold_seconds}.median(); }
    /// Seconds between the lower and the upper fifth.
    double range() const { return quantile(0.8) - quantile(0.2); }
    /// Half of p20..p80 as a part of the median.
    double spread() const;
};

/// How calls are timed.
struct TimingPlan {
    int threads = 1;  ///< 1: processor time, which other processes disturb less; else wall time.
    double seconds = 0.1;       ///< Rounds go on until this much time went by,
    int least = 5, most = 200;  ///< but at least and at most so many.
    /// Above 0 each round is to time one call more, after as much other memory was written: of caches of half this
    /// size its tensors are out.
    size_t flush_bytes = 0;
    double shortest = 50e-6;  ///< A sample repeats its call until it takes this long.
    /// Waits for what calls have begun elsewhere, whose wall time counts; false if that failed. Null: calls return
    /// when they are done.
    std::function<bool()> wait = nullptr;
    /// Empties the caches before a call that is timed cold (cold_caches.h); null: none is.
    std::function<void()> flush = nullptr;
};

/// Of the rounds that several calls were timed in, the half in which they took least together, each by its own median: while others
/// take a part of the core they do not take the same of all calls.
std::vector<Samples> calmer_half(const std::vector<Samples> &samples);

/// Times calls in rounds of one sample each, so that what disturbs the machine meets all of them. Caches are warm, by
/// the call before if the plan asks for cold samples, too, else by an earlier one. The first round is dropped. A call that returns false ends it: the result is empty then.
std::vector<Samples> time_interleaved(const std::vector<std::function<bool()>> &calls,
                                      const TimingPlan &plan);

}  // namespace convwright
